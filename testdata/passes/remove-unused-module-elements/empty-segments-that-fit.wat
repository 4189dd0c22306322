;;! passes: remove-unused-module-elements
;;! fires: yes
(module
  (import "host" "m" (memory 1))
  (table (export "t") 1 funcref)
  (elem (i32.const 1) func)
  (data (i32.const 65536) ""))
