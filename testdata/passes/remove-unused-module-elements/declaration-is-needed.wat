;;! passes: remove-unused-module-elements
;;! fires: no
;;! call: h()
(module
  (func)
  (func (export "h") (result i32)
    ref.func 0
    ref.is_null)
  (elem declare func 0))
