//! Reorder functions: those that are named most get the numbers that are short.
//!
//! **What.** A call names its function by a number of one byte below 128, two below 16384, then three. Functions that
//! are named more often than others move to where a number is a byte shorter; otherwise they stay in their order.
//!
//! **Why it is sound.** A function's number means nothing but the function; everything that names one is renumbered.
//!
//! **Example.** With more functions than 127, one that is called a thousand times and stood last comes first, and each of its
//! calls is a byte shorter.
//!
//! **Limits.** Imported functions come first in any module and take short numbers. Functions that are alike may come to
//! stand further apart, which costs a little when the module is compressed.

use std::cmp::Reverse;
use std::collections::HashMap;

use crate::module::Collect;
use crate::{Error, FuncId, Item, Module, Reference};

/// How many numbers take one byte, and one or two.
const SHORT: [usize; 2] = [1 << 7, 1 << 14];

pub(super) fn functions(module: &mut Module<'_>) -> Result<(), Error> {
    let uses = uses(module)?;
    let imported = module.functions.iter().filter(|(_, function)| function.source.import().is_some()).count();
    let defined = module.functions.iter().filter(|(_, function)| function.source.import().is_none());
    let mut ranked: Vec<FuncId> = defined.map(|(id, _)| id).collect();
    // Of two that are named as often, the one that comes first keeps its place.
    ranked.sort_by_key(|id| Reverse(uses.get(id).copied().unwrap_or_default()));
    let length = |rank: usize| SHORT.iter().filter(|&&short| imported + rank >= short).count();
    let lengths: HashMap<FuncId, usize> = ranked.into_iter().enumerate().map(|(rank, id)| (id, length(rank))).collect();
    module.functions.sort_by_key(|id| lengths.get(&id).copied());
    Ok(())
}

/// How often each function is named by what has a number for it.
fn uses(module: &Module<'_>) -> Result<HashMap<FuncId, usize>, Error> {
    let mut uses: HashMap<FuncId, usize> = HashMap::new();
    let mut collect = Collect(|reference| {
        if let Reference::Item(Item::Func(id)) = reference {
            *uses.entry(id).or_default() += 1;
        }
    });
    for (id, body) in module.bodies() {
        collect.body(&body.reader(), |_, _| {}).map_err(|error| error.in_function(id.0))?;
    }
    collect.functions_outside_code(module)?;
    Ok(uses)
}
