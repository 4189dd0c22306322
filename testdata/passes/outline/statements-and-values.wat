;;! passes: outline
;;! fires: yes
;;! call: a(64)
;;! call: b(128)
;;! call: c(64)
;;! call: d(64)
(module
  (memory (export "m") 1)
  (global $count (mut i32) (i32.const 0))
  (func $next (export "next") (result i32)
    (global.set $count (i32.add (global.get $count) (i32.const 1)))
    (global.get $count))
  ;; Three statements, with a call between.
  (func $fill (export "a") (param i32)
    (i32.store offset=4 (local.get 0) (call $next))
    (i32.store offset=8 (local.get 0) (call $next))
    (i32.store offset=12 (local.get 0) (i32.const 1000)))
  (func (export "b") (param i32)
    (i32.store offset=4 (local.get 0) (call $next))
    (i32.store offset=8 (local.get 0) (call $next))
    (i32.store offset=12 (local.get 0) (i32.const 1000)))
  ;; A value below them on the stack.
  (func (export "c") (param i32) (result i32)
    (local.get 0)
    (i32.store offset=4 (local.get 0) (call $next))
    (i32.store offset=8 (local.get 0) (call $next))
    (i32.store offset=12 (local.get 0) (i32.const 1000))
    (i32.load offset=4))
  ;; And as the operand of something that stays.
  (func (export "d") (param i32) (result i32) (local i32)
    (local.set 1 (i32.add (i32.load offset=2000 (local.get 0)) (i32.load offset=3000 (local.get 0))))
    (if (i32.add (i32.load offset=2000 (local.get 0)) (i32.load offset=3000 (local.get 0)))
      (then (return (i32.add (i32.load offset=2000 (local.get 0)) (i32.load offset=3000 (local.get 0))))))
    (i32.sub (i32.add (i32.load offset=2000 (local.get 0)) (i32.load offset=3000 (local.get 0))) (local.get 1))))
