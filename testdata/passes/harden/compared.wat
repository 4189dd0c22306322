;;! passes: harden
;;! fires: no
;;! call: guarded(1, 2)
;; Guards that are there already, in each way of writing them.
(module
  (global $nan f64 (f64.const nan))
  (func (export "guarded") (param f64 f64) (result f64) (local f64)
    (local.set 2 (f64.add (local.get 0) (local.get 1)))
    (if (f64.ne (local.get 2) (local.get 2)) (then (local.set 2 (global.get $nan))))
    (local.get 2))
  (func (export "selected") (param f64 f64) (result f64) (local f64)
    (local.set 2 (f64.add (local.get 0) (local.get 1)))
    (select (local.get 2) (global.get $nan) (f64.eq (local.get 2) (local.get 2))))
  (func (export "branched") (param f64 f64) (result f64) (local f64)
    (block $number
      (local.set 2 (f64.add (local.get 0) (local.get 1)))
      (br_if $number (i32.eqz (f64.ne (local.get 2) (local.get 2))))
      (local.set 2 (f64.const nan)))
    (local.get 2)))
