;;! passes: sjlj
;;! fires: no
;;! call: f()
(module
  (import "env" "invoked" (func (param i32)))
  (table 1 funcref)
  (func (export "f") (result i32)
    i32.const 0
    call 0
    i32.const 3)
  (elem (i32.const 0) func 1))
