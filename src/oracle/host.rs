//! The synthetic host: every import is made up from its name and type, the same for both sides;
//! its functions write down who called them with what, and answer from the number of the call.

use std::collections::HashMap;
use std::fmt;

use wasmtime::{
    AsContextMut, Extern, ExternRef, ExternType, Func, FuncType, Global, HeapType, Instance, Memory, Module,
    SharedMemory, Store, StoreLimits, Table, Tag, V128, Val, ValType,
};

use super::{Nans, Options, Side};
use crate::engine::Limits;
use crate::error::{Error, Result};

/// What a store holds: the log, and what was imported.
pub(super) struct Host {
    pub(super) calls: Vec<HostCall>,
    pub(super) limits: StoreLimits,
    /// Calls since the beginning, so that answers differ.
    count: u64,
    seed: u64,
    nans: Nans,
    imported: Vec<(String, Extern)>,
}

impl Host {
    pub(super) fn new(options: &Options) -> Host {
        let limits = Limits { memory: Some(options.max_memory), table: Some(1_000_000) }.store_limits();
        let Options { seed, nans, .. } = *options;
        Host { calls: Vec::new(), limits, count: 0, seed, nans, imported: Vec::new() }
    }

    /// Answers from now on as it does from the beginning.
    pub(super) fn forget(&mut self) {
        self.calls.clear();
        self.count = 0;
    }
}

/// One call to the host.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct HostCall {
    name: String,
    args: Vec<Seen>,
}

impl fmt::Display for HostCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{:?}", self.name, self.args)
    }
}

/// A value as seen from outside. Numbers by their bits; references by what can be told of them.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Seen {
    I32(i32),
    I64(i64),
    F32(u32),
    F64(u64),
    V128(u128),
    Null,
    /// A function, by its numbers of parameters and results.
    Func(usize, usize),
    /// One of the host's own.
    Host(u32),
    I31(u32),
    Other(&'static str),
}

impl fmt::Debug for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Seen::I32(v) => write!(f, "i32 {v}"),
            Seen::I64(v) => write!(f, "i64 {v}"),
            Seen::F32(v) => write!(f, "f32 {} ({v:#x})", f32::from_bits(*v)),
            Seen::F64(v) => write!(f, "f64 {} ({v:#x})", f64::from_bits(*v)),
            Seen::V128(v) => write!(f, "v128 {v:#x}"),
            Seen::Null => write!(f, "null"),
            Seen::Func(p, r) => write!(f, "function of {p} to {r}"),
            Seen::Host(v) => write!(f, "host reference {v}"),
            Seen::I31(v) => write!(f, "i31 {v}"),
            Seen::Other(what) => write!(f, "{what}"),
        }
    }
}

pub(super) fn see(mut store: impl AsContextMut<Data = Host>, value: &Val) -> Seen {
    match value {
        Val::I32(v) => Seen::I32(*v),
        Val::I64(v) => Seen::I64(*v),
        Val::F32(v) => Seen::F32(*v),
        Val::F64(v) => Seen::F64(*v),
        Val::V128(v) => Seen::V128(v.as_u128()),
        Val::FuncRef(None) | Val::ExternRef(None) | Val::AnyRef(None) | Val::ExnRef(None) | Val::ContRef(None) => {
            Seen::Null
        }
        Val::FuncRef(Some(f)) => {
            let ty = f.ty(&store);
            Seen::Func(ty.params().len(), ty.results().len())
        }
        Val::ExternRef(Some(e)) => match e.data(&store) {
            Ok(Some(data)) => data.downcast_ref::<u32>().map_or(Seen::Other("external reference"), |v| Seen::Host(*v)),
            _ => Seen::Other("external reference"),
        },
        Val::AnyRef(Some(any)) => {
            if let Ok(Some(i31)) = any.as_i31(&store) {
                return Seen::I31(i31.get_u32());
            }
            let store = store.as_context_mut();
            match (any.is_struct(&store), any.is_array(&store)) {
                (Ok(true), _) => Seen::Other("struct"),
                (_, Ok(true)) => Seen::Other("array"),
                _ => Seen::Other("reference"),
            }
        }
        Val::ExnRef(Some(_)) => Seen::Other("exception"),
        Val::ContRef(Some(_)) => Seen::Other("continuation"),
    }
}

