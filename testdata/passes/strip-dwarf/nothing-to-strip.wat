;;! passes: strip-dwarf
;;! fires: no
;;! call: f(0)
(module
  (func (export "f") (param i32)
    (@metadata.code.branch_hint "\00")
    (if (local.get 0) (then)))
  (@custom "component-type" "kept")
  (@custom "__wasm_bindgen_unstable" "kept"))
