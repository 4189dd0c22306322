//! The C that wbuild brings along: setjmp and longjmp without wasm exceptions, so that they run
//! on every engine (the other half is the pass `sjlj`, which finishes the linked module), and an
//! allocator for builds whose size counts.

mod provide;

pub use provide::Runtime;

/// A file of the runtime: its path below the runtime's folder, and its text.
#[derive(Debug, Clone, Copy)]
pub struct File {
    pub path: &'static str,
    pub text: &'static str,
}

/// Every file that compilations and links need on disk.
pub const FILES: &[File] = &[
    File { path: SJLJ_SOURCE, text: include_str!("sjlj.c") },
    File { path: MEM_SOURCE, text: include_str!("mem.c") },
    File { path: MALLOC_SOURCE, text: include_str!("malloc.c") },
    File { path: "include/setjmp.h", text: include_str!("include/setjmp.h") },
    File { path: PREINIT_SOURCE, text: include_str!("preinit.c") },
    File { path: POSIX_SOURCE, text: include_str!("posix.c") },
    File { path: THREAD_SOURCE, text: include_str!("thread.c") },
    File { path: "posix/fcntl.h", text: include_str!("posix/fcntl.h") },
    File { path: "posix/grp.h", text: include_str!("posix/grp.h") },
    File { path: "posix/pwd.h", text: include_str!("posix/pwd.h") },
    File { path: "posix/stdio.h", text: include_str!("posix/stdio.h") },
    File { path: "posix/stdlib.h", text: include_str!("posix/stdlib.h") },
    File { path: "posix/sys/stat.h", text: include_str!("posix/sys/stat.h") },
    File { path: "posix/unistd.h", text: include_str!("posix/unistd.h") },
    File { path: "headers/emscripten.h", text: include_str!("headers/emscripten.h") },
    File { path: "headers/emscripten/emscripten.h", text: include_str!("headers/emscripten/emscripten.h") },
    File { path: "headers/wbuild.h", text: include_str!("headers/wbuild.h") },
];

/// The folder for `-isystem`, before the sysroot's and libc++'s: libc's own setjmp.h refuses to be
/// used without wasm exceptions.
pub const INCLUDE: &str = "include";

/// The folder for `-isystem` that has `wbuild.h`, and what emcc's users expect of `emscripten.h`.
pub const HEADERS: &str = "headers";

/// Compiled once for each compiler with [`COMPILE_ARGS`], never with `-flto`, and linked as an
/// object, not from an archive: LTO code refers to it only after the linker has chosen its files.
/// Where nothing uses it, `--gc-sections` leaves no byte of it.
pub const SJLJ_SOURCE: &str = "sjlj.c";

/// What clang may call though no source does (memcpy, memset, ...): linked as an object too, and
/// only where the target has no C library.
pub const MEM_SOURCE: &str = "mem.c";

/// malloc and its kin in about 1.6 kB, where libc's have 11 kB. Linked from an archive in front of
/// libc, so that it gives way to an allocator of the program's own.
pub const MALLOC_SOURCE: &str = "malloc.c";

/// What is called when initialization has ended: linked as an object where something is initialized and there is a
/// C library to be told.
pub const PREINIT_SOURCE: &str = "preinit.c";

/// What programs for POSIX call and WASI has not (`tmpfile`, `chown`, `getuid`, `system`): for `wbuild cc`, whose projects
/// do not know WASI. Linked from an archive; it alone includes the C library's headers.
pub const POSIX_SOURCE: &str = "posix.c";

/// The destructors of `thread_local`, a member of its own in the same archive: it brings in libc's `atexit`.
pub const THREAD_SOURCE: &str = "thread.c";

/// The folder for `-isystem` that declares it.
pub const POSIX: &str = "posix";

/// The library's name, as a linker looks it up.
pub const MALLOC_LIBRARY: &str = "wbuild-malloc";

/// What C++ exceptions need instead of an unwinder: compiled beside libc++abi, whose headers it includes.
pub const EXCEPTIONS: &str = include_str!("exceptions.cpp");

/// libc++'s `__config_site` for a build with exceptions.
pub const LIBCXX_CONFIG: &str = include_str!("config_site.h");

/// What code gets that throws and catches, besides [`SJLJ_COMPILE`]; the words for LLVM the linker too.
pub const EXCEPTIONS_COMPILE: &[&str] = &["-fexceptions", "-mllvm", "-enable-emscripten-cxx-exceptions"];

/// How the runtime itself is compiled, besides `--target`. It includes nothing. Without
/// `-fno-builtin` clang would make memset of the loop in memset.
pub const COMPILE_ARGS: &[&str] = &["-O2", "-ffreestanding", "-fno-builtin"];

/// The same for what is there to be small.
pub const COMPILE_SMALL_ARGS: &[&str] = &["-Oz", "-ffreestanding", "-fno-builtin"];

/// What every compilation of C and C++ gets, unless it asks for `-wasm-enable-sjlj`, which LLVM
/// refuses beside it. Code that calls no setjmp comes out the same.
pub const SJLJ_COMPILE: &[&str] = &["-mllvm", "-enable-emscripten-sjlj"];

/// What the linker gets, for the code that it generates from bitcode.
pub const SJLJ_LINK: &[&str] = &["-mllvm", "-enable-emscripten-sjlj"];

/// The name in the registry of the pass that must run first after the link.
pub const SJLJ_PASS: &str = "sjlj";
