//! Addresses by name: what the linker knew stays known while Binaryen works.
//!
//! [`Names::find`] has each object whose last use in code could go become an imported immutable global, whose value is where
//! it stands; what an address adds to that stays outside, in code. Functions in the table are objects, too, and their places
//! are where they stand. Beside the module it writes down which objects' addresses stand in which. To read a global that
//! nobody knows is valid wherever a constant is, so whoever does not know what it stands for, as Binaryen, moves it, gives it
//! on and removes it, and makes no other number out of it. [`place`] has the numbers take the place of the globals again. An
//! object that code named before and that neither code nor an object that is left names is dead then: its bytes become zeros,
//! and a function leaves the table.
//!
//! An object is named only if every use of it in code that may run can be: as a constant, or as the offset of an access at a
//! constant. Elsewhere an offset adds to a number without wrapping around, which no other operator does; so
//! objects that are indexed that way keep their numbers and stay, as do those whose addresses came out of loads that became
//! constants, and all functions where others than calls of this module's code use the table. Objects have their places
//! already; they do not move.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::ops::Range;

use wasm_encoder::{Encode, Instruction};
use wasmparser::{BinaryReader, GlobalType, Operator, ValType};

use super::knowledge::Knowledge;
use super::live::Live;
use super::order::Order;
use super::{Changes, Fate};
use crate::module::{Collect, Uses};
use crate::pass::unused;
use crate::{
    ConstExpr, Custom, DataKind, Element, ElementItems, ElementKind, Error, FuncId, GlobalId, Item, Module, Place,
    Reference, Source,
};

/// What named objects are imported from, short since it stands at each. Their own names are their numbers.
pub const IMPORTED_FROM: &str = "&";

/// The custom section with the objects that have names. No module has it that [`place`] or nobody gave names.
pub const SECTION: &str = "wbuild.objects";

/// The most objects that get names, so that tools stay within their limits on imports.
const MOST: usize = 50_000;

/// An object with a name.
#[derive(Default, PartialEq, Debug)]
struct Object {
    /// Where it stands, as a start and a length, which is 0 for a function's place in the table.
    start: u32,
    length: u32,
    /// The objects whose addresses stand in it.
    names: BTreeSet<u32>,
}

impl Object {
    fn range(&self) -> Range<u32> {
        self.start..self.start.saturating_add(self.length)
    }
}

/// The objects that have names, and what is imported for them.
#[derive(Default, PartialEq, Debug)]
pub(super) struct Names {
    /// The first stands for everything without a name, which is there as long as the module is.
    objects: Vec<Object>,
    /// The objects that code names, in the order of the globals.
    globals: Vec<u32>,
}

