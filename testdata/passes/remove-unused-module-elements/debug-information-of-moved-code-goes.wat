;;! passes: remove-unused-module-elements
;;! fires: yes
(module
  (func)
  (func (export "f"))
  (@custom ".debug_info" "offsets into code")
  (@custom "sourceMappingURL" "\05f.map")
  (@custom "metadata.code.trace" "offsets into code")
  (@custom "mine" "stays"))
