;;! passes: remove-unused-module-elements
;;! fires: yes
;;! call: h()
(module
  (func $f)
  (func $g)
  (elem declare func $f $g)
  (elem declare funcref (ref.func $g))
  (func (export "h") (result i32) (ref.is_null (ref.func $f))))
