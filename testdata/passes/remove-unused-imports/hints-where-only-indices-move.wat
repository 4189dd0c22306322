;;! passes: remove-unused-imports
;;! fires: yes
;;! call: f(0)
(module
  (import "host" "unused" (func))
  (func (export "f") (param i32) (result i32)
    local.get 0
    (@metadata.code.branch_hint "\01")
    (if (result i32) (then i32.const 1) (else i32.const 2)))
  (@custom ".debug_info" "code does not move")
  (@custom "metadata.code.trace" "by function"))
