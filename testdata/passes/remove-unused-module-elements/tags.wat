;;! passes: remove-unused-module-elements
;;! fires: yes
;;! call: f()
(module
  (tag $dead (param i64))
  (tag $live (param i32))
  (func (export "f") (result i32)
    (block $caught (result i32)
      (try_table (catch $live $caught) (throw $live (i32.const 3)))
      (i32.const 4))))
