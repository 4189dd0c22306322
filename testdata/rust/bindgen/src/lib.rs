//! A crate for JavaScript: strings, a struct with methods, numbers and a closure cross the border.

use wasm_bindgen::prelude::*;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_namespace = console)]
    fn log(text: &str);

    #[wasm_bindgen(js_namespace = globalThis)]
    fn visit(word: &dyn Fn(f64) -> String);
}

#[wasm_bindgen]
pub struct Counter {
    words: Vec<String>,
}

#[wasm_bindgen]
impl Counter {
    #[wasm_bindgen(constructor)]
    pub fn new(text: &str) -> Counter {
        Counter { words: text.split_whitespace().map(String::from).collect() }
    }

    pub fn longest(&self) -> Option<String> {
        self.words.iter().max_by_key(|word| word.len()).cloned()
    }

    pub fn lengths(&self) -> Vec<u32> {
        self.words.iter().map(|word| word.len() as u32).collect()
    }

    pub fn lend(&self) {
        visit(&|at| self.words[(at * 2.0) as usize].clone());
    }
}

#[wasm_bindgen]
pub fn greet(name: &str) -> Result<String, JsError> {
    log(&format!("greeting {name}"));
    if name.is_empty() { Err(JsError::new("nobody to greet")) } else { Ok(format!("Hello, {name}!")) }
}
