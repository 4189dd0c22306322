//! The command. Everything is in the library; here are only the process's own affairs.

use std::ffi::OsString;
use std::io::Write;

#[cfg(all(feature = "binaryen", target_os = "linux", target_pointer_width = "64"))]
mod allocator;

/// Enough for the deepest nesting that the parsers admit.
const STACK: usize = 256 << 20;

fn main() {
    // A panic is our bug, and says so in the form of every other error.
    std::panic::set_hook(Box::new(|info| {
        let place = info.location().map_or(String::new(), |l| format!("{}:{}: ", l.file(), l.line()));
        let what = info.payload_as_str().unwrap_or("unknown");
        let error = wbuild::error::Error::internal("unexpected panic").cause(format!("{place}{what}"));
        let _ = writeln!(std::io::stderr(), "{error}");
    }));
    let mut words = std::env::args_os();
    let (program, words) = (words.next().unwrap_or_default(), words.collect::<Vec<OsString>>());
    // What only becomes a compiler parses nothing deep, and leaves nothing behind: a build starts it a thousand times.
    if wbuild::cli::becomes_another(&program, &words) {
        std::process::exit(wbuild::cli::main(&program, &words));
    }
    set_allocator(&words);
    wbuild::process::clean_up_on_interrupt();
    let work = move || wbuild::cli::main(&program, &words);
    let status = match std::thread::Builder::new().stack_size(STACK).spawn(work.clone()) {
        Ok(thread) => thread.join().unwrap_or(70),
        // Where so much address space is not to be had, the usual stack must do.
        Err(_) => std::panic::catch_unwind(work).unwrap_or(70),
    };
    std::process::exit(status);
}

/// Commands that compile modules by an engine.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const COMPILING: [&str; 3] = ["preinit", "run", "verify"];

/// glibc's heaps of threads grow and shrink by what is asked for, page by page, and each step stops all threads: 2,600 of
/// them while Winch compiles SQLite. So they grow by megabytes where an engine compiles, and what is freed stays.
///
/// Elsewhere glibc would keep the large buffers of one stage for the next, which needs them in other sizes: while Binaryen
/// works on a module of 1 MB that was 3 MB of nothing. And of the program itself, which holds a whole engine and
/// Binaryen, starting maps 12 MB, 16 pages around every one touched; a build needs a few of them again.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn set_allocator(words: &[OsString]) {
    unsafe extern "C" {
        static __executable_start: u8;
        static etext: u8;
    }
    // SAFETY: nothing else runs yet, and the numbers are in the ranges that glibc takes. Between these two symbols of
    // the linker's lie only pages of the file that nobody may write: what is dropped comes back when it is touched.
    unsafe {
        if words.first().is_some_and(|word| COMPILING.iter().any(|command| word == command)) {
            libc::mallopt(libc::M_MMAP_THRESHOLD, 32 << 20);
            libc::mallopt(libc::M_TRIM_THRESHOLD, 512 << 20);
            libc::mallopt(libc::M_TOP_PAD, 16 << 20);
            return;
        }
        libc::mallopt(libc::M_MMAP_THRESHOLD, 64 << 10);
        let page = libc::sysconf(libc::_SC_PAGESIZE) as usize;
        let start = (&raw const __executable_start as usize).next_multiple_of(page);
        let end = &raw const etext as usize / page * page;
        if let Some(length) = end.checked_sub(start) {
            libc::madvise(start as *mut libc::c_void, length, libc::MADV_RANDOM);
            libc::madvise(start as *mut libc::c_void, length, libc::MADV_DONTNEED);
        }
    }
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
fn set_allocator(_words: &[OsString]) {}
