;;! passes: trim-data
;;! fires: yes
(module
  (memory (export "m") i64 1)
  (data (i64.const 8) "\00\00\00\00ab\00\00"))
