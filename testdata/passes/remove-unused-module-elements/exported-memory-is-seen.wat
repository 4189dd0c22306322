;;! passes: remove-unused-module-elements
;;! fires: no
(module
  (memory (export "m") 1)
  (data (i32.const 0) "seen by the host"))
