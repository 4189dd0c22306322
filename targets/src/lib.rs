//! What a target is, as data: one file per target.

mod unknown;
mod wasip1;

/// A target that wbuild builds for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The name shown and preferred.
    pub name: &'static str,
    /// Other names that mean the same.
    pub aliases: &'static [&'static str],
    /// There is a C library, a start function and WASI.
    pub has_libc: bool,
    /// The import modules that a `--standalone` module may use.
    pub standalone_imports: &'static [&'static str],
    /// The stack in bytes where the user says nothing.
    pub stack_size: u64,
}

/// Nearly 1 MiB, which Rust has: wasm-ld's 64 KiB is overflowed by the tests of cJSON. The stack lies first, and
/// with 64 KiB less than 2^20 the first 64 KiB of data have addresses below 2^20, of one byte less in every
/// `i32.const`.
const STACK: u64 = (1 << 20) - (1 << 16);

/// Every target, the default first.
pub const TARGETS: &[Target] = &[wasip1::TARGET, unknown::TARGET];

/// The target of that name or alias.
pub fn find(name: &str) -> Option<&'static Target> {
    TARGETS.iter().find(|t| t.name == name || t.aliases.contains(&name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_and_alias_finds_one_target() {
        for target in TARGETS {
            for name in std::iter::once(&target.name).chain(target.aliases) {
                assert_eq!(find(name), Some(target));
            }
        }
        assert_eq!(find("x86_64-unknown-linux-gnu"), None);
    }
}
