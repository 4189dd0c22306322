;;! passes: harden
;;! fires: no
;;! call: f()
;; Code that no execution reaches, in every shape.
(module
  (memory (export "m") 1)
  (func (export "f") (result f64)
    (block $out
      br $out
      f64.add f64.store
      (loop (result f64) (if (i32.const 0) (then (br $out)) (else (br $out) f64.add f64.store)) unreachable f64.add)
      f64.neg f64.store)
    (if (i32.const 1) (then (return (f64.const 1)) f64.sqrt f64.store) (else unreachable f64.sqrt f64.store))
    unreachable
    f64.store))
