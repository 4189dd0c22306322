;;! passes: pack-data
;;! fires: yes
;;! call: f()
(module
  (memory (export "m") 1)
  (func (export "f") (result i32) (i32.load (i32.const 8)))
  (data (i32.const 8) "ab")
  (data (i32.const 9) "BC")
  (data (i32.const 11) "d\00\00e\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00f\00\00"))
