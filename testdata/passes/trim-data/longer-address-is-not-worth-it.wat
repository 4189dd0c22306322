;;! passes: trim-data
;;! fires: no
(module
  (memory (export "m") 1)
  (data (i32.const 63) "\00ab"))
