;;! passes: remove-unused-module-elements
;;! fires: no
;;! call: f()
(module
  (type $super (sub (func)))
  (type $sub (sub $super (func)))
  (table 2 funcref)
  (elem (i32.const 0) func $a)
  (func $a (type $sub))
  (func (export "f") (call_indirect (type $super) (i32.const 0))))
