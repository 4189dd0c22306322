//! Exports that only objects can tell: what `EMSCRIPTEN_KEEPALIVE` marks, and which of emcc's two
//! spellings of a name exists.

use std::collections::BTreeSet;

use wasmparser::{KnownCustom, Linking, Name, Parser, Payload, SymbolFlags, SymbolInfo};

use crate::config::{Config, Entry, Item, Program};
use crate::error::{Error, Result};
use crate::plan::Variant;
use crate::{bitcode, explain, output, settings};

/// What the sources mark `used` with default visibility, as `EMSCRIPTEN_KEEPALIVE` does. emcc's
/// linker exports it by itself; for WASI wasm-ld must be told.
pub fn kept_alive(variant: &Variant, program: &Program) -> Result<Vec<String>> {
    let mut names = BTreeSet::new();
    let given = program.items.iter().filter_map(|item| match item {
        Item::Object(path) => Some(path),
        Item::Source(..) | Item::Linker(_) => None,
    });
    for path in variant.compile.iter().map(|compile| &compile.object).chain(given) {
        let object = output::read(path)?;
        // Of an archive only the linker knows which members are needed.
        if object.starts_with(b"!<") {
            continue;
        }
        match bitcode::symbols(&object) {
            Some(symbols) => names.extend(symbols.into_iter().filter(|s| s.is_kept_alive).map(|s| s.name)),
            None => names.extend(kept_in(&object)),
        }
    }
    Ok(names.into_iter().collect())
}

/// Looks after the link which spellings of EXPORTED_FUNCTIONS there are. A name that is not there
/// in either is an error; where both are, the one with the underscore is not meant and is returned.
pub fn settle(module: &[u8], config: &Config, program: &Program) -> Result<Option<Vec<String>>> {
    let mut unwanted = Vec::new();
    let mut missing = Vec::new();
    if program.emcc_exports.is_empty() {
        return Ok(None);
    }
    let exports = exports(module);
    for name in &program.emcc_exports {
        let bare = settings::bare(name);
        if matches!(bare, "main") && config.entry == Entry::Command {
            continue;
        }
        let given = program.emcc_exports.iter().any(|other| settings::bare(other) == name);
        match (exports.contains(bare), bare != name && exports.contains(name)) {
            (true, true) if !given && !program.exports.contains(name) && !program.export_all => {
                unwanted.push(name.clone())
            }
            (false, false) => missing.push(name.as_str()),
            _ => {}
        }
    }
    if !missing.is_empty() {
        return Err(Error::build(format!("EXPORTED_FUNCTIONS names what is not defined: {}", missing.join(", ")))
            .help("check the spelling: C's add is _add or add; a C++ function needs extern \"C\""));
    }
    Ok((!unwanted.is_empty()).then_some(unwanted))
}

/// A program without main links all the same, because the C library only calls it if it is there;
/// started, it would trap.
pub fn require_main(module: &[u8]) -> Result<()> {
    for payload in Parser::new(0).parse_all(module).map_while(|p| p.ok()) {
        let Payload::CustomSection(section) = payload else { continue };
        let KnownCustom::Name(names) = section.as_known() else { continue };
        for name in names.into_iter().map_while(|n| n.ok()) {
            let Name::Function(functions) = name else { continue };
            if functions.into_iter().map_while(|n| n.ok()).any(|naming| naming.name == "undefined_weak:main") {
                return Err(Error::build("cannot link").cause("undefined symbol: main").help(explain::NO_MAIN));
            }
        }
    }
    Ok(())
}

fn exports(module: &[u8]) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for payload in Parser::new(0).parse_all(module).map_while(|p| p.ok()) {
        if let Payload::ExportSection(section) = payload {
            names.extend(section.into_iter().map_while(|e| e.ok()).map(|e| e.name.to_string()));
        }
    }
    names
}

/// Of a wasm object, from its linking section.
fn kept_in(object: &[u8]) -> Vec<String> {
    let kept = |flags: SymbolFlags| {
        let away = SymbolFlags::UNDEFINED | SymbolFlags::VISIBILITY_HIDDEN | SymbolFlags::BINDING_LOCAL;
        flags.contains(SymbolFlags::NO_STRIP) && !flags.intersects(away)
    };
    symbols(object).into_iter().filter(|(flags, _)| kept(*flags)).map(|(_, name)| name.to_string()).collect()
}

/// The names of functions and data that other objects find in a wasm object.
pub(crate) fn defined(object: &[u8]) -> Vec<&str> {
    let away = SymbolFlags::UNDEFINED | SymbolFlags::BINDING_LOCAL;
    symbols(object).into_iter().filter(|(flags, _)| !flags.intersects(away)).map(|(_, name)| name).collect()
}

/// The functions and data in a wasm object's symbol table that have names there.
fn symbols(object: &[u8]) -> Vec<(SymbolFlags, &str)> {
    let mut found = Vec::new();
    for payload in Parser::new(0).parse_all(object).map_while(|p| p.ok()) {
        let Payload::CustomSection(section) = payload else { continue };
        let KnownCustom::Linking(linking) = section.as_known() else { continue };
        for part in linking.into_iter().map_while(|p| p.ok()) {
            let Linking::SymbolTable(symbols) = part else { continue };
            found.extend(symbols.into_iter().map_while(|s| s.ok()).filter_map(|symbol| match symbol {
                SymbolInfo::Func { flags, name: Some(name), .. } | SymbolInfo::Data { flags, name, .. } => {
                    Some((flags, name))
                }
                _ => None,
            }));
        }
    }
    found
}
