//! A library: exports to a host, and an import from it.

#[link(wasm_import_module = "host")]
unsafe extern "C" {
    fn scale(x: i32) -> i32;
}

#[unsafe(no_mangle)]
pub extern "C" fn twice_scaled(x: i32) -> i32 {
    unsafe { scale(x) }.wrapping_mul(2)
}

#[unsafe(no_mangle)]
pub extern "C" fn length(text: *const u8, end: u8) -> usize {
    (0..).take_while(|&at| unsafe { *text.add(at) } != end).count()
}
