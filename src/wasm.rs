//! The front end for modules that are already wasm: what they are, and whether they are sound.

use wbuild_passes::{Kind, kind};

use crate::error::{Error, Result};
use crate::pipeline;

/// `bytes` are one valid module that passes can work on.
pub fn check(name: &str, bytes: &[u8]) -> Result<()> {
    let wrong = |what: &str| Error::build(format!("{name} is {what}"));
    Err(match kind(bytes) {
        Kind::Module => {
            return wbuild_passes::validate(bytes).map_err(|e| {
                let error = pipeline::explain(e, name);
                let help = "the module is damaged, or what made it is wrong: get it again, or check that tool";
                if error.help.is_some() { error } else { error.help(help) }
            });
        }
        Kind::Relocatable => wrong("an object file: it has a linking section")
            .help(format!("link it: name it .o, then wbuild {}", name.replace(".wasm", ".o"))),
        Kind::DynamicLibrary => wrong("a dynamic library: it has a dylink.0 section")
            .help("link its objects statically: wbuild a.o b.o -o out.wasm"),
        Kind::Component => {
            wrong("a component, not a module").help("unpack its core modules first: wasm-tools component unbundle")
        }
        Kind::UnknownVersion => wrong("wasm of a version that nobody knows").help("check how the file was made"),
        Kind::Truncated => wrong("cut short: not even a header is whole").help("get the file again"),
        Kind::Empty => wrong("empty").help("get the file again"),
        Kind::Native => wrong("a program or object of another machine").help("build it from source with wbuild"),
        Kind::Archive => wrong("an archive of objects").help("name it .a to link it"),
        Kind::Bitcode => wrong("LLVM bitcode").help("name it .bc to compile and link it"),
        Kind::Text => wrong("text, not wasm").help("name it .wat if it is WAT"),
        Kind::Unknown => wrong("not WebAssembly: it does not start with \\0asm").help("check which file this is"),
    })
}
