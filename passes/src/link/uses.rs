//! Who reads and writes which object: every address that the linker wrote into code is followed to what takes it.

use std::collections::{BTreeSet, HashMap};
use std::ops::Range;

use wasmparser::{MemArg, Operator, RelocationType};

use super::knowledge::Knowledge;
use crate::module::Collect;
use crate::pass::outline::shape::{Given, shape};
use crate::{Error, FuncId, Item, Module, Reference};

/// The most bytes that a load or store of numbers reaches.
const WIDEST: u32 = 8;

/// The bytes of a constant with room for any number, of which those of less than 27 bits need fewer.
const PADDED: usize = 6;

/// What is known of how objects are used.
#[derive(Default)]
pub(super) struct Uses {
    /// Loads and stores of which it is known what they reach.
    pub accesses: Vec<Access>,
    /// For each object: whether it is reached in ways that are not followed, is loaded from at an address that is not
    /// known, and is stored to at one.
    pub escaped: Vec<bool>,
    pub loaded: Vec<bool>,
    pub stored: Vec<bool>,
    /// Whether a number that is no address as the linker says may be its address, or code reaches beyond it.
    pub pinned: Vec<bool>,
    /// The constants that are addresses of objects.
    pub constants: Vec<Constant>,
    /// Whether code has its address where it is neither a constant nor the offset of an access at a constant.
    pub indexed: Vec<bool>,
}

/// A constant that is an address, as the linker says.
pub(super) struct Constant {
    pub function: FuncId,
    pub operator: usize,
    pub object: usize,
    pub address: u32,
}

/// A load or store at a known address within an object.
pub(super) struct Access {
    pub function: FuncId,
    /// The numbers of the operator that gives the address and of the load or store.
    pub address: usize,
    pub operator: usize,
    pub object: usize,
    pub range: Range<u32>,
    pub is_store: bool,
    /// Whether it is the offset that the linker calls an address, at a constant that is none.
    pub by_offset: bool,
    /// The object whose address it stores.
    stores: Option<usize>,
}

/// A value on the stack.
#[derive(Clone, Copy)]
struct Value {
    /// The number of the operator that gives it.
    operator: usize,
    number: u32,
    /// The object whose address it is. Other numbers are added to such.
    object: Option<usize>,
}

/// Follows everything in the functions that may run.
pub(super) fn find(
    module: &Module<'_>,
    known: &Knowledge<'_>,
    live: &BTreeSet<FuncId>,
    table_is_shared: bool,
) -> Result<Uses, Error> {
    let none = || vec![false; known.count()];
    let (escaped, loaded, stored, pinned, indexed) = (none(), none(), none(), none(), none());
    let mut uses = Uses { escaped, loaded, stored, pinned, indexed, ..Uses::default() };
    uses.escaped[known.objects.len()..].fill(table_is_shared);
    let getters = getters(module, known)?;
    for (index, object) in known.objects.iter().enumerate() {
        uses.escaped[index] |= object.known_elsewhere;
    }
    for &function in live {
        if let Some(&(address, object)) = getters.get(&function) {
            uses.constants.extend(object.map(|object| Constant { function, operator: 0, object, address }));
            continue;
        }
        let walk = Walk { module, known, getters: &getters, function, uses: &mut uses, stack: Vec::new() };
        walk.run().map_err(|error| error.in_function(function.0))?;
    }
    for (_, global) in module.globals.iter() {
        let number = global.source.defined().and_then(|init| u32::try_from(init.integer()?).ok());
        if let Some(object) = number.and_then(|number| known.object_of(&(number..number.checked_add(1)?))) {
            uses.pin(object);
        }
    }
    uses.settle(known);
    Ok(uses)
}

impl Uses {
    /// Whether some of these bytes of an object may be loaded.
    pub fn may_load(&self, object: usize, range: &Range<u32>) -> bool {
        self.escaped[object] || self.loaded[object] || self.any(object, range, false)
    }

    /// Whether some of these bytes of an object may be stored to by what knows its address rightly.
    pub fn may_store(&self, object: usize, range: &Range<u32>) -> bool {
        self.escaped[object] || self.is_stored(object, range)
    }

    /// The same, of code that names the object.
    pub fn is_stored(&self, object: usize, range: &Range<u32>) -> bool {
        self.stored[object] || self.any(object, range, true)
    }

    fn any(&self, object: usize, range: &Range<u32>, is_store: bool) -> bool {
        // They are sorted, and none reaches further than its width, so that few need a look.
        let first = (object, range.start.saturating_sub(WIDEST));
        let from = self.accesses.partition_point(|access| (access.object, access.range.start) < first);
        self.accesses[from..]
            .iter()
            .take_while(|access| access.object == object && access.range.start < range.end)
            .any(|access| access.is_store == is_store && range.start < access.range.end)
    }

