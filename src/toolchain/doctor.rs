//! `wbuild doctor`: what was found, where, and which command closes each gap.

use std::fmt::Write;
use std::path::PathBuf;

use super::memory::Memory;
use super::package::{self, Package};
use super::places::Places;
use super::sysroot::{self, Kind};
use super::tools::{self, ask, first_line};
use super::{Choice, Request, emcc, hermetic, rust, zig};

/// The table, and whether a build is possible.
#[derive(Debug, Clone)]
pub struct Report {
    pub text: String,
    pub can_build: bool,
}

/// A row of the table.
struct Row {
    what: &'static str,
    finding: Finding,
}

enum Finding {
    /// Found: its version, where, and the targets that it gives.
    Found { version: String, path: PathBuf, gives: String },
    /// Found and of no use: why, and what helps.
    Unusable { why: String, help: String },
    /// Found, of no use, and not missed, since another one serves.
    Unneeded { why: String },
    /// Not found, and needed by some way to build.
    Missing { help: String },
    /// Not found, and nothing misses it.
    Absent { note: &'static str },
}

const INSTALL: &str = "wbuild toolchain install";

/// Looks at everything that a build could use.
pub fn doctor(places: &Places) -> Report {
    let mut memory = Memory::open(places.cache().ok().as_deref());
    let (mut rows, node) = (Vec::new(), hermetic::node(places, &mut memory));
    let package = Package::installed(places);
    rows.extend(compilers(places, &mut memory, package.is_some()));
    rows.extend(sysroots(places));
    rows.push(Row {
        what: "hermetic clang",
        finding: match (&package, &node) {
            (Some(package), Ok(_)) => Finding::Found {
                version: package.version(),
                path: package.llvm(),
                gives: "wasm32-wasip1, wasm32-unknown-unknown (--compiler=hermetic)".into(),
            },
            (Some(_), Err(e)) => Finding::Unusable { why: e.message.clone(), help: e.help.clone().unwrap_or_default() },
            (None, _) => Finding::Missing { help: INSTALL.into() },
        },
    });
    rows.push(Row {
        what: "node",
        finding: match node {
            Ok(node) => {
                Finding::Found { version: node.version, path: node.path, gives: "runs the hermetic clang".into() }
            }
            Err(e) => Finding::Missing { help: e.help.unwrap_or_default() },
        },
    });
    rows.push(npm(places, &mut memory));
    rows.extend(rust(places));
    rows.push(Row {
        what: "zig",
        finding: match zig::locate(places, &mut memory) {
            Ok(zig) => {
                let gives = "wasm32-wasip1, wasm32-unknown-unknown (--compiler=zig)".into();
                Finding::Found { version: zig.version, path: zig.path, gives }
            }
            Err(_) => Finding::Absent { note: "only --compiler=zig needs it: python3 -m pip install ziglang" },
        },
    });
    rows.push(Row {
        what: "emcc",
        finding: match emcc::locate(places, &mut memory) {
            Ok(emcc) => {
                let gives = "wasm32-wasip1, wasm32-unknown-unknown (--compiler=emcc)".into();
                Finding::Found { version: emcc.version, path: emcc.path, gives }
            }
            Err(_) => Finding::Absent { note: "only --compiler=emcc needs it: apt-get install emscripten" },
        },
    });
    let mut text = table(&rows);
    let can_build = verdicts(places, &mut text);
    Report { text, can_build }
}

fn compilers(places: &Places, memory: &mut Memory, hermetic: bool) -> Vec<Row> {
    let mut rows = Vec::new();
    for (_, path) in tools::clang_candidates(places, None) {
        let probed = tools::probe_clang(memory, &path);
        let clang = match probed {
            Ok(clang) => clang,
            Err(e) => {
                let why = format!("{}: {}", path.display(), e.message);
                rows.push(Row { what: "clang", finding: Finding::Unusable { why, help: INSTALL.into() } });
                continue;
            }
        };
        if let Some(why) = clang.defect() {
            rows.push(Row { what: "clang", finding: Finding::Unusable { why, help: INSTALL.into() } });
            continue;
        }
        let linker = tools::linker_for(memory, places, &clang);
        rows.push(Row {
            what: "clang",
            finding: Finding::Found {
                version: clang.facts.version.clone(),
                path,
                gives: "wasm32-wasip1, wasm32-unknown-unknown".into(),
            },
        });
        rows.push(Row {
            what: "wasm-ld",
            finding: match linker {
                Ok(linker) => Finding::Found { version: linker.version, path: linker.path, gives: String::new() },
                Err(e) => Finding::Unusable { why: e.message, help: e.help.unwrap_or_default() },
            },
        });
    }
    if rows.iter().any(|row| matches!(row.finding, Finding::Found { .. })) {
        for row in &mut rows {
            if let Finding::Unusable { why, .. } = &mut row.finding {
                row.finding = Finding::Unneeded { why: std::mem::take(why) };
            }
        }
    }
    if rows.is_empty() {
        let finding = match hermetic {
            true => Finding::Absent { note: "the hermetic clang compiles; a native one is 3 to 10 times as fast" },
            false => Finding::Missing { help: INSTALL.into() },
        };
        rows.push(Row { what: "clang", finding });
    }
    rows
}

fn sysroots(places: &Places) -> Vec<Row> {
    let found = match sysroot::candidates(places, None) {
        Ok(found) => found,
        Err(e) => {
            let help = e.help.unwrap_or_default();
            return vec![Row { what: "sysroot", finding: Finding::Unusable { why: e.message, help } }];
        }
    };
    let mut rows: Vec<Row> = found
        .into_iter()
        .map(|(_, sysroot)| {
            let version = match sysroot.kind {
                Kind::Pinned => format!("{} {}", package::NAME, package::VERSION),
                Kind::Debian => "Debian's wasi-libc".into(),
                Kind::Plain => "a wasi-sdk's layout".into(),
            };
            let setjmp = sysroot.crt("libsetjmp.a").is_file();
            let gives = format!("wasm32-wasip1{}", if setjmp { "" } else { " (without libsetjmp)" });
            Row { what: "sysroot", finding: Finding::Found { version, path: sysroot.dir, gives } }
        })
        .collect();
    if rows.is_empty() {
        rows.push(Row { what: "sysroot", finding: Finding::Missing { help: INSTALL.into() } });
    }
    rows
}

fn npm(places: &Places, memory: &mut Memory) -> Row {
    let finding = match places.on_path("npm") {
        Some(path) => match memory.recall("npm", &path, || Ok(first_line(&ask(&path, &["--version"])?))) {
            Ok(version) => Finding::Found { version, path, gives: "fetches the sysroot and the hermetic clang".into() },
            Err(e) => Finding::Unusable { why: e.message, help: "apt-get install npm".into() },
        },
        None if Package::installed(places).is_some() => {
            Finding::Absent { note: "only `wbuild toolchain install` needs it" }
        }
        None => Finding::Missing { help: "apt-get install npm".into() },
    };
    Row { what: "npm", finding }
}

/// One row for each target: which rustc and which library a build would use.
fn rust(places: &Places) -> Vec<Row> {
    let row = |target: &'static wbuild_targets::Target| {
        let finding = match rust::locate(places, target, rust::Std::Normal) {
            Ok(rust) => {
                let std = rust.identity.iter().find(|tool| tool.name == "rust-std").map(|tool| tool.version.clone());
                let better = match rust.sysroot.as_ref().map(|sysroot| sysroot.is_dir()) {
                    None => String::new(),
                    Some(true) => format!("; rustup target add {} would be Rust's own build", target.name),
                    Some(false) => format!("; to be built once, unless rustup target add {}", target.name),
                };
                let gives = format!("{}: library {}{better}", target.name, std.unwrap_or_default());
                let version = rust.identity.first().map_or(String::new(), |rustc| rustc.version.clone());
                Finding::Found { version, path: rust.rustc, gives }
            }
            Err(e) => Finding::Unusable { why: e.message, help: e.help.unwrap_or_default() },
        };
        Row { what: "rustc", finding }
    };
    wbuild_targets::TARGETS.iter().map(row).collect()
}

