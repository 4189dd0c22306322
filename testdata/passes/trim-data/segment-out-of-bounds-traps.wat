;;! passes: trim-data
;;! fires: no
(module
  (memory (export "m") 1)
  (data (i32.const 65532) "\00\00a\00\00\00"))
