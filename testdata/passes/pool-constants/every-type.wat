;;! passes: pool-constants
;;! fires: yes
;;! call: f()
;;! call: g()
(module
  (global (mut i32) (i32.const 7))
  (func (export "f") (result i32 i64 f32 f64 i32 i64 f32 f64 i32 i64 f32 f64 i32 i32)
    (i32.const -1000000) (i64.const 0x123456789abcdef) (f32.const -0.0) (f64.const nan:0x123)
    (i32.const -1000000) (i64.const 0x123456789abcdef) (f32.const -0.0) (f64.const nan:0x123)
    (i32.const -1000000) (i64.const 0x123456789abcdef) (f32.const -0.0) (f64.const nan:0x123)
    (i32.const -1000000) (i32.const -1000000))
  ;; Zero and minus zero are two, and so are two NaNs; short ones stay, however many.
  (func (export "g") (result f32 f32 f32 f32 f32 f32 i32 i32 i32 i32)
    (f32.const 0.0) (f32.const 0.0) (f32.const 0.0) (f32.const nan) (f32.const nan) (f32.const nan)
    (i32.const 5) (i32.const 5) (i32.const 5) (i32.const 5)))
