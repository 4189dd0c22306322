;;! passes: harden
;;! fires: yes
;;! call: run(1, 2)
;; A result below the top of the stack is guarded by way of locals.
(module
  (memory (export "m") 1)
  (func $two (param f64) (result f64 i32 f64)
    (f64.add (local.get 0) (f64.const 1)) (i32.const 7) (f64.sub (local.get 0) (f64.const 1)))
  (func (export "run") (param f64) (result f64 i32 f64)
    (call $two (local.get 0))))
