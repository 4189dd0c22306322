;;! passes: harden
;;! fires: yes
;;! call: f(3, 1.5)
;;! call: f(3, inf)
;;! call: g(inf, 2)
;; In loops branches take their NaN from a local where there are several of a kind, and from a constant where there is one;
;; elsewhere guards share a global.
(module
  (memory (export "m") 1)
  (func (export "f") (param $n i32) (param $x f64)
    (local $small f32)
    (local.set $small (f32.demote_f64 (local.get $x)))
    (loop $again
      (f64.store (i32.const 0) (f64.mul (local.get $x) (f64.load (i32.const 8))))
      (f64.store (i32.const 16) (f64.sub (local.get $x) (f64.load (i32.const 0))))
      (f32.store (i32.const 24) (f32.sub (local.get $small) (local.get $small)))
      (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1))))))
  (func (export "g") (param $x f64) (param $y f64) (result f64)
    (f64.store (i32.const 0) (f64.mul (local.get $x) (local.get $y)))
    (f64.store (i32.const 8) (f64.sub (local.get $x) (local.get $x)))
    (f64.div (local.get $x) (local.get $y))))
