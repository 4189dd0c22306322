;;! passes: reorder-functions
;;! fires: no
(module
  (func (export "a") (result i32) (i32.const 1))
  (func (export "b") (result i32) (i32.add (call 2) (i32.add (call 2) (call 2))))
  (func (export "c") (result i32) (i32.const 2)))
