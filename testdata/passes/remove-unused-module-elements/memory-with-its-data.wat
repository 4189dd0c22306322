;;! passes: remove-unused-module-elements
;;! fires: yes
;;! features: multimemory
;;! call: f()
(module
  (memory $dead 1)
  (memory $live 1)
  (data (memory $dead) (i32.const 65534) "ab")
  (data (memory $live) (i32.const 0) "cd")
  (func (export "f") (result i32) (i32.load16_u $live (i32.const 0))))
