;;! passes: remove-unused-module-elements
;;! fires: no
;;! features: 
;;! call: f()
(module
  (import "host" "unused but seen" (func (param i32)))
  (import "host" "global" (global i64))
  (global (mut i32) (i32.const 0))
  (memory 1)
  (data (i32.const 4) "read")
  (func (export "f") (result i32)
    global.get 1
    i32.load))
