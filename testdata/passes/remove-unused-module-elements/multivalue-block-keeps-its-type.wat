;;! passes: remove-unused-module-elements
;;! fires: yes
;;! call: f()
(module
  (type $dead (func (param f32)))
  (type $block (func (param i32) (result i32 i32)))
  (func (export "f") (result i32)
    (i32.const 20)
    (block (type $block) (i32.const 22))
    (i32.add)))
