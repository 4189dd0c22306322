;;! passes: branch-before-loops
;;! fires: no
;;! call: set(3)
;;! call: straight(3)
;;! call: changed(3)
;;! call: teed(300)
;;! call: computed(3)
;;! call: called(3)
;;! call: dead(3)
(module
  (memory (export "m") 1)
  ;; The loop sets it, so it is no value that an engine could choose again.
  (func (export "set") (param i32) (result i32) (local i32)
    (local.set 1 (select (local.get 0) (i32.const 9) (i32.lt_u (local.get 0) (i32.const 9))))
    (loop
      (br_if 0 (local.tee 1 (i32.sub (local.get 1) (i32.const 1)))))
    (local.get 1))
  ;; No loop reads it: one chooses in its own round, the other comes before.
  (func (export "straight") (param i32) (result i32) (local i32 i32)
    (loop
      (local.set 1 (select (local.get 0) (i32.const 9) (i32.lt_u (local.get 0) (i32.const 9))))
      (br_if 0 (i32.lt_u (local.tee 2 (i32.add (local.get 2) (local.get 1))) (i32.const 20))))
    (local.set 1 (select (local.get 2) (i32.const 9) (i32.lt_u (local.get 0) (i32.const 9))))
    (local.get 1))
  ;; The condition changes an arm.
  (func (export "changed") (param i32) (result i32) (local i32 i32)
    (local.set 1 (select (local.get 0) (i32.const 9) (local.tee 0 (i32.const 0))))
    (loop
      (br_if 0 (i32.lt_u (local.tee 2 (i32.add (local.get 2) (local.get 1))) (i32.const 20))))
    (local.get 2))
  ;; So it does with what an arm has put into a local.
  (func (export "teed") (param i32) (result i32) (local i32 i32 i32)
    (local.set 2
      (select (local.tee 1 (i32.sub (local.get 0) (i32.const 262))) (i32.const 4) (local.tee 1 (i32.const 0))))
    (loop
      (br_if 0 (i32.lt_u (local.tee 3 (i32.add (local.get 3) (local.get 2))) (i32.const 20))))
    (local.get 3))
  ;; An arm is no value at hand.
  (func (export "computed") (param i32) (result i32) (local i32 i32)
    (local.set 1 (select (i32.mul (local.get 0) (i32.const 3)) (i32.const 9) (i32.lt_u (local.get 0) (i32.const 9))))
    (loop
      (br_if 0 (i32.lt_u (local.tee 2 (i32.add (local.get 2) (local.get 1))) (i32.const 20))))
    (local.get 2))
  ;; What stands on the stack around a call or a block is not followed.
  (func $id (param i32) (result i32) (local.get 0))
  (func (export "called") (param i32) (result i32) (local i32 i32)
    (local.set 1 (select (local.get 0) (i32.const 9) (call $id (local.get 0))))
    (loop
      (br_if 0 (i32.lt_u (local.tee 2 (i32.add (local.get 2) (local.get 1))) (i32.const 20))))
    (local.get 2))
  ;; What stands in front of a trap is no arm, and of any type.
  (func (export "dead") (param i32) (result i32) (local i32 i32)
    (f64.const 1) (f64.const 2) unreachable (i32.const 3) select (local.set 1)
    (loop
      (br_if 0 (i32.lt_u (local.tee 2 (i32.add (local.get 2) (local.get 1))) (i32.const 20))))
    (local.get 2)))
