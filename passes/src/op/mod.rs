//! What operators do: one table for every pass that asks.

mod access;
mod naming;
mod table;

pub(crate) use access::{offset, with_offset};
pub(crate) use naming::Naming;

use crate::module::Collect;
use crate::{Error, Reference};
use wasm_encoder::reencode::Reencode;
use wasmparser::Operator;

/// What an operator does beyond taking and giving operands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Info {
    /// Its effects.
    pub effects: Effects,
    /// Its behaviour towards NaN bits.
    pub nan: Nan,
}

/// What an operator's result has to do with the bits of a NaN.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nan {
    /// It gives no float, or never a NaN.
    None,
    /// It gives a NaN only if one was in what it read, and then with the same payload.
    Moves,
    /// It may make a NaN whose bits the specification leaves open.
    Fresh,
}

/// A set of effects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Effects(u32);

macro_rules! effects {
    ($($(#[$doc:meta])* $name:ident = $bit:expr;)*) => {
        impl Effects {
            $($(#[$doc])* pub const $name: Effects = Effects(1 << $bit);)*
            /// Everything at once: what is assumed of an operator that the table does not know.
            pub const ALL: Effects = Effects($((1 << $bit))|*);
        }
    };
}

effects! {
    /// Reads a local.
    READS_LOCAL = 0;
    /// Writes a local.
    WRITES_LOCAL = 1;
    /// Reads a global.
    READS_GLOBAL = 2;
    /// Writes a global.
    WRITES_GLOBAL = 3;
    /// Reads a memory or its size.
    READS_MEMORY = 4;
    /// Writes a memory or its size.
    WRITES_MEMORY = 5;
    /// Reads a table or its size.
    READS_TABLE = 6;
    /// Writes a table or its size.
    WRITES_TABLE = 7;
    /// Reads a struct or array.
    READS_HEAP = 8;
    /// Writes a struct or array.
    WRITES_HEAP = 9;
    /// Reads a data or element segment.
    READS_SEGMENT = 10;
    /// Drops a data or element segment.
    WRITES_SEGMENT = 11;
    /// Makes an object that is different from every other.
    ALLOCATES = 12;
    /// Is seen by other threads, or waits for them.
    SYNCHRONIZES = 13;
    /// May do one thing today and another tomorrow.
    NONDETERMINISTIC = 14;
    /// May trap.
    TRAPS = 15;
    /// May throw.
    THROWS = 16;
    /// Is part of the structure of control, or leaves it.
    CONTROL = 17;
    /// Calls, and so may do anything.
    CALLS = 18;
}

impl Effects {
    /// No effect.
    pub const NONE: Effects = Effects(0);
    /// What a call may do: everything.
    pub const CALL: Effects = Effects::ALL;

    /// All of these.
    pub const fn of(list: &[Effects]) -> Effects {
        let mut bits = 0;
        let mut i = 0;
        while i < list.len() {
            bits |= list[i].0;
            i += 1;
        }
        Effects(bits)
    }

    /// Whether every one of these is among them.
    pub const fn contains(self, other: Effects) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether any of these is among them.
    pub const fn intersects(self, other: Effects) -> bool {
        self.0 & other.0 != 0
    }

    /// Whether there is none.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }
}

impl std::ops::BitOr for Effects {
    type Output = Effects;

    fn bitor(self, other: Effects) -> Effects {
        Effects(self.0 | other.0)
    }
}

impl Info {
    /// What is assumed of an operator that the table does not know.
    pub const UNKNOWN: Info = Info { effects: Effects::ALL, nan: Nan::Fresh };
}

/// What an operator does.
pub fn info(operator: &Operator<'_>) -> Info {
    table::look_up(operator)
}

/// How many operands an operator takes and gives; `None` if that depends on more than its name.
pub(crate) fn arity(operator: &Operator<'_>) -> Option<(u32, u32)> {
    macro_rules! count {
        (arity custom) => {
            None
        };
        (arity $pops:literal -> $pushes:literal) => {
            Some(($pops, $pushes))
        };
    }
    macro_rules! arities {
        ($(@$proposal:ident $name:ident $({ $($arg:ident: $ty:ty),* })? => $visit:ident ($($ann:tt)*))*) => {
            match operator {
                $(Operator::$name { .. } => count!($($ann)*),)*
                _ => None,
            }
        };
    }
    wasmparser::for_each_operator!(arities)
}

/// How many blocks are open behind an operator, `depth` being how many are open before it. The
/// `end` of a function closes nothing.
pub(crate) fn depth_after(depth: u32, operator: &Operator<'_>) -> u32 {
    match operator {
        Operator::Block { .. }
        | Operator::Loop { .. }
        | Operator::If { .. }
        | Operator::Try { .. }
        | Operator::TryTable { .. } => depth + 1,
        Operator::End | Operator::Delegate { .. } => depth.saturating_sub(1),
        _ => depth,
    }
}

/// Reports every type, function, table, memory, global, tag, element and data segment that an operator names.
pub fn references(operator: &Operator<'_>, report: impl FnMut(Reference)) -> Result<(), Error> {
    let mut collect = Collect(report);
    match collect.instruction(operator.clone()) {
        Ok(_) => Ok(()),
        Err(error) => Err(Error::internal(format!("cannot read an operator: {error}"))),
    }
}

/// The proposal that brought an operator, as wasmparser names it (`mvp`, `simd`, `gc`, …).
pub fn proposal(operator: &Operator<'_>) -> &'static str {
    macro_rules! proposals {
        ($(@$proposal:ident $name:ident $({ $($arg:ident: $ty:ty),* })? => $visit:ident ($($ann:tt)*))*) => {
            match operator {
                $(Operator::$name { .. } => stringify!($proposal),)*
                _ => "unknown",
            }
        };
    }
    wasmparser::for_each_operator!(proposals)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{FuncId, Item, TypeId};

    macro_rules! names {
        ($(@$proposal:ident $name:ident $({ $($arg:ident: $ty:ty),* })? => $visit:ident ($($ann:tt)*))*) => {
            &[$(stringify!($name)),*]
        };
    }

    #[test]
    fn the_table_has_every_operator_of_the_parser_exactly_once() {
        let parser: &[&str] = wasmparser::for_each_operator!(names);
        let mut expected = parser.to_vec();
        let mut found = table::NAMES.to_vec();
        expected.sort();
        found.sort();
        assert_eq!(found, expected);
    }

    #[test]
    fn calls_do_everything_and_arithmetic_does_nothing() {
        assert_eq!(info(&Operator::Call { function_index: 0 }).effects, Effects::ALL);
        assert!(info(&Operator::I32Add).effects.is_empty());
        assert!(info(&Operator::I32DivS).effects.contains(Effects::TRAPS));
        assert_eq!(info(&Operator::F32Add).nan, Nan::Fresh);
        assert_eq!(info(&Operator::F32Neg).nan, Nan::Moves);
        assert_eq!(info(&Operator::F64ConvertI32S).nan, Nan::None);
    }

    #[test]
    fn references_of_an_operator_are_reported() {
        let mut found = Vec::new();
        references(&Operator::CallIndirect { type_index: 3, table_index: 1 }, |r| found.push(r)).unwrap();
        assert!(found.contains(&Reference::Type(TypeId(3))));
        references(&Operator::RefFunc { function_index: 7 }, |r| found.push(r)).unwrap();
        assert!(found.contains(&Reference::Item(Item::Func(FuncId(7)))));
    }
}