impl Names {
    /// Names what can be named in code that was read from `module`, and changes it so.
    pub fn find(
        module: &Module<'_>,
        known: &Knowledge<'_>,
        live: &Live,
        order: &Order,
        dead: &[Range<u32>],
        changes: &mut Changes,
    ) -> Names {
        let uses = &live.uses;
        if module.globals.iter().filter_map(|(_, global)| global.source.import()).any(|i| i.module == IMPORTED_FROM) {
            return Names::default();
        }
        // Numbers in code that are addresses, too: a load that became one.
        let mut folded = BTreeSet::new();
        for access in &uses.accesses {
            if let Some(Fate::Constant(range)) = changes.fate(access.function, access.operator) {
                let first = known.pointers.partition_point(|(at, _)| at.saturating_add(4) <= range.start);
                let inside = known.pointers[first..].iter().take_while(|(at, _)| *at < range.end);
                folded.extend(inside.map(|(_, object)| *object));
            }
        }
        let mut objects = vec![Object::default()];
        let mut numbers = vec![None; known.count()];
        let mut name = |index: usize, start, length| {
            if !uses.pinned[index] && !uses.indexed[index] && !folded.contains(&index) {
                numbers[index] = Some(objects.len() as u32);
                objects.push(Object { start, length, ..Object::default() });
            }
        };
        for (index, object) in known.objects.iter().enumerate() {
            if !object.is_fixed && !object.known_elsewhere {
                let start = object.range.start.wrapping_add(order.distance(index));
                name(index, start, object.range.end - object.range.start);
            }
        }
        // Behind Binaryen a table is known by being the only one.
        if !live.table_is_shared && module.tables.iter().count() == 1 {
            for (index, place) in (known.objects.len()..).zip(&known.places) {
                place.iter().filter(|_| uses.escaped[index]).for_each(|place| name(index, *place, 0));
            }
        }
        for &(at, object) in &known.pointers {
            let behind = dead.partition_point(|range| range.end <= at);
            let is_cleared = dead.get(behind).is_some_and(|dead| dead.start <= at && dead.end - at >= 4);
            let holder = known.object_of(&(at..at.saturating_add(4))).and_then(|holder| numbers[holder]).unwrap_or(0);
            objects[holder as usize].names.extend(numbers[object].filter(|_| !is_cleared));
        }
        // Function, operator, object and address, and the access whose offset it was.
        let mut found = Vec::new();
        for constant in &uses.constants {
            let address = constant.address.wrapping_add(order.distance(constant.object));
            found.push((constant.function, constant.operator, constant.object, address, None));
        }
        for access in uses.accesses.iter().filter(|access| access.by_offset) {
            let address = access.range.start.wrapping_add(order.distance(access.object));
            found.push((access.function, access.address, access.object, address, Some(access.operator)));
        }
        found.retain(|&(function, operator, object, ..)| {
            numbers[object].is_some() && changes.fate(function, operator).is_none()
        });
        let number = |object: usize| numbers[object].unwrap_or_default();
        let globals: BTreeSet<u32> = found.iter().map(|found| number(found.2)).collect();
        if globals.len() > MOST {
            return Names::default();
        }
        let globals: Vec<u32> = globals.into_iter().collect();
        for (function, operator, object, address, access) in found {
            let place = globals.partition_point(|global| *global < number(object));
            let mut named = vec![Instruction::GlobalGet((module.globals.bound() + place) as u32)];
            let added = address.wrapping_sub(objects[number(object) as usize].start);
            if added != 0 {
                named.extend([Instruction::I32Const(added as i32), Instruction::I32Add]);
            }
            changes.set(function, operator, Fate::Becomes(named));
            if let Some(access) = access {
                changes.set(function, access, Fate::WithoutOffset);
            }
        }
        Names { objects, globals }
    }

    /// Imports the globals, in the module that was changed, and writes the objects beside it. Says how many have names.
    pub fn import(&self, module: &mut Module<'_>) -> usize {
        if self.globals.is_empty() {
            return 0;
        }
        for object in &self.globals {
            let ty = GlobalType { content_type: ValType::I32, mutable: false, shared: false };
            module.add_global_import(IMPORTED_FROM, &object.to_string(), ty);
        }
        let data = section(&self.objects).into();
        module.customs.push(Custom { name: SECTION.into(), data, after: Place::Data });
        self.globals.len()
    }

    /// Whether it is the section that only this file writes and reads.
    pub fn is_section(name: &str) -> bool {
        name == SECTION
    }
}

/// A module with numbers for the names of objects, and what came of that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placed {
    /// The module.
    pub module: Vec<u8>,
    /// How many bytes of data became zero.
    pub cleared: usize,
    /// How many places in the table are dead now.
    pub places: usize,
}

