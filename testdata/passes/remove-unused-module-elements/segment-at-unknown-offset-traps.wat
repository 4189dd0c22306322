;;! passes: remove-unused-module-elements
;;! fires: no
(module
  (import "host" "base" (global i32))
  (memory 1)
  (data (global.get 0) "ab"))
