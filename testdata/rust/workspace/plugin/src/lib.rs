//! Exports to a host, and imports from it.

#[link(wasm_import_module = "host")]
unsafe extern "C" {
    fn scale(x: i32) -> i32;
}

#[unsafe(no_mangle)]
pub extern "C" fn twice_scaled(x: i32) -> i32 {
    unsafe { scale(x) }.wrapping_mul(2)
}
