;;! passes: harden
;;! fires: yes
;;! call: run(1, 2)
;; What a function needs of its parameters and promises of its results: floats that only pass through are not guarded.
(module
  (import "host" "see" (func $see (param f64)))
  (memory (export "m") 1)
  (table 1 funcref)
  (elem (i32.const 0) $escapes)
  (type $t (func (param f64) (result f64)))
  (func $pass (param f64 f64) (result f64)
    (f64.mul (local.get 0) (local.get 1)))
  (func $store (param f64)
    (f64.store (i32.const 0) (local.get 0)))
  (func $escapes (param f64) (result f64)
    (f64.sqrt (local.get 0)))
  (func (export "run") (param f64 f64) (result f64)
    (drop (call $pass (f64.add (local.get 0) (local.get 1)) (local.get 1)))
    (call $store (f64.sub (local.get 0) (local.get 1)))
    (call $see (f64.div (local.get 0) (local.get 1)))
    (drop (call_indirect (type $t) (f64.div (local.get 1) (local.get 0)) (i32.const 0)))
    (call $pass (local.get 0) (local.get 1))))
