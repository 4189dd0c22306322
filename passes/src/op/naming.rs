//! Reads over what names nothing, which is most of any code, without making an [`Operator`] of it.

use wasmparser::{Operator, VisitOperator, VisitSimdOperator};

/// Gives the operators that may name something beyond their function, and all of vectors. Loads and stores are not
/// given where they name the first memory, as nearly all of them do: that is noted once.
#[derive(Default)]
pub(crate) struct Naming {
    /// Whether an operator that was not given names the first memory.
    pub first_memory: bool,
}

/// Whether an operand names nothing that is not noted already.
macro_rules! is_local {
    ($naming:ident, memarg, $arg:ident) => {{
        $naming.first_memory |= $arg.memory == 0;
        $arg.memory == 0
    }};
    ($naming:ident, lane, $arg:ident) => {
        true
    };
    ($naming:ident, lanes, $arg:ident) => {
        true
    };
    ($naming:ident, local_index, $arg:ident) => {
        true
    };
    ($naming:ident, relative_depth, $arg:ident) => {
        true
    };
    ($naming:ident, targets, $arg:ident) => {
        true
    };
    ($naming:ident, value, $arg:ident) => {
        true
    };
    ($naming:ident, $other:ident, $arg:ident) => {
        false
    };
}

macro_rules! naming {
    ($(@$proposal:ident $name:ident $({ $($arg:ident: $ty:ty),* })? => $visit:ident ($($ann:tt)*))*) => {
        $(fn $visit(&mut self $($(, $arg: $ty)*)?) -> Self::Output {
            let is_local = true $($(&& is_local!(self, $arg, $arg))*)?;
            (!is_local).then_some(Operator::$name $({ $($arg),* })?)
        })*
    };
}

impl<'a> VisitOperator<'a> for Naming {
    type Output = Option<Operator<'a>>;

    fn simd_visitor(&mut self) -> Option<&mut dyn VisitSimdOperator<'a, Output = Self::Output>> {
        Some(self)
    }

    wasmparser::for_each_visit_operator!(naming);
}

macro_rules! vectors {
    ($(@$proposal:ident $name:ident $({ $($arg:ident: $ty:ty),* })? => $visit:ident ($($ann:tt)*))*) => {
        $(fn $visit(&mut self $($(, $arg: $ty)*)?) -> Self::Output {
            Some(Operator::$name $({ $($arg),* })?)
        })*
    };
}

impl<'a> VisitSimdOperator<'a> for Naming {
    wasmparser::for_each_visit_simd_operator!(vectors);
}
