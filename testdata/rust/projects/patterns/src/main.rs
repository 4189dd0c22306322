//! Regular expressions that initialization compiles and uses once, and main uses again.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use regex::{Regex, RegexSet};

struct Patterns {
    date: Regex,
    number: Regex,
    word: Regex,
    kinds: RegexSet,
    /// What matching fills: the automaton's states, made as they are needed.
    seen: BTreeMap<String, usize>,
}

static PATTERNS: OnceLock<Patterns> = OnceLock::new();

const TEXT: &str = "On 2024-02-29 and 1999-12-31, Straße no. 12.50 cost 1e3 in ΑΒΓ; x = -0.25, y=+7, 2020-13-01?";

fn compiled() -> &'static Patterns {
    PATTERNS.get_or_init(|| {
        eprintln!("initialized");
        let regex = |text| Regex::new(text).expect("a valid pattern");
        let word = regex(r"(?i)\b\p{L}[\p{L}\p{M}']*\b");
        let mut seen = BTreeMap::new();
        for found in word.find_iter(TEXT) {
            *seen.entry(found.as_str().to_lowercase()).or_default() += 1;
        }
        Patterns {
            date: regex(r"(?<year>\d{4})-(?<month>0[1-9]|1[0-2])-(?<day>[0-3]\d)"),
            number: regex(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"),
            word,
            kinds: RegexSet::new([r"^\d+$", r"^[a-z]+$", r"(?i)stra(ss|ß)e", r"\p{Greek}{2,}"]).expect("valid patterns"),
            seen,
        }
    })
}

/// What `wbuild --preinit` runs.
#[unsafe(export_name = "wbuild_preinit")]
pub extern "C" fn initialize() {
    compiled();
}

fn main() {
    let patterns = compiled();
    for found in patterns.date.captures_iter(TEXT) {
        println!("{} {} {}", &found["year"], &found["month"], &found["day"]);
    }
    let numbers: Vec<&str> = patterns.number.find_iter(TEXT).map(|found| found.as_str()).collect();
    println!("{numbers:?}");
    println!("{}", patterns.word.replace_all(TEXT, "<$0>"));
    for text in ["12", "abc", "STRASSE", "ΑΒΓ straße", "-"] {
        println!("{text}: {:?}", patterns.kinds.matches(text).into_iter().collect::<Vec<_>>());
    }
    println!("{:?}", patterns.seen);
}
