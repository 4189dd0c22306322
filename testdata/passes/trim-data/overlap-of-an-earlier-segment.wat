;;! passes: trim-data
;;! fires: yes
(module
  (memory (export "m") 1)
  (data (i32.const 10) "xyz")
  (data (i32.const 4) "\00\00\00\00\00\00\00\00\00\00\00\00"))
