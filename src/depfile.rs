//! The list of headers that a compiler writes for make.

use std::path::PathBuf;

/// The files that the first rule of a dependency file names; `None` where it has no rule.
pub fn parse(text: &str) -> Option<Vec<PathBuf>> {
    let plain = |word: String| {
        // make knows an escaped blank and `#`; any other backslash is itself.
        let word = [" ", "#", "\t"].iter().fold(word, |word, c| word.replace(&format!("\\{c}"), c));
        PathBuf::from(word.replace("$$", "$"))
    };
    Some(Rules::of(text)?.files.into_iter().map(plain).collect())
}

/// One list of all that `texts` list, for the first one's target; with the rules that `-MP` adds.
pub fn together<'a>(texts: impl IntoIterator<Item = &'a str>) -> String {
    let mut lists = texts.into_iter().filter_map(Rules::of);
    let Some(mut all) = lists.next() else { return String::new() };
    for list in lists {
        for (known, more) in [(&mut all.files, list.files), (&mut all.rest, list.rest)] {
            for word in more {
                if !known.contains(&word) {
                    known.push(word);
                }
            }
        }
    }
    let rest: String = all.rest.iter().map(|line| format!("{line}\n")).collect();
    format!("{}: {}\n{rest}", all.target, all.files.join(" \\\n  "))
}

/// A dependency file, as it is written.
struct Rules<'a> {
    target: &'a str,
    /// The files of the first rule.
    files: Vec<String>,
    /// The lines of other rules.
    rest: Vec<String>,
}

impl Rules<'_> {
    fn of(text: &str) -> Option<Rules<'_>> {
        // The target may hold a colon of its own, but none with white space behind it.
        let end = text.find(": ").or_else(|| text.find(":\n"))?;
        let mut files = Vec::new();
        let mut word = String::new();
        let mut chars = text[end + 1..].char_indices().peekable();
        let mut rest = "";
        while let Some((at, c)) = chars.next() {
            match (c, chars.peek().map(|(_, c)| *c)) {
                ('\\', Some('\n')) => {
                    chars.next();
                    flush(&mut word, &mut files);
                }
                ('\\', Some('\r')) => {}
                ('\\', Some(escaped @ (' ' | '#' | '\t'))) => {
                    chars.next();
                    word.extend(['\\', escaped]);
                }
                (' ' | '\t' | '\r', _) => flush(&mut word, &mut files),
                ('\n', _) => {
                    rest = &text[end + 1 + at..];
                    break;
                }
                (other, _) => word.push(other),
            }
        }
        flush(&mut word, &mut files);
        Some(Rules {
            target: &text[..end],
            files,
            rest: rest.lines().filter(|line| !line.is_empty()).map(String::from).collect(),
        })
    }
}

fn flush(word: &mut String, files: &mut Vec<String>) {
    if !word.is_empty() {
        files.push(std::mem::take(word));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_clang_escapes_is_read_back() {
        let text = "C:\\out/a b.o: main.c with\\ blank.h \\\n  /x/a\\#b.h 100$$.h \\\n  back\\slash.h\n\nphony.h:\n";
        let files = parse(text).unwrap();
        let names: Vec<_> = files.iter().map(|path| path.to_str().unwrap()).collect();
        assert_eq!(names, ["main.c", "with blank.h", "/x/a#b.h", "100$.h", "back\\slash.h"]);
        assert_eq!(parse(""), None);
        assert_eq!(parse("a.o:\n"), Some(Vec::new()));
    }

    #[test]
    fn lists_of_several_sources_become_one() {
        let (a, b) = ("o: a.c \\\n  x\\ y.h z.h\n\nx\\ y.h:\n\nz.h:\n", "o: b.c z.h $$.h\n\nz.h:\n\n$$.h:\n");
        let all = together([a, b]);
        assert_eq!(all, "o: a.c \\\n  x\\ y.h \\\n  z.h \\\n  b.c \\\n  $$.h\nx\\ y.h:\nz.h:\n$$.h:\n");
        assert_eq!(parse(&all).unwrap().len(), 5);
        assert_eq!(together([a]).matches("z.h").count(), 2);
    }
}
