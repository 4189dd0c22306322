;;! passes: outline
;;! fires: yes
;;! call: a(0, 8)
;;! call: b(7, 8)
;;! call: c(-1, 8)
(module
  (memory (export "m") 1)
  (func (export "a") (param i32 i32)
    (i32.store offset=300 (local.get 1) (i32.div_u (i32.const 100000) (local.get 0)))
    (i32.store offset=400 (local.get 0) (i32.const 5)))
  (func (export "b") (param i32 i32)
    (i32.store offset=300 (local.get 1) (i32.div_u (i32.const 100000) (local.get 0)))
    (i32.store offset=400 (local.get 0) (i32.const 5)))
  (func (export "c") (param i32 i32)
    (i32.store offset=300 (local.get 1) (i32.div_u (i32.const 100000) (local.get 0)))
    (i32.store offset=400 (local.get 0) (i32.const 5))))
