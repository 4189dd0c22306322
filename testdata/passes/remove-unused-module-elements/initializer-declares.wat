;;! passes: remove-unused-module-elements
;;! fires: no
;;! call: h()
(module
  (global funcref (ref.func 0))
  (func)
  (func (export "h") (result i32)
    ref.func 0
    ref.is_null))