/// Arguments as a person reads them.
pub(super) fn show(store: &mut Store<Host>, values: &[Val]) -> String {
    values.iter().map(|v| format!("{:?}", see(&mut *store, v))).collect::<Vec<_>>().join(", ")
}

/// A type of an import or export, in words that do not depend on type indices.
pub(super) fn describe(ty: &ExternType) -> String {
    match ty {
        ExternType::Func(f) => signature(f),
        ExternType::Global(g) => format!("global {} {:?}", g.content(), g.mutability()),
        ExternType::Table(t) => format!("table {} {}..{:?}", t.element(), t.minimum(), t.maximum()),
        ExternType::Memory(m) => format!("memory {}..{:?}", m.minimum(), m.maximum()),
        ExternType::Tag(t) => format!("tag {}", signature(t.ty())),
    }
}

/// As [`describe`], without the sizes that memories and tables begin with.
pub(super) fn describe_unsized(ty: &ExternType) -> String {
    match ty {
        ExternType::Table(t) => format!("table {} ..{:?}", t.element(), t.maximum()),
        ExternType::Memory(m) => {
            format!("memory ..{:?} {} {}", m.maximum(), m.is_64(), m.page_size())
        }
        ty => describe(ty),
    }
}

fn signature(f: &FuncType) -> String {
    let list = |types: &mut dyn Iterator<Item = ValType>| types.map(|t| word(&t)).collect::<Vec<_>>().join(" ");
    format!("func ({}) -> ({})", list(&mut f.params()), list(&mut f.results()))
}

fn word(ty: &ValType) -> String {
    match ty {
        // The number of a concrete type may change; that there is one may not.
        ValType::Ref(r) if r.heap_type().is_concrete() => format!("concrete reference, {}", r.is_nullable()),
        ty => ty.to_string(),
    }
}

/// Makes every import, and remembers those that hold state.
pub(super) fn imports(store: &mut Store<Host>, module: &Module) -> Result<Vec<Extern>> {
    // Importing a thing twice gives the same thing twice.
    let mut made: HashMap<(String, String, String), Extern> = HashMap::new();
    let mut externs = Vec::new();
    for import in module.imports() {
        let key = (import.module().to_string(), import.name().to_string(), describe(&import.ty()));
        if let Some(there) = made.get(&key) {
            externs.push(there.clone());
            continue;
        }
        let name = format!("{}.{}", import.module(), import.name());
        let new = make(store, &name, &import.ty())
            .map_err(|e| Error::build(format!("cannot make up the import `{name}`")).cause(format!("{e:#}")))?;
        store.data_mut().imported.push((format!("{name} ({})", key.2), new.clone()));
        made.insert(key, new.clone());
        externs.push(new);
    }
    Ok(externs)
}

