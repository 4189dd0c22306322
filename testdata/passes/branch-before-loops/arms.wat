;;! passes: branch-before-loops
;;! fires: yes
;;! call: limit(5)
;;! call: limit(500)
;;! call: kept(3)
;;! call: kept(30)
;;! call: chained(3)
;;! call: chained(30)
;;! call: own(3)
;;! call: own(30)
;;! call: inner(4)
;;! call: floats(0)
;;! call: floats(7)
(module
  (memory (export "m") 1)
  ;; What is computed on the way into a local is read again from there.
  (func (export "limit") (param i32) (result i32) (local i32 i32 i32)
    (local.set 2
      (select (local.tee 1 (i32.sub (local.get 0) (i32.const 262))) (i32.const 0) (i32.ge_u (local.get 0) (local.get 1))))
    (loop
      (local.set 3 (i32.add (local.get 3) (i32.const 3)))
      (br_if 0 (i32.gt_u (local.get 2) (local.get 3))))
    (local.get 3))
  ;; The choice itself is used, too.
  (func (export "kept") (param i32) (result i32) (local i32 i32)
    (i32.store (i32.const 8)
      (local.tee 1 (select (local.get 0) (i32.const 9) (i32.lt_u (local.get 0) (i32.const 9)))))
    (loop
      (local.set 2 (i32.add (local.get 2) (i32.const 2)))
      (br_if 0 (i32.lt_u (local.get 2) (local.get 1))))
    (local.get 2))
  ;; A choice is an arm of the next one.
  (func (export "chained") (param i32) (result i32) (local i32 i32 i32)
    (local.set 2
      (select
        (local.tee 1 (select (local.get 0) (i32.const 9) (i32.lt_u (local.get 0) (i32.const 9))))
        (i32.const 5)
        (i32.gt_u (local.get 0) (i32.const 5))))
    (loop
      (local.set 3 (i32.add (local.get 3) (i32.add (local.get 1) (local.get 2))))
      (br_if 0 (i32.lt_u (local.get 3) (i32.const 40))))
    (local.get 3))
  ;; The local is an arm itself.
  (func (export "own") (param i32) (result i32) (local i32)
    (local.set 0 (select (local.get 0) (i32.const 9) (i32.lt_u (local.get 0) (i32.const 9))))
    (loop
      (local.set 1 (i32.add (local.get 1) (local.get 0)))
      (br_if 0 (i32.lt_u (local.get 1) (i32.const 40))))
    (local.get 1))
  ;; In front of an inner loop is a loop as well.
  (func (export "inner") (param i32) (result i32) (local i32 i32)
    (loop
      (local.set 1 (select (i32.const 7) (i32.const 11) (i32.and (local.get 0) (i32.const 1))))
      (loop
        (local.set 2 (i32.add (local.get 2) (local.get 1)))
        (br_if 0 (i32.and (local.get 2) (i32.const 3))))
      (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
    (local.get 2))
  ;; Every bit of a constant stays.
  (func (export "floats") (param i32) (result i64) (local f64 i32)
    (local.set 1 (select (f64.const nan:0x4000000000001) (f64.const -0) (local.get 0)))
    (loop
      (f64.store (i32.const 16) (local.get 1))
      (br_if 0 (i32.lt_u (local.tee 2 (i32.add (local.get 2) (i32.const 1))) (i32.const 3))))
    (i64.load (i32.const 16))))
