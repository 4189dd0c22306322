;;! passes: fold-offsets
;;! fires: no
;;! call: f(3)
(module
  (memory (export "m") i64 1)
  (func (export "f") (param i64) (result i32)
    (i32.load (i64.add (i64.and (local.get 0) (i64.const 15)) (i64.const 2048)))))
