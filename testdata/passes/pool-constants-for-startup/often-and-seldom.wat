;;! passes: pool-constants-for-startup
;;! fires: yes
;;! call: twelve()
;;! call: eleven()
;; 1000000 is read twelve times, which saves 17 bytes, and 1000001 eleven times, which saves 15.
(module
  (func (export "twelve") (result i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32)
    i32.const 1000000 i32.const 1000000 i32.const 1000000 i32.const 1000000
    i32.const 1000000 i32.const 1000000 i32.const 1000000 i32.const 1000000
    i32.const 1000000 i32.const 1000000 i32.const 1000000 i32.const 1000000)
  (func (export "eleven") (result i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32)
    i32.const 1000001 i32.const 1000001 i32.const 1000001 i32.const 1000001
    i32.const 1000001 i32.const 1000001 i32.const 1000001 i32.const 1000001
    i32.const 1000001 i32.const 1000001 i32.const 1000001))
