//! What the linker knew: which numbers are addresses, and which object each of them is in.
//!
//! wasm-ld writes it down with `--emit-relocs`: a `linking` section with every symbol, and `reloc.*` sections with every
//! place in code and data that holds an address (tool-conventions, Linking.md). [`settle`] reads and checks it, uses it, and
//! takes it out.
//!
//! **What.** Memory is a set of objects that a program reaches only by their addresses, and every address comes from a symbol.
//! So where each use of a symbol is a load or a store in place, it is known what all of them reach:
//! - A load of bytes that nothing stores to, or that are declared constant, becomes the constant that stands there.
//! - A store of bytes that nothing loads goes; what it would have stored is dropped.
//!
//! C libraries are full of both: lists of open files in programs that open none, descriptors of a thread that nobody asks
//! for. Binaryen sees constants then, and removes what hangs on them.
//!
//! **Why it is sound.** An object escapes as soon as its address is anything but the address of a load or store within
//! it: passed, stored, compared, computed with, exported, written into data that is loaded. Of objects that escape, only
//! those in `.rodata` are used, and only where no code names them in a store. A load or store within an object does not
//! trap, as objects lie in the memory that there is at the start. A module of which one relocation is not what the
//! linker would have written, or that has one of an unknown kind, is not used at all. A number without relocation that
//! looks like an object's address counts as one.
//!
//! **Limits.** It is for modules that the linker just made: any change of code moves what relocations point to. A program that
//! reaches one object by another's address does what its language leaves undefined.

mod knowledge;
mod strings;
mod uses;

use std::collections::{BTreeMap, HashMap};

use wasm_encoder::{Ieee32, Ieee64, Instruction};
use wasmparser::Operator;

use crate::{Error, FuncId, Module};
use knowledge::Knowledge;
pub use strings::strings;
use uses::{Access, Uses};

/// A module without link information, and what came of that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settled {
    /// The module.
    pub module: Vec<u8>,
    /// How many loads became constants.
    pub loads: usize,
    /// How many stores went.
    pub stores: usize,
    /// Why the information was not used.
    pub doubt: Option<String>,
}

/// Uses the link information of a module that wasm-ld made with `--emit-relocs`, and takes it out. A module without is
/// given back as it is.
pub fn settle(bytes: &[u8]) -> Result<Settled, Error> {
    crate::validate(bytes)?;
    let (known, doubt) = match knowledge::read(bytes) {
        Ok(known) => (known, None),
        Err(doubt) => (None, Some(doubt)),
    };
    let (mut loads, mut stores) = (0, 0);
    let module = crate::run::rewrite(bytes, "link-information", |module| {
        if let Some(known) = known {
            let uses = uses::find(module, &known)?;
            (loads, stores) = apply(module, &known, &uses)?;
        }
        remove(module);
        Ok(())
    })?;
    Ok(Settled { module, loads, stores, doubt })
}

/// Takes the link information out of a module, unused.
pub fn without(bytes: &[u8]) -> Result<Vec<u8>, Error> {
    crate::validate(bytes)?;
    crate::run::rewrite(bytes, "link-information", |module| {
        remove(module);
        Ok(())
    })
}

fn remove(module: &mut Module<'_>) {
    module.customs.retain(|custom| custom.name != "linking" && !custom.name.starts_with("reloc."));
}

/// What becomes of an operator.
enum Fate {
    Gone,
    Becomes(Instruction<'static>),
    /// A load, which becomes the constant that these bytes are.
    Constant(Vec<u8>),
}

fn apply(module: &mut Module<'_>, known: &Knowledge<'_>, uses: &Uses) -> Result<(usize, usize), Error> {
    let mut fates: BTreeMap<FuncId, HashMap<usize, Fate>> = BTreeMap::new();
    let (mut loads, mut stores) = (0, 0);
    for access in &uses.accesses {
        let Access { object, range, .. } = access;
        let fate = if access.is_store {
            if uses.may_load(*object, range) {
                continue;
            }
            stores += 1;
            Fate::Becomes(Instruction::Drop)
        } else {
            let is_constant = known.objects[*object].constant && !known.objects[*object].known_elsewhere;
            let may_change = if is_constant { uses.is_stored(*object, range) } else { uses.may_store(*object, range) };
            let Some(bytes) = known.bytes(range.clone()).filter(|_| !may_change) else { continue };
            loads += 1;
            Fate::Constant(bytes.to_vec())
        };
        let function = fates.entry(access.function).or_default();
        function.insert(access.address, Fate::Gone);
        function.insert(access.operator, fate);
    }
    for (id, fates) in fates {
        let changed = module.edit(id, |operator, edit| {
            let becomes = match fates.get(&edit.position) {
                None => return Ok(()),
                Some(Fate::Gone) => None,
                Some(Fate::Becomes(instruction)) => Some(instruction.clone()),
                Some(Fate::Constant(bytes)) => Some(constant(operator, bytes)?),
            };
            edit.remove();
            becomes.iter().for_each(|instruction| edit.before(instruction));
            Ok(())
        })?;
        if let Some(body) = changed {
            module.set_body(id, body)?;
        }
    }
    Ok((loads, stores))
}

/// What a load gives where these bytes are.
fn constant(load: &Operator<'_>, bytes: &[u8]) -> Result<Instruction<'static>, Error> {
    use Operator::*;
    let mut all = [0; 8];
    all.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
    let number = u64::from_le_bytes(all);
    Ok(match load {
        I32Load { .. } | I32Load8U { .. } | I32Load16U { .. } => Instruction::I32Const(number as i32),
        I32Load8S { .. } => Instruction::I32Const((number as i8).into()),
        I32Load16S { .. } => Instruction::I32Const((number as i16).into()),
        I64Load { .. } | I64Load8U { .. } | I64Load16U { .. } | I64Load32U { .. } => {
            Instruction::I64Const(number as i64)
        }
        I64Load8S { .. } => Instruction::I64Const((number as i8).into()),
        I64Load16S { .. } => Instruction::I64Const((number as i16).into()),
        I64Load32S { .. } => Instruction::I64Const((number as i32).into()),
        F32Load { .. } => Instruction::F32Const(Ieee32::new(number as u32)),
        F64Load { .. } => Instruction::F64Const(Ieee64::new(number)),
        _ => return Err(Error::internal("a load that is none")),
    })
}
