;;! passes: remove-unused-imports
;;! fires: no
(module
  (import "host" "used" (func (result i32)))
  (import "host" "m" (memory 1))
  (data (i32.const 0) "seen by the host")
  (func (export "f") (result i32)
    call 0))
