;;! passes: sjlj
;;! fires: yes
(module
  ;; After a tail call nothing comes back to check. The start function has nobody above it.
  (import "wbuild" "unwind" (func $unwind (param i32)))
  (global $sp (mut i32) (i32.const 1024))
  (func $jump (param i32)
    local.get 0
    i32.eqz
    if
      global.get $sp
      call $unwind
      unreachable
    end)
  (func $between
    i32.const 1
    return_call $jump)
  (func $start
    loop
      call $between
    end
    i32.const 0
    call $jump)
  (start $start))
