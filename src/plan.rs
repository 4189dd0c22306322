//! What will be run, as data: `--dry-run` prints it, `exec` runs it. Nothing here touches the disk.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::config::{Config, Crate, Item, Lto, Program, Setjmp};
use crate::pipeline::{self, Stage};
use crate::process::{Command, quote};
use crate::runtime::Runtime;
use crate::source::Language;
use crate::toolchain::rust::Rust;
use crate::toolchain::{Toolchain, libcxx};
use crate::{c, link, rust};

/// Everything a build does, in order.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Ways to make the linked module. With more than one, the smallest result is kept.
    pub variants: Vec<Variant>,
    /// What happens to a module after the link.
    pub stages: Vec<Stage>,
    pub output: PathBuf,
}

/// One way to compile and link.
#[derive(Debug, Clone)]
pub struct Variant {
    /// What sets it apart: `LTO`, `no LTO`; empty where there is only one.
    pub name: &'static str,
    pub compile: Vec<Compile>,
    pub link: Link,
}

/// One source made into one object.
#[derive(Debug, Clone)]
pub struct Compile {
    pub source: PathBuf,
    pub language: Language,
    pub object: PathBuf,
    /// Where the list of its headers goes, which the command writes beside the object; several may share one.
    pub list: Option<PathBuf>,
    pub command: Command,
}

/// The objects made into one module.
#[derive(Debug, Clone)]
pub struct Link {
    pub command: Command,
    pub module: PathBuf,
}

/// What a plan depends on besides the command line and the toolchain.
#[derive(Debug, Clone)]
pub struct Place {
    /// The current folder, which the output must not depend on.
    pub folder: PathBuf,
    /// Where intermediate files go.
    pub scratch: PathBuf,
    /// Where wbuild's own headers and objects for C are.
    pub runtime: Runtime,
    /// libc++ with exceptions, where the program has them.
    pub libcxx: Option<libcxx::Library>,
    /// Whether the compiler's diagnostics are coloured.
    pub color: bool,
    /// Whether SOURCE_DATE_EPOCH is set: else `__DATE__` is that of 1970.
    pub epoch: bool,
}

/// The plan of a build that compiles and links.
pub fn of_program(config: &Config, program: &Program, toolchain: &Toolchain, place: &Place) -> Plan {
    Plan { variants: variants(config, program, toolchain, place), ..of_module(config) }
}

/// The plan of a build from a crate, of which rustc makes a linked module.
pub fn of_crate(config: &Config, krate: &Crate, rust: &Rust, linker: &rust::Linker, place: &Place) -> Plan {
    Plan { variants: rust::variants(config, krate, rust, linker, place), ..of_module(config) }
}

/// The plan of a build from a cargo project, of which cargo makes a linked module.
pub fn of_project(config: &Config, variant: Variant) -> Plan {
    Plan { variants: vec![variant], ..of_module(config) }
}

/// The plan of a build from one finished module.
pub fn of_module(config: &Config) -> Plan {
    let stages = pipeline::stages(&pipeline::Options::of(config));
    Plan { variants: Vec::new(), stages, output: config.output.clone() }
}

impl Plan {
    /// The lists of headers that are asked for, and the objects beside which their parts are. What one variant reads
    /// the others read too.
    pub fn lists(&self) -> BTreeMap<&Path, Vec<&Path>> {
        let mut lists: BTreeMap<&Path, Vec<&Path>> = BTreeMap::new();
        for compile in self.variants.iter().take(1).flat_map(|variant| &variant.compile) {
            if let Some(list) = &compile.list {
                lists.entry(list).or_default().push(&compile.object);
            }
        }
        lists
    }

