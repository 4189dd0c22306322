;;! passes: remove-unused-module-elements
;;! fires: yes
;;! call: f(1)
;;! call: f(2)
;;! call: f(3)
;;! call: f(4)
;;! call: f(5)
;;! call: f(9)
(module
  (type $called (func (param i32) (result i32)))
  (table 8 funcref)
  (elem (i32.const 1) func $one $float $also $chain $direct)
  (func $one (type $called) (i32.add (local.get 0) (i32.const 1)))
  ;; Nothing that lives calls these types; what they need goes too, and the traps stay what they were.
  (func $float (param f32) (result f32) (f32.add (local.get 0) (call $needed (local.get 0))))
  (func $needed (param f32) (result f32) (f32.mul (local.get 0) (local.get 0)))
  (func $also (param i64) (result i64) (i64.mul (local.get 0) (i64.const 3)))
  ;; This one is called with its type only by a function that is dead.
  (func $chain (param i64 i64) (drop (call_indirect (param f32) (result f32) (f32.const 1) (i32.const 2))))
  ;; This one is live for another reason, and so leaves the table only.
  (func $direct (param f64) (result f64) (f64.add (local.get 0) (local.get 0)))
  (func (export "f") (param i32) (result i32)
    (drop (call $direct (f64.const 2)))
    (call_indirect (type $called) (local.get 0) (local.get 0))))
