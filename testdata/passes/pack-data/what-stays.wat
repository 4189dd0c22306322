;;! passes: pack-data
;;! fires: no
(module
  (memory (export "m") 1)
  (func (export "f") (memory.init 0 (i32.const 0) (i32.const 0) (i32.const 0)))
  (data "x")
  (data (i32.const 8) "ab")
  (data (i32.const 10) "cd"))
