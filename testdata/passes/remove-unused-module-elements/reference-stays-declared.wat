;;! passes: remove-unused-module-elements
;;! fires: yes
(module
  (table $dead 1 funcref)
  (func $f)
  (elem (table $dead) (i32.const 0) func $f)
  (func (export "g") (result funcref) (ref.func $f)))
