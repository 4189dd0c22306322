;;! passes: outline
;;! fires: yes
;;! call: a(1, 2, 3)
;;! call: b(1, 2, 3)
(module
  (memory (export "m") 1)
  ;; The same bytes but for the numbers of the locals: a choice of two i32 and one of two i64.
  (func (export "a") (param i32 i64 i32) (result i32) (local i32 i64)
    (drop (select (local.get 0) (local.get 3) (i32.load offset=1000 (i32.load offset=2000 (i32.load offset=3000 (local.get 2))))))
    (drop (select (local.get 0) (local.get 3) (i32.load offset=1000 (i32.load offset=2000 (i32.load offset=3000 (local.get 2))))))
    (drop (select (local.get 0) (local.get 3) (i32.load offset=1000 (i32.load offset=2000 (i32.load offset=3000 (local.get 2))))))
    (select (local.get 0) (local.get 3) (i32.load offset=1000 (i32.load offset=2000 (i32.load offset=3000 (local.get 2))))))
  (func (export "b") (param i32 i64 i32) (result i64) (local i32 i64)
    (drop (select (local.get 1) (local.get 4) (i32.load offset=1000 (i32.load offset=2000 (i32.load offset=3000 (local.get 2))))))
    (drop (select (local.get 1) (local.get 4) (i32.load offset=1000 (i32.load offset=2000 (i32.load offset=3000 (local.get 2))))))
    (drop (select (local.get 1) (local.get 4) (i32.load offset=1000 (i32.load offset=2000 (i32.load offset=3000 (local.get 2))))))
    (select (local.get 1) (local.get 4) (i32.load offset=1000 (i32.load offset=2000 (i32.load offset=3000 (local.get 2)))))))
