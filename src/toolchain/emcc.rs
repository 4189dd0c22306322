//! `--compiler=emcc`: the clang that emcc runs compiles, and its wasm-ld links with emcc's C library for programs
//! without JavaScript (`-sSTANDALONE_WASM`).
//!
//! emcc itself runs once for each of its versions, to say how it starts clang and what it links with. It is never asked
//! to make a user's module, because its last step is one of JavaScript's.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use wbuild_targets::Target;

use super::bundled::{Bundled, file_name};
use super::memory::{Memory, hex};
use super::places::Places;
use super::tools::{self, Clang, ClangFacts, ask, first_line, major_after};
use super::{Choice, Tool, Toolchain, map};
use crate::error::{Error, Result};
use crate::process::{Command, Limits, Scratch};

pub(super) const INSTALL: &str = "apt-get install emscripten";

/// An emcc, and what it says of itself.
pub(super) struct Emcc {
    pub path: PathBuf,
    pub version: String,
}

/// How emcc compiles.
#[derive(Serialize, Deserialize)]
struct Compiler {
    clang: PathBuf,
    clangxx: PathBuf,
    args: Vec<String>,
    sysroot: PathBuf,
    version: String,
    resource_dir: PathBuf,
}

/// The emcc that WBUILD_EMCC names, or the one on PATH.
pub(super) fn locate(places: &Places, memory: &mut Memory) -> Result<Emcc> {
    let named = places.path_var("WBUILD_EMCC").map(|path| tools::named(places, &path));
    let path = named
        .or_else(|| places.on_path("emcc"))
        .ok_or_else(|| Error::build("--compiler=emcc finds no emcc").cause("there is none on PATH").help(INSTALL))?;
    let version = memory.recall("emcc", &path, || {
        let line = first_line(&ask(&path, &["--version"])?);
        let number = |word: &&str| word.starts_with(|c: char| c.is_ascii_digit());
        Ok(line.split(' ').find(number).unwrap_or(&line).to_string())
    });
    let version = version.map_err(|e| e.help(format!("{INSTALL}, or name one that runs with WBUILD_EMCC")))?;
    Ok(Emcc { path, version })
}

/// The toolchain that emcc is. Its C library is copied when something is first linked with it.
pub(super) fn toolchain(places: &Places, memory: &mut Memory, target: &Target) -> Result<Toolchain> {
    let Emcc { path, version } = locate(places, memory)?;
    // What else emcc's answer depends on.
    let asked = ["EM_CONFIG", "EM_LLVM_ROOT", "EM_CACHE"]
        .map(|name| places.var(name).map_or(String::new(), |value| hex(value.as_encoded_bytes())));
    let compiler = memory.recall(&format!("emcc's-clang-{}", asked.join("-")), &path, || compiler(&path))?;
    let major = major_after(&compiler.version, "clang version ").unwrap_or_default();
    let clang = Clang {
        path: compiler.clang.clone(),
        facts: ClangFacts {
            version: compiler.version.clone(),
            major,
            wasm32: true,
            resource_dir: compiler.resource_dir.clone(),
        },
    };
    // WBUILD_WASM_LD belongs to another clang.
    let linker = tools::linker_for(memory, &places.without("WBUILD_WASM_LD"), &clang)?;
    let mut tool = |name: &str, version: &str, path: &Path| {
        let sha256 = memory.sha256(path)?;
        Ok::<_, Error>(Tool { name: name.into(), version: version.into(), path: path.into(), sha256 })
    };
    let mut identity = vec![
        tool("emcc", &version, &path)?,
        tool("clang", &compiler.version, &compiler.clang)?,
        tool("wasm-ld", &linker.version, &linker.path)?,
    ];
    // emcc is a script whose text says little; where its library is there already, that says more.
    let libc = compiler.sysroot.join("lib/wasm32-emscripten/libc.a");
    if libc.is_file() {
        identity.push(tool("emcc's libc", &version, &libc)?);
    }
    let mut compile_args = match target.has_libc {
        true => compiler.args,
        false => vec![format!("--target={}", target.name), "-nostdlibinc".into()],
    };
    if major < 16 {
        compile_args.extend(dates(places.var("SOURCE_DATE_EPOCH").and_then(|epoch| epoch.to_str()?.parse().ok())));
    }
    compile_args.push(map("/wbuild/emcc", &compiler.sysroot));
    compile_args.push(map("/wbuild/clang", &compiler.resource_dir));
    let mut found = Toolchain {
        clang: vec![compiler.clang],
        clangxx: vec![compiler.clangxx],
        wasm_ld: vec![linker.path],
        env: Vec::new(),
        hermetic: false,
        llvm_major: major,
        compile_args,
        library_dirs: Vec::new(),
        crt_command: None,
        crt_reactor: None,
        builtins: None,
        bundled: None,
        identity,
    };
    if target.has_libc {
        let mut key = Sha256::new_with_prefix("4");
        found.identity.iter().for_each(|tool| key.update(&tool.sha256));
        let folder = places.cache()?.join("emcc").join(&hex(&key.finalize())[..24]);
        Bundled { choice: Choice::Emcc, driver: path, folder, install: INSTALL }.serve(&mut found);
    }
    memory.save();
    Ok(found)
}

