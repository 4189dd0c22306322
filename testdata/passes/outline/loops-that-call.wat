;;! passes: outline
;;! fires: yes
;;! call: calls(3)
;;! call: tight(3)
;;! call: chooses(3)
(module
  (memory (export "m") 1)
  (func $other)
  ;; A loop that calls something is not slowed much by one more call; the loop inside it calls nothing.
  (func (export "calls") (param i32) (local i32)
    (loop
      (call $other)
      (i64.store offset=1000 (local.get 0) (i64.load offset=2000 (local.get 0)))
      (block
        (i64.store offset=1000 (local.get 0) (i64.load offset=2000 (local.get 0))))
      (local.set 1 (i32.const 2))
      (loop
        (i64.store offset=1000 (local.get 0) (i64.load offset=2000 (local.get 0)))
        (i64.store offset=1000 (local.get 0) (i64.load offset=2000 (local.get 0)))
        (br_if 0 (local.tee 1 (i32.sub (local.get 1) (i32.const 1)))))
      (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))))
  (func (export "tight") (param i32)
    (loop
      (i64.store offset=1000 (local.get 0) (i64.load offset=2000 (local.get 0)))
      (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))))
  ;; An interpreter's.
  (func (export "chooses") (param i32)
    (loop
      (call $other)
      (i64.store offset=1000 (local.get 0) (i64.load offset=2000 (local.get 0)))
      (block (block (br_table 0 1 0 1 0 1 0 1 0 1 0 1 0 1 0 1 0 1 0 1 0 1 0 1 0 1 0 1 0 1 0 1 0 (local.get 0))))
      (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))))
  (func (export "straight") (param i32)
    (i64.store offset=1000 (local.get 0) (i64.load offset=2000 (local.get 0)))
    (call $other)
    (i64.store offset=1000 (local.get 0) (i64.load offset=2000 (local.get 0)))))
