//! Lower to MVP: operators that WebAssembly 1.0 has not become code that it has.
//!
//! **What.** Sign extension becomes two shifts. Saturating conversions, `memory.copy` and `memory.fill` become calls of
//! functions, which are added once each. What blocks take, and what they give where that is several, goes through locals; several
//! results of a function that is only ever called go through globals. Everything is written as short as it can be, since longer numbers in
//! `call_indirect` are a feature too.
//!
//! **Why it is sound.** Each replacement does what the specification says of the operator: conversions give 0 for NaN and the
//! nearest number for what is out of range; copying works where the ranges overlap; where a range does not fit into
//! memory, copying and filling trap before they write a byte. Of values that go through locals and globals `lower/values.rs` says why.
//!
//! **Example.** `lower-to-mvp` makes of
//! ```wat
//! (module
//!   (func (export "f") (param i32 i64) (result i32 i64)
//!     (i32.extend8_s (local.get 0))
//!     (i64.extend32_s (local.get 1))))
//! ```
//! this:
//! ```wat
//! (module
//!   (type (;0;) (func (param i32 i64) (result i32 i64)))
//!   (export "f" (func 0))
//!   (func (;0;) (type 0) (param i32 i64) (result i32 i64)
//!     local.get 0
//!     i32.const 24
//!     i32.shl
//!     i32.const 24
//!     i32.shr_s
//!     local.get 1
//!     i32.wrap_i64
//!     i64.extend_i32_s
//!   )
//! )
//! ```
//!
//! **Limits.** What else is new stays, such as several results of a function that is exported, imported or in a table, passive
//! segments and second memories: who asks for a set of
//! features looks afterwards at what is there. A copy of many bytes is slower than the engine's own.

mod values;

use std::collections::BTreeMap;

use crate::{Encodings, Error, FuncId, Module};
use wasm_encoder::{BlockType, Ieee32, Ieee64, Instruction, MemArg, ValType};
use wasmparser::Operator;

/// A function that stands for an operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Helper {
    Copy,
    Fill,
    Convert(Conversion),
}

/// A saturating conversion.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Conversion {
    /// From 64 bits, and to 64 bits.
    from_f64: bool,
    to_i64: bool,
    signed: bool,
}

pub(super) fn run(module: &mut Module<'_>) -> Result<(), Error> {
    values::lower(module)?;
    let mut helpers: BTreeMap<Helper, FuncId> = BTreeMap::new();
    let mut needs_segments = module.data.iter().any(|(_, data)| matches!(data.kind, crate::DataKind::Passive));
    for id in module.functions.ids() {
        let mut wanted = Vec::new();
        each(module, id, |operator| {
            needs_segments |= matches!(operator, Operator::MemoryInit { .. } | Operator::DataDrop { .. });
            wanted.extend(helper(module, operator));
        })?;
        for helper in wanted {
            helpers.entry(helper).or_insert_with(|| add(module, helper));
        }
        let body = module.edit(id, |operator, edit| {
            if let Some(code) = shifts(operator) {
                edit.remove();
                code.iter().for_each(|instruction| edit.before(instruction));
            } else if let Some(function) = helper(module, operator).and_then(|helper| helpers.get(&helper)) {
                edit.remove();
                edit.before(&Instruction::Call(function.0));
            }
            Ok(())
        })?;
        if let Some(body) = body {
            module.set_body(id, body)?;
        }
    }
    module.data_count &= needs_segments;
    module.encodings = Encodings::Shortest;
    Ok(())
}

fn each(module: &Module<'_>, id: FuncId, mut see: impl FnMut(&Operator<'_>)) -> Result<(), Error> {
    let Some(body) = module.functions.get(id).and_then(|function| function.source.defined()) else { return Ok(()) };
    let mut operators = body.reader().get_operators_reader()?;
    while !operators.eof() {
        see(&operators.read().map_err(|error| Error::from(error).in_function(id.0))?);
    }
    Ok(())
}

