//! wasm-ld's complaints in words that say what to do: which object wants which symbol, and where
//! the symbol would come from.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::c::EMULATIONS;
use crate::config::{Item, Program};
use crate::error::Error;

/// Temporary objects, and the sources that they were compiled from.
pub type Names = Vec<(PathBuf, PathBuf)>;

/// Symbols, and the sources whose bitcode wants them.
pub type Users = BTreeMap<String, Vec<String>>;

/// What to do where there is no main.
pub const NO_MAIN: &str = "give a file with main; for a library use --reactor or --no-entry with --export NAME";

/// What is known of symbols that programs want and WASI's C library does not have.
const KNOWN: &[(&[&str], &str)] = &[
    (&["signal", "raise", "__SIG_IGN", "__SIG_ERR", "psignal", "strsignal"], "_WASI_EMULATED_SIGNAL"),
    (&["clock", "times", "getrusage"], "_WASI_EMULATED_PROCESS_CLOCKS"),
    (&["getpid"], "_WASI_EMULATED_GETPID"),
    (&["mmap", "munmap", "mprotect", "msync", "madvise"], "_WASI_EMULATED_MMAN"),
];

/// Symbols that nothing in WASI preview 1 can stand for.
const ABSENT: &[(&[&str], &str)] = &[
    (
        &[
            "system",
            "popen",
            "pclose",
            "fork",
            "vfork",
            "execv",
            "execve",
            "execvp",
            "execl",
            "execlp",
            "waitpid",
            "wait",
            "kill",
            "pipe",
            "posix_spawn",
        ],
        "WASI has no processes; compile that part out",
    ),
    (
        &[
            "getuid", "geteuid", "getgid", "getegid", "setuid", "setgid", "getpwuid", "getpwnam", "getgrgid",
            "getgrnam", "chown", "fchown", "getlogin", "getppid",
        ],
        "WASI has no users and groups; compile that part out",
    ),
    (
        &["tmpfile", "tmpnam", "mkstemp", "mktemp", "mkdtemp"],
        "WASI has no temporary folder; open a file in a folder that is given with --dir",
    ),
    (&["dlopen", "dlsym", "dlclose", "dlerror"], "wasm modules here are linked statically; compile that part out"),
    (
        &["sigaction", "sigprocmask", "sigemptyset", "sigaddset", "alarm", "pause", "sigsuspend"],
        "WASI has no signals; compile that part out",
    ),
    (
        &["socket", "connect", "bind", "listen", "gethostbyname", "getaddrinfo"],
        "WASI preview 1 opens no sockets; compile that part out",
    ),
    (&["pthread_create", "pthread_join", "thrd_create"], "there are no threads here; compile that part out"),
    (
        &["__cxa_throw", "__cxa_allocate_exception", "__cxa_begin_catch", "_Unwind_RaiseException", "__cpp_exception"],
        "the object was compiled with C++ exceptions: compile its source here, with -fexceptions",
    ),
    (&["__wasm_longjmp", "__c_longjmp"], "the object was compiled for wasm exceptions: add --exceptions=wasm"),
    (&["chmod", "fchmod", "umask", "mknod", "mkfifo", "chroot"], "WASI has no file permissions; compile that part out"),
    (&["flockfile", "funlockfile", "flock", "lockf"], "WASI has no file locks; compile that part out"),
    (&["embind_init", "_embind_register_function"], "embind needs JavaScript; export C functions with --export NAME"),
];

