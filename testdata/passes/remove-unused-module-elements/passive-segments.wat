;;! passes: remove-unused-module-elements
;;! fires: yes
;;! call: f()
(module
  (memory 1)
  (table 1 funcref)
  (func $dead)
  (func $live)
  (data $unused "unused")
  (data $used "used")
  (elem $unused func $dead)
  (elem $used func $live)
  (func (export "f") (result i32)
    (memory.init $used (i32.const 0) (i32.const 0) (i32.const 4))
    (table.init $used (i32.const 0) (i32.const 0) (i32.const 1))
    (i32.load (i32.const 0))))
