//! The list of passes.

use crate::{Error, Module, pass};

/// A pass: a name, what it does in a line, and the function that does it.
pub struct Pass {
    /// Its name on the command line; Binaryen's where the meaning is Binaryen's.
    pub name: &'static str,
    /// What it does, in one line.
    pub summary: &'static str,
    /// Does it.
    pub run: fn(&mut Module<'_>) -> Result<(), Error>,
    /// What it does to debug information that describes code by offset.
    pub debug_info: DebugInfo,
}

/// What a pass does to DWARF and source maps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DebugInfo {
    /// It never changes a byte of the code section.
    Keeps,
    /// It may change the code section; if it does, encoding drops what described the old one.
    Invalidates,
}

/// All passes, in the order in which a build would run them.
pub fn registry() -> &'static [Pass] {
    pass::ALL
}

/// The pass with this name.
pub fn find(name: &str) -> Option<&'static Pass> {
    registry().iter().find(|pass| pass.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_in_lower_case() {
        let mut names: Vec<_> = registry().iter().map(|pass| pass.name).collect();
        assert!(names.iter().all(|name| name.chars().all(|c| c.is_ascii_lowercase() || c == '-')));
        names.sort();
        names.dedup();
        assert_eq!(names.len(), registry().len());
    }
}
