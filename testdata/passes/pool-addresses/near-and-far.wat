;;! passes: pool-addresses
;;! fires: yes
;;! call: f(5)
;;! call: floats()
;;! call: narrow()
(module
  (memory (export "m") 40)
  (global (mut i32) (i32.const 7))
  (data (i32.const 2000000) "abcdefghijklmnop")
  ;; Within 128 bytes, within 16384, and below any base; code between the address and the store.
  (func (export "f") (param i32) (result i32)
    (i32.store (i32.const 2000004) (i32.add (i32.load (i32.const 2000000)) (local.get 0)))
    (i32.store offset=8 (i32.const 2000000) (i32.load offset=2 (i32.const 2000010)))
    (i64.store (i32.const 2010000) (i64.extend_i32_u (i32.load8_u (i32.const 2000001))))
    (i32.store (i32.const 1900000) (i32.const 2000000))
    (i32.add (i32.load (i32.const 2010000)) (i32.load16_s (i32.const 2000004))))
  (func (export "floats") (result f64)
    (f64.store (i32.const 2000016) (f64.const 1.5))
    (f32.store offset=4 (i32.const 2000024) (f32.const 2.5))
    (f64.load (i32.const 2000016)))
  (func (export "narrow") (result i32)
    (i32.store8 (i32.const 2000032) (i32.const 300))
    (i32.store16 (i32.const 2000034) (i32.const 70000))
    (i32.load (i32.const 2000032))))