    /// Somebody knows its address, as far as numbers tell.
    fn pin(&mut self, object: usize) {
        self.escaped[object] = true;
        self.pinned[object] = true;
    }

    /// An address that stands in an object escapes where that is loaded.
    fn settle(&mut self, known: &Knowledge<'_>) {
        self.accesses.sort_by_key(|access| (access.object, access.range.start));
        let stored =
            self.accesses.iter().filter_map(|access| Some((access.object, access.range.clone(), access.stores?)));
        let mut edges: Vec<(usize, Range<u32>, usize)> = stored.collect();
        for &(at, object) in &known.pointers {
            let range = at..at.saturating_add(4);
            match known.object_of(&range) {
                Some(holder) => edges.push((holder, range, object)),
                None => self.escaped[object] = true,
            }
        }
        for (at, number) in known.words() {
            let is_announced = known.pointers.binary_search_by_key(&at, |(at, _)| *at).is_ok();
            let object = number.checked_add(1).and_then(|end| known.object_of(&(number..end)));
            if let Some(object) = object.filter(|_| !is_announced) {
                self.pin(object);
            }
        }
        loop {
            let before = edges.len();
            edges.retain(|(holder, range, object)| {
                let seen = self.may_load(*holder, range);
                self.escaped[*object] |= seen;
                !seen && !self.escaped[*object]
            });
            if edges.len() == before {
                return;
            }
        }
    }
}

/// Functions that do nothing but give an address, as `__errno_location` does, where all who call them are known.
fn getters(module: &Module<'_>, known: &Knowledge<'_>) -> Result<HashMap<FuncId, (u32, Option<usize>)>, Error> {
    let mut found = HashMap::new();
    for (id, body) in module.bodies() {
        if module.function_type(id).is_none_or(|ty| !ty.params().is_empty()) {
            continue;
        }
        let mut operators = body.reader().get_operators_reader()?;
        let at = operators.original_position() + 1;
        let (first, second) = (operators.read()?, operators.read());
        let (Operator::I32Const { value }, Ok(Operator::End), true) = (first, second, operators.eof()) else {
            continue;
        };
        if let Some(relocation) = known.code.get(&at).filter(|known| known.ty == RelocationType::MemoryAddrSleb) {
            found.insert(id, (value as u32, relocation.object));
        }
    }
    // What can be called without being named may give the address to anybody.
    let mut named = Vec::new();
    let mut report = Collect(|reference| {
        if let Reference::Item(Item::Func(id)) = reference {
            named.push(id);
        }
    });
    report.functions_outside_code(module)?;
    found.retain(|id, _| !named.contains(id));
    Ok(found)
}

struct Walk<'w, 'a> {
    module: &'w Module<'a>,
    known: &'w Knowledge<'w>,
    getters: &'w HashMap<FuncId, (u32, Option<usize>)>,
    function: FuncId,
    uses: &'w mut Uses,
    /// The end of the stack, as far back as it is known.
    stack: Vec<Option<Value>>,
}

impl Walk<'_, '_> {
    fn run(mut self) -> Result<(), Error> {
        let Some(body) = self.module.functions.get(self.function).and_then(|f| f.source.defined()) else {
            return Ok(());
        };
        let mut operators = body.reader().get_operators_reader()?;
        let mut number = 0;
        while !operators.eof() {
            let at = operators.original_position();
            let operator = operators.read()?;
            self.operator(number, &operator, at..operators.original_position());
            number += 1;
        }
        Ok(())
    }

    fn operator(&mut self, number: usize, operator: &Operator<'_>, bytes: Range<usize>) {
        let length = bytes.len();
        let relocation = self.known.code.range(bytes).next().map(|(_, relocation)| *relocation);
        if relocation.is_none() {
            // The linker pads what it relocates: it may be the number of any function.
            if matches!(operator, Operator::I32Const { value } if length == PADDED && (value >> 27 == 0)) {
                self.uses.escaped[self.known.objects.len()..].fill(true);
                self.uses.pinned[self.known.objects.len()..].fill(true);
            }
            let object =
                unannounced(operator).and_then(|number| self.known.object_of(&(number..number.checked_add(1)?)));
            if let Some(object) = object {
                self.uses.pin(object);
            }
        }
        let object = relocation.and_then(|relocation| relocation.object);
        match operator {
            Operator::I32Const { value } => {
                let whole = [RelocationType::MemoryAddrSleb, RelocationType::TableIndexSleb];
                let is_address = relocation.is_none_or(|relocation| whole.contains(&relocation.ty));
                let value = Value { operator: number, number: *value as u32, object };
                match (is_address, object) {
                    (false, Some(object)) => self.is_elsewhere(object),
                    (true, Some(object)) => {
                        let (function, operator, address) = (self.function, number, value.number);
                        self.uses.constants.push(Constant { function, operator, object, address });
                    }
                    _ => {}
                }
                self.stack.push(is_address.then_some(value));
                return;
            }
            Operator::Call { function_index } => {
                if let Some(&(number_of, object)) = self.getters.get(&FuncId(*function_index)) {
                    self.stack.push(Some(Value { operator: number, number: number_of, object }));
                    return;
                }
            }
            Operator::LocalGet { .. } => return self.stack.push(None),
            Operator::LocalSet { .. } => return self.take(1),
            Operator::LocalTee { .. } => {
                self.take(1);
                return self.stack.push(None);
            }
            Operator::Drop => {
                self.stack.pop();
                return;
            }
            _ => {}
        }
        if let Some(access) = memory_access(operator) {
            return self.access(number, access, object);
        }
        // As position-independent code has it.
        object.into_iter().for_each(|object| self.is_elsewhere(object));
        match shape(self.module, operator) {
            None => self.take(self.stack.len()),
            Some(shape) => {
                self.take(shape.pops);
                if shape.result != Given::Nothing {
                    self.stack.push(None);
                }
            }
        }
    }

