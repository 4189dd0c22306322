//! Where two modules differ, in words.

use std::collections::HashMap;
use std::ops::Range;
use std::path::Path;

use wasmparser::{ExternalKind, KnownCustom, Name, Parser, Payload, TypeRef};

/// How much of a string is shown, on either side of its first difference.
const SHOWN: usize = 60;

/// A module's parts, as far as they are told apart.
#[derive(Default)]
struct Parts<'a> {
    bytes: &'a [u8],
    /// Every section's name, and where its contents are.
    sections: Vec<(String, Range<usize>)>,
    bodies: Vec<Range<usize>>,
    segments: Vec<&'a [u8]>,
    imported: u32,
    names: HashMap<u32, String>,
}

impl<'a> Parts<'a> {
    /// What can be read; the modules are valid.
    fn of(bytes: &'a [u8]) -> Parts<'a> {
        let mut parts = Parts { bytes, ..Parts::default() };
        for payload in Parser::new(0).parse_all(bytes).map_while(Result::ok) {
            parts.take(&payload);
            if let Some((id, range)) = payload.as_section() {
                let name = match &payload {
                    Payload::CustomSection(section) => format!("the custom section {}", section.name()),
                    _ => format!("the {} section", section_name(id)),
                };
                parts.sections.push((name, range));
            }
        }
        parts
    }

    fn take(&mut self, payload: &Payload<'a>) {
        match payload {
            Payload::ImportSection(reader) => {
                let imports = reader.clone().into_imports().flatten();
                self.imported = imports.filter(|import| matches!(import.ty, TypeRef::Func(_))).count() as u32;
            }
            Payload::ExportSection(reader) => {
                for export in reader.clone().into_iter().flatten().filter(|e| e.kind == ExternalKind::Func) {
                    self.names.entry(export.index).or_insert_with(|| export.name.to_string());
                }
            }
            Payload::CodeSectionEntry(body) => self.bodies.push(body.range()),
            Payload::DataSection(reader) => {
                self.segments = reader.clone().into_iter().flatten().map(|data| data.data).collect();
            }
            Payload::CustomSection(section) => {
                let KnownCustom::Name(reader) = section.as_known() else { return };
                let maps = reader.into_iter().flatten().filter_map(|name| match name {
                    Name::Function(map) => Some(map),
                    _ => None,
                });
                self.names.extend(maps.flatten().flatten().map(|naming| (naming.index, naming.name.to_string())));
            }
            _ => {}
        }
    }

    fn function(&self, body: usize) -> String {
        let index = self.imported + body as u32;
        match self.names.get(&index) {
            Some(name) => format!("function {index} ({name})"),
            None => format!("function {index}"),
        }
    }
}

fn section_name(id: u8) -> &'static str {
    const NAMES: [&str; 14] = [
        "custom",
        "type",
        "import",
        "function",
        "table",
        "memory",
        "global",
        "export",
        "start",
        "element",
        "code",
        "data",
        "data count",
        "tag",
    ];
    NAMES.get(usize::from(id)).unwrap_or(&"unknown")
}

/// A line for each section in which the two differ, with the first difference in it; at least one where they differ.
pub(super) fn between(first: &[u8], second: &[u8]) -> Vec<String> {
    let (a, b) = (Parts::of(first), Parts::of(second));
    let mut lines = Vec::new();
    for (index, (name, range)) in a.sections.iter().enumerate() {
        let Some((other, there)) = b.sections.get(index) else {
            lines.push(format!("{name} is missing elsewhere"));
            continue;
        };
        if name != other {
            lines.push(format!("{name} stands here, and {other} elsewhere"));
            break;
        }
        let (here, there) = (&first[range.clone()], &second[there.clone()]);
        if here != there {
            lines.push(match name.as_str() {
                "the code section" => code(&a, &b),
                "the data section" => data(&a, &b),
                _ => format!("{name} differs: {}", strings(here, there)),
            });
        }
    }
    if let Some((name, _)) = b.sections.get(a.sections.len()) {
        lines.push(format!("{name} is only there elsewhere"));
    }
    if lines.is_empty() {
        lines.push(format!("they differ in their form: {}", strings(first, second)));
    }
    lines
}

fn code(a: &Parts, b: &Parts) -> String {
    let pairs = a.bodies.iter().zip(&b.bodies);
    let body = pairs.enumerate().find(|(_, (here, there))| a.bytes[(*here).clone()] != b.bytes[(*there).clone()]);
    match body {
        Some((index, (here, there))) => {
            let (here, there) = (&a.bytes[here.clone()], &b.bytes[there.clone()]);
            format!("{} differs, at byte {} of its body", a.function(index), common(here, there))
        }
        None => format!("there are {} functions here and {} elsewhere", a.bodies.len(), b.bodies.len()),
    }
}

