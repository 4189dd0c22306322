;;! passes: remove-unused-imports
;;! fires: yes
(module
  (import "host" "unused" (func $unused (param i64)))
  (import "host" "dead" (func $dead))
  (import "host" "g" (global $g i32))
  (import "host" "used" (func $used (result i32)))
  (import "host" "m" (memory 1))
  (func $never (call $dead))
  (func (export "f") (result i32) (call $used)))
