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

/// The pass with this name, or an error that names the nearest.
pub fn find(name: &str) -> Result<&'static Pass, Error> {
    registry().iter().find(|pass| pass.name == name).ok_or_else(|| {
        let nearest = registry().iter().map(|pass| (distance(name, pass.name), pass.name)).min();
        let error = Error::usage(format!("there is no pass named `{name}`"));
        match nearest {
            Some((distance, nearest)) if distance <= 2 + name.len() / 3 => {
                error.help(format!("did you mean `{nearest}`? `wbuild opt --list-passes` lists all"))
            }
            _ => error.help("wbuild opt --list-passes"),
        }
    })
}

/// How many letters must be changed, added or removed to make one word the other.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, letter) in a.chars().take(64).enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, other) in b.iter().enumerate() {
            let change = diagonal + usize::from(letter != *other);
            diagonal = row[j + 1];
            row[j + 1] = change.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_pass_names_the_nearest() {
        let error = find("strip-dwraf").err().unwrap();
        assert!(error.help.unwrap().contains("`strip-dwarf`"));
        assert_eq!(find("qqqqqqqq").err().unwrap().help.unwrap(), "wbuild opt --list-passes");
        assert_eq!(find(&"x".repeat(1_000_000)).err().unwrap().blame, crate::Blame::Usage);
    }

    #[test]
    fn names_are_unique_and_in_lower_case() {
        let mut names: Vec<_> = registry().iter().map(|pass| pass.name).collect();
        assert!(names.iter().all(|name| name.chars().all(|c| c.is_ascii_lowercase() || c == '-')));
        names.sort();
        names.dedup();
        assert_eq!(names.len(), registry().len());
    }
}
