;;! passes: strip
;;! fires: yes
;;! call: f()
(module $named
  (func $f (export "f") (result i32) (i32.const 1))
  (@custom ".debug_line" "lines")
  (@custom "external_debug_info" "\01x")
  (@custom "sourceMappingURL" "\01x")
  (@custom "producers" (before first) "\00")
  (@custom "target_features" "\00")
  (@custom "component-type:world" "kept")
  (@custom "__wasm_bindgen_unstable" "kept")
  (@custom "unknown" "kept"))
