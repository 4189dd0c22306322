//! What a file is, so that an error can say it.

use crate::Error;
use wasmparser::{Parser, Payload};

/// What bytes are, as far as their beginning and section names tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A core module.
    Module,
    /// A core module with a `linking` section: an object file, or a module linked with `--emit-relocs`.
    Relocatable,
    /// A core module with a `dylink.0` or `dylink` section.
    DynamicLibrary,
    /// A component.
    Component,
    /// A wasm file of a version that is neither.
    UnknownVersion,
    /// The beginning of a wasm file, shorter than its header.
    Truncated,
    /// Nothing at all.
    Empty,
    /// A native object file, library or program (ELF, Mach-O or PE).
    Native,
    /// An archive of object files.
    Archive,
    /// LLVM bitcode.
    Bitcode,
    /// Text, perhaps WAT.
    Text,
    /// Something else.
    Unknown,
}

/// Tells what bytes are. Reads no more than the headers of sections.
pub fn kind(bytes: &[u8]) -> Kind {
    const WASM: &[u8] = b"\0asm";
    match bytes {
        [] => Kind::Empty,
        _ if bytes.len() < 8 && (bytes.starts_with(WASM) || WASM.starts_with(bytes)) => Kind::Truncated,
        [0, b'a', b's', b'm', 1, 0, 0, 0, ..] => kind_of_module(bytes),
        [0, b'a', b's', b'm', _, _, 1, 0, ..] => Kind::Component,
        [0, b'a', b's', b'm', ..] => Kind::UnknownVersion,
        [0x7f, b'E', b'L', b'F', ..]
        | [b'M', b'Z', ..]
        | [0xcf | 0xce, 0xfa, 0xed, 0xfe, ..]
        | [0xca, 0xfe, 0xba, 0xbe, ..] => Kind::Native,
        [b'B', b'C', 0xc0, 0xde, ..] | [0xde, 0xc0, 0x17, 0x0b, ..] => Kind::Bitcode,
        _ if bytes.starts_with(b"!<arch>\n") || bytes.starts_with(b"!<thin>\n") => Kind::Archive,
        _ if std::str::from_utf8(bytes).is_ok_and(|text| !text.contains('\0')) => Kind::Text,
        _ => Kind::Unknown,
    }
}

fn kind_of_module(bytes: &[u8]) -> Kind {
    for payload in Parser::new(0).parse_all(bytes).map_while(Result::ok) {
        if let Payload::CustomSection(section) = payload {
            match section.name() {
                "linking" => return Kind::Relocatable,
                "dylink.0" | "dylink" => return Kind::DynamicLibrary,
                _ => {}
            }
        }
    }
    Kind::Module
}

/// Refuses what is no core module, saying what it is and what to do.
pub(crate) fn expect_module(kind: Kind) -> Result<(), Error> {
    let (what, help) = match kind {
        Kind::Module | Kind::Relocatable | Kind::DynamicLibrary => return Ok(()),
        Kind::Component => ("this is a component, not a core module", "give the core module that is inside it"),
        Kind::UnknownVersion => {
            ("this is a wasm file of a version that does not exist yet", "wbuild reads version 1 of core modules")
        }
        Kind::Truncated => ("the file ends inside its header", "it is incomplete: make or fetch it again"),
        Kind::Empty => ("the file is empty", "it is incomplete: make or fetch it again"),
        Kind::Native => ("this is native code, not wasm", "compile its source for wasm: wbuild FILE.c -o FILE.wasm"),
        Kind::Archive => ("this is an archive, not a module", "link it: wbuild FILE.a -o FILE.wasm"),
        Kind::Bitcode => ("this is LLVM bitcode, not a module", "link it: wbuild FILE.o -o FILE.wasm"),
        Kind::Text => ("this is text, not a module", "translate it first: wbuild wat2wasm FILE.wat -o FILE.wasm"),
        Kind::Unknown => ("this is not a wasm file", "a module begins with the bytes 00 61 73 6d"),
    };
    Err(Error::input(what).help(help))
}
