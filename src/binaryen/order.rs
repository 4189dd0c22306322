//! What Binaryen is made to do: in what order its passes run, and how much work is too much.

use super::Level;

/// In what order Binaryen's passes run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Order {
    /// Those of the level.
    #[default]
    Once,
    /// Those of the level, twice; between, values are followed through the whole module, where nobody else can bring any.
    Twice,
    /// The same, with functions of some operators inlined wherever they are called.
    Inlining,
}

impl Order {
    /// Those that may bring the smallest module; where size is not asked for, enough is inlined as it is.
    pub fn of(for_size: bool) -> &'static [Order] {
        if for_size { &[Order::Once, Order::Twice, Order::Inlining] } else { &[Order::Once, Order::Twice] }
    }

    /// In a report.
    pub fn name(self) -> &'static str {
        match self {
            Order::Once => "once",
            Order::Twice => "twice",
            Order::Inlining => "inlining",
        }
    }

    /// Behind the level, where it is not the usual one.
    pub fn suffix(self) -> &'static str {
        match self {
            Order::Once => "",
            Order::Twice => " twice",
            Order::Inlining => " twice, inlining more",
        }
    }

    /// In `wasm-opt`'s spelling.
    pub(super) fn flags(self, level: Level, follow: bool) -> Vec<String> {
        let (twice, inlining) = (self != Order::Once, self == Order::Inlining);
        let words = [
            Some(level.flag()),
            Some(FOLLOW).filter(|_| twice && follow),
            Some(level.flag()).filter(|_| twice),
            Some(INLINE_MORE).filter(|_| inlining),
        ];
        words.into_iter().flatten().map(String::from).collect()
    }
}

/// `wasm-opt`'s words for the parts of an [`Order`].
pub(super) const FOLLOW: &str = "--gufa-optimizing";
pub(super) const INLINE_MORE: &str = "--always-inline-max-function-size=5";
#[cfg(feature = "binaryen")]
pub(super) const INLINE_MORE_SIZE: u32 = 5;

/// How much work a module is for Binaryen, counted in bytes of code: it takes as long as there is code, and in large
/// functions, with the square of their size, longer.
pub fn work(module: &[u8]) -> u64 {
    const LARGE: u64 = 1 << 16;
    let bodies =
        wasmparser::Parser::new(0).parse_all(module).map_while(Result::ok).filter_map(|payload| match payload {
            wasmparser::Payload::CodeSectionEntry(body) => Some(body.range().len() as u64),
            _ => None,
        });
    bodies.map(|length| length + length * length / LARGE).sum()
}

/// The most [`work`] that is done unasked: two minutes or three. Real modules are far below (SQLite: 0.6 million), but for the largest
/// (clang: 77 million).
pub const MOST_WORK: u64 = 32 << 20;

#[cfg(test)]
mod tests {
    use super::{Level, Order, work};

    #[test]
    fn orders_are_words_of_wasm_opt() {
        let words = |order: Order, follow| order.flags(Level::Oz, follow).join(" ");
        assert_eq!(words(Order::Once, true), "-Oz");
        assert_eq!(words(Order::Twice, false), "-Oz -Oz");
        assert_eq!(words(Order::Twice, true), "-Oz --gufa-optimizing -Oz");
        assert_eq!(words(Order::Inlining, true), "-Oz --gufa-optimizing -Oz --always-inline-max-function-size=5");
    }

    #[test]
    fn large_functions_are_more_work_than_as_much_code_in_small_ones() {
        let module = |functions: usize, operators: usize| {
            let body = "(nop)".repeat(operators);
            wat::parse_str(format!("(module {})", format!("(func {body})").repeat(functions))).unwrap()
        };
        assert_eq!(work(&module(0, 0)), 0);
        // A body has its count of locals and its end beside its operators.
        assert_eq!(work(&module(100, 998)), 100 * (1000 + 1000 * 1000 / 65536));
        assert_eq!(work(&module(1, 131_070)), 131_072 * 3);
    }
}
