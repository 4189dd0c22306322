;;! passes: remove-unused-module-elements
;;! fires: yes
;;! call: f(0)
;;! call: f(1)
;;! call: f(2)
;;! call: f(3)
;;! call: f(4)
;;! call: f(5)
(module
  (type $called (func (param i32) (result i32)))
  (table 6 funcref)
  (elem (i32.const 1) $one $first $second $third $two)
  (func $one (type $called) (i32.add (local.get 0) (i32.const 1)))
  (func $two (type $called) (i32.add (local.get 0) (i32.const 2)))
  ;; No call out of the table has their types. One of them stands for those that code does not refer to.
  (func $first (param f32) (result f32) (f32.mul (local.get 0) (local.get 0)))
  (func $second (param i64) (result i64) (i64.mul (local.get 0) (i64.const 3)))
  (func $third (param f64))
  (func (export "f") (param i32) (result i32)
    (drop (call $first (f32.const 2)))
    (drop (call $second (i64.const 2)))
    (drop (ref.func $third))
    (call_indirect (type $called) (local.get 0) (local.get 0))))
