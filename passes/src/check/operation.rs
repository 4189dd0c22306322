//! Operators by name, and whether they touch floats.

use wasmparser::Operator;

/// The operator as the text format writes it.
pub(super) fn operation(operator: &Operator<'_>) -> String {
    macro_rules! names {
        ($(@$proposal:ident $name:ident $({ $($arg:ident: $ty:ty),* })? => $visit:ident ($($ann:tt)*))*) => {
            match operator {
                $(Operator::$name { .. } => stringify!($visit),)*
                _ => "visit_unknown",
            }
        };
    }
    let name = wasmparser::for_each_operator!(names);
    let name = name.strip_prefix("visit_").unwrap_or(name);
    const WITHOUT_A_DOT: [&str; 12] =
        ["br", "call", "return", "throw", "try", "catch", "cont", "resume", "typed", "else", "end", "if"];
    match name.split_once('_') {
        Some(("typed", _)) => "select".to_owned(),
        Some(("cont", rest)) => format!("cont.{rest}"),
        Some((first, _)) if WITHOUT_A_DOT.contains(&first) => name.to_owned(),
        Some((first, rest)) => match rest.strip_prefix("atomic_") {
            Some(rest) => match rest.strip_prefix("rmw") {
                Some(rest) => format!("{first}.atomic.rmw{}", rest.replacen('_', ".", 1)),
                None => format!("{first}.atomic.{rest}"),
            },
            None => format!("{first}.{rest}"),
        },
        None => name.to_owned(),
    }
}

/// Whether an operator takes or gives a float or a vector by itself, whatever types it names.
pub(super) fn touches_floats(operator: &Operator<'_>) -> bool {
    macro_rules! floats {
        ($(@$proposal:ident $name:ident $({ $($arg:ident: $ty:ty),* })? => $visit:ident ($($ann:tt)*))*) => {
            match operator {
                $(Operator::$name { .. } => const { is_float(stringify!($proposal), stringify!($name)) },)*
                _ => true,
            }
        };
    }
    wasmparser::for_each_operator!(floats)
}

const fn is_float(proposal: &str, name: &str) -> bool {
    let proposal = proposal.as_bytes();
    // Structs, arrays and exceptions may carry floats out of sight, and so may whatever is not known here.
    if !(equal(proposal, b"mvp")
        || equal(proposal, b"sign_extension")
        || equal(proposal, b"saturating_float_to_int")
        || equal(proposal, b"bulk_memory")
        || equal(proposal, b"reference_types")
        || equal(proposal, b"tail_call")
        || equal(proposal, b"function_references")
        || equal(proposal, b"threads")
        || equal(proposal, b"wide_arithmetic"))
    {
        return true;
    }
    let name = name.as_bytes();
    let mut i = 0;
    while i + 2 < name.len() {
        if name[i] == b'F' && (name[i + 1] == b'3' && name[i + 2] == b'2' || name[i + 1] == b'6' && name[i + 2] == b'4')
        {
            return true;
        }
        i += 1;
    }
    false
}

const fn equal(left: &[u8], right: &[u8]) -> bool {
    if left.len() != right.len() {
        return false;
    }
    let mut i = 0;
    while i < left.len() {
        if left[i] != right[i] {
            return false;
        }
        i += 1;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operators_are_named_as_in_the_text_format() {
        assert_eq!(operation(&Operator::F64ReinterpretI64), "f64.reinterpret_i64");
        assert_eq!(operation(&Operator::BrIf { relative_depth: 0 }), "br_if");
        assert_eq!(operation(&Operator::MemoryGrow { mem: 0 }), "memory.grow");
        assert_eq!(operation(&Operator::ReturnCall { function_index: 0 }), "return_call");
        assert_eq!(operation(&Operator::F32x4RelaxedMadd), "f32x4.relaxed_madd");
        assert_eq!(operation(&Operator::AtomicFence), "atomic.fence");
    }

    #[test]
    fn only_what_has_floats_touches_floats() {
        assert!(touches_floats(&Operator::F64Add));
        assert!(touches_floats(&Operator::I32TruncSatF32S));
        assert!(touches_floats(&Operator::I8x16Add));
        assert!(!touches_floats(&Operator::I64Add));
        assert!(!touches_floats(&Operator::Unreachable));
    }
}
