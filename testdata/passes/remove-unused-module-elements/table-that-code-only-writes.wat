;;! passes: remove-unused-module-elements
;;! fires: no
;;! call: f()
(module
  (table 1 funcref)
  (func)
  (func (export "f")
    i32.const 0
    ref.func 0
    table.set 0)
  (elem (i32.const 0) func 0))
