;;! passes: remove-unused-module-elements
;;! fires: no
(module
  (memory 1)
  (data (i32.const 65537) ""))
