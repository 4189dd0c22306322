//! What makes a compilation mean more, or write more, than its words, the environment and its files say.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use super::compile::Compile;

/// How words begin that make an answer depend on more than is known, or write more than an object.
const REFUSED: &[&str] = &[
    "--analyze",
    "--autocomplete",
    "--config",
    "--coverage",
    "--precompile",
    "--save-temps",
    "--serialize-diagnostics",
    "-###",
    "-B",
    "-MJ",
    "-Wa,",
    "-Wp,",
    "-Xassembler",
    "-Xpreprocessor",
    "-dependency",
    "-dumpdir",
    "-emit-",
    "-fauto-profile",
    "-fbuild-session",
    "-fcrash",
    "-fcs-profile",
    "-fdiagnostics-log",
    "-fdump",
    "-fembed-offload",
    "-fexperimental-",
    "-fmodule",
    "-fcxx-modules",
    "-fopenmp",
    "-foptimization-record",
    "-fpass-plugin",
    "-fplugin",
    "-fprebuilt",
    "-fproc-stat",
    "-fprofile-arcs",
    "-fprofile-generate",
    "-fprofile-instr-use",
    "-fprofile-list",
    "-fprofile-remapping",
    "-fprofile-sample",
    "-fprofile-use",
    "-frandomize-layout",
    "-frecord",
    "-fsanitize-",
    "-fsave-optimization",
    "-fstack-usage",
    "-fsyntax-only",
    "-ftest-coverage",
    "-fthinlto-index",
    "-ftime",
    "-fxray",
    "-grecord",
    "-gsplit",
    "-imultilib",
    "-include-pch",
    "-index-",
    "-ivfsoverlay",
    "-load",
    "-save-temps",
    "-serialize-diagnostics",
    "-vfsoverlay",
    "-working-directory",
    "-wrapper",
    "@",
];
/// Such words as a whole.
const REFUSED_WORDS: &[&str] = &["-E", "-M", "-MG", "-MM", "-MV", "-S", "-pg", "-v"];
/// Variables that make clang write what nobody knows of.
const REFUSED_VARIABLES: &[&str] =
    &["DEPENDENCIES_OUTPUT", "SUNPRO_DEPENDENCIES", "CC_PRINT_HEADERS", "CC_LOG_DIAGNOSTICS", "CC_PRINT_OPTIONS"];

/// Why nothing can be kept of it.
pub(super) fn refused(job: &Compile) -> Option<String> {
    if let Some(name) = REFUSED_VARIABLES.iter().find(|name| std::env::var_os(name).is_some()) {
        return Some(format!("{name} is set"));
    }
    if job.command.args.iter().any(|word| word.to_str().is_none_or(|word| word == "--")) {
        return Some("it is not plain words".to_string());
    }
    if job.depfile().is_some_and(|path| path == Path::new("-")) {
        return Some("its list of headers is printed".to_string());
    }
    let mut before = "";
    for word in job.words() {
        let begins = REFUSED.iter().any(|refused| word.starts_with(refused));
        let file = word.split_once('=').is_some_and(|(option, value)| {
            before == "-mllvm" && (option.contains("file") || Path::new(value).is_file())
        });
        if REFUSED_WORDS.contains(&word) || begins || file {
            return Some(format!("{word} is given"));
        }
        before = word;
    }
    job.language().is_none().then(|| "its language has no list of headers".to_string())
}

/// Looks for what makes a file mean more than it says; adds what its `__has_include` asks for.
pub(super) fn scan(text: &[u8], fixed: bool, assembly: bool, wanted: &mut BTreeSet<PathBuf>) -> Result<(), String> {
    let has = |needle: &str| memchr::memmem::find(text, needle.as_bytes()).is_some();
    if has(".incbin") || (assembly && has(".include")) {
        return Err("it includes files by the assembler".to_string());
    }
    if !fixed && ["__DATE__", "__TIME__", "__TIMESTAMP__"].iter().any(|name| has(name)) {
        return Err("it depends on the time".to_string());
    }
    for name in ["__has_include", "__has_embed"] {
        for at in memchr::memmem::find_iter(text, name.as_bytes()) {
            let rest = &text[at + name.len()..];
            let rest = rest.strip_prefix(b"_next").unwrap_or(rest).trim_ascii_start();
            let Some(rest) = rest.strip_prefix(b"(").map(<[u8]>::trim_ascii_start) else { continue };
            let close = match rest.first() {
                Some(b'<') => b'>',
                Some(b'"') => b'"',
                _ => continue,
            };
            if let Some(end) = rest.iter().skip(1).position(|&byte| byte == close || byte == b'\n') {
                let path = Path::new(OsStr::new(std::str::from_utf8(&rest[1..=end]).unwrap_or_default()));
                if path.is_relative() && path != Path::new("") {
                    wanted.insert(path.to_path_buf());
                }
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::Command;

    fn judged(words: &str) -> Option<String> {
        let mut command = Command::new("clang");
        command.args(words.split(' '));
        let (source, object) = (Path::new("a.c"), Path::new("a.o"));
        refused(&Compile { command: &command, source, input: &[], object })
    }

    #[test]
    fn what_reads_or_writes_more_is_refused() {
        for more in [
            "-fplugin=x.so",
            "-Xclang -load -Xclang x.so",
            "--coverage",
            "-ftest-coverage",
            "-save-temps",
            "-save-temps=obj",
            "-include-pch a.pch",
            "-fmodules",
            "-fprofile-use",
            "-fprofile-instr-use=a.profdata",
            "-gsplit-dwarf",
            "-MD -MF -",
            "-Wp,-MD,a.d",
            "-E",
            "-M",
            "@words",
            "--",
            "--config=x.cfg",
            "-mllvm -x-file=y",
        ] {
            assert!(judged(&format!("-c a.c -o a.o {more}")).is_some(), "{more}");
        }
    }

    #[test]
    fn what_makefiles_and_wbuild_say_is_not() {
        for usual in [
            "-O2 -g -Wall -Wextra -Iinclude -DX=1 -std=c99 -fPIC -MD -MP -MF a.d",
            "-MMD -MT a.o -MQ b -fno-exceptions -mllvm -enable-emscripten-sjlj -flto=full",
            "-fprofile-instr-generate -include config.h -isystem d -ffile-prefix-map=/a=b -Qunused-arguments",
        ] {
            assert_eq!(judged(&format!("-c a.c -o a.o {usual}")), None, "{usual}");
        }
    }

    #[test]
    fn a_text_says_what_it_depends_on() {
        let scanned = |text: &str, fixed, assembly| {
            let mut wanted = BTreeSet::new();
            scan(text.as_bytes(), fixed, assembly, &mut wanted).map(|()| wanted.into_iter().collect::<Vec<_>>())
        };
        assert!(scanned("char *t = __TIME__;", false, false).is_err());
        assert!(scanned("char *t = __TIME__;", true, false).is_ok());
        assert!(scanned("asm(\".incbin \\\"x\\\"\");", true, false).is_err());
        assert!(scanned(".include \"x.s\"", true, true).is_err());
        assert!(scanned("#.include", true, false).is_ok());
        let text =
            "#if defined(__has_include) && __has_include ( <a/b.h> ) || __has_include(\"c.h\")\n__has_include(X)";
        assert_eq!(scanned(text, true, false).unwrap(), [PathBuf::from("a/b.h"), PathBuf::from("c.h")]);
    }
}
