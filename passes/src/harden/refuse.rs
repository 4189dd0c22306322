//! What hardening does not know, refused by name: function, offset and operation.

use super::Options;
use super::grow::{self, Sites};
use crate::{Error, Module, op};
use wasmparser::Operator;

/// Proposals whose operators are understood.
const KNOWN: &[&str] = &[
    "mvp",
    "sign_extension",
    "saturating_float_to_int",
    "bulk_memory",
    "reference_types",
    "tail_call",
    "function_references",
    "exceptions",
    "gc",
    "wide_arithmetic",
];

/// Refuses a module of which one behaviour cannot be made. It sees every operator first, so it also notes those that
/// grow a memory or table.
pub(super) fn check(module: &Module<'_>, options: &Options) -> Result<Sites, Error> {
    for (id, memory) in module.memories.iter() {
        if memory.ty.shared {
            let error = Error::input(format!("memory {} is shared, and threads cannot be hardened", id.0));
            return Err(error.help("compile without threads"));
        }
    }
    let shared = module.tables.iter().any(|(_, table)| table.ty.shared)
        || module.globals.iter().any(|(_, global)| global.ty.shared)
        || module.types.groups().flat_map(|group| group.types()).any(|ty| ty.composite_type.shared);
    if shared {
        return Err(Error::input("a table, global or type is shared, and threads cannot be hardened"));
    }
    let described = |ty: &wasmparser::SubType| {
        ty.composite_type.descriptor_idx.is_some() || ty.composite_type.describes_idx.is_some()
    };
    if module.types.groups().flat_map(|group| group.types()).any(described) {
        return Err(Error::input("a type has a descriptor, which hardening does not know"));
    }
    let mut sites = Sites::new();
    for (id, function) in module.functions.iter() {
        let Some(body) = function.source.defined() else { continue };
        let mut operators = body.reader().get_operators_reader()?;
        while !operators.eof() {
            let offset = operators.original_position();
            let next = operators.read()?;
            operator(&next, options).map_err(|error| error.at(offset).in_function(id.0))?;
            grow::note(&mut sites, id, &next);
        }
    }
    Ok(sites)
}

fn operator(operator: &Operator<'_>, options: &Options) -> Result<(), Error> {
    let proposal = op::proposal(operator);
    if KNOWN.contains(&proposal) {
        return Ok(());
    }
    let name = name(operator);
    Err(match proposal {
        "simd" | "relaxed_simd" if options.simd => return Ok(()),
        "simd" | "relaxed_simd" => Error::input(format!("SIMD operation `{name}`")).help("allow SIMD with --simd"),
        "threads" | "shared_everything_threads" => {
            Error::input(format!("atomic operation `{name}`, and threads cannot be hardened"))
                .help("compile without threads")
        }
        "legacy_exceptions" => Error::input(format!("operation `{name}` of the legacy exceptions"))
            .help("translate them first: wasm-opt --translate-to-exnref"),
        _ => {
            let proposal = proposal.replace('_', "-");
            Error::input(format!("operation `{name}` of the proposal {proposal}, which hardening does not know"))
        }
    })
}

/// The name of an operator in the text format, or close to it.
pub(super) fn name(operator: &Operator<'_>) -> String {
    macro_rules! names {
        ($(@$proposal:ident $name:ident $({ $($arg:ident: $ty:ty),* })? => $visit:ident ($($ann:tt)*))*) => {
            match operator {
                $(Operator::$name { .. } => stringify!($visit),)*
                _ => "visit_unknown",
            }
        };
    }
    let name: &str = wasmparser::for_each_operator!(names);
    let name = name.strip_prefix("visit_").unwrap_or(name);
    let first = name.split('_').next().unwrap_or(name);
    let spaces = ["memory", "table", "local", "global", "data", "elem", "ref", "struct", "array", "cont", "atomic"];
    let typed = first.bytes().any(|byte| byte.is_ascii_digit());
    if !typed && !spaces.contains(&first) {
        return name.to_owned();
    }
    name.replacen('_', ".", 1).replacen(".atomic_", ".atomic.", 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_text_format() {
        let memarg = wasmparser::MemArg { align: 0, max_align: 2, offset: 0, memory: 0 };
        assert_eq!(name(&Operator::F32x4Add), "f32x4.add");
        assert_eq!(name(&Operator::F32x4RelaxedMadd), "f32x4.relaxed_madd");
        assert_eq!(name(&Operator::MemoryAtomicNotify { memarg }), "memory.atomic.notify");
        assert_eq!(name(&Operator::V128Load8x8S { memarg }), "v128.load8x8_s");
        assert_eq!(name(&Operator::BrIf { relative_depth: 0 }), "br_if");
        assert_eq!(name(&Operator::Suspend { tag_index: 0 }), "suspend");
    }
}