/// The error for a link that failed.
pub fn link(stderr: &str, names: &Names, bitcode: &Users, program: &Program) -> Error {
    let text = readable(stderr, names);
    let mut undefined: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut duplicates: Vec<(String, Vec<String>)> = Vec::new();
    let mut others = Vec::new();
    let mut help = None;
    for line in text.lines() {
        if let Some((object, symbol)) = line.strip_prefix("error: ").and_then(|l| l.split_once(": undefined symbol: "))
        {
            let users = undefined.entry(symbol.to_string()).or_default();
            let objects = match bitcode.get(symbol) {
                Some(sources) if object.ends_with(".lto.o") => sources.clone(),
                _ if object.ends_with(".lto.o") => vec!["the optimized program".to_string()],
                _ => vec![object.to_string()],
            };
            users.extend(objects.into_iter().filter(|o| !users.contains(o)).collect::<Vec<_>>());
        } else if let Some(symbol) = line.strip_prefix("error: duplicate symbol: ") {
            duplicates.push((symbol.to_string(), Vec::new()));
        } else if let Some(place) = line.strip_prefix(">>> defined in ") {
            match duplicates.last_mut() {
                Some((_, places)) => places.push(place.to_string()),
                None => others.push(line.to_string()),
            }
        } else if !line.is_empty() {
            help = help.or_else(|| advice(line));
            others.push(line.to_string());
        }
    }
    let mut error = Error::build("cannot link");
    // clang writes main a second time, under the name that says which arguments it takes.
    let main = |symbol: &str| matches!(symbol, "__main_void" | "__main_argc_argv" | "__original_main");
    if duplicates.iter().any(|(symbol, _)| symbol == "main") {
        duplicates.retain(|(symbol, _)| !main(symbol));
    }
    for (symbol, places) in &duplicates {
        error = error.cause(format!("{symbol} is defined twice: in {}", places.join(" and in ")));
    }
    for (symbol, users) in &undefined {
        let by = match users.len() {
            0..=3 => users.join(", "),
            n => format!("{} and {} more", users[..3].join(", "), n - 3),
        };
        error = error.cause(format!("undefined symbol: {symbol}, used by {by}"));
    }
    let duplicate = duplicates.first().map(|(symbol, _)| match symbol.as_str() {
        "main" | "__main_void" | "__main_argc_argv" | "__original_main" => {
            "a program has one main; build each of them alone".to_string()
        }
        symbol => format!("rename one {symbol}, make it static, or leave one of the files out"),
    });
    let missing = undefined.keys().find_map(|symbol| known(symbol, program));
    let missing = missing.or_else(|| {
        let symbol = undefined.keys().next()?;
        Some(format!(
            "give the source, object or -l library that defines {symbol}; for a function of the host declare it with \
             __attribute__((import_module(\"env\"), import_name(\"{symbol}\")))"
        ))
    });
    error.help = duplicate.or(missing).or(help);
    if others.is_empty() { error } else { error.diagnostics(others.join("\n")) }
}

/// wasm-ld's own text, with sources for temporary objects and without the tool's name.
pub fn readable(stderr: &str, names: &Names) -> String {
    let mut text = String::new();
    for line in stderr.lines() {
        let line = match line.split_once(": ") {
            Some((tool, rest)) if tool.contains("wasm-ld") || tool.contains("rust-lld") => rest,
            _ => line,
        };
        text.push_str(line);
        text.push('\n');
    }
    for (object, source) in names {
        let source =
            if source.as_os_str() == "-" { "standard input".to_string() } else { source.display().to_string() };
        text = text.replace(&*object.to_string_lossy(), &source);
    }
    text
}