/// Sign extension in older operators.
fn shifts(operator: &Operator<'_>) -> Option<Vec<Instruction<'static>>> {
    let by = |bits: i64| match bits {
        ..32 => vec![
            Instruction::I32Const(bits as i32),
            Instruction::I32Shl,
            Instruction::I32Const(bits as i32),
            Instruction::I32ShrS,
        ],
        _ => vec![Instruction::I64Const(bits), Instruction::I64Shl, Instruction::I64Const(bits), Instruction::I64ShrS],
    };
    Some(match operator {
        Operator::I32Extend8S => by(24),
        Operator::I32Extend16S => by(16),
        Operator::I64Extend8S => by(56),
        Operator::I64Extend16S => by(48),
        Operator::I64Extend32S => vec![Instruction::I32WrapI64, Instruction::I64ExtendI32S],
        _ => return None,
    })
}

/// The function that stands for an operator, if one does.
fn helper(module: &Module<'_>, operator: &Operator<'_>) -> Option<Helper> {
    use Operator::*;
    let convert = |from_f64, to_i64, signed| Some(Helper::Convert(Conversion { from_f64, to_i64, signed }));
    let narrow =
        || {
            module.memories.iter().next().is_some_and(|(_, memory)| {
                !memory.ty.memory64 && !memory.ty.shared && memory.ty.page_size_log2.is_none()
            })
        };
    match operator {
        MemoryCopy { dst_mem: 0, src_mem: 0 } => narrow().then_some(Helper::Copy),
        MemoryFill { mem: 0 } => narrow().then_some(Helper::Fill),
        I32TruncSatF32S => convert(false, false, true),
        I32TruncSatF32U => convert(false, false, false),
        I32TruncSatF64S => convert(true, false, true),
        I32TruncSatF64U => convert(true, false, false),
        I64TruncSatF32S => convert(false, true, true),
        I64TruncSatF32U => convert(false, true, false),
        I64TruncSatF64S => convert(true, true, true),
        I64TruncSatF64U => convert(true, true, false),
        _ => None,
    }
}

fn add(module: &mut Module<'_>, helper: Helper) -> FuncId {
    use wasmparser::ValType::{F32, F64, I32, I64};
    match helper {
        Helper::Convert(conversion) => {
            let from = if conversion.from_f64 { F64 } else { F32 };
            let to = if conversion.to_i64 { I64 } else { I32 };
            let ty = module.types.add_function(&[from], &[to]);
            module.add_function(ty, &[], &convert(conversion))
        }
        Helper::Copy => {
            let ty = module.types.add_function(&[I32, I32, I32], &[]);
            module.add_function(ty, &[], &copy())
        }
        Helper::Fill => {
            let ty = module.types.add_function(&[I32, I32, I32], &[]);
            module.add_function(ty, &[ValType::I64], &fill())
        }
    }
}

/// Below the upper bound what is not below the lower one converts, and the rest is the least number; else NaN is 0.
fn convert(Conversion { from_f64, to_i64, signed }: Conversion) -> Vec<Instruction<'static>> {
    use Instruction as I;
    let float = |value: f64| match from_f64 {
        true => I::F64Const(Ieee64::from(value)),
        false => I::F32Const(Ieee32::from(value as f32)),
    };
    let number = |value: i64| if to_i64 { I::I64Const(value) } else { I::I32Const(value as i32) };
    let bits = if to_i64 { 64 } else { 32 };
    // The first that is too large; the last that is too small, or where that has no float of its own, the first that is not.
    let upper = 2f64.powi(if signed { bits - 1 } else { bits });
    let exact = signed && (!from_f64 || to_i64);
    let lower = match signed {
        true if exact => -upper,
        true => -upper - 1.0,
        false => -1.0,
    };
    let (least, most) = match (to_i64, signed) {
        (true, true) => (i64::MIN, i64::MAX),
        (false, true) => (i64::from(i32::MIN), i64::from(i32::MAX)),
        (_, false) => (0, -1),
    };
    let is_below = if from_f64 { I::F64Lt } else { I::F32Lt };
    let is_above = match (from_f64, exact) {
        (true, true) => I::F64Ge,
        (true, false) => I::F64Gt,
        (false, true) => I::F32Ge,
        (false, false) => I::F32Gt,
    };
    let truncate = match (from_f64, to_i64, signed) {
        (false, false, true) => I::I32TruncF32S,
        (false, false, false) => I::I32TruncF32U,
        (true, false, true) => I::I32TruncF64S,
        (true, false, false) => I::I32TruncF64U,
        (false, true, true) => I::I64TruncF32S,
        (false, true, false) => I::I64TruncF32U,
        (true, true, true) => I::I64TruncF64S,
        (true, true, false) => I::I64TruncF64U,
    };
    let result = BlockType::Result(if to_i64 { ValType::I64 } else { ValType::I32 });
    let is_itself = if from_f64 { I::F64Eq } else { I::F32Eq };
    vec![
        I::LocalGet(0),
        float(upper),
        is_below,
        I::If(result),
        I::LocalGet(0),
        float(lower),
        is_above,
        I::If(result),
        I::LocalGet(0),
        truncate,
        I::Else,
        number(least),
        I::End,
        I::Else,
        number(most),
        number(0),
        I::LocalGet(0),
        I::LocalGet(0),
        is_itself,
        I::Select,
        I::End,
        I::End,
    ]
}