/// Has the numbers take the place of the globals that stand for them, removes what nothing needs, and clears objects that
/// nothing names any more. A module without names stays as it is otherwise.
pub fn place(bytes: &[u8]) -> Result<Placed, Error> {
    let (mut cleared, mut places) = (0, 0);
    let module = crate::run::rewrite(bytes, "addresses", |module| {
        unused::imports(module)?;
        let Some(at) = module.customs.iter().position(|custom| custom.name == SECTION) else { return Ok(()) };
        let objects = read(&module.customs.remove(at).data)?;
        let dead = dead(module, &objects, &named(module)?)?;
        cleared = clear(module, &dead);
        places = leave(module, &dead);
        if places > 0 {
            unused::imports(module)?;
        }
        let named = named(module)?;
        let start = |object: &u32| objects.get(*object as usize).map(|object| object.start as i32);
        let addresses = named.iter().map(|(id, object)| Some((*id, start(object)?))).collect::<Option<_>>();
        replace(module, &addresses.ok_or_else(|| Error::internal("an object that is not there has a name"))?)
    })?;
    Ok(Placed { module, cleared, places })
}

fn section(objects: &[Object]) -> Vec<u8> {
    let mut data = Vec::new();
    objects.len().encode(&mut data);
    for object in objects {
        [object.start, object.length, object.names.len() as u32].iter().for_each(|number| number.encode(&mut data));
        object.names.iter().for_each(|name| name.encode(&mut data));
    }
    data
}

fn read(data: &[u8]) -> Result<Vec<Object>, Error> {
    let mut reader = BinaryReader::new(data, 0);
    let mut numbers = |count: u32| (0..count).map(|_| Ok(reader.read_var_u32()?)).collect::<Result<Vec<u32>, Error>>();
    let count = numbers(1)?[0];
    let mut objects = Vec::new();
    for _ in 0..count {
        let [start, length, names] = numbers(3)?[..] else { return Err(Error::internal("an object is cut off")) };
        objects.push(Object { start, length, names: numbers(names)?.into_iter().collect() });
    }
    Ok(objects)
}

/// The globals that stand for objects, with those.
fn named(module: &Module<'_>) -> Result<BTreeMap<GlobalId, u32>, Error> {
    let mut found = BTreeMap::new();
    for (id, global) in module.globals.iter() {
        let Some(import) = global.source.import().filter(|import| import.module == IMPORTED_FROM) else { continue };
        found.insert(id, import.name.parse().map_err(|_| Error::internal("a name that is no object's"))?);
    }
    Ok(found)
}

/// Where those objects stand that nothing leads to, in order. A function's place has no length. Functions and objects are
/// found together, so that those which only name each other are dead.
fn dead(
    module: &mut Module<'_>,
    objects: &[Object],
    named: &BTreeMap<GlobalId, u32>,
) -> Result<Vec<Range<u32>>, Error> {
    let places: Vec<Range<u32>> = objects.iter().skip(1).map(Object::range).filter(Range::is_empty).collect();
    let in_table = in_table(module);
    // What is named outside of code, and has no name of ours.
    let mut pending = Vec::new();
    let elements = module.elements.clone();
    leave(module, &places);
    Collect(|reference| pending.push(reference)).functions_outside_code(module)?;
    module.elements = elements;
    let code: HashMap<FuncId, &Uses> = Uses::of_all(module.bodies().collect())?.into_iter().collect();
    let (mut reached, mut live, mut next) = (HashSet::new(), HashSet::new(), vec![0]);
    loop {
        if let Some(number) = next.pop() {
            let Some(object) = objects.get(number as usize).filter(|_| live.insert(number)) else { continue };
            next.extend(&object.names);
            let function = in_table.get(&object.start).filter(|_| number > 0 && object.length == 0);
            pending.extend(function.map(|id| Reference::Item(Item::Func(*id))));
        } else if let Some(reference) = pending.pop() {
            match reference {
                Reference::Item(Item::Global(id)) => next.extend(named.get(&id)),
                Reference::Item(Item::Func(id)) if reached.insert(id) => {
                    pending.extend(code.get(&id).iter().flat_map(|uses| &uses.references));
                }
                _ => {}
            }
        } else {
            break;
        }
    }
    let dead = (0..).zip(objects).filter(|(number, _)| !live.contains(number));
    let mut ranges: Vec<_> = dead.map(|(_, object)| object.range()).collect();
    ranges.sort_by_key(|range| range.start);
    Ok(ranges)
}

