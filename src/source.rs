//! What an input is: by its suffix, by `-x`, or by its first bytes on standard input.

use std::path::Path;

use crate::error::{Error, Result};

/// A language that something is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    C,
    Cxx,
    CPreprocessed,
    CxxPreprocessed,
    Assembler,
    AssemblerWithCpp,
    /// LLVM's text or bitcode.
    Ir,
    Rust,
    Wat,
    Wasm,
}

/// What happens with an input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Input {
    /// It is compiled.
    Source(Language),
    /// It is a crate of one file.
    Crate,
    /// It is a cargo project's folder or manifest.
    Project,
    /// It is linked.
    Object,
    /// It is a whole module.
    Module(Language),
}

impl Language {
    /// Its name after `-x`: clang's, where clang knows it.
    pub fn clang(self) -> &'static str {
        match self {
            Language::C => "c",
            Language::Cxx => "c++",
            Language::CPreprocessed => "cpp-output",
            Language::CxxPreprocessed => "c++-cpp-output",
            Language::Assembler => "assembler",
            Language::AssemblerWithCpp => "assembler-with-cpp",
            Language::Ir => "ir",
            Language::Rust => "rust",
            Language::Wat => "wat",
            Language::Wasm => "wasm",
        }
    }

    pub fn is_cxx(self) -> bool {
        matches!(self, Language::Cxx | Language::CxxPreprocessed)
    }

    /// The language that clang takes a file of this name for, if it is one of ours.
    pub fn of_suffix(suffix: &str) -> Option<Language> {
        Some(match suffix {
            "c" => Language::C,
            "cc" | "cp" | "cpp" | "cxx" | "CPP" | "C" | "c++" => Language::Cxx,
            "i" => Language::CPreprocessed,
            "ii" => Language::CxxPreprocessed,
            "s" => Language::Assembler,
            "S" => Language::AssemblerWithCpp,
            "ll" | "bc" => Language::Ir,
            "rs" => Language::Rust,
            "wat" => Language::Wat,
            "wasm" => Language::Wasm,
            _ => return None,
        })
    }

    fn named(name: &str) -> Option<Language> {
        use Language::*;
        [C, Cxx, CPreprocessed, CxxPreprocessed, Assembler, AssemblerWithCpp, Ir, Rust, Wat, Wasm]
            .into_iter()
            .find(|l| l.clang() == name)
    }

    fn input(self) -> Input {
        match self {
            Language::Wat | Language::Wasm => Input::Module(self),
            Language::Rust => Input::Crate,
            _ => Input::Source(self),
        }
    }
}

/// What `path` is. `forced` is what `-x` said; `stdin` is what standard input holds, for `-`.
pub fn classify(path: &Path, forced: Option<&str>, stdin: Option<&[u8]>) -> Result<Input> {
    if let Some(language) = forced.and_then(Language::named) {
        return Ok(language.input());
    }
    if path == Path::new("-") {
        return sniff(stdin.unwrap_or_default()).map(Language::input).ok_or_else(|| {
            Error::usage("cannot tell what language standard input is in")
                .help("say it before the dash: wbuild -x c - -o out.wasm (or c++, wat, wasm)")
        });
    }
    let shown = path.display();
    if path.ends_with("Cargo.toml") || path.join("Cargo.toml").is_file() {
        return Ok(Input::Project);
    }
    let suffix = path.extension().and_then(|e| e.to_str()).unwrap_or_default();
    if let Some(language) = Language::of_suffix(suffix) {
        return Ok(language.input());
    }
    match suffix {
        "o" | "obj" | "a" => return Ok(Input::Object),
        _ => {}
    }
    let error = Error::usage(format!("cannot tell what {shown} is"));
    Err(match suffix {
        "so" | "dylib" | "dll" => Error::usage(format!("{shown} is a shared library, and wasm is linked statically"))
            .help("give the library's .a, or its sources"),
        "h" | "hh" | "hpp" | "hxx" => Error::usage(format!("{shown} is a header")).help("give the .c that includes it"),
        "m" | "mm" => Error::usage(format!("{shown} is Objective-C, which has no runtime in wasm")),
        "wast" => Error::usage(format!("{shown} is a test script, not a module"))
            .help("give a .wat or a .wasm with one module"),
        _ if path.is_dir() => Error::usage(format!("{shown} is a folder"))
            .help("give the files in it; the folder of a cargo project has a Cargo.toml"),
        "" => error.cause("its name has no suffix").help(format!("say it with -x: wbuild -x c {shown}")),
        _ => error
            .cause(format!("the suffix .{suffix} is unknown"))
            .help("known are .c .cc .cpp .cxx .C .c++ .i .ii .s .S .ll .bc .rs .o .a .wat .wasm; or say it with -x"),
    })
}

/// wasm by its magic, WAT by its first word; C has no mark of its own.
fn sniff(bytes: &[u8]) -> Option<Language> {
    if bytes.starts_with(b"\0asm") {
        return Some(Language::Wasm);
    }
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(4096)]);
    let text = text.trim_start();
    (text.starts_with("(module") || text.starts_with(";;") || text.starts_with("(;")).then_some(Language::Wat)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suffixes_say_what_an_input_is() {
        let of = |name: &str| classify(Path::new(name), None, None);
        assert_eq!(of("a.c").unwrap(), Input::Source(Language::C));
        for name in ["a.cc", "a.cpp", "a.cxx", "a.C", "a.c++"] {
            assert_eq!(of(name).unwrap(), Input::Source(Language::Cxx), "{name}");
        }
        assert_eq!(of("a.o").unwrap(), Input::Object);
        assert_eq!(of("lib/a.a").unwrap(), Input::Object);
        assert_eq!(of("a.wat").unwrap(), Input::Module(Language::Wat));
        assert_eq!(of("a.rs").unwrap(), Input::Crate);
        for name in ["a.so", "a.h", "a", "a.xyz", "a.wast"] {
            let error = of(name).unwrap_err();
            assert!(error.message.contains(name), "{error}");
        }
    }

    #[test]
    fn standard_input_is_recognized_where_it_can_be() {
        let of = |bytes: &[u8]| classify(Path::new("-"), None, Some(bytes));
        assert_eq!(of(b"\0asm\x01\0\0\0").unwrap(), Input::Module(Language::Wasm));
        assert_eq!(of(b"\n  (module)").unwrap(), Input::Module(Language::Wat));
        assert!(of(b"int main;").is_err());
        assert_eq!(classify(Path::new("-"), Some("c"), None).unwrap(), Input::Source(Language::C));
    }
}
