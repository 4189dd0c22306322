;;! passes: shortest-encodings
;;! fires: no
;;! call: f(0)
(module
  (memory 1)
  (func (export "f") (param f32) (result i32) (local i32 i32) (local f64)
    f32.const nan:0x200001
    drop
    i32.const -64
    i32.load offset=128))
