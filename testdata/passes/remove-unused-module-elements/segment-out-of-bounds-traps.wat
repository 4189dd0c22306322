;;! passes: remove-unused-module-elements
;;! fires: no
(module
  (table 1 funcref)
  (func)
  (elem (i32.const 1) func 0)
  (memory 1)
  (data (i32.const 65535) "ab"))
