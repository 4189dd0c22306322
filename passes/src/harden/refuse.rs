//! What hardening does not know, refused by name: function, offset and operation.

use super::Options;
use super::graph::{Reason, Type};
use super::grow::{self, Sites};
use super::operators::{Meaning, meaning};
use crate::{Error, FuncId, GlobalId, Module, TypeId, op};
use wasmparser::{FuncType, Operator};

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

/// What was seen on the way.
pub(super) struct Seen {
    /// What grows a memory or table.
    pub growing: Sites,
    /// Of each function, whether it may have a float or vector at hand. Without one it has no bits to observe.
    pub floats: Vec<bool>,
}

/// Refuses a module of which one behaviour cannot be made. It sees every operator first, so it also notes what others
/// want to know.
pub(super) fn check(module: &Module<'_>, options: &Options) -> Result<Seen, Error> {
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
    let mut seen = Seen { growing: Sites::new(), floats: vec![false; module.functions.bound()] };
    for (id, function) in module.functions.iter() {
        let Some(body) = function.source.defined() else { continue };
        let mut floats = has_floats(module.function_type(id));
        let mut operators = body.reader().get_operators_reader()?;
        while !operators.eof() {
            let offset = operators.original_position();
            let next = operators.read()?;
            let proposal = op::proposal(&next);
            operator(&next, proposal, options).map_err(|error| error.at(offset).in_function(id.0))?;
            grow::note(&mut seen.growing, id, &next);
            floats = floats || may_give_a_float(module, &next, proposal);
        }
        if let Some(slot) = seen.floats.get_mut(id.0 as usize) {
            *slot = floats;
        }
    }
    Ok(seen)
}

fn has_floats(ty: Option<&FuncType>) -> bool {
    ty.is_none_or(|ty| ty.params().iter().chain(ty.results()).any(|&ty| Type::of(ty).is_some()))
}

/// Whether an operator may put a float or vector on the stack that was not in a local before.
fn may_give_a_float(module: &Module<'_>, operator: &Operator<'_>, proposal: &str) -> bool {
    match operator {
        Operator::Call { function_index } => has_floats(module.function_type(FuncId(*function_index))),
        Operator::CallIndirect { type_index, .. } | Operator::CallRef { type_index } => {
            has_floats(module.types.function(TypeId(*type_index)))
        }
        Operator::GlobalGet { global_index } => {
            let global = module.globals.get(GlobalId(*global_index));
            global.is_none_or(|global| Type::of(global.ty.content_type).is_some())
        }
        Operator::GlobalSet { .. } => false,
        Operator::F32Const { .. } | Operator::F64Const { .. } => true,
        // Structures and exceptions may carry floats, and in lanes there is always something.
        _ => {
            matches!(proposal, "gc" | "exceptions" | "simd" | "relaxed_simd")
                || meaning(operator) != Meaning::Sees(Reason::Other)
        }
    }
}

fn operator(operator: &Operator<'_>, proposal: &str, options: &Options) -> Result<(), Error> {
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
    fn functions_without_floats_are_told_from_the_others() {
        let module = wat::parse_str(
            r#"(module
            (import "host" "f" (func $float (result f32)))
            (import "host" "i" (func $whole (param i64) (result i32)))
            (type $takes (func (param v128)))
            (memory 1) (table 1 funcref)
            (global $f (mut f64) (f64.const 0)) (global $i (mut i32) (i32.const 0))
            (tag $e (param i32))
            (func (param i32) (result i32) (i64.store (i32.const 0) (i64.const 1)) (local.get 0))
            (func (drop (call $whole (i64.const 1))) (global.set $i (global.get $i)))
            (func (drop (call_indirect (type 0) (i32.const 0))))
            (func (param f32))
            (func (result f64) unreachable)
            (func (drop (f64.const 1)))
            (func (drop (f32.load (i32.const 0))))
            (func (local f32) (f32.store (i32.const 0) (local.get 0)))
            (func (drop (global.get $f)))
            (func (drop (call $float)))
            (func (call_indirect (type $takes) (v128.const i64x2 0 0) (i32.const 0)))
            (func (drop (f64.convert_i32_s (i32.const 1))))
            (func (throw $e (i32.const 1))))"#,
        );
        let module = module.unwrap();
        let module = Module::parse(&module).unwrap();
        let floats = check(&module, &Options { simd: true, ..Options::default() }).unwrap().floats;
        let of = |function: usize| floats[2 + function];
        assert_eq!((0..2).map(of).collect::<Vec<_>>(), [false; 2]);
        assert_eq!((2..13).map(of).collect::<Vec<_>>(), [true; 11]);
    }

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
