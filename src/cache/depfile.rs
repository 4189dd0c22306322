//! The list of headers that a compiler writes for make.

use std::path::PathBuf;

/// The files that the first rule of a dependency file names; `None` where it has no rule.
pub(super) fn parse(text: &str) -> Option<Vec<PathBuf>> {
    // The target may hold a colon of its own, but none with white space behind it.
    let end = text.find(": ").or_else(|| text.find(":\n"))?;
    let mut files = Vec::new();
    let mut word = String::new();
    let mut chars = text[end + 1..].chars().peekable();
    while let Some(c) = chars.next() {
        match (c, chars.peek().copied()) {
            ('\\', Some('\n')) => {
                chars.next();
                flush(&mut word, &mut files);
            }
            ('\\', Some('\r')) => {}
            // make knows an escaped blank and `#`; any other backslash is itself.
            ('\\', Some(escaped @ (' ' | '#' | '\t'))) => {
                chars.next();
                word.push(escaped);
            }
            ('$', Some('$')) => {
                chars.next();
                word.push('$');
            }
            (' ' | '\t' | '\r', _) => flush(&mut word, &mut files),
            ('\n', _) => break,
            (other, _) => word.push(other),
        }
    }
    flush(&mut word, &mut files);
    Some(files)
}

fn flush(word: &mut String, files: &mut Vec<PathBuf>) {
    if !word.is_empty() {
        files.push(PathBuf::from(std::mem::take(word)));
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
}
