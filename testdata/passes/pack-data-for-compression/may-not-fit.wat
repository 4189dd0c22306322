;;! passes: pack-data-for-compression
;;! fires: no
(module
  (memory (export "m") 1)
  (data (i32.const 8) "ab")
  (data (i32.const 10) "cd")
  (data (i32.const 65535) "ef"))