    /// The plan as a shell would run it, and the stages that happen inside wbuild as comments.
    pub fn shell(&self, scratch: &Path) -> String {
        let mut lines = Vec::new();
        if !self.variants.is_empty() {
            lines.push(format!("mkdir -p {}", quote(scratch.as_os_str())));
        }
        for variant in &self.variants {
            if !variant.name.is_empty() {
                lines.push(format!("# {}", variant.name));
            }
            lines.extend(variant.compile.iter().map(|c| c.command.shell()));
            lines.push(variant.link.command.shell());
        }
        let steps = self.stages.iter().flat_map(Stage::steps);
        lines.extend(steps.map(|(name, reason)| format!("# {name}: {reason}")));
        for (list, _) in self.lists() {
            lines.push(format!("# lists of headers together written to {}", quote(list.as_os_str())));
        }
        if self.variants.len() > 1 {
            lines.push("# the smaller of both is kept".to_string());
        }
        lines.push(format!("# written to {}", quote(self.output.as_os_str())));
        lines.join("\n") + "\n"
    }
}

fn variants(config: &Config, program: &Program, toolchain: &Toolchain, place: &Place) -> Vec<Variant> {
    match program.lto {
        Lto::Both => vec![
            variant("LTO", Lto::Full, config, program, toolchain, place),
            variant("no LTO", Lto::Off, config, program, toolchain, place),
        ],
        lto => vec![variant("", lto, config, program, toolchain, place)],
    }
}

fn variant(
    name: &'static str,
    lto: Lto,
    config: &Config,
    program: &Program,
    toolchain: &Toolchain,
    place: &Place,
) -> Variant {
    // The linker's messages show these names, so they are those of the sources where possible.
    let suffix = if name == "LTO" { "lto.o" } else { "o" };
    let mut compile: Vec<Compile> = Vec::new();
    let mut items = Vec::new();
    for item in &program.items {
        items.push(match item {
            Item::Source(path, language) => {
                let stem = match path.file_stem() {
                    Some(stem) if path != Path::new("-") => stem.to_string_lossy().into_owned(),
                    _ => "stdin".to_string(),
                };
                let mut object = place.scratch.join(format!("{stem}.{suffix}"));
                let mut n = 1;
                while compile.iter().any(|c| c.object == object) {
                    object = place.scratch.join(format!("{stem}-{n}.{suffix}"));
                    n += 1;
                }
                let job = c::Job { path, language: *language, object: &object, lto };
                let command = c::command(&job, config, program, toolchain, place);
                let list = c::list(&job, config, program);
                compile.push(Compile {
                    source: path.clone(),
                    language: *language,
                    object: object.clone(),
                    list,
                    command,
                });
                link::Part::File(object)
            }
            Item::Object(path) => link::Part::File(path.clone()),
            Item::Linker(words) => link::Part::Words(words.clone()),
        });
    }
    let module = place.scratch.join(if name == "LTO" { "lto/module.wasm" } else { "module.wasm" });
    let command = link::command(&items, lto, &module, config, program, toolchain, place);
    Variant { name, compile, link: Link { command, module } }
}

/// Words for whoever generates code: the compiler, and under LTO the linker.
pub(crate) fn codegen(program: &Program) -> Vec<OsString> {
    let by_user = program.codegen_args.iter().any(|word| word.to_str() == Some("-wasm-enable-sjlj"));
    let own: &[&str] = match program.setjmp {
        // LLVM refuses two ways at once, and the user's own choice stands.
        _ if by_user => &[],
        Setjmp::Lowered => crate::runtime::SJLJ_COMPILE,
        Setjmp::Wasm => &["-mllvm", "-wasm-enable-sjlj", "-mllvm", "-wasm-use-legacy-eh=false"],
        Setjmp::WasmLegacy => &["-mllvm", "-wasm-enable-sjlj", "-mllvm", "-wasm-use-legacy-eh"],
    };
    let exceptions: &[&str] = if program.exceptions { &crate::runtime::EXCEPTIONS_COMPILE[1..] } else { &[] };
    own.iter().chain(exceptions).map(OsString::from).chain(program.codegen_args.iter().cloned()).collect()
}
