;;! passes: trim-data
;;! fires: yes
;;! call: f()
(module
  (memory (export "m") 1)
  (data (i32.const 8) "\00\00\00\00")
  (func (export "f")
    (memory.init 0 (i32.const 0) (i32.const 0) (i32.const 0))
    (data.drop 0)))
