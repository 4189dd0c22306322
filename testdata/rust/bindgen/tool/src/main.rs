//! wasm-bindgen's tool, as its command line has it: MODULE, and the folder for what it makes.

fn main() {
    let mut words = std::env::args_os().skip(1);
    let (module, folder) = (words.next().expect("a module"), words.next().expect("a folder"));
    let mut bindgen = wasm_bindgen_cli_support::Bindgen::new();
    bindgen.nodejs(true).expect("a target").input_path(module).generate(folder).expect("bindings");
}
