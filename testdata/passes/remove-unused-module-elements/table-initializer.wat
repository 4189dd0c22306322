;;! passes: remove-unused-module-elements
;;! fires: yes
;;! call: call(0)
;;! call: call(2)
(module
  (type $t (func (result i32)))
  (table $dead 2 (ref $t) (ref.func $g))
  (table $live 2 (ref $t) (ref.func $f))
  (func $g (type $t) (i32.const 1))
  (func $f (type $t) (i32.const 2))
  (func (export "call") (param i32) (result i32) (call_indirect $live (type $t) (local.get 0))))
