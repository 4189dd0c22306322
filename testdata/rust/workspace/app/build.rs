//! Runs on the host, as build scripts do.
fn main() {
    assert_ne!(std::env::consts::ARCH, "wasm32");
    println!("cargo::rustc-env=BUILT_BY=a build script for {}", std::env::var("TARGET").unwrap());
}
