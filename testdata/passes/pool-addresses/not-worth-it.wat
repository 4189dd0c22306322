;;! passes: pool-addresses
;;! fires: no
(module
  (memory 1)
  (func (export "f") (result i32 i32 i32 i32 i32 i32 i32 i32)
    ;; Small addresses are short, and two long ones do not pay for a global.
    (i32.load (i32.const 8)) (i32.load (i32.const 12)) (i32.load (i32.const 16)) (i32.load (i32.const 20))
    (i32.load (i32.const 24)) (i32.load (i32.const 28)) (i32.load (i32.const 60000)) (i32.load (i32.const 60004))))
