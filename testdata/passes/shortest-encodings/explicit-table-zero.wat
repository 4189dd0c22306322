;;! passes: shortest-encodings
;;! fires: yes
(module
  (table (export "t") 1 funcref)
  (func)
  (elem (table 0) (i32.const 0) func 0))
