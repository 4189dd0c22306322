//! What the linker knew: which numbers are addresses, and which object each of them is in.
//!
//! wasm-ld writes it down with `--emit-relocs`: a `linking` section with every symbol, and `reloc.*` sections with every
//! place in code and data that holds an address (tool-conventions, Linking.md). [`settle`] reads and checks it, uses it, and
//! takes it out.
//!
//! **What.** Memory is a set of objects that a program reaches only by their addresses, and every address comes from a symbol.
//! So where each use of a symbol is a load or a store in place, it is known what all of them reach:
//! - A load of bytes that nothing stores to, or that are declared constant, becomes the constant that stands there.
//! - A store of bytes that nothing loads goes; what it would have stored is dropped. Bytes of data that nothing loads become zeros.
//!
//! Functions are objects as well, and their places in the table are addresses:
//! - An indirect call of a type that one function has whose place gets somewhere becomes a call of it, and one of a type that
//!   none has a trap.
//! - A function whose place gets nowhere leaves the table. Who runs and who is called is found together: what only code names
//!   that never runs is not used.
//!
//! Objects move within their segment then, so that those that code names often have short offsets (`order.rs`).
//!
//! C libraries are full of things that nobody needs: lists of open files in programs that open none, descriptors of a thread
//! that nobody asks for. Binaryen sees constants then, and removes what hangs on them.
//!
//! **Why it is sound.** An object escapes as soon as its address is anything but the address of a load or store within
//! it: passed, stored, compared, computed with, exported, written into data that is loaded. Of objects that escape, only
//! those in `.rodata` are used, and only where no code names them in a store. A load or store within an object does not
//! trap, as objects lie in the memory that there is at the start. Nobody else fills or reads the table, or else all of its functions
//! escape and no call changes. To call a null pointer or one of another type is undefined in C and Rust, and so is to load it from
//! a place that is no place; so these traps need not stay, as they must in modules that others made. A module of which one relocation is not what the
//! linker would have written, or that has one of an unknown kind, is not used at all. A number without relocation that
//! looks like an object's address counts as one.
//!
//! **Limits.** It is for modules that the linker just made: any change of code moves what relocations point to. A program that
//! reaches one object by another's address, or makes a function's number out of another's, does what its language leaves undefined.
//! Where setjmp's calls still are imports, every function whose place gets somewhere counts as called.

mod calls;
mod dead;
mod knowledge;
mod live;
mod named;
mod order;
mod strings;
mod uses;

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

use wasm_encoder::{Ieee32, Ieee64, Instruction};
use wasmparser::Operator;

use crate::{Error, FuncId, Module};
use calls::Simple;
use knowledge::Knowledge;
use named::Names;
pub use named::{IMPORTED_FROM, Placed, SECTION, place};
use order::Order;
pub use strings::strings;
use uses::{Access, Uses};

/// A module without link information, and what came of that.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settled {
    /// The module.
    pub module: Vec<u8>,
    /// How many loads became constants.
    pub loads: usize,
    /// How many stores went.
    pub stores: usize,
    /// How many indirect calls became direct, or traps.
    pub calls: usize,
    /// How many functions left the table.
    pub places: usize,
    /// How many bytes of data became zero.
    pub cleared: usize,
    /// How many objects of data stand elsewhere.
    pub moved: usize,
    /// How many objects are imported globals until [`place`].
    pub named: usize,
    /// Why the information was not used.
    pub doubt: Option<String>,
}

/// What becomes of addresses in code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Addresses {
    /// They are numbers like others.
    Numbers,
    /// Those that may lose their last use are imported globals, until [`place`].
    Named,
}

