;;! passes: harden
;;! fires: yes
;;! call: neg(1, 2)
;;! call: join(1)
;; A negated sum, and a join of a sum with a load: the sum is guarded, before it mixes with bits that must be kept.
(module
  (memory (export "m") 1)
  (func (export "neg") (param f64 f64) (result f64)
    (f64.neg (f64.add (local.get 0) (local.get 1))))
  (func (export "join") (param i32) (result f64) (local f64)
    (local.set 1 (f64.load (i32.const 0)))
    (if (local.get 0)
      (then (local.set 1 (f64.add (local.get 1) (f64.const 1)))))
    (local.get 1))
  (func (export "sign") (param f64 f64) (result f64)
    (f64.copysign (f64.add (local.get 0) (local.get 1)) (f64.div (local.get 0) (local.get 1)))))
