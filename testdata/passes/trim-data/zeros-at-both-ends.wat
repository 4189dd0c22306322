;;! passes: trim-data
;;! fires: yes
(module
  (memory (export "m") 1)
  (data (i32.const 8) "\00\00\00\00ab\00cd\00\00\00")
  (data (i32.const 1024) "\00\00\00\00\00\00\00\00"))