fn data(a: &Parts, b: &Parts) -> String {
    match a.segments.iter().zip(&b.segments).enumerate().find(|(_, (here, there))| here != there) {
        Some((index, (here, there))) => {
            format!("data segment {index} differs at byte {}: {}", common(here, there), strings(here, there))
        }
        None => format!("there are {} data segments here and {} elsewhere", a.segments.len(), b.segments.len()),
    }
}

/// How many bytes are alike in front.
fn common(a: &[u8], b: &[u8]) -> usize {
    a.iter().zip(b).take_while(|(a, b)| a == b).count()
}

/// What stands in both at the first difference: strings where that is one, else bytes.
fn strings(a: &[u8], b: &[u8]) -> String {
    let at = common(a, b);
    match (string(a, at), string(b, at)) {
        (Some(here), Some(there)) => format!("\"{here}\" here, \"{there}\" elsewhere"),
        _ => {
            let byte = |of: &[u8]| of.get(at).map_or("its end".into(), |byte| format!("{byte:#04x}"));
            format!("{} here, {} elsewhere, at byte {at}", byte(a), byte(b))
        }
    }
}

/// The printable bytes around `at`, if there are some.
fn string(bytes: &[u8], at: usize) -> Option<String> {
    let printable = |byte: &&u8| byte.is_ascii_graphic() || **byte == b' ';
    let before = bytes[..at].iter().rev().take_while(printable).count();
    let after = bytes[at..].iter().take_while(printable).count();
    let (from, to) = (at - before.min(SHOWN), at + after.min(SHOWN));
    let text = String::from_utf8_lossy(&bytes[from..to]).into_owned();
    (before + after > 3).then(|| format!("{}{text}{}", dots(before), dots(after)))
}

fn dots(length: usize) -> &'static str {
    if length > SHOWN { "..." } else { "" }
}

/// What to do about it, where the strings tell.
pub(super) fn advice(lines: &[String], folders: &[&Path]) -> Option<String> {
    let lines = lines.join("\n");
    if folders.iter().any(|folder| lines.contains(&*folder.to_string_lossy())) {
        return Some("the folder's name is in the module: give paths relative to it, in macros too".into());
    }
    let is_clock =
        |text: &str| text.as_bytes().windows(8).any(|w| w[2] == b':' && w[5] == b':' && w[0].is_ascii_digit());
    is_clock(&lines).then(|| "the time is in the module: leave it out, or let it be SOURCE_DATE_EPOCH's".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn module(text: &str) -> Vec<u8> {
        wat::parse_str(text).unwrap()
    }

    fn lines(a: &str, b: &str) -> Vec<String> {
        between(&module(a), &module(b))
    }

    #[test]
    fn the_first_difference_of_each_section_is_named() {
        let a = r#"(module (import "m" "f" (func)) (func) (func (export "go") (drop (i32.const 1)))
            (memory 1) (data (i32.const 8) "abc /home/one/x.c def"))"#;
        let b = a.replace("const 1))", "const 2))").replace("/home/one", "/tmp/two");
        assert_eq!(
            lines(a, &b),
            [
                "function 2 (go) differs, at byte 2 of its body",
                "data segment 0 differs at byte 5: \"abc /home/one/x.c def\" here, \"abc /tmp/two/x.c def\" elsewhere",
            ]
        );
        let advice = |folder: &str| advice(&lines(a, &b), &[Path::new(folder)]);
        assert!(advice("/home/one").unwrap().contains("folder") && advice("/home/three").is_none());
    }

    #[test]
    fn sections_and_counts_are_compared_too() {
        let a = r#"(module (func) (@custom "note" "made on Monday"))"#;
        let b = r#"(module (func) (@custom "note" "made on Friday"))"#;
        assert!(lines(a, b)[0].starts_with("the custom section note differs: \"") && lines(a, b).len() == 1);
        let missing = lines(a, "(module (func))");
        assert_eq!(missing, ["the custom section note is missing elsewhere"]);
        assert_eq!(lines("(module (func))", a), ["the custom section note is only there elsewhere"]);
        let swapped = lines("(module (memory 1))", "(module (table 1 funcref))");
        assert_eq!(swapped, ["the memory section stands here, and the table section elsewhere"]);
        let more = lines("(module (func))", "(module (func) (func))");
        assert!(more.contains(&"there are 1 functions here and 2 elsewhere".to_string()), "{more:?}");
        let clock = ["\"built at 12:30:01\" here, \"built at 12:30:02\" elsewhere".to_string()];
        assert!(advice(&clock, &[]).unwrap().contains("time"));
    }
}