/// The functions by their places.
fn in_table(module: &Module<'_>) -> HashMap<u32, FuncId> {
    let mut found = HashMap::new();
    for (_, element) in module.elements.iter() {
        if let Element { kind: ElementKind::Active { offset, .. }, items: ElementItems::Functions(functions) } = element
            && let Some(first) = offset.integer()
        {
            found.extend((first as u32..).zip(functions.iter().copied()));
        }
    }
    found
}

/// Clears what memory holds there at first. Says how many bytes were not zero.
fn clear(module: &mut Module<'_>, dead: &[Range<u32>]) -> usize {
    let mut cleared = 0;
    for id in module.data.ids() {
        let Some(data) = module.data.get_mut(id) else { continue };
        let DataKind::Active { memory, offset } = &data.kind else { continue };
        let Some(start) = offset.integer().filter(|_| memory.0 == 0) else { continue };
        let size = data.bytes.len() as u64;
        let place = |address: u32| u64::from(address).saturating_sub(start).min(size) as usize;
        for range in dead.iter().filter(|range| !range.is_empty()) {
            cleared += super::dead::wipe(&mut data.bytes.to_mut()[place(range.start)..place(range.end)]);
        }
    }
    cleared
}

/// Has the functions leave the table whose places are dead. Says how many.
fn leave(module: &mut Module<'_>, dead: &[Range<u32>]) -> usize {
    let dead: BTreeSet<u64> = dead.iter().filter(|range| range.is_empty()).map(|place| place.start.into()).collect();
    super::dead::leave_table(module, |place, _| !dead.contains(&place));
    dead.len()
}

fn replace(module: &mut Module<'_>, addresses: &BTreeMap<GlobalId, i32>) -> Result<(), Error> {
    let number = |global: u32| addresses.get(&GlobalId(global)).copied();
    let is_address =
        |reference: &Reference| matches!(reference, Reference::Item(Item::Global(id)) if addresses.contains_key(id));
    let uses = Uses::of_all(module.bodies().collect())?;
    let naming = uses.iter().filter(|(_, uses)| uses.references.iter().any(is_address));
    for id in naming.map(|(id, _)| *id).collect::<Vec<FuncId>>() {
        let sums = sums(module, id, number)?;
        let changed = module.edit(id, |operator, edit| {
            let is_added = |behind: usize| edit.position.checked_sub(behind).and_then(|at| sums.get(&at)).is_some();
            let numbers = match *operator {
                _ if is_added(1) || is_added(2) => None,
                Operator::GlobalGet { global_index } => match number(global_index) {
                    Some(number) => Some(sums.get(&edit.position).copied().unwrap_or(number)),
                    None => return Ok(()),
                },
                _ => return Ok(()),
            };
            edit.remove();
            numbers.into_iter().for_each(|number| edit.before(&Instruction::I32Const(number)));
            Ok(())
        })?;
        if let Some(body) = changed {
            module.set_body(id, body)?;
        }
    }
    for id in module.globals.ids() {
        let init = module.globals.get(id).and_then(|global| global.source.defined());
        let Some(Operator::GlobalGet { global_index }) =
            init.map(|i| i.reader().get_operators_reader().read()).transpose()?
        else {
            continue;
        };
        if let (Some(number), Some(global)) = (number(global_index), module.globals.get_mut(id)) {
            global.source = Source::Defined(ConstExpr::new(&[Instruction::I32Const(number)]));
        }
    }
    module.globals.retain(|id| !addresses.contains_key(&id));
    Ok(())
}

