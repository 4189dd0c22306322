;;! passes: remove-unused-module-elements
;;! fires: yes
;;! call: f()
(module
  (global i32 (i32.const 1))
  (func (export "f"))
  (@custom ".debug_info" "offsets into code"))
