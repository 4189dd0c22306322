;;! passes: harden
;;! fires: no
;;! call: box(5)
;;! call: copy(0, 8)
;; NaN-boxing, copies through float registers, copysign of loads and the host's floats: bits that must be kept.
(module
  (import "host" "see" (func $see (param f32)))
  (memory (export "m") 1)
  (global $g (mut f64) (f64.const nan:0x123))
  (func (export "box") (param i64) (result f64)
    (f64.reinterpret_i64 (i64.or (local.get 0) (i64.const 0x7ff4000000000000))))
  (func (export "unbox") (param f64) (result i64)
    (i64.reinterpret_f64 (local.get 0)))
  (func (export "copy") (param i32 i32)
    (f64.store (local.get 1) (f64.load (local.get 0)))
    (f32.store (local.get 1) (f32.neg (f32.load (local.get 0)))))
  (func (export "sign") (param f64 f64)
    (f64.store (i32.const 0) (f64.copysign (local.get 0) (f64.load (i32.const 8))))
    (global.set $g (f64.abs (global.get $g))))
  (func (export "tell") (param f32)
    (call $see (local.get 0)))
  (func (export "join") (param i32) (result f64)
    (select (f64.load (i32.const 0)) (f64.const nan:0x4000000000000) (local.get 0))))
