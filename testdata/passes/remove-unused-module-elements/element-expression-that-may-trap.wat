;;! passes: remove-unused-module-elements
;;! fires: no
(module
  (type (array i32))
  (elem (ref null 0) (item i32.const 0 i32.const -1 array.new 0)))
