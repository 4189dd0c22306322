;;! passes: remove-unused-module-elements
;;! fires: yes
;;! call: f()
(module
  (table $t 2 funcref)
  (elem (i32.const 0) $a $b)
  (func $a (call $b))
  (func $b)
  (func (export "f") (result i32) (i32.const 1)))
