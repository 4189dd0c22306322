;;! passes: reorder-functions-for-compression
;;! fires: no
;;! call: a()
(module
  (func (export "a") (result i32) (i32.const 1))
  (func (export "b") (result i64) (i64.const 2)))