/// Says for each target which tools a build would use, by asking as a build asks.
fn verdicts(places: &Places, text: &mut String) -> bool {
    let mut can_build = false;
    let mut help = Vec::new();
    text.push('\n');
    for target in wbuild_targets::TARGETS {
        let request = Request { choice: Choice::Auto, ..Request::default() };
        match super::find_in(places, &request, target) {
            Ok(found) => {
                can_build = true;
                let tools: Vec<String> = found.identity.iter().map(|t| format!("{} {}", t.name, t.version)).collect();
                let _ = writeln!(text, "{}: builds with {}", target.name, tools.join(", "));
            }
            Err(e) => {
                let _ = writeln!(text, "{}: cannot build: {}", target.name, e.message);
                help.extend(e.help);
            }
        }
    }
    help.dedup();
    for command in help {
        let _ = writeln!(text, "help: {command}");
    }
    can_build
}

fn table(rows: &[Row]) -> String {
    let cells: Vec<[String; 4]> = rows
        .iter()
        .map(|row| {
            let what = row.what.to_string();
            match &row.finding {
                Finding::Found { version, path, gives } => {
                    let path = path.display().to_string();
                    let more = if gives.is_empty() { path } else { format!("{path}\n{gives}") };
                    [what, "ok".into(), version.clone(), more]
                }
                Finding::Unusable { why, help } => {
                    [what, "unusable".into(), String::new(), format!("{why}\nfix: {help}")]
                }
                Finding::Unneeded { why } => [what, "unused".into(), String::new(), why.clone()],
                Finding::Missing { help } => [what, "missing".into(), String::new(), format!("fix: {help}")],
                Finding::Absent { note } => [what, "-".into(), String::new(), (*note).into()],
            }
        })
        .collect();
    let width = |column: usize| cells.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths = [width(0), width(1), width(2)];
    let mut text = String::new();
    for row in &cells {
        for (i, line) in row[3].lines().enumerate() {
            let cell = |column: usize| if i == 0 { row[column].as_str() } else { "" };
            let [a, b, c] = widths;
            let _ = writeln!(text, "{:a$}  {:b$}  {:c$}  {line}", cell(0), cell(1), cell(2));
        }
    }
    text
}
