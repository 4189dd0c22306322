;;! passes: lower-to-mvp
;;! fires: no
;;! features: multivalue
;;! call: pair()
;;! call: calls(0)
(module
  (type $pair (func (result i32 i64)))
  (import "host" "pair" (func $host (type $pair)))
  (table 1 1 funcref)
  (elem (i32.const 0) $slot)
  (func (export "pair") (type $pair) (i32.const 1) (i64.const 2))
  (func $slot (type $pair) (i32.const 3) (i64.const 4))
  (func (export "calls") (param i32) (result i64)
    (local i64)
    (call $host)
    (local.set 1)
    (drop)
    (call_indirect (type $pair) (local.get 0))
    (i64.add (local.get 1))
    (local.set 1)
    (drop)
    (local.get 1)))
