;;! passes: remove-unused-module-elements
;;! fires: no
(module
  (import "host" "log" (func (param i32)))
  (func
    i32.const 1
    call 0)
  (start 1))
