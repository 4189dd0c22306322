;;! passes: pool-addresses
;;! fires: yes
;;! call: beyond()
;;! call: last()
;;! call: sum()
;;! call: apart(1)
(module
  (memory (export "m") 1)
  ;; Behind the end of memory; with a sum beyond 2^32, which must not become a small one.
  (func (export "beyond") (result i32) (i32.load (i32.const 100000)))
  (func (export "last") (result i32) (i32.load (i32.const -4)))
  (func (export "sum") (result i32)
    (i32.load offset=5 (i32.const -4)))
  ;; The address comes out of a block, and one is added to: no constants.
  (func (export "apart") (param i32) (result i32)
    (drop (i32.load (i32.add (i32.const 60000) (local.get 0))))
    (i32.load (block (result i32) (br_if 0 (i32.const 60000) (local.get 0)))))
  (func (export "more") (result i32 i32 i32 i32 i32 i32 i32 i32)
    (i32.load (i32.const 100000)) (i32.load (i32.const 100004)) (i32.load (i32.const 100008))
    (i32.load (i32.const -4)) (i32.load (i32.const -4)) (i32.load (i32.const -8))
    (i32.load (i32.const 100012)) (i32.load (i32.const 100016))))
