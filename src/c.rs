//! The front end for C, C++, assembler and LLVM's IR: the command that compiles one source, and what
//! to add to the compiler's words when it fails.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::config::{Config, Lto, Program, Setjmp};
use crate::plan::{self, Place};
use crate::process::Command;
use crate::source::Language;
use crate::toolchain::Toolchain;

/// One source to compile.
pub struct Job<'a> {
    pub path: &'a Path,
    pub language: Language,
    pub object: &'a Path,
    pub lto: Lto,
}

/// The command that compiles `job`.
pub fn command(job: &Job, config: &Config, program: &Program, toolchain: &Toolchain, place: &Place) -> Command {
    let mut command = toolchain.compiler(job.language.is_cxx());
    if !place.epoch {
        // The same input gives the same bytes: __DATE__ and __TIME__ follow this, not the clock.
        command.env.push(("SOURCE_DATE_EPOCH".into(), "0".into()));
    }
    command.args(&toolchain.compile_args).arg("-c").arg(config.level.clang());
    match job.lto {
        Lto::Full | Lto::Both => command.arg("-flto=full"),
        Lto::Thin => command.arg("-flto=thin"),
        Lto::Off => &mut command,
    };
    command.args(&program.debug_flag).args(surroundings(Some(job.language), config, program, place));
    let folder = job.path.parent().unwrap_or(Path::new(""));
    command.args(same_bytes(&[folder], place));
    // An option that only matters to a link is none of this compilation's, and no mistake.
    command.arg("-Qunused-arguments");
    if place.color && !program.compile_args.iter().any(|a| a.to_string_lossy().contains("diagnostics")) {
        command.arg("-fcolor-diagnostics");
    }
    command.args(&program.compile_args).args(dependencies(job, config, program));
    if forced(job) {
        command.arg("-x").arg(job.language.clang());
    }
    command.arg(job.path).arg("-o").arg(job.object);
    command
}

/// What clang must be told before the user's own words, for a source in `language` or in any.
pub fn surroundings(language: Option<Language>, config: &Config, program: &Program, place: &Place) -> Vec<OsString> {
    let mut words: Vec<OsString> = Vec::new();
    if !matches!(language, Some(Language::Assembler | Language::Ir)) {
        if needs_setjmp_runtime(program) {
            // Before the C library's own, which refuses to be used without wasm exceptions.
            words.extend(["-isystem".into(), place.runtime.include.clone().into_os_string()]);
        } else {
            // What the C library's own setjmp.h asks for.
            words.push("-D__wasm_exception_handling__".into());
        }
        words.extend(["-isystem".into(), place.runtime.headers.clone().into_os_string()]);
    }
    if language.is_none_or(Language::is_cxx) {
        match &place.libcxx {
            // Its own headers: the sysroot's may be another version's. They come first, and C never looks there.
            Some(libcxx) => {
                words.extend(["-fexceptions", "-nostdinc++", "-cxx-isystem"].map(OsString::from));
                words.push(libcxx.include().into_os_string());
            }
            None => words.push("-fno-exceptions".into()),
        }
    }
    if !config.target.has_libc && language != Some(Language::Assembler) {
        words.push("-ffreestanding".into());
    }
    if !matches!(language, Some(Language::Assembler | Language::AssemblerWithCpp)) {
        words.extend(plan::codegen(program));
    }
    words
}

/// What helps where the compiler's own words do not.
pub fn explain(diagnostics: &str) -> Option<String> {
    let has = |text: &str| diagnostics.contains(text);
    // wasi-libc's headers say what is missing; here is the option as a whole, library included.
    for (define, library) in EMULATIONS {
        if has(define) {
            return Some(format!("add -D{define} {library}"));
        }
    }
    if has("with exceptions disabled") {
        return Some("add -fexceptions: without it C++ has no exceptions, and is smaller".to_string());
    }
    if has("Setjmp/longjmp support requires Exception handling support") {
        return Some(
            "leave -nostdinc and -isystem of the C library out, so that wbuild's own setjmp.h is found".into(),
        );
    }
    if let Some(rest) = diagnostics.split("error: unknown argument: '").nth(1) {
        let (option, _) = rest.split_once('\'')?;
        return Some(format!("clang does not know {option}; leave it out, or see clang --help"));
    }
    if let Some(rest) = diagnostics.split("fatal error: '").nth(1) {
        let (header, after) = rest.split_once('\'')?;
        if after.starts_with(" file not found") {
            return Some(missing_header(header));
        }
    }
    None
}

