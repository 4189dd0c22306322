;;! passes: sjlj
;;! fires: yes
(module
  ;; Jumps leave through $jumper's type only. The other indirect call, and a call whose result is
  ;; returned as it is, get no check; other results are replaced by zeros.
  (type $same (func (param i32 f64) (result i64)))
  (type $also-same (func (param i32 f64) (result i64)))
  (type $other (func (param i32) (result f32)))
  (import "env" "invoke_jid" (func $invoke (param i32 i32 f64) (result i64)))
  (import "env" "invoke_fi" (func $invoke-other (param i32 i32) (result f32)))
  (import "wbuild" "unwind" (func $unwind (param i32)))
  (table 4 funcref)
  (global $sp (mut i32) (i32.const 1024))
  (elem (i32.const 1) func $jumper $harmless)
  (func $jumper (type $same)
    block
      block
        local.get 0
        br_if 1
        global.get $sp
        call $unwind
        unreachable
      end
    end
    i64.const 9)
  (func $harmless (type $other)
    f32.const 1)
  (func $floats (param i32) (result f32)
    local.get 0
    f64.const 0.5
    i32.const 1
    call_indirect (type $also-same)
    drop
    local.get 0
    i32.const 2
    call_indirect (type $other))
  (func $tail (param i32 f64) (result i64)
    local.get 0
    local.get 1
    i32.const 1
    call_indirect (type $also-same))
  (func (export "catch") (param i32) (result i64)
    i32.const 2
    local.get 0
    call $invoke-other
    drop
    i32.const 1
    local.get 0
    f64.const 2
    call $invoke)
  (func (export "stray") (param i32) (result f32)
    local.get 0
    f64.const 1
    call $tail
    drop
    local.get 0
    call $floats))
