;;! passes: harden
;;! fires: yes
;;! call: grow(1)
;;! call: grow(9)
;; Growth past the maximum gives -1; a refusal below it traps.
(module
  (memory (export "m") 1 3)
  (table $t (export "t") 1 4 funcref)
  (func (export "grow") (param i32) (result i32)
    (memory.grow (local.get 0)))
  (func (export "again") (param i32) (result i32)
    (drop (memory.grow (local.get 0)))
    (table.grow $t (ref.null func) (local.get 0))))
