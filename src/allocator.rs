//! The allocator of C++, which is Binaryen: mimalloc, as its own releases have it. Under glibc's a tenth of its time goes
//! into it. What Rust allocates stays where it was: nothing else of wbuild is slower for it.
//!
//! Any program may replace these ([replacement.functions] in the standard of C++); the others, for arrays and without
//! exceptions, are made of them by the library of C++.

use std::alloc::{Layout, handle_alloc_error};
use std::ffi::c_void;

/// `operator new(std::size_t)`
#[unsafe(no_mangle)]
extern "C" fn _Znwm(size: usize) -> *mut c_void {
    // SAFETY: any size will do.
    let new = unsafe { libmimalloc_sys::mi_malloc(size) };
    if new.is_null() {
        // It must not return, and an exception of C++ is not ours to throw; nobody would catch it.
        handle_alloc_error(Layout::from_size_align(size, 1).unwrap_or(Layout::new::<c_void>()));
    }
    new
}

/// `operator delete(void*)`
#[unsafe(no_mangle)]
unsafe extern "C" fn _ZdlPv(old: *mut c_void) {
    // SAFETY: it comes from above, or is null.
    unsafe { libmimalloc_sys::mi_free(old) };
}

/// `operator delete(void*, std::size_t)`
#[unsafe(no_mangle)]
unsafe extern "C" fn _ZdlPvm(old: *mut c_void, _size: usize) {
    // SAFETY: as above.
    unsafe { libmimalloc_sys::mi_free(old) };
}
