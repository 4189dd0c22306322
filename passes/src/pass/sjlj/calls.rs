//! Which calls may come back with a jump under way.

use crate::{ConstExpr, ElementItems, Error, FuncId, Id, Module, Source, TypeId};
use std::collections::BTreeMap;
use wasmparser::{CompositeInnerType, FuncType, Operator, ValType};

/// The functions, and the types of indirect calls, that may start a jump and not catch it.
pub(super) struct Calls {
    functions: Vec<bool>,
    kinds: Vec<bool>,
    kind_of_type: Vec<usize>,
}

/// A function or a kind of indirect call: what may unwind, and what its callers are looked up by.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Callee {
    Function(u32),
    Kind(usize),
}

impl Calls {
    /// Reads all bodies and follows calls backwards from `unwind`.
    pub(super) fn read(module: &Module<'_>, unwind: Option<FuncId>) -> Result<Calls, Error> {
        let kind_of_type = kinds(module);
        let kind = |ty: TypeId| kind_of_type.get(ty.index() as usize).copied().unwrap_or(0);
        let mut callers: BTreeMap<Callee, Vec<u32>> = BTreeMap::new();
        let mut in_tables = escaping(module)?;
        for (id, body) in module.bodies() {
            for operator in body.reader().get_operators_reader()? {
                let callee = match operator? {
                    Operator::Call { function_index } | Operator::ReturnCall { function_index } => {
                        Callee::Function(function_index)
                    }
                    Operator::CallIndirect { type_index, .. }
                    | Operator::ReturnCallIndirect { type_index, .. }
                    | Operator::CallRef { type_index }
                    | Operator::ReturnCallRef { type_index } => Callee::Kind(kind(TypeId(type_index))),
                    Operator::RefFunc { function_index } => {
                        in_tables.push(FuncId(function_index));
                        continue;
                    }
                    _ => continue,
                };
                let list = callers.entry(callee).or_default();
                if list.last() != Some(&id.0) {
                    list.push(id.0);
                }
            }
        }
        let mut reachable_as = vec![Vec::new(); module.functions.bound()];
        for id in in_tables {
            if let (Some(kinds), Some(function)) = (reachable_as.get_mut(id.0 as usize), module.functions.get(id)) {
                kinds.push(kind(function.ty));
            }
        }
        let mut calls = Calls {
            functions: vec![false; module.functions.bound()],
            kinds: vec![false; kind_of_type.len().max(1)],
            kind_of_type,
        };
        let mut work: Vec<Callee> = unwind.map(|id| Callee::Function(id.0)).into_iter().collect();
        while let Some(callee) = work.pop() {
            let known = match callee {
                Callee::Function(index) => calls.functions.get_mut(index as usize),
                Callee::Kind(kind) => calls.kinds.get_mut(kind),
            };
            if known.is_none_or(|known| std::mem::replace(known, true)) {
                continue;
            }
            if let Callee::Function(index) = callee {
                work.extend(reachable_as.get(index as usize).into_iter().flatten().map(|&kind| Callee::Kind(kind)));
            }
            work.extend(callers.get(&callee).into_iter().flatten().map(|&caller| Callee::Function(caller)));
        }
        Ok(calls)
    }

    /// Whether a call of this function may come back with a jump under way.
    pub(super) fn may_unwind(&self, id: FuncId) -> bool {
        self.functions.get(id.0 as usize).copied().unwrap_or(false)
    }

    /// Whether an indirect call with this type may. A type that came after [`Calls::read`] is no function's.
    pub(super) fn indirect_may_unwind(&self, ty: TypeId) -> bool {
        let kind = self.kind_of_type.get(ty.index() as usize);
        kind.is_some_and(|&kind| self.kinds.get(kind).copied().unwrap_or(false))
    }

    /// Whether control may come to the next operator with a jump under way. After a tail call nothing does.
    pub(super) fn operator_may_unwind(&self, operator: &Operator<'_>) -> bool {
        match *operator {
            Operator::Call { function_index } => self.may_unwind(FuncId(function_index)),
            Operator::CallIndirect { type_index, .. } | Operator::CallRef { type_index } => {
                self.indirect_may_unwind(TypeId(type_index))
            }
            _ => false,
        }
    }

    /// What a call leaves on the stack.
    pub(super) fn results<'m>(&self, module: &'m Module<'_>, call: &Operator<'_>) -> Option<&'m [ValType]> {
        let ty = match *call {
            Operator::Call { function_index } => module.function_type(FuncId(function_index)),
            Operator::CallIndirect { type_index, .. } | Operator::CallRef { type_index } => {
                module.types.function(TypeId(type_index))
            }
            _ => None,
        };
        ty.map(FuncType::results)
    }
}

/// For each type the first that is equal to it. With subtypes or recursion groups equality is a longer story,
/// so then all are taken for one.
fn kinds(module: &Module<'_>) -> Vec<usize> {
    let mut kinds = vec![0; module.types.bound()];
    let plain = module.types.groups().all(|group| {
        let [ty] = group.types() else { return false };
        !group.is_explicit()
            && ty.is_final
            && ty.supertype_idx.is_none()
            && matches!(ty.composite_type.inner, CompositeInnerType::Func(_))
    });
    if !plain {
        return kinds;
    }
    let mut first: BTreeMap<(Vec<ValType>, Vec<ValType>), usize> = BTreeMap::new();
    for id in module.types.groups().flat_map(|group| group.ids()) {
        if let (Some(ty), Some(kind)) = (module.types.function(id), kinds.get_mut(id.index() as usize)) {
            let key = (ty.params().to_vec(), ty.results().to_vec());
            *kind = *first.entry(key).or_insert(id.index() as usize);
        }
    }
    kinds
}

/// The functions that may be called other than by name: from tables, and from references that are kept elsewhere.
/// Exports are not among them: what the host gets, and may put into a table, is a wrapper that traps.
fn escaping(module: &Module<'_>) -> Result<Vec<FuncId>, Error> {
    let mut found = Vec::new();
    for (_, element) in module.elements.iter() {
        match &element.items {
            ElementItems::Functions(functions) => found.extend(functions),
            ElementItems::Expressions(_, expressions) => {
                expressions.iter().try_for_each(|expression| references(expression, &mut found))?;
            }
        }
    }
    for (_, global) in module.globals.iter() {
        global.source.defined().map_or(Ok(()), |init| references(init, &mut found))?;
    }
    for (_, table) in module.tables.iter() {
        if let Source::Defined(Some(init)) = &table.source {
            references(init, &mut found)?;
        }
    }
    Ok(found)
}

fn references(expression: &ConstExpr<'_>, found: &mut Vec<FuncId>) -> Result<(), Error> {
    for operator in expression.reader().get_operators_reader() {
        if let Operator::RefFunc { function_index } = operator? {
            found.push(FuncId(function_index));
        }
    }
    Ok(())
}
