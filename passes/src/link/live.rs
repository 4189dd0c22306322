//! What may run: functions that are reached, and how those use objects.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use wasmparser::{FuncType, Operator};

use super::knowledge::Knowledge;
use super::uses::{self, Uses};
use crate::module::Collect;
use crate::{Error, FuncId, Item, Module, Reference, Source, TableId, TypeId};

/// How often functions that never run are looked for: what only they use is not used. Mostly the second time finds no more.
const ROUNDS: usize = 8;

/// Whom the code of a function calls.
#[derive(Default)]
struct Calls {
    named: BTreeSet<FuncId>,
    by_type: HashSet<FuncType>,
}

/// What runs, as far as it is known.
pub(super) struct Live {
    pub functions: BTreeSet<FuncId>,
    pub uses: Uses,
    /// Whether others than indirect calls of this code use the table, or fill it.
    pub table_is_shared: bool,
}

/// Finds what may run.
pub(super) fn find(module: &Module<'_>, known: &Knowledge<'_>) -> Result<Live, Error> {
    let mut code = BTreeMap::new();
    // How often code names the table, and calls out of it.
    let (mut named, mut called) = (0, 0);
    for (id, body) in module.bodies() {
        let mut calls = Calls::default();
        let collect = |reference| match reference {
            Reference::Item(Item::Func(id)) => drop(calls.named.insert(id)),
            Reference::Item(Item::Table(id)) => named += usize::from(Some(id) == known.table),
            _ => {}
        };
        let note = |operator: &Operator<'_>, _| {
            if let Operator::CallIndirect { type_index, table_index }
            | Operator::ReturnCallIndirect { type_index, table_index } = *operator
            {
                calls.by_type.extend(module.types.function(TypeId(type_index)).cloned());
                called += usize::from(Some(TableId(table_index)) == known.table);
            }
        };
        Collect(collect).body(&body.reader(), note)?;
        code.insert(id, calls);
    }
    let table_is_shared = named != called || known.table.is_some_and(|id| is_shared(module, id));
    let mut live = Live { functions: code.keys().copied().collect(), uses: Uses::default(), table_is_shared };
    for _ in 0..ROUNDS {
        live.uses = uses::find(module, known, &live.functions, table_is_shared)?;
        let functions = reached(module, known, &code, &live)?;
        if functions == live.functions {
            break;
        }
        live.functions = functions;
    }
    Ok(live)
}

impl Live {
    /// The functions whose places in the table get somewhere.
    pub fn taken(&self, known: &Knowledge<'_>) -> impl Iterator<Item = FuncId> {
        let is_taken = |id: &FuncId| known.function(*id).is_some_and(|object| self.uses.escaped[object]);
        known.functions.iter().copied().filter(is_taken)
    }
}

/// Whether others than this module's code see the table, or something else than segments fills it.
fn is_shared(module: &Module<'_>, id: TableId) -> bool {
    let is_ours = module.tables.get(id).is_some_and(|table| matches!(table.source, Source::Defined(None)));
    !is_ours || !module.types.differ_by_shape() || module.exports.iter().any(|export| export.item == Item::Table(id))
}

/// The functions that are reached from exports, the start and initializers: by name, or by their types where their
/// places in the table get somewhere.
fn reached(
    module: &Module<'_>,
    known: &Knowledge<'_>,
    code: &BTreeMap<FuncId, Calls>,
    live: &Live,
) -> Result<BTreeSet<FuncId>, Error> {
    let mut pending: Vec<FuncId> = module.start.into_iter().collect();
    let mut note = |reference| {
        if let Reference::Item(Item::Func(id)) = reference {
            pending.push(id);
        }
    };
    module.exports.iter().for_each(|export| note(Reference::Item(export.item)));
    for (_, global) in module.globals.iter() {
        if let Some(init) = global.source.defined() {
            Collect(&mut note).expr(init.reader())?;
        }
    }
    let mut waiting: HashMap<&FuncType, Vec<FuncId>> = HashMap::new();
    // The pass `sjlj` makes of these imports calls out of the table.
    let is_call = |name: &str, of: &str| of == "wbuild" || name.starts_with("invoke_");
    let mut imports = module.functions.iter().filter_map(|(_, function)| function.source.import());
    let any_type = live.table_is_shared || imports.any(|import| is_call(&import.name, &import.module));
    for id in live.taken(known) {
        match module.function_type(id).filter(|_| !any_type) {
            Some(ty) => waiting.entry(ty).or_default().push(id),
            None => pending.push(id),
        }
    }
    let mut reached = BTreeSet::new();
    while let Some(id) = pending.pop() {
        let Some(calls) = code.get(&id).filter(|_| reached.insert(id)) else { continue };
        pending.extend(&calls.named);
        pending.extend(calls.by_type.iter().filter_map(|ty| waiting.remove(ty)).flatten());
    }
    Ok(reached)
}
