;;! passes: trim-data
;;! fires: no
(module
  (import "host" "base" (global i32))
  (memory (export "m") 1)
  (data (global.get 0) "abcd")
  (data (i32.const 8) "\00\00\00\00ab\00\00"))