/// Uses the link information of a module that wasm-ld made with `--emit-relocs`, and takes it out. A module without is
/// given back as it is.
pub fn settle(bytes: &[u8], addresses: Addresses) -> Result<Settled, Error> {
    crate::validate(bytes)?;
    let (known, doubt) = match knowledge::read(bytes) {
        Ok(known) => (known, None),
        Err(doubt) => (None, Some(doubt)),
    };
    let Some(mut known) = known else {
        return Ok(Settled { module: without(bytes)?, doubt, ..Settled::default() });
    };
    let original = Module::parse(bytes)?;
    let live = live::find(&original, &known)?;
    let mut changes = Changes::default();
    changes.fold(&known, &live.uses);
    calls::direct(&original, &known, &live, &mut changes)?;
    let dead = dead::never_loaded(&known, &live, &changes);
    let order = Order::find(&known, &live.uses, &changes, &dead);
    order.point(&mut known);
    let names = match addresses {
        Addresses::Numbers => Names::default(),
        Addresses::Named => Names::find(&original, &known, &live, &order, &dead, &mut changes),
    };
    let (mut places, mut cleared, mut named) = (0, 0, 0);
    let module = crate::run::rewrite(&order.name(&known, bytes), "link-information", |module| {
        changes.make(module, &known)?;
        places = dead::empty_places(module, &known, &live);
        // Behind the constants that stood there.
        cleared = dead::clear(&mut known, &dead);
        order.arrange(module, &known);
        remove(module);
        named = names.import(module);
        Ok(())
    })?;
    let Changes { loads, stores, calls, .. } = changes;
    Ok(Settled { module, loads, stores, calls, places, cleared, moved: order.moved(), named, doubt })
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
    module.customs.retain(|custom| {
        custom.name != "linking" && !custom.name.starts_with("reloc.") && !Names::is_section(&custom.name)
    });
}

/// What becomes of an operator.
enum Fate {
    Becomes(Vec<Instruction<'static>>),
    /// A load, which becomes the constant that stands at these addresses.
    Constant(Range<u32>),
    /// A load or store, which adds nothing to its address any more.
    WithoutOffset,
}

/// What becomes of code.
#[derive(Default)]
struct Changes {
    /// By function, and the operator's number.
    fates: BTreeMap<FuncId, HashMap<usize, Fate>>,
    loads: usize,
    stores: usize,
    calls: usize,
}

impl Changes {
    fn set(&mut self, function: FuncId, operator: usize, fate: Fate) {
        self.fates.entry(function).or_default().insert(operator, fate);
    }

    fn fate(&self, function: FuncId, operator: usize) -> Option<&Fate> {
        self.fates.get(&function)?.get(&operator)
    }

    /// Has nothing put the value on the stack that is on top of it behind these operators; false where that is not simple.
    fn discard(&mut self, function: FuncId, operators: &[Simple]) -> bool {
        let Some((last, before)) = operators.split_last() else { return false };
        let is_gone = match self.fate(function, before.len()) {
            Some(Fate::Constant(_)) => true,
            Some(Fate::Becomes(_) | Fate::WithoutOffset) => false,
            None if *last == Simple::Load => self.discard(function, before),
            None => *last == Simple::Value,
        };
        if is_gone {
            self.set(function, before.len(), Fate::Becomes(Vec::new()));
        }
        is_gone
    }

    /// Folds loads, and removes stores.
    fn fold(&mut self, known: &Knowledge<'_>, uses: &Uses) {
        for access in &uses.accesses {
            let Access { object, range, .. } = access;
            let fate = if access.is_store {
                if uses.may_load(*object, range) {
                    continue;
                }
                self.stores += 1;
                Fate::Becomes(vec![Instruction::Drop])
            } else {
                let is_constant = known.objects[*object].constant && !known.objects[*object].known_elsewhere;
                let may_change =
                    if is_constant { uses.is_stored(*object, range) } else { uses.may_store(*object, range) };
                if may_change || known.bytes(range.clone()).is_none() {
                    continue;
                }
                self.loads += 1;
                Fate::Constant(range.clone())
            };
            self.set(access.function, access.address, Fate::Becomes(Vec::new()));
            self.set(access.function, access.operator, fate);
        }
    }

    fn make(&self, module: &mut Module<'_>, known: &Knowledge<'_>) -> Result<(), Error> {
        for (&id, fates) in &self.fates {
            let changed = module.edit(id, |operator, edit| {
                let Some(fate) = fates.get(&edit.position) else { return Ok(()) };
                edit.remove();
                match fate {
                    Fate::Becomes(instructions) => instructions.iter().for_each(|instruction| edit.before(instruction)),
                    Fate::Constant(range) => {
                        let bytes = known.bytes(range.clone()).ok_or_else(|| Error::internal("a constant is gone"))?;
                        edit.before(&constant(operator, bytes)?);
                    }
                    Fate::WithoutOffset => edit.before(&crate::op::with_offset(operator, 0)?),
                }
                Ok(())
            })?;
            if let Some(body) = changed {
                module.set_body(id, body)?;
            }
        }
        Ok(())
    }
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
