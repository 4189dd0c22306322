;;! passes: harden
;;! fires: no
;;! call: convert(7)
;;! call: sum(4)
;; Conversions, constants, squares, ranges and a loop that sums squares: never a NaN, so never a guard.
(module
  (memory (export "m") 1)
  (func (export "convert") (param i32) (result f64)
    (f64.sub (f64.mul (f64.convert_i32_s (local.get 0)) (f64.const 0.5)) (f64.const 1)))
  (func (export "root") (param i32) (result f32)
    (f32.sqrt (f32.add (f32.convert_i32_u (local.get 0)) (f32.const 1))))
  (func (export "square") (param f64) (result f64) (local f64)
    (local.set 1 (f64.const 0))
    (if (f64.eq (local.get 0) (local.get 0))
      (then (local.set 1 (f64.mul (local.get 0) (local.get 0)))))
    (local.get 1))
  (func (export "sum") (param i32) (result f64) (local f64 f64)
    (loop $again
      (local.set 1 (f64.convert_i32_s (local.get 0)))
      (local.set 2 (f64.add (local.get 2) (f64.mul (local.get 1) (local.get 1))))
      (br_if $again (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
    (local.get 2)))
