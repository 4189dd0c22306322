;;! passes: remove-unused-module-elements
;;! fires: no
;;! call: f()
(module
  (type $a (func (param i32)))
  (type $b (func (param i32)))
  ;; These are one type, although they name two.
  (type $t (func (param (ref null $a))))
  (type $u (func (param (ref null $b))))
  (table 2 funcref)
  (elem (i32.const 0) func $one)
  (global $seen (export "seen") (mut i32) (i32.const 0))
  (func $one (type $t) (global.set $seen (i32.const 7)))
  (func (export "f") (call_indirect (type $u) (ref.null $b) (i32.const 0))))
