//! A library with a unit test, an integration test and a doc test.

/// Greets.
///
/// ```
/// assert_eq!(greet::greet("you"), "Hello, you!");
/// ```
pub fn greet(whom: &str) -> String {
    format!("Hello, {whom}!")
}

#[cfg(test)]
mod tests {
    #[test]
    fn runs_on_wasm_and_sees_its_own_folder() {
        assert_eq!(std::env::consts::ARCH, "wasm32");
        assert!(std::fs::read_to_string("Cargo.toml").unwrap().contains("name = \"greet\""));
        assert!(std::env::var("CARGO_MANIFEST_DIR").is_ok());
    }

    #[test]
    #[cfg(fails)]
    fn fails_where_the_user_says_so_by_a_flag() {
        panic!("--cfg fails reached the compiler");
    }
}
