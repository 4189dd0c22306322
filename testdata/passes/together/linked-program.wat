;;! passes: remove-unused-module-elements,trim-data,shortest-encodings,strip
;;! fires: yes
;;! features: 
;;! call: _start()
(module
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (table 2 funcref)
  (memory (export "memory") 2)
  (global $sp (mut i32) (i32.const 66560))
  (global $unused i32 (i32.const 1024))
  (elem (i32.const 1) $callback)
  (func $callback (param i32) (result i32) (local.get 0))
  (func $dead (call $exit (i32.const 1)))
  (func (export "_start") (local i32) (local i32)
    (global.set $sp (i32.sub (global.get $sp) (i32.const 16)))
    (call $exit (i32.load8_u (i32.const 1024))))
  (data (i32.const 1024) "hello\00\00\00\00\00\00\00\00")
  (data (i32.const 1040) "\00\00\00\00\00\00\00\00")
  (@custom "producers" "\00"))
