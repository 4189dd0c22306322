;;! passes: remove-unused-module-elements
;;! fires: yes
;;! call: f()
(module
  (import "host" "base" (global $base i32))
  (global $dead i32 (global.get $base))
  (global $first i32 (i32.const 5))
  (global $live (mut i32) (global.get $first))
  (func (export "f") (result i32) (global.get $live)))
