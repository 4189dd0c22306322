;;! passes: outline
;;! fires: yes
;;! call: a(8, 16)
;;! call: b(8, 16)
;;! call: c(1, 1, 24)
;;! call: d(40)
(module
  (memory (export "m") 1)
  (data (i32.const 16) "12345678abcdefgh")
  (func (export "a") (param i32 i32)
    (i64.store offset=1000 (local.get 0) (i64.xor (i64.load offset=8 (local.get 1)) (i64.load (local.get 1)))))
  (func (export "b") (param i32 i32)
    (i64.store offset=1000 (local.get 1) (i64.xor (i64.load offset=8 (local.get 0)) (i64.load (local.get 0)))))
  (func (export "c") (param i64 i64 i32) (local i32)
    (local.set 3 (i32.const 8))
    (i64.store offset=1000 (local.get 2) (i64.xor (i64.load offset=8 (local.get 3)) (i64.load (local.get 3)))))
  ;; The same local for both is another piece.
  (func (export "d") (param i32)
    (i64.store offset=1000 (local.get 0) (i64.xor (i64.load offset=8 (local.get 0)) (i64.load (local.get 0))))))
