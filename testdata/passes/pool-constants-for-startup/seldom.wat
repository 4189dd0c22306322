;;! passes: pool-constants-for-startup
;;! fires: no
;; `pool-constants` takes it.
(module
  (func (export "f") (result f64 f64 f64)
    (f64.const 0.1) (f64.const 0.1) (f64.const 0.1)))