fn make(store: &mut Store<Host>, name: &str, ty: &ExternType) -> wasmtime::Result<Extern> {
    Ok(match ty {
        ExternType::Func(ty) => {
            let (name, results) = (name.to_string(), ty.results().collect::<Vec<_>>());
            let f = Func::new(&mut *store, ty.clone(), move |mut caller, args, out| {
                let args = args.iter().map(|v| see(&mut caller, v)).collect();
                let host = caller.data_mut();
                host.calls.push(HostCall { name: name.clone(), args });
                host.count += 1;
                let mut random = Random::new(&name, host.seed ^ host.count);
                let nans = host.nans;
                for (slot, ty) in out.iter_mut().zip(&results) {
                    *slot = value(&mut caller, ty, &mut random, nans)
                        .ok_or_else(|| wasmtime::Error::msg("the host has no value of that type"))?;
                }
                Ok(())
            });
            f.into()
        }
        ExternType::Global(ty) => {
            // Often an address or an offset: small, and aligned.
            let small = 16 * (1 + Random::new(name, 0).next() % 64);
            let value = match ty.content() {
                ValType::I32 => Val::I32(small as i32),
                ValType::I64 => Val::I64(small as i64),
                ValType::F32 => Val::F32((small as f32 + 0.5).to_bits()),
                ValType::F64 => Val::F64((small as f64 + 0.5).to_bits()),
                ValType::V128 => Val::V128(V128::from(u128::from(small))),
                ValType::Ref(_) => null(ty.content())?,
            };
            Global::new(store, ty.clone(), value)?.into()
        }
        ExternType::Memory(ty) if ty.is_shared() => SharedMemory::new(store.engine(), ty.clone())?.into(),
        ExternType::Memory(ty) => {
            let memory = Memory::new(&mut *store, ty.clone())?;
            // Not zeros: a host may have written there before.
            let mut random = Random::new(name, 1);
            for byte in memory.data_mut(&mut *store).iter_mut().take(2048) {
                *byte = random.next() as u8;
            }
            memory.into()
        }
        ExternType::Table(ty) => {
            let init = null(&ValType::Ref(ty.element().clone()))?;
            let init = init.ref_().ok_or_else(|| wasmtime::Error::msg("not a reference"))?;
            Table::new(store, ty.clone(), init)?.into()
        }
        ExternType::Tag(ty) => Tag::new(store, ty)?.into(),
    })
}

fn null(ty: &ValType) -> wasmtime::Result<Val> {
    Val::default_for_ty(ty).ok_or_else(|| wasmtime::Error::msg(format!("{ty} has no null")))
}

/// Arguments for a function, from its name, the round and the seed. `None`: a type that the host
/// has no values of.
pub(super) fn arguments(store: &mut Store<Host>, ty: &FuncType, key: &str, seed: u64, nans: Nans) -> Option<Vec<Val>> {
    let mut random = Random::new(key, seed);
    ty.params().map(|ty| value(&mut *store, &ty, &mut random, nans)).collect()
}

/// Arguments as they were written, each read as its parameter's type. `None`: they do not fit.
pub(super) fn given(args: &[String], ty: &FuncType) -> Option<Vec<Val>> {
    let read = |(arg, ty): (&String, ValType)| match ty {
        ValType::I32 => arg.parse().ok().or_else(|| arg.parse::<u32>().ok().map(|v| v as i32)).map(Val::I32),
        ValType::I64 => arg.parse().ok().or_else(|| arg.parse::<u64>().ok().map(|v| v as i64)).map(Val::I64),
        ValType::F32 => arg.parse::<f32>().ok().map(|v| Val::F32(v.to_bits())),
        ValType::F64 => arg.parse::<f64>().ok().map(|v| Val::F64(v.to_bits())),
        ValType::V128 => arg.parse::<u128>().ok().map(|v| Val::V128(V128::from(v))),
        ValType::Ref(_) => (arg == "null").then(|| Val::default_for_ty(&ty)).flatten(),
    };
    if args.len() != ty.params().len() {
        return None;
    }
    args.iter().zip(ty.params()).map(read).collect()
}

