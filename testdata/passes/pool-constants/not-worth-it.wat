;;! passes: pool-constants
;;! fires: no
(module
  (func (export "f") (result i32 i32 i32 f64)
    (i32.const 1000) (i32.const 1000) (i32.const 1000000) (f64.const 0.1)))
