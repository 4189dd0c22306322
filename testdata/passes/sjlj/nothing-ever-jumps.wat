;;! passes: sjlj
;;! fires: yes
;;! call: run()
(module
  ;; setjmp without longjmp: there is nothing to catch, and no stack pointer to be known.
  (import "env" "invoke_ii" (func $invoke (param i32 i32) (result i32)))
  (import "env" "invoke_nonsense" (func $of-the-user (param i32) (result i32)))
  (table 2 funcref)
  (elem (i32.const 1) $work)
  (func $work (param i32) (result i32)
    local.get 0
    i32.const 7
    i32.add)
  (func (export "run") (result i32)
    i32.const 1
    i32.const 5
    call $invoke)
  (func (export "other") (result i32)
    i32.const 5
    call $of-the-user))
