;;! passes: harden
;;! fires: yes
;;! call: sum(8)
;; A sum in a loop is guarded once, behind the loop.
(module
  (memory (export "m") 1)
  (func (export "sum") (param i32) (local f64)
    (loop $again
      (local.set 1 (f64.add (local.get 1) (f64.load (local.get 0))))
      (br_if $again (local.tee 0 (i32.sub (local.get 0) (i32.const 8)))))
    (f64.store (i32.const 0) (local.get 1))
    (f64.store (i32.const 8) (local.get 1))))
