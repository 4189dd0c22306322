;;! passes: remove-unused-module-elements
;;! fires: yes
;;! call: f()
(module
  (import "host" "kept" (func $kept))
  (func $dead (call $deader))
  (func $deader (call $dead))
  (func $live (result i32) (i32.const 7))
  (func (export "f") (result i32) (call $live)))
