;;! passes: remove-unused-module-elements
;;! fires: yes
(module
  (rec (type $dead (struct)) (type $dead-too (array i8)))
  (rec (type $a (struct (field (ref null $b)))) (type $b (struct)))
  (type $alone (func (param f64)))
  (func (export "f") (result (ref null $b)) (ref.null $b)))
