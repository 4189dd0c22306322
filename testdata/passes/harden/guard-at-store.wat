;;! passes: harden
;;! fires: yes
;;! call: f(1.5, 2)
;; A sum that is stored is guarded; one value stored twice is guarded once; comparisons need nothing.
(module
  (memory (export "m") 1)
  (func (export "f") (param f64 f64) (result i32) (local f64)
    (f64.store (i32.const 0) (f64.add (local.get 0) (local.get 1)))
    (local.set 2 (f64.mul (local.get 0) (local.get 1)))
    (f64.store (i32.const 8) (local.get 2))
    (f64.store (i32.const 16) (local.get 2))
    (f64.lt (f64.sub (local.get 0) (local.get 1)) (f64.const 0))))
