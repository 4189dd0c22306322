;;! passes: fold-offsets
;;! fires: no
;;! call: any(-2040)
;;! call: carried(-2040)
;;! call: joined(-2040)
;;! call: signed(-2040)
;;! call: large()
;;! call: twice(-2040)
(module
  (memory (export "m") 1)
  (data (i32.const 0) "abcdefghijklmnopqrstuvwxyz")
  ;; A negative index is an unsigned one that wraps around: as an offset it would trap.
  (func (export "any") (param i32) (result i32)
    (i32.load (i32.add (local.get 0) (i32.const 2048))))
  (func (export "carried") (param i32) (result i32)
    (local i32)
    (loop
      (local.set 1 (i32.add (local.get 1) (local.get 0)))
      (br_if 0 (i32.eqz (local.get 1))))
    (i32.load (i32.add (local.get 1) (i32.const 2048))))
  ;; The local has a bound on one of two ways only.
  (func (export "joined") (param i32) (result i32)
    (if (i32.eqz (local.get 0)) (then (local.set 0 (i32.and (local.get 0) (i32.const 15)))))
    (i32.load (i32.add (local.get 0) (i32.const 2048))))
  (func (export "signed") (param i32) (result i32)
    (i32.store (i32.const 0) (local.get 0))
    (i32.add
      (i32.load (i32.add (i32.load16_s (i32.const 0)) (i32.const 2048)))
      (i32.load (i32.add (i32.shr_s (local.get 0) (i32.const 1)) (i32.const 2048)))))
  ;; Below 2^32 each, but not together; and a sum of address and offset that no offset can be.
  (func (export "large") (result i32)
    (i32.add
      (i32.load (i32.add (i32.or (i32.load8_u (i32.const 0)) (i32.const -256)) (i32.const 4096)))
      (i32.load offset=4294967295 (i32.add (i32.load8_u (i32.const 0)) (i32.const 1)))))
  ;; The sum is wanted elsewhere, too; and bits that the constant has as well are not added.
  (func (export "twice") (param i32) (result i32)
    (local i32)
    (i32.add
      (i32.load (local.tee 1 (i32.add (i32.and (local.get 0) (i32.const 15)) (i32.const 2048))))
      (i32.add (local.get 1)
        (i32.load (i32.or (i32.and (local.get 0) (i32.const 15)) (i32.const 8)))))))
