;;! passes: remove-unused-module-elements
;;! fires: yes
;;! call: f(0)
;;! call: f(1)
(module
  (func $dead (nop))
  (func (export "f") (param i32) (result i32)
    local.get 0
    (@metadata.code.branch_hint "\01")
    (if (result i32) (then i32.const 1) (else i32.const 2))))