/// What SOURCE_DATE_EPOCH says of dates, for a clang that does not read it: they must not follow the clock.
fn dates(epoch: Option<u64>) -> [String; 4] {
    let epoch = epoch.unwrap_or_default();
    let (mut days, second) = (epoch / 86400, epoch % 86400);
    let weekday = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"][(days % 7) as usize];
    let leap = |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    // Every 400 years are as many days.
    let mut year = 1970 + days / 146_097 * 400;
    days %= 146_097;
    while days >= 365 + u64::from(leap(year)) {
        days -= 365 + u64::from(leap(year));
        year += 1;
    }
    let mut months = [31, 28 + u64::from(leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31].into_iter();
    let mut names = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"].into_iter();
    let mut month = names.next().unwrap_or_default();
    while let Some(length) = months.next().filter(|length| days >= *length) {
        days -= length;
        month = names.next().unwrap_or_default();
    }
    let (day, time) = (days + 1, format!("{:02}:{:02}:{:02}", second / 3600, second / 60 % 60, second % 60));
    [
        "-Wno-builtin-macro-redefined".into(),
        format!("-D__DATE__=\"{month} {day:2} {year}\""),
        format!("-D__TIME__=\"{time}\""),
        format!("-D__TIMESTAMP__=\"{weekday} {month} {day:2} {time} {year}\""),
    ]
}

/// Lets emcc compile a file of each language, and reads off how it starts clang.
fn compiler(emcc: &Path) -> Result<Compiler> {
    let scratch = Scratch::new()?;
    let started = |name: &str| -> Result<Vec<String>> {
        let source = scratch.path().join(name);
        crate::output::write(&source, b"int probe;\n")?;
        let mut command = Command::new(emcc);
        command.args(["-v", "-c"]).arg(&source).arg("-o").arg(source.with_extension("o"));
        let out = command.run(Limits::default())?;
        let is_clang = |words: &Vec<String>| {
            words.first().is_some_and(|tool| file_name(tool).starts_with("clang"))
                && words.get(1).is_some_and(|word| word != "-cc1")
                && words.iter().any(|word| file_name(word) == name)
        };
        let words = out.stderr.lines().map(crate::args::split).find(is_clang);
        words.filter(|_| out.status.success()).ok_or_else(|| {
            Error::build("emcc does not compile")
                .cause(format!("{}: {}", command.shell(), out.status))
                .diagnostics(out.stderr.clone())
                .help(format!("{INSTALL} brings one that can; EM_CACHE names a folder that it can write to"))
        })
    };
    let (c, cxx) = (started("wbuild_probe.c")?, started("wbuild_probe.cc")?);
    let clang = PathBuf::from(&c[0]);
    let args = flags(&c[1..]);
    let sysroot = args.iter().find_map(|word| word.strip_prefix("--sysroot=")).unwrap_or_default().into();
    let version = first_line(&ask(&clang, &["--version"])?);
    let resource_dir = first_line(&ask(&clang, &["-print-resource-dir"])?).into();
    Ok(Compiler { clang, clangxx: PathBuf::from(&cxx[0]), args, sysroot, version, resource_dir })
}

/// Of emcc's words for clang those in front of its user's, without what wbuild says itself: how setjmp and exceptions
/// are compiled.
fn flags(words: &[String]) -> Vec<String> {
    let mut flags = Vec::new();
    let mut words = words.iter().take_while(|word| !matches!(word.as_str(), "-v" | "-c"));
    while let Some(word) = words.next() {
        match word.as_str() {
            "-mllvm" => {
                let option = words.next().filter(|option| !option.contains("sjlj") && !option.contains("exception"));
                flags.extend(option.into_iter().flat_map(|option| [word.clone(), option.clone()]));
            }
            "-fignore-exceptions" => {}
            _ => flags.push(word.clone()),
        }
    }
    flags
}

/// What emcc's C library asks of JavaScript even so, where that is little: memory grew, call a signal's handler, give
/// random bytes.
const HOST: &str = r#"
void emscripten_notify_memory_growth(unsigned long memory) {}
void __call_sighandler(void (*handler)(int), int signal) { handler(signal); }
__attribute__((import_module("wasi_snapshot_preview1"), import_name("random_get"))) int random_get(void *, unsigned long);
int getentropy(void *bytes, unsigned long count) { return random_get(bytes, count) ? -1 : 0; }
"#;

/// Copies what emcc links with: the C library as one archive, libc++ for programs without exceptions.
pub(super) fn fill(new: &Path, toolchain: &Toolchain, library: &Bundled) -> Result<()> {
    let mut parts: Vec<PathBuf> = Vec::new();
    for reactor in [false, true] {
        let mut command = Command::new(&library.driver);
        command.args(["-v", "-O2", "-sSTANDALONE_WASM", "-sALLOW_MEMORY_GROWTH"]);
        if reactor {
            command.arg("--no-entry");
        }
        let words = library.linked_with(command, reactor)?;
        let folders: Vec<&Path> = words.iter().filter_map(|word| word.strip_prefix("-L")).map(Path::new).collect();
        for word in &words {
            let named = word.strip_prefix("-l").map(|name| format!("lib{name}.a"));
            let found = named.and_then(|file| folders.iter().map(|folder| folder.join(&file)).find(|p| p.is_file()));
            let path = found.unwrap_or_else(|| PathBuf::from(word));
            match file_name(&path.to_string_lossy()) {
                "crt1.o" => library.copy(&path, &new.join("crt1-command.o"))?,
                "crt1_reactor.o" => library.copy(&path, &new.join("crt1-reactor.o"))?,
                name if name.starts_with("libc++abi") => library.copy(&path, &new.join("libc++abi.a"))?,
                name if name.starts_with("libc++") => library.copy(&path, &new.join("libc++.a"))?,
                name if name.starts_with("libcompiler_rt") => library.copy(&path, &new.join("libcompiler_rt.a"))?,
                // A program's own; a reactor has less to end.
                name if name.starts_with("lib") && name.ends_with(".a") && !reactor => parts.push(path),
                _ => {}
            }
        }
    }
    let scratch = Scratch::new()?;
    let (source, object) = (scratch.path().join("host.c"), scratch.path().join("host.o"));
    crate::output::write(&source, HOST.as_bytes())?;
    let mut command = toolchain.compiler(false);
    command.args(&toolchain.compile_args).args(["-Oz", "-c"]).arg(&source).arg("-o").arg(&object);
    library.run(&command)?;
    parts.push(object);
    let ar = toolchain.binutil("ar", &Places::of_process())?;
    library.join(Toolchain::command(&ar), &new.join("libc.a"), &parts)
}

#[cfg(test)]
mod tests {
    use super::{dates, flags};

    #[test]
    fn dates_are_those_of_the_epoch() {
        let date = |epoch| dates(Some(epoch))[3].clone();
        assert_eq!(date(0), "-D__TIMESTAMP__=\"Thu Jan  1 00:00:00 1970\"");
        assert_eq!(date(951_782_399), "-D__TIMESTAMP__=\"Mon Feb 28 23:59:59 2000\"");
        assert_eq!(date(951_782_400), "-D__TIMESTAMP__=\"Tue Feb 29 00:00:00 2000\"");
        assert_eq!(date(1_735_603_200), "-D__TIMESTAMP__=\"Tue Dec 31 00:00:00 2024\"");
        assert_eq!(date(4_107_542_400), "-D__TIMESTAMP__=\"Mon Mar  1 00:00:00 2100\"");
    }

    #[test]
    fn of_emcc_s_words_those_stay_that_wbuild_does_not_say_itself() {
        let line = "-target wasm32-unknown-emscripten -fignore-exceptions -mllvm -enable-emscripten-sjlj \
                    -mllvm -disable-lsr -DEMSCRIPTEN -v -c a.c";
        let words: Vec<String> = line.split_whitespace().map(String::from).collect();
        assert_eq!(flags(&words).join(" "), "-target wasm32-unknown-emscripten -mllvm -disable-lsr -DEMSCRIPTEN");
    }
}
