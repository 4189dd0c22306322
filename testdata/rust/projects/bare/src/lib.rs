//! No library at all: checksums for a host.
#![no_std]

#[cfg(target_arch = "wasm32")]
#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! {
    core::arch::wasm32::unreachable()
}

/// CRC-32 of `length` bytes at `start`.
///
/// # Safety
/// They must be there.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn crc32(start: *const u8, length: usize) -> u32 {
    let mut crc = !0u32;
    for at in 0..length {
        crc ^= u32::from(unsafe { *start.add(at) });
        for _ in 0..8 {
            crc = (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg());
        }
    }
    !crc
}
