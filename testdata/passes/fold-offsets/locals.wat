;;! passes: fold-offsets
;;! fires: yes
;;! call: straight(300)
;;! call: everywhere(100)
;;! call: arms(9)
(module
  (memory (export "m") 1)
  (data (i32.const 2048) "ABCDEFGHIJKLMNOPQRSTUVWXYZ")
  ;; The bound holds from the assignment on, as long as control does not meet.
  (func (export "straight") (param i32) (result i32)
    (local.set 0 (i32.and (local.get 0) (i32.const 15)))
    (i32.add
      (i32.load8_u (i32.add (local.get 0) (i32.const 2048)))
      (i32.load8_u (i32.add (local.tee 0 (i32.and (local.get 0) (i32.const 3))) (i32.const 2050)))))
  ;; Nothing larger is ever in it, zero at the start included.
  (func (export "everywhere") (param i32) (result i32)
    (local i32 i32)
    (loop
      (local.set 2 (i32.add (local.get 2) (i32.load8_u (i32.add (local.get 1) (i32.const 2048)))))
      (local.set 1 (i32.and (local.get 0) (i32.const 7)))
      (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
    (local.get 2))
  ;; What was known before an `if` is known in its first arm; in the other, what the first did may not be believed.
  (func (export "arms") (param i32) (result i32)
    (local.set 0 (i32.and (local.get 0) (i32.const 15)))
    (if (result i32) (i32.load8_u (local.get 0))
      (then (i32.load8_u (i32.add (local.get 0) (i32.const 2048))) (local.set 0 (i32.const 1)))
      (else (i32.load8_u (i32.add (local.get 0) (i32.const 2049)))))))
