;;! passes: sjlj
;;! fires: yes
;;! call: run()
(module
  (import "env" "invoke_ii" (func $invoke (param i32 i32) (result i32)))
  (import "wbuild" "unwind" (func $unwind (param i32)))
  (table 2 funcref)
  (global $sp (mut i32) (i32.const 1024))
  (elem (i32.const 1) $work)
  (func $jump
    global.get $sp
    call $unwind
    unreachable)
  (func $work (param i32) (result i32)
    call $jump
    i32.const 7)
  (func (export "run") (result i32)
    i32.const 1
    i32.const 5
    call $invoke))
