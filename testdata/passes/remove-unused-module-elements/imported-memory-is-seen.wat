;;! passes: remove-unused-module-elements
;;! fires: no
(module
  (import "host" "m" (memory 1))
  (import "host" "t" (table 1 funcref))
  (func)
  (elem (i32.const 0) func 0)
  (data (i32.const 0) "seen by the host"))
