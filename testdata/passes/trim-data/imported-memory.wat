;;! passes: trim-data
;;! fires: no
(module
  (import "host" "m" (memory 1))
  (data (i32.const 8) "\00\00\00\00ab\00\00"))
