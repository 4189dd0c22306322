;;! passes: reorder-locals
;;! fires: yes
;;! call: f(9)
;;! call: zeros()
(module
  (func (export "f") (param i32) (result f64) (local $unused i64) (local i32 f64 i32 f64 i64)
    (local.set 4 (i32.add (local.get 0) (i32.const 1)))
    (local.set 5 (f64.convert_i32_s (local.tee 2 (local.get 4))))
    (local.set 6 (i64.extend_i32_s (local.get 2)))
    (local.set 3 (f64.convert_i64_s (local.get 6)))
    (f64.mul (local.get 5) (f64.add (local.get 3) (f64.convert_i32_s (local.get 4)))))
  ;; What is read before it is written is zero, whichever local it is.
  (func (export "zeros") (result i32 i64) (local i64 i32 i32)
    (local.set 1 (i32.const 5))
    (local.get 2)
    (local.get 0)))
