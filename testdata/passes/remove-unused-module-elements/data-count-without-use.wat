;;! passes: remove-unused-module-elements
;;! fires: yes
(module
  (memory (export "m") 1)
  (data $p "passive")
  (data (i32.const 0) "active")
  (func (data.drop $p)))
