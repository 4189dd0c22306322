//! What can be seen of a run from outside, in a form that is the same for every engine: results,
//! traps, calls to the host, and memories and globals in the end.

use crate::numbers::Numbers;

/// A value, floats by their bits.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Value {
    I32(i32),
    I64(i64),
    F32(u32),
    F64(u64),
    V128(u128),
    Null,
    Reference,
}

impl std::fmt::Debug for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Value::I32(v) => write!(f, "i32:{v}"),
            Value::I64(v) => write!(f, "i64:{v}"),
            Value::F32(v) => write!(f, "f32:{}:{v:#x}", f32::from_bits(*v)),
            Value::F64(v) => write!(f, "f64:{}:{v:#x}", f64::from_bits(*v)),
            Value::V128(v) => write!(f, "v128:{v:#034x}"),
            Value::Null => write!(f, "null"),
            Value::Reference => write!(f, "reference"),
        }
    }
}

/// A type of values, as far as arguments can be made up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    I32,
    I64,
    F32,
    F64,
    V128,
    Reference,
}

/// How a call ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    Returned(Vec<Value>),
    Trapped(String),
    Exited(i32),
    /// Stack or fuel ran out, which says nothing.
    Exhausted,
}

/// A call and what came of it, with the calls that were made to the host meanwhile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    pub call: String,
    pub host: Vec<(String, Vec<Value>)>,
    pub end: End,
}

/// A whole run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Observed {
    pub steps: Vec<Step>,
    /// What a program wrote.
    pub output: Vec<u8>,
    /// Globals and memories in the end, by name; memories by hash.
    pub state: Vec<(String, Value)>,
}

/// What two runs say together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    Same,
    Different(String),
    /// One of them ran out of something.
    Inconclusive,
}

impl Observed {
    /// Whether a call ended by itself, so that equality says something.
    pub fn conclusive(&self) -> bool {
        self.steps.iter().all(|step| step.end != End::Exhausted)
    }

    pub fn compare(&self, other: &Observed) -> Verdict {
        for (a, b) in self.steps.iter().zip(&other.steps) {
            if a.end == End::Exhausted || b.end == End::Exhausted {
                return Verdict::Inconclusive;
            }
            if a != b {
                return Verdict::Different(format!(
                    "{}: {:?} {:?}, not {:?} {:?}",
                    a.call, b.host, b.end, a.host, a.end
                ));
            }
        }
        if self.output != other.output {
            let text = String::from_utf8_lossy;
            return Verdict::Different(format!("wrote {:?}, not {:?}", text(&other.output), text(&self.output)));
        }
        match self.state.iter().zip(&other.state).find(|(a, b)| a != b) {
            Some((a, b)) => Verdict::Different(format!("in the end {} is {:?}, not {:?}", a.0, b.1, a.1)),
            None if self.state.len() != other.state.len() || self.steps.len() != other.steps.len() => {
                Verdict::Different("more or less to see".to_string())
            }
            None => Verdict::Same,
        }
    }
}

const F64: [u64; 14] = [
    0,
    1 << 63,
    0x3ff0_0000_0000_0000,
    0xbff8_0000_0000_0000,
    0x7ff0_0000_0000_0000,
    0xfff0_0000_0000_0000,
    0x7ff8_0000_0000_0000,
    0xfff8_0000_0000_0000,
    0x7ff8_0000_0000_1234,
    0x7ff4_0000_0000_0001,
    1,
    0x800f_ffff_ffff_ffff,
    0x7fef_ffff_ffff_ffff,
    0x4059_1eb8_51eb_851f,
];
const F32: [u32; 14] = [
    0,
    1 << 31,
    0x3f80_0000,
    0xbfc0_0000,
    0x7f80_0000,
    0xff80_0000,
    0x7fc0_0000,
    0xffc0_0000,
    0x7fc0_1234,
    0x7fa0_0001,
    1,
    0x807f_ffff,
    0x7f7f_ffff,
    0x42c8_f5c3,
];

/// Any value of a type, often an awkward one.
pub fn value(kind: Kind, numbers: &mut Numbers) -> Value {
    let plain = numbers.one_in(3);
    let bits = numbers.bits();
    match kind {
        Kind::I32 if plain => Value::I32(bits as i32),
        Kind::I32 => Value::I32((bits % 64) as i32 - 8),
        Kind::I64 if plain => Value::I64(bits as i64),
        Kind::I64 => Value::I64((bits % 64) as i64 - 8),
        Kind::F32 if plain => Value::F32((bits as i32 as f32 / 65536.0).to_bits()),
        Kind::F32 => Value::F32(F32[(bits % 14) as usize]),
        Kind::F64 if plain => Value::F64((bits as i32 as f64 / 65536.0).to_bits()),
        Kind::F64 => Value::F64(F64[(bits % 14) as usize]),
        Kind::V128 => {
            let half = |numbers: &mut Numbers| match numbers.below(3) {
                0 => F64[numbers.below(14) as usize],
                1 => u64::from(F32[numbers.below(14) as usize]) << 32 | u64::from(F32[numbers.below(14) as usize]),
                _ => numbers.bits(),
            };
            Value::V128(u128::from(half(numbers)) << 64 | u128::from(half(numbers)))
        }
        Kind::Reference => Value::Null,
    }
}

/// FNV-1a over words, for memories.
pub fn hash(bytes: &[u8]) -> i64 {
    let (words, rest) = bytes.as_chunks::<8>();
    let step = |h: u64, word: u64| (h ^ word).wrapping_mul(0x100_0000_01b3).rotate_left(17);
    let h = words.iter().fold(0xcbf2_9ce4_8422_2325, |h, word| step(h, u64::from_le_bytes(*word)));
    rest.iter().fold(h, |h, byte| step(h, u64::from(*byte))) as i64
}