/// wasi-libc's emulations: the macro that turns them on, and the library that holds them.
pub(crate) const EMULATIONS: &[(&str, &str)] = &[
    ("_WASI_EMULATED_SIGNAL", "-lwasi-emulated-signal"),
    ("_WASI_EMULATED_PROCESS_CLOCKS", "-lwasi-emulated-process-clocks"),
    ("_WASI_EMULATED_GETPID", "-lwasi-emulated-getpid"),
    ("_WASI_EMULATED_MMAN", "-lwasi-emulated-mman"),
];

fn missing_header(header: &str) -> String {
    match header {
        "pwd.h" | "grp.h" => "WASI has no users; compile that part out".to_string(),
        "sys/wait.h" | "spawn.h" => "WASI has no processes; compile that part out".to_string(),
        "termios.h" | "sys/ptrace.h" | "ucontext.h" | "sys/ipc.h" | "sys/shm.h" | "net/if.h" => {
            format!("WASI has no {header}; compile that part out")
        }
        _ if header.starts_with("emscripten") => {
            "wbuild brings <emscripten.h> for EMSCRIPTEN_KEEPALIVE only; the rest of emcc needs JavaScript".to_string()
        }
        _ => format!("name the folder that has {header} with -I FOLDER"),
    }
}

/// What keeps folders of this machine out of the output: the current one, those of sources and headers, and
/// wbuild's own. Of several that fit clang takes the longest in macros and the last in debug information.
pub fn same_bytes(folders: &[&Path], place: &Place) -> Vec<OsString> {
    let mut words = vec![OsString::from("-fdebug-compilation-dir=.")];
    let mut map = |from: &Path, to: &str| {
        if from.is_absolute() && from.parent().is_some() {
            let mut word = OsString::from("-ffile-prefix-map=");
            word.push(from);
            word.push(format!("/={to}/"));
            words.push(word);
        }
    };
    for folder in [&place.runtime.include, &place.runtime.headers, &place.runtime.posix] {
        map(folder, "/wbuild/include");
    }
    if let Some(libcxx) = &place.libcxx {
        map(&libcxx.sources, "/wbuild/libcxx");
    }
    map(&place.folder, ".");
    // Each by itself, since where the sources lie, as seen from the current folder, is nobody's business either; the
    // longest last, so that it is taken everywhere.
    let mut folders = folders.to_vec();
    folders.sort_by_key(|folder| folder.as_os_str().len());
    folders.into_iter().for_each(|folder| map(folder, "."));
    words
}

/// Where the list of headers of `job` ends up that `-MD` or `-MMD` asks for: where `-MF` says, else beside the output,
/// as gcc does when it links. Sources may share one.
pub fn list(job: &Job, config: &Config, program: &Program) -> Option<PathBuf> {
    let mut words = program.compile_args.iter().map(|word| word.to_string_lossy());
    words.clone().find(|word| word == "-MD" || word == "-MMD")?;
    let mut given = None;
    while let Some(word) = words.next() {
        match word.strip_prefix("-MF") {
            Some("") => given = words.next().map(|path| PathBuf::from(path.as_ref())),
            Some(joined) => given = Some(PathBuf::from(joined)),
            None => {}
        }
    }
    let beside = || {
        let folder = config.output.parent().unwrap_or(Path::new(""));
        folder.join(job.path.file_stem().unwrap_or_default()).with_extension("d")
    };
    Some(given.unwrap_or_else(beside))
}

/// The words for it: every compilation writes a list of its own, which [`crate::exec`] takes from there.
fn dependencies(job: &Job, config: &Config, program: &Program) -> Vec<OsString> {
    if list(job, config, program).is_none() {
        return Vec::new();
    }
    let mut words = vec!["-MF".into(), job.object.with_extension("d").into_os_string()];
    let targets = ["-MT", "-MQ"];
    if !program.compile_args.iter().any(|word| targets.iter().any(|t| word.to_string_lossy().starts_with(t))) {
        words.push("-MQ".into());
        words.push(config.output.clone().into_os_string());
    }
    words
}

/// Whether clang must be told the language, because the name does not say it.
fn forced(job: &Job) -> bool {
    let suffix = job.path.extension().and_then(|e| e.to_str()).unwrap_or_default();
    Language::of_suffix(suffix) != Some(job.language)
}

/// Whether the program's setjmp is wbuild's own, which needs its runtime at the link.
pub(crate) fn needs_setjmp_runtime(program: &Program) -> bool {
    program.setjmp == Setjmp::Lowered
        && !program.codegen_args.iter().any(|word| word.to_str() == Some("-wasm-enable-sjlj"))
}