const I32: [i32; 12] = [0, 1, -1, i32::MIN, i32::MAX, 2, 3, 31, 32, 255, 65_535, 65_536];
const I64: [i64; 12] = [0, 1, -1, i64::MIN, i64::MAX, 2, 63, 64, 1 << 31, 1 << 32, -(1 << 31), 255];
const F32: [u32; 12] = [
    0,
    0x8000_0000,
    0x3f80_0000, // 1
    0xbfc0_0000, // -1.5
    0x7f80_0000, // infinity
    0xff80_0000,
    0x7fc0_0000, // the canonical NaN
    0x0000_0001, // the smallest denormal
    0x807f_ffff, // the largest negative denormal
    0x7f7f_ffff, // the largest
    0x4f00_0000, // 2^31
    0x5f00_0000, // 2^63
];
const F32_NANS: [u32; 3] = [0xffc0_0000, 0x7fa0_0000, 0x7fc0_1234];
const F64: [u64; 12] = [
    0,
    1 << 63,
    0x3ff0_0000_0000_0000,
    0xbff8_0000_0000_0000,
    0x7ff0_0000_0000_0000,
    0xfff0_0000_0000_0000,
    0x7ff8_0000_0000_0000,
    1,
    0x800f_ffff_ffff_ffff,
    0x7fef_ffff_ffff_ffff,
    0x41e0_0000_0000_0000,
    0x43e0_0000_0000_0000,
];
const F64_NANS: [u64; 3] = [0xfff8_0000_0000_0000, 0x7ff4_0000_0000_0000, 0x7ff8_0000_0000_1234];

/// A value of that type: half of the time an edge, else small or anything.
fn value(mut store: impl AsContextMut<Data = Host>, ty: &ValType, random: &mut Random, nans: Nans) -> Option<Val> {
    let (kind, bits) = (random.next() % 4, random.next());
    let pick = |n: usize| (bits % n as u64) as usize;
    let any = nans == Nans::Any && kind == 3;
    Some(match ty {
        ValType::I32 if kind < 2 => Val::I32(I32[pick(I32.len())]),
        ValType::I32 if kind == 2 => Val::I32((bits % 1024) as i32),
        ValType::I32 => Val::I32(bits as i32),
        ValType::I64 if kind < 2 => Val::I64(I64[pick(I64.len())]),
        ValType::I64 if kind == 2 => Val::I64((bits % 1024) as i64),
        ValType::I64 => Val::I64(bits as i64),
        ValType::F32 if any => Val::F32(F32_NANS[pick(F32_NANS.len())]),
        ValType::F32 if kind < 2 => Val::F32(F32[pick(F32.len())]),
        ValType::F32 => Val::F32((bits as i32 as f32 / 1024.0).to_bits()),
        ValType::F64 if any => Val::F64(F64_NANS[pick(F64_NANS.len())]),
        ValType::F64 if kind < 2 => Val::F64(F64[pick(F64.len())]),
        ValType::F64 => Val::F64((bits as i64 as f64 / 1024.0).to_bits()),
        ValType::V128 if nans == Nans::Canonical => {
            // Small in every shape, and a NaN in none.
            Val::V128(V128::from(u128::from(bits & 0x3f3f_3f3f_3f3f_3f3f) | u128::from(bits & 0x0f0f_0f0f) << 64))
        }
        ValType::V128 => Val::V128(V128::from(u128::from(bits) | u128::from(random.next()) << 64)),
        ValType::Ref(r) if matches!(r.heap_type(), HeapType::Extern) && (kind > 0 || !r.is_nullable()) => {
            Val::ExternRef(Some(ExternRef::new(&mut store, (bits % 8) as u32).ok()?))
        }
        ty => return Val::default_for_ty(ty),
    })
}

/// Whether anything that can be reached from outside differs: what, before, after.
pub(super) fn compare_state(a: &mut Side, b: &mut Side) -> Option<(String, String, String)> {
    let mut pairs = Vec::new();
    for (name, item) in &a.store.data().imported {
        // An import that is gone can no longer be changed, and never was by the first, or the
        // difference shows elsewhere.
        if let Some((_, other)) = b.store.data().imported.iter().find(|(n, _)| n == name) {
            pairs.push((format!("import {name}"), item.clone(), other.clone()));
        } else if let Some(found) = untouched(&a.store, name, item) {
            return Some(found);
        }
    }
    if let (Some(x), Some(y)) = (a.instance, b.instance) {
        // A snapshot may lack its initializer.
        let mut theirs: HashMap<String, Extern> = exports(&y, &mut b.store).into_iter().collect();
        for (name, item) in exports(&x, &mut a.store) {
            if let Some(other) = theirs.remove(&name) {
                pairs.push((format!("export {name}"), item, other));
            }
        }
    }
    pairs.into_iter().find_map(|(name, x, y)| compare_externs(&name, (a, x), (b, y)))
}

