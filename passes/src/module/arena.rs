//! Vectors whose ids stay valid while entries come and go.

use std::marker::PhantomData;

/// An index into one [`Arena`]. For what was read from a file it equals the index in the file.
pub trait Id: Copy + Ord {
    /// The id with this number.
    fn from_index(index: u32) -> Self;
    /// The number of this id: what operators in bodies are written with until encoding.
    fn index(self) -> u32;
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub u32);

        impl Id for $name {
            fn from_index(index: u32) -> Self {
                $name(index)
            }
            fn index(self) -> u32 {
                self.0
            }
        }
    )*};
}

ids! {
    /// A type, counted through all recursion groups.
    TypeId;
    /// A function, imported or defined.
    FuncId;
    /// A table, imported or defined.
    TableId;
    /// A memory, imported or defined.
    MemoryId;
    /// A tag, imported or defined.
    TagId;
    /// A global, imported or defined.
    GlobalId;
    /// An element segment.
    ElementId;
    /// A data segment.
    DataId;
}

/// Entries of one index space. Removing leaves a gap, so ids never change their meaning;
/// the indices of the output are computed when the module is encoded.
#[derive(Debug, Clone)]
pub struct Arena<I, T> {
    slots: Vec<Option<T>>,
    /// The order of the slots where it is not that of their numbers.
    order: Option<Vec<usize>>,
    changed: bool,
    id: PhantomData<I>,
}

impl<I: Id, T> Arena<I, T> {
    /// Adds an entry behind all others.
    pub fn push(&mut self, entry: T) -> I {
        self.changed = true;
        self.append(entry)
    }

    /// Takes an entry out. Whoever removes must also remove every use; encoding reports a use that is left.
    pub fn remove(&mut self, id: I) -> Option<T> {
        let entry = self.slots.get_mut(id.index() as usize)?.take();
        self.changed |= entry.is_some();
        entry
    }

    /// Keeps the entries whose id passes the test.
    pub fn retain(&mut self, mut keep: impl FnMut(I) -> bool) {
        for (index, slot) in self.slots.iter_mut().enumerate() {
            if slot.is_some() && !keep(I::from_index(index as u32)) {
                *slot = None;
                self.changed = true;
            }
        }
    }

    /// The entry, unless it was removed or never existed.
    pub fn get(&self, id: I) -> Option<&T> {
        self.slots.get(id.index() as usize)?.as_ref()
    }

    /// The entry, to be changed.
    pub fn get_mut(&mut self, id: I) -> Option<&mut T> {
        let entry = self.slots.get_mut(id.index() as usize)?.as_mut();
        self.changed |= entry.is_some();
        entry
    }

    /// All entries that are there, in order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (I, &T)> {
        (0..self.slots.len()).filter_map(|at| {
            let index = self.order.as_ref().map_or(Some(at), |order| order.get(at).copied())?;
            Some((I::from_index(index as u32), self.slots.get(index)?.as_ref()?))
        })
    }

    /// Sorts the entries by a key, which changes no id; those with the same key stay in their order.
    pub fn sort_by_key<K: Ord>(&mut self, mut key: impl FnMut(I) -> K) {
        let mut order = self.order.take().unwrap_or_else(|| (0..self.slots.len()).collect());
        order.sort_by_cached_key(|&index| key(I::from_index(index as u32)));
        let moved = order.iter().enumerate().any(|(at, &index)| at != index);
        self.changed |= moved;
        self.order = moved.then_some(order);
    }

    /// The ids of all entries that are there, in order.
    pub fn ids(&self) -> Vec<I> {
        self.iter().map(|(id, _)| id).collect()
    }

    /// How many entries are there.
    pub fn len(&self) -> usize {
        self.slots.iter().flatten().count()
    }

    /// Whether no entry is there.
    pub fn is_empty(&self) -> bool {
        self.slots.iter().all(Option::is_none)
    }

    /// One more than the largest id that was ever given out.
    pub fn bound(&self) -> usize {
        self.slots.len()
    }

    /// Adds an entry that was read, which is no change.
    pub(crate) fn append(&mut self, entry: T) -> I {
        let id = I::from_index(self.slots.len() as u32);
        if let Some(order) = &mut self.order {
            order.push(self.slots.len());
        }
        self.slots.push(Some(entry));
        id
    }

    /// Like [`Arena::get_mut`] for changes that do not show in this arena's own section.
    pub(crate) fn get_mut_quietly(&mut self, id: I) -> Option<&mut T> {
        self.slots.get_mut(id.index() as usize)?.as_mut()
    }

    /// Whether anything was added, removed or handed out to be changed.
    pub(crate) fn is_changed(&self) -> bool {
        self.changed
    }
}

impl<I, T> Default for Arena<I, T> {
    fn default() -> Self {
        Arena { slots: Vec::new(), order: None, changed: false, id: PhantomData }
    }
}
