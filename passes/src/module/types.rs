//! The type section: recursion groups, and types counted through them.

use super::arena::TypeId;
use wasmparser::{CompositeInnerType, FuncType, RecGroup, SubType, ValType};

/// The types of a module. A recursion group comes and goes as a whole, because its types are equal
/// to others only as a whole.
#[derive(Debug, Clone, Default)]
pub struct Types {
    groups: Vec<TypeGroup>,
    bound: u32,
    changed: bool,
}

/// A recursion group, or one type that stands alone.
#[derive(Debug, Clone)]
pub struct TypeGroup {
    first: u32,
    removed: bool,
    explicit: bool,
    types: Vec<SubType>,
}

impl TypeGroup {
    /// The ids of its types.
    pub fn ids(&self) -> impl Iterator<Item = TypeId> + use<> {
        (self.first..self.first + self.types.len() as u32).map(TypeId)
    }

    /// Its types.
    pub fn types(&self) -> &[SubType] {
        &self.types
    }

    /// Whether it is written as `(rec …)`, even of one type: that makes a different type.
    pub fn is_explicit(&self) -> bool {
        self.explicit
    }
}

impl Types {
    /// The type with this id.
    pub fn get(&self, id: TypeId) -> Option<&SubType> {
        let group = self.group(id)?;
        group.types.get((id.0 - group.first) as usize)
    }

    /// The function type with this id, if it is one.
    pub fn function(&self, id: TypeId) -> Option<&FuncType> {
        match &self.get(id)?.composite_type.inner {
            CompositeInnerType::Func(ty) => Some(ty),
            _ => None,
        }
    }

    /// The group that a type belongs to.
    pub fn group(&self, id: TypeId) -> Option<&TypeGroup> {
        let at = self.groups.partition_point(|group| group.first + group.types.len() as u32 <= id.0);
        self.groups.get(at).filter(|group| group.first <= id.0 && !group.removed)
    }

    /// All groups that are there, in order.
    pub fn groups(&self) -> impl Iterator<Item = &TypeGroup> {
        self.groups.iter().filter(|group| !group.removed)
    }

    /// Finds or adds a plain function type.
    pub fn add_function(&mut self, params: &[ValType], results: &[ValType]) -> TypeId {
        let wanted = SubType::func(FuncType::new(params.iter().copied(), results.iter().copied()), false);
        let found = self.groups().find(|group| !group.explicit && group.types.first() == Some(&wanted));
        if let Some(group) = found {
            return TypeId(group.first);
        }
        self.changed = true;
        self.append(false, vec![wanted])
    }

    /// Whether two function types are the same exactly where parameters and results are: no type is a part of another,
    /// or of a group.
    pub(crate) fn differ_by_shape(&self) -> bool {
        let is_plain = |ty: &SubType| match &ty.composite_type.inner {
            CompositeInnerType::Func(function) if ty.is_final && ty.supertype_idx.is_none() => {
                let refers = |ty: &ValType| matches!(ty, ValType::Ref(ty) if ty.is_concrete_type_ref());
                !function.params().iter().chain(function.results()).any(refers)
            }
            _ => false,
        };
        self.groups().all(|group| !group.explicit && group.types.iter().all(is_plain))
    }

    /// Takes a whole group out, by any of its types. References to it must go too.
    pub fn remove_group(&mut self, id: TypeId) {
        let at = self.groups.partition_point(|group| group.first + group.types.len() as u32 <= id.0);
        if let Some(group) = self.groups.get_mut(at).filter(|group| group.first <= id.0) {
            group.removed = true;
            self.changed = true;
        }
    }

    /// One more than the largest id that was ever given out.
    pub fn bound(&self) -> usize {
        self.bound as usize
    }

    pub(crate) fn append_parsed(&mut self, group: RecGroup) {
        self.append(group.is_explicit_rec_group(), group.into_types().collect());
    }

    pub(crate) fn is_changed(&self) -> bool {
        self.changed
    }

    fn append(&mut self, explicit: bool, types: Vec<SubType>) -> TypeId {
        let first = self.bound;
        self.bound += types.len() as u32;
        self.groups.push(TypeGroup { first, removed: false, explicit, types });
        TypeId(first)
    }
}
