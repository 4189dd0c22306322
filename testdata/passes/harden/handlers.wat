;;! passes: harden
;;! fires: yes
;; A handler sees a local as anything that it is in the body.
(module
  (memory (export "m") 1)
  (tag $e (param f64))
  (func $may_throw (param f64)
    (throw $e (f64.add (local.get 0) (f64.const 1))))
  (func (export "run") (param f64) (result f64) (local f64)
    (block $caught (result f64)
      (try_table (catch $e $caught)
        (local.set 1 (f64.add (local.get 0) (f64.const 1)))
        (call $may_throw (local.get 0))
        (local.set 1 (f64.const 3)))
      (return (local.get 1)))
    (f64.store (i32.const 0) (local.get 1))))