/// Where a missing symbol would come from, if that is known.
fn known(symbol: &str, program: &Program) -> Option<String> {
    let plain = symbol.split('(').next().unwrap_or(symbol);
    if matches!(plain, "main" | "__main_void" | "__main_argc_argv" | "__original_main") {
        return Some(NO_MAIN.to_string());
    }
    if let Some((_, define)) = KNOWN.iter().find(|(symbols, _)| symbols.contains(&plain)) {
        let (_, library) = EMULATIONS.iter().find(|(name, _)| name == define)?;
        return Some(format!("add -D{define} {library}"));
    }
    if let Some((_, help)) = ABSENT.iter().find(|(symbols, _)| symbols.contains(&plain)) {
        return Some(help.to_string());
    }
    if symbol.starts_with("std::") || symbol.starts_with("operator ") || symbol.starts_with("vtable for __cxxabiv1") {
        let cxx = program.items.iter().any(|i| matches!(i, Item::Source(_, l) if l.is_cxx()));
        return (!cxx).then(|| "the objects are C++: add -lc++".to_string());
    }
    if symbol.starts_with("__ubsan_") {
        return Some("add -fsanitize-trap=undefined: there is no runtime that could print what went wrong".to_string());
    }
    if symbol.starts_with("__asan_") || symbol.starts_with("__tsan_") || symbol.starts_with("__msan_") {
        return Some("this sanitizer has no runtime for wasm; compile without it".to_string());
    }
    if symbol.starts_with("__syscall_") || symbol.starts_with('_') && symbol.ends_with("_js") {
        return Some("emcc's C library leaves this to JavaScript: use --compiler=auto, whose library asks WASI".into());
    }
    if symbol.starts_with("emscripten_") {
        return Some("it is emcc's, and needs JavaScript; compile that part out".to_string());
    }
    None
}

/// What to do about other complaints of wasm-ld's.
fn advice(line: &str) -> Option<String> {
    let after = |text: &str| line.split_once(text).map(|(_, rest)| rest.trim());
    if let Some(rest) = after("initial memory too small, ") {
        let needed: u64 = rest.split(' ').next()?.parse().ok()?;
        return Some(format!("--initial-memory {}", needed.next_multiple_of(65536)));
    }
    if let Some(rest) = after("maximum memory too small, ") {
        let needed: u64 = rest.split(' ').next()?.parse().ok()?;
        return Some(format!("--max-memory {}", needed.next_multiple_of(65536)));
    }
    if let Some(library) = after("unable to find library ") {
        return Some(format!("name its folder with -L FOLDER, or leave {library} out"));
    }
    if let Some(symbol) = after("symbol exported via --export not found: ") {
        return Some(format!("check the spelling of --export {symbol}; a C++ function needs extern \"C\""));
    }
    if line.contains("unknown file type") {
        return Some("give wasm objects and archives, compiled with --target=wasm32-wasip1".to_string());
    }
    if line.contains("--shared-memory is disallowed") {
        return Some("the object was compiled for threads: compile it without -pthread".to_string());
    }
    if let Some(option) = after("unknown argument: ") {
        return Some(format!("wasm-ld does not know {option}; leave it out"));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::tokenize;
    use crate::config::{Config, Work};

    fn explained(stderr: &str) -> String {
        let tokens = tokenize(&["a.c".into(), "b.c".into()]).unwrap();
        let Work::Program(program) = Config::resolve(tokens, None).unwrap().work else { unreachable!() };
        let names = vec![("/tmp/x/a.o".into(), "a.c".into()), ("/tmp/x/b.o".into(), "src/b.c".into())];
        link(stderr, &names, &Users::new(), &program).to_string()
    }

    #[test]
    fn an_undefined_symbol_names_its_user_and_its_library() {
        insta::assert_snapshot!(explained("wasm-ld-22: error: /tmp/x/a.o: undefined symbol: clock\n"), @r"
        error: cannot link
        caused by: undefined symbol: clock, used by a.c
        help: add -D_WASI_EMULATED_PROCESS_CLOCKS -lwasi-emulated-process-clocks
        ");
    }

    #[test]
    fn two_mains_name_both_files() {
        let stderr =
            "wasm-ld-22: error: duplicate symbol: main\n>>> defined in /tmp/x/a.o\n>>> defined in /tmp/x/b.o\n";
        insta::assert_snapshot!(explained(stderr), @r"
        error: cannot link
        caused by: main is defined twice: in a.c and in src/b.c
        help: a program has one main; build each of them alone
        ");
    }

    #[test]
    fn what_is_not_understood_is_shown_as_it_was() {
        insta::assert_snapshot!(explained("wasm-ld: error: something new happened\n"), @r"
        error: something new happened
        error: cannot link
        ");
    }
}
