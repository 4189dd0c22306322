;;! passes: outline
;;! fires: no
;;! call: loops(3)
;;! call: floats(8)
;;! call: tees(8)
(module
  (memory (export "m") 1)
  ;; In loops.
  (func (export "loops") (param i32)
    (loop
      (i64.store offset=1000 (local.get 0) (i64.load offset=2000 (local.get 0)))
      (i64.store offset=1000 (local.get 0) (i64.load offset=2000 (local.get 0)))
      (block
        (i64.store offset=1000 (local.get 0) (i64.load offset=2000 (local.get 0)))
        (i64.store offset=1000 (local.get 0) (i64.load offset=2000 (local.get 0))))
      (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))))
  ;; What may make a NaN, and what gives a float.
  (func (export "floats") (param i32) (result f64) (local f64)
    (f64.store (local.get 0) (f64.add (f64.load offset=1000 (local.get 0)) (f64.const 2)))
    (f64.store (local.get 0) (f64.add (f64.load offset=1000 (local.get 0)) (f64.const 2)))
    (f64.store (local.get 0) (f64.add (f64.load offset=1000 (local.get 0)) (f64.const 2)))
    (f64.store (local.get 0) (f64.add (f64.load offset=1000 (local.get 0)) (f64.const 2)))
    (f64.load offset=1000 (i32.load offset=2000 (local.get 0))))
  ;; Assignments in between.
  (func (export "tees") (param i32) (local i32)
    (i32.store offset=1000 (local.tee 1 (i32.load8_u (local.get 0))) (i32.load8_u (local.get 1)))
    (i32.store offset=1000 (local.tee 1 (i32.load8_u (local.get 0))) (i32.load8_u (local.get 1)))
    (i32.store offset=1000 (local.tee 1 (i32.load8_u (local.get 0))) (i32.load8_u (local.get 1)))
    (i32.store offset=1000 (local.tee 1 (i32.load8_u (local.get 0))) (i32.load8_u (local.get 1))))
  ;; Not often enough.
  (func (export "twice") (param i32)
    (i32.store offset=5 (local.get 0) (i32.const 1)))
  (func (export "again") (param i32)
    (i32.store offset=5 (local.get 0) (i32.const 1))))