const WORD: MemArg = MemArg { offset: 0, align: 0, memory_index: 0 };

/// Traps where as many bytes as parameter 2 says from one of the parameters on do not fit into memory.
fn check(parameter: u32) -> Vec<Instruction<'static>> {
    use Instruction as I;
    vec![
        I::LocalGet(parameter),
        I::I64ExtendI32U,
        I::LocalGet(2),
        I::I64ExtendI32U,
        I::I64Add,
        I::MemorySize(0),
        I::I64ExtendI32U,
        I::I64Const(16),
        I::I64Shl,
        I::I64GtU,
        I::If(BlockType::Empty),
        // The trap of an access that no memory has room for.
        I::I32Const(-1),
        I::I32Load8U(MemArg { offset: u32::MAX.into(), ..WORD }),
        I::Drop,
        I::End,
    ]
}

/// Moves a parameter by some bytes.
fn step(parameter: u32, bytes: i32) -> Vec<Instruction<'static>> {
    use Instruction as I;
    vec![I::LocalGet(parameter), I::I32Const(bytes), I::I32Add, I::LocalSet(parameter)]
}

/// Repeats while parameter 2 is not below a number of bytes, taking that many off it.
fn repeat(bytes: i32, body: Vec<Instruction<'static>>) -> Vec<Instruction<'static>> {
    use Instruction as I;
    let mut code = vec![
        I::Block(BlockType::Empty),
        I::Loop(BlockType::Empty),
        I::LocalGet(2),
        I::I32Const(bytes),
        I::I32LtU,
        I::BrIf(1),
    ];
    code.extend(step(2, -bytes));
    code.extend(body);
    code.extend([I::Br(0), I::End, I::End]);
    code
}

/// Eight bytes at a time, then one: forwards where the destination is not behind the source, else backwards.
fn copy() -> Vec<Instruction<'static>> {
    use Instruction as I;
    let mut code = check(0);
    code.extend(check(1));
    code.extend([I::LocalGet(0), I::LocalGet(1), I::I32GtU, I::If(BlockType::Empty)]);
    // What is left is copied from its end on.
    for (bytes, load, store) in [(8, I::I64Load(WORD), I::I64Store(WORD)), (1, I::I32Load8U(WORD), I::I32Store8(WORD))]
    {
        let end = |parameter| [I::LocalGet(parameter), I::LocalGet(2), I::I32Add];
        code.extend(repeat(bytes, [&end(0)[..], &end(1)[..], &[load, store]].concat()));
    }
    code.push(I::Else);
    for (bytes, load, store) in [(8, I::I64Load(WORD), I::I64Store(WORD)), (1, I::I32Load8U(WORD), I::I32Store8(WORD))]
    {
        let moved = [step(0, bytes), step(1, bytes)].concat();
        code.extend(repeat(bytes, [vec![I::LocalGet(0), I::LocalGet(1), load, store], moved].concat()));
    }
    code.extend([I::End, I::End]);
    code
}

/// Eight bytes at a time, then one.
fn fill() -> Vec<Instruction<'static>> {
    use Instruction as I;
    let mut code = check(0);
    code.extend([
        I::LocalGet(1),
        I::I64ExtendI32U,
        I::I64Const(0xff),
        I::I64And,
        I::I64Const(0x0101_0101_0101_0101),
        I::I64Mul,
        I::LocalSet(3),
    ]);
    code.extend(repeat(8, [vec![I::LocalGet(0), I::LocalGet(3), I::I64Store(WORD)], step(0, 8)].concat()));
    code.extend(repeat(1, [vec![I::LocalGet(0), I::LocalGet(1), I::I32Store8(WORD)], step(0, 1)].concat()));
    code.push(I::End);
    code
}
