;;! passes: harden
;;! fires: no
;;! call: size()
(module
  (memory (export "m") 1)
  (func (export "size") (result i32) (memory.size)))