/// Where a number is added to an address, by the number of the operator that gives the address; and their sum.
fn sums(module: &Module<'_>, id: FuncId, number: impl Fn(u32) -> Option<i32>) -> Result<HashMap<usize, i32>, Error> {
    let mut found = HashMap::new();
    let Some(body) = module.functions.get(id).and_then(|function| function.source.defined()) else { return Ok(found) };
    // The operators before.
    let (mut address, mut added) = (None, None);
    for (position, operator) in body.reader().get_operators_reader()?.into_iter().enumerate() {
        let (mut next_address, mut next_added) = (None, None);
        match operator? {
            Operator::GlobalGet { global_index } => next_address = number(global_index),
            Operator::I32Const { value } => next_added = address.map(|address: i32| address.wrapping_add(value)),
            Operator::I32Add => found.extend(added.map(|sum| (position - 2, sum))),
            _ => {}
        }
        (address, added) = (next_address, next_added);
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_take_the_place_of_names_and_what_nothing_leads_to_is_cleared() {
        // Object 2 stands in 1, object 4 where no names are; 3 is named by a function that nothing calls, and by 5, which
        // only the function 8 names. Of the functions 6 is nowhere, 7 stands in 2, 8 in 3, and 9 is named.
        let mut objects = vec![Object { names: [4].into(), ..Object::default() }];
        objects.extend((0..5).map(|at| Object { start: 1024 + 4 * at, length: 4, ..Object::default() }));
        objects.extend((0..4).map(|place| Object { start: 2 + place, ..Object::default() }));
        objects[1].names.insert(2);
        objects[2].names.insert(7);
        objects[3].names.insert(8);
        objects[5].names.insert(3);
        let text = format!(
            r#"(module
                (import "{IMPORTED_FROM}" "1" (global $one i32)) (import "{IMPORTED_FROM}" "3" (global $three i32))
                (import "{IMPORTED_FROM}" "5" (global $five i32)) (import "{IMPORTED_FROM}" "9" (global $nine i32))
                (import "host" "g" (global $host i32)) (global $same i32 (global.get $one))
                (memory (export "m") 1) (data (i32.const 1020) "....aaaabbbb") (data (i32.const 1032) "ccccddddee")
                (data (i32.const 1042) "ee..")
                (table 6 funcref) (elem (i32.const 1) $of $a $b $c $d) (func $of) (func $a)
                (func $b) (func $c (drop (i32.load (global.get $five)))) (func $d)
                (func $never (result i32) (global.get $three))
                (func (export "f") (result i32)
                    (i32.add (i32.add (global.get $one) (global.get $host)) (i32.add (i32.const 3) (global.get $same))))
                (func (export "g") (call_indirect (global.get $nine)))
                (func (export "sum") (result i32) (i32.add (global.get $one) (i32.const -3))))"#
        );
        let mut module = wat::parse_str(text).expect("a module");
        let data = section(&objects);
        assert_eq!(read(&data).ok(), Some(objects));
        wasm_encoder::Section::append_to(
            &wasm_encoder::CustomSection { name: SECTION.into(), data: data.into() },
            &mut module,
        );
        let Placed { module, cleared, places } = place(&module).expect("it is placed");
        assert_eq!((cleared, places), (8, 2));
        let text = wasmprinter::print_bytes(&module).expect("a module");
        assert_eq!(text.matches("i32.const 1024").count(), 2, "{text}");
        assert!(text.contains("i32.const 1021\n  )"), "{text}");
        let places = ["(i32.const 1) func $of $of $b $b $d)", "i32.const 5\n    call_indirect"];
        for there in ["....aaaabbbb", "\\00\\00\\00\\00dddd\\00\\00", "\\00\\00..", "\"host\""].iter().chain(&places) {
            assert!(text.contains(there), "{there}: {text}");
        }
        for gone in ["\"&\"", SECTION, "1032)\n    global.get", "$three", "$c"] {
            assert!(!text.contains(gone), "{gone}: {text}");
        }
        let again = place(&module).expect("it is as it was");
        assert_eq!(again, Placed { module, cleared: 0, places: 0 });
    }

    #[test]
    fn what_is_no_list_of_objects_is_an_error() {
        let data = section(&[Object { start: 1, length: 2, names: [0, 1].into() }]);
        assert!((0..data.len()).all(|end| read(&data[..end]).is_err()));
        assert!(read(&[0xff; 5]).is_err());
    }
}
