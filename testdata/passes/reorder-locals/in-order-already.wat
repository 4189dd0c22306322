;;! passes: reorder-locals
;;! fires: no
;;! call: f(9, 5)
(module
  (func (export "f") (param i32 i64) (result i64) (local i32 i64)
    (local.set 2 (local.get 0))
    (local.set 3 (i64.extend_i32_s (local.get 2)))
    (local.get 3)))