/// A memory that the second module no longer imports must not have been written by the first.
fn untouched(store: &Store<Host>, name: &str, item: &Extern) -> Option<(String, String, String)> {
    let Extern::Memory(memory) = item else { return None };
    let written = memory.data(store).iter().skip(2048).any(|&byte| byte != 0);
    written.then(|| (format!("import {name}"), "written".to_string(), "not imported".to_string()))
}

fn exports(instance: &Instance, store: &mut Store<Host>) -> Vec<(String, Extern)> {
    instance.exports(store).map(|e| (e.name().to_string(), e.into_extern())).collect()
}

fn compare_externs(name: &str, a: (&mut Side, Extern), b: (&mut Side, Extern)) -> Option<(String, String, String)> {
    let found = |what: String, x: String, y: String| Some((what, x, y));
    match (a.1, b.1) {
        (Extern::Memory(x), Extern::Memory(y)) => compare_bytes(name, x.data(&a.0.store), y.data(&b.0.store)),
        (Extern::SharedMemory(x), Extern::SharedMemory(y)) => {
            // SAFETY: no other thread has these memories, and no wasm runs.
            let (x, y) = unsafe {
                let bytes =
                    |m: &SharedMemory| std::slice::from_raw_parts(m.data().as_ptr().cast::<u8>(), m.data_size());
                (bytes(&x).to_vec(), bytes(&y).to_vec())
            };
            compare_bytes(name, &x, &y)
        }
        (Extern::Global(x), Extern::Global(y)) => {
            let (x, y) = (x.get(&mut a.0.store), y.get(&mut b.0.store));
            let (x, y) = (see(&mut a.0.store, &x), see(&mut b.0.store, &y));
            if x == y { None } else { found(format!("global {name}"), format!("{x:?}"), format!("{y:?}")) }
        }
        (Extern::Table(x), Extern::Table(y)) => {
            let (m, n) = (x.size(&a.0.store), y.size(&b.0.store));
            if m != n {
                return found(format!("size of table {name}"), m.to_string(), n.to_string());
            }
            (0..m.min(4096)).find_map(|i| {
                let p = x.get(&mut a.0.store, i).map(Val::from);
                let q = y.get(&mut b.0.store, i).map(Val::from);
                let p = p.map(|v| see(&mut a.0.store, &v));
                let q = q.map(|v| see(&mut b.0.store, &v));
                if p == q { None } else { found(format!("table {name} at {i}"), format!("{p:?}"), format!("{q:?}")) }
            })
        }
        _ => None,
    }
}

/// The first difference of two memories: where, before, after.
pub(super) fn compare_bytes(name: &str, x: &[u8], y: &[u8]) -> Option<(String, String, String)> {
    if x.len() != y.len() {
        return Some((format!("size of memory {name}"), x.len().to_string(), y.len().to_string()));
    }
    if x == y {
        return None;
    }
    let at = x.iter().zip(y).position(|(p, q)| p != q)?;
    Some((format!("memory {name} at {at:#x}"), format!("{:#04x}", x[at]), format!("{:#04x}", y[at])))
}

/// A stream of numbers that depends on a name and a seed only (splitmix64 over FNV-1a).
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    /// The stream of that name and seed.
    pub fn new(name: &str, seed: u64) -> Random {
        let hash =
            name.bytes().fold(0xcbf2_9ce4_8422_2325, |h: u64, b| (h ^ u64::from(b)).wrapping_mul(0x100_0000_01b3));
        Random(hash ^ seed.wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    /// The next number, any of 64 bits.
    #[allow(clippy::should_implement_trait, reason = "it never ends, so there is no Option to look into")]
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}