    fn access(&mut self, number: usize, access: MemoryAccess, named: Option<usize>) {
        let value = if access.is_store { self.stack.pop().flatten() } else { None };
        let address = self.stack.pop().flatten();
        // Two objects in one sum: neither is followed.
        let object = match (named, address.and_then(|address| address.object)) {
            (Some(named), Some(other)) => {
                self.escapes(Some(named));
                self.escapes(Some(other));
                None
            }
            (named, other) => named.or(other),
        };
        let mut followed = false;
        if let Some(object) = object {
            let reached = address.and_then(|address| {
                let first = u32::try_from(u64::from(address.number) + access.memory.offset).ok()?;
                let range = first..first.checked_add(access.bytes)?;
                let there = self.known.object_of(&range);
                if there != Some(object) {
                    self.escapes(there);
                    self.uses.pinned[object] = true;
                }
                (there == Some(object)).then_some((address.operator, range))
            });
            match reached {
                Some((address, range)) => {
                    followed = true;
                    let stores = value.and_then(|value| value.object);
                    let (function, is_store) = (self.function, access.is_store);
                    let operator = number;
                    let by_offset = named.is_some();
                    let access = Access { function, address, operator, object, range, is_store, by_offset, stores };
                    self.uses.accesses.push(access);
                }
                None if access.is_store => self.uses.stored[object] = true,
                None => self.uses.loaded[object] = true,
            }
        }
        if !followed {
            self.escapes(value.and_then(|value| value.object));
            named.into_iter().for_each(|named| self.uses.indexed[named] = true);
        }
        if !access.is_store {
            self.stack.push(None);
        }
    }

    /// Values go where they are not followed.
    fn take(&mut self, count: usize) {
        let rest = self.stack.len().saturating_sub(count);
        for value in self.stack.split_off(rest).into_iter().flatten() {
            self.escapes(value.object);
        }
    }

    /// Code names it in a way that is not followed.
    fn is_elsewhere(&mut self, object: usize) {
        self.uses.escaped[object] = true;
        self.uses.indexed[object] = true;
    }

    fn escapes(&mut self, object: Option<usize>) {
        if let Some(object) = object {
            self.uses.escaped[object] = true;
        }
    }
}

/// A load or a store of numbers.
struct MemoryAccess {
    memory: MemArg,
    bytes: u32,
    is_store: bool,
}

fn memory_access(operator: &Operator<'_>) -> Option<MemoryAccess> {
    use Operator::*;
    let (memory, bytes, is_store) = match operator {
        I32Load8S { memarg } | I32Load8U { memarg } | I64Load8S { memarg } | I64Load8U { memarg } => (memarg, 1, false),
        I32Load16S { memarg } | I32Load16U { memarg } | I64Load16S { memarg } | I64Load16U { memarg } => {
            (memarg, 2, false)
        }
        I32Load { memarg } | F32Load { memarg } | I64Load32S { memarg } | I64Load32U { memarg } => (memarg, 4, false),
        I64Load { memarg } | F64Load { memarg } => (memarg, 8, false),
        I32Store8 { memarg } | I64Store8 { memarg } => (memarg, 1, true),
        I32Store16 { memarg } | I64Store16 { memarg } => (memarg, 2, true),
        I32Store { memarg } | F32Store { memarg } | I64Store32 { memarg } => (memarg, 4, true),
        I64Store { memarg } | F64Store { memarg } => (memarg, 8, true),
        _ => return None,
    };
    (memory.memory == 0).then_some(MemoryAccess { memory: *memory, bytes, is_store })
}

/// A number in code that is no address, as the linker says. Where it looks like one all the same, it is taken for one.
fn unannounced(operator: &Operator<'_>) -> Option<u32> {
    match operator {
        Operator::I32Const { value } => Some(*value as u32),
        Operator::I64Const { value } => u32::try_from(*value).ok(),
        _ => u32::try_from(memory_access(operator)?.memory.offset).ok(),
    }
}
