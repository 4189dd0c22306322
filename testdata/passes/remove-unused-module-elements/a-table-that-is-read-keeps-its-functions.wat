;;! passes: remove-unused-module-elements
;;! fires: no
;;! call: f()
(module
  (table $read 2 funcref)
  (table $copied 2 funcref)
  (table (export "t") 2 funcref)
  (elem (table $read) (i32.const 0) func $a $b)
  (elem (table $copied) (i32.const 0) func $c $d)
  (elem (table 2) (i32.const 0) func $e)
  (func $a (param i64))
  (func $b (param f32))
  (func $c (param f64))
  (func $d (param i32 i32))
  (func $e (param i32 i64))
  (func (export "f")
    (table.set 2 (i32.const 1) (table.get $read (i32.const 0)))
    (table.copy 2 $copied (i32.const 0) (i32.const 0) (i32.const 1))))
