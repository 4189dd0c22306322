;;! passes: lower-to-mvp
;;! fires: yes
;;! call: f(305419904, 1311768467294899695)
;;! call: f(127, 32767)
;;! call: f(32768, 128)
(module
  (func (export "f") (param i32 i64) (result i64)
    (i64.add
      (i64.extend_i32_s (i32.add (i32.extend8_s (local.get 0)) (i32.extend16_s (local.get 0))))
      (i64.add (i64.extend8_s (local.get 1)) (i64.add (i64.extend16_s (local.get 1)) (i64.extend32_s (local.get 1)))))))
