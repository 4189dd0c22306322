;;! passes: lower-to-mvp
;;! fires: no
(module
  (memory 1)
  (memory 1)
  (data "abc")
  (func (export "f") (param i32) (result i32 i32)
    (memory.copy 1 0 (i32.const 0) (i32.const 0) (i32.const 1))
    (memory.init 0 (i32.const 0) (i32.const 0) (i32.const 1))
    (i32.wrap_i64 (i64.extend_i32_s (local.get 0)))
    (i32.const 1)))
