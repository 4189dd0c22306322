;;! passes: remove-unused-module-elements
;;! fires: no
;;! call: f(0)
;;! call: f(1)
;;! call: f(2)
(module
  (type (func (result i32)))
  (table 2 funcref)
  (func (type 0) i32.const 1)
  (func (type 0) i32.const 2)
  (func (export "f") (param i32) (result i32)
    local.get 0
    call_indirect (type 0))
  (elem (i32.const 0) func 0 1))
