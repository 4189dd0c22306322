//! Which compiler, linker and sysroot a build uses, and how they are found.

mod apt;
mod bundled;
mod doctor;
mod emcc;
mod hermetic;
mod install;
pub mod libcxx;
mod memory;
mod package;
mod places;
pub mod rust;
mod sysroot;
mod tools;
mod zig;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::config::{Program, Setjmp, choose};
use crate::error::{Error, Result};
use crate::process::Command;
pub use bundled::Bundled;
pub use doctor::{Report, doctor};
pub use install::{Consent, Options, install, list, remove};
use memory::Memory;
use package::Package;
pub use places::Places;
use sysroot::Sysroot;
use tools::{Clang, Linker, Origin};
use wbuild_targets::Target;

/// Which compiler the user asked for (`--compiler`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Choice {
    /// The native clang with the pinned sysroot, else the hermetic one.
    #[default]
    Auto,
    /// A clang of the machine's.
    Native,
    /// The clang that is itself wasm, through Node: the same bits on every machine.
    Hermetic,
    /// `zig cc`, with zig's own C library.
    Zig,
    /// The clang of emcc, with emcc's own C library.
    Emcc,
}

/// What to look for. Every path that is `None` is looked for in the environment, in the known
/// places and on PATH, in that order.
#[derive(Debug, Clone, Default)]
pub struct Request {
    pub choice: Choice,
    /// `--clang PATH`
    pub clang: Option<PathBuf>,
    /// `--sysroot DIR`
    pub sysroot: Option<PathBuf>,
}

/// A compiler, a linker and a sysroot that belong together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Toolchain {
    /// The words that start the compiler: `[clang-22]`, or `[node, hermetic.mjs, clang]`.
    pub clang: Vec<PathBuf>,
    /// The words that start the C++ compiler.
    pub clangxx: Vec<PathBuf>,
    /// The words that start wasm-ld.
    pub wasm_ld: Vec<PathBuf>,
    /// Variables that the tools need.
    pub env: Vec<(OsString, OsString)>,
    /// True where the tools are wasm themselves and several jobs are cheaper in one process.
    pub hermetic: bool,
    /// The major version of LLVM.
    pub llvm_major: u32,
    /// Arguments that every compilation for the target needs: `--target=`, `--sysroot=`, ...
    pub compile_args: Vec<String>,
    /// Folders for the linker's `-L`.
    pub library_dirs: Vec<PathBuf>,
    /// The start objects of a program and of a reactor, where the target has a C library.
    pub crt_command: Option<PathBuf>,
    pub crt_reactor: Option<PathBuf>,
    /// compiler-rt's builtins. Only a target without a C library can do without.
    pub builtins: Option<PathBuf>,
    /// The compiler's own C library, which must be made before a link.
    pub bundled: Option<Bundled>,
    /// What the report says of the tools: name, version, path, hash.
    pub identity: Vec<Tool>,
}

/// A tool's identity, for the report.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Tool {
    pub name: String,
    pub version: String,
    pub path: PathBuf,
    /// SHA-256 in hex, of the file or of the sysroot's archive.
    pub sha256: String,
}

impl Toolchain {
    /// A command that starts with `words`.
    pub fn command(words: &[PathBuf]) -> Command {
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]);
        command
    }

    /// A command that starts the C or the C++ compiler.
    pub fn compiler(&self, cxx: bool) -> Command {
        let mut command = Toolchain::command(if cxx { &self.clangxx } else { &self.clang });
        command.env.extend(self.env.iter().cloned());
        command
    }

    /// Makes what a link needs and is not there yet: the C library that the compiler brings.
    pub fn ensure(&self) -> Result<()> {
        self.bundled.as_ref().map_or(Ok(()), |bundled| bundled.ensure(self))
    }

    /// Whether this is emcc's clang and C library.
    fn is_emcc(&self) -> bool {
        self.identity.first().is_some_and(|tool| tool.name == Choice::Emcc.name())
    }

    /// Refuses a program that needs what this compiler has not.
    pub fn can(&self, program: &Program) -> Result<()> {
        let plain = !program.exceptions && program.setjmp == Setjmp::Lowered;
        match &self.bundled {
            Some(bundled) if !plain => Err(bundled.no_exceptions()),
            _ => Ok(()),
        }
    }

    /// The same for what is linked with Rust, whose C library is WASI's: emcc's objects and linker do not fit it.
    pub fn for_rust(self) -> Result<Toolchain> {
        match self.is_emcc() {
            false => Ok(self),
            true => Err(Error::build("emcc cannot be used with Rust")
                .cause("Rust's library is linked with another C library")
                .help("use --compiler=auto, and unset WBUILD_COMPILER")),
        }
    }

    /// The words that start one of LLVM's tools for objects and archives (`ar`, `nm`), which come with the compiler.
    pub fn binutil(&self, name: &str, places: &Places) -> Result<Vec<PathBuf>> {
        let llvm = format!("llvm-{name}");
        if self.hermetic {
            let start = &self.clang[..self.clang.len() - 1];
            return Ok(start.iter().cloned().chain([llvm.into()]).collect());
        }
        let clang = &self.clang[0];
        let real = clang.canonicalize().unwrap_or_else(|_| clang.clone());
        let beside = [clang.with_file_name(&llvm), real.with_file_name(&llvm)];
        let named = [format!("{llvm}-{}", self.llvm_major), llvm.clone()];
        let found = beside.into_iter().find(|path| path.is_file());
        found.or_else(|| named.iter().find_map(|name| places.on_path(name))).map(|path| vec![path]).ok_or_else(|| {
            Error::build(format!("no {llvm} found"))
                .cause(format!("it belongs beside {}", clang.display()))
                .help(format!("apt-get install llvm-{}, or use --compiler=hermetic", self.llvm_major))
        })
    }
}

/// Finds the toolchain for `target`, or says what is missing and which command installs it.
pub fn find(request: &Request, target: &Target) -> Result<Toolchain> {
    find_in(&Places::of_process(), request, target)
}

/// As [`find`], in an environment that is given.
pub fn find_in(places: &Places, request: &Request, target: &Target) -> Result<Toolchain> {
    let choice = match (request.choice, places.var("WBUILD_COMPILER").map(|v| v.to_string_lossy())) {
        (Choice::Auto, Some(name)) => Choice::named(&name).map_err(|e| e.cause("WBUILD_COMPILER says so"))?,
        (choice, _) => choice,
    };
    let mut memory = Memory::open(places.cache().ok().as_deref());
    if choice.brings_libc() {
        let given = [("--clang", request.clang.is_some()), ("--sysroot", request.sysroot.is_some())];
        if let Some((option, _)) = given.iter().find(|(_, given)| *given) {
            return Err(Error::usage(format!("{option} and --compiler={} contradict each other", choice.name()))
                .cause("it is a compiler with a C library of its own")
                .help("leave one of them out"));
        }
    }
    match choice {
        Choice::Zig => return zig::toolchain(places, &mut memory, target),
        Choice::Emcc => return emcc::toolchain(places, &mut memory, target),
        Choice::Auto | Choice::Native | Choice::Hermetic => {}
    }
    let sysroots = sysroot::candidates(places, request.sysroot.as_deref())?;
    let sysroot = sysroots.into_iter().next().map(|(_, sysroot)| sysroot);
    if choice == Choice::Hermetic {
        if let Some(clang) = &request.clang {
            return Err(Error::usage("--clang and --compiler=hermetic contradict each other")
                .cause(format!("{} is a native compiler", clang.display()))
                .help("leave one of them out"));
        }
        return hermetic::toolchain(places, &mut memory, sysroot, target);
    }
    match native_tools(places, &mut memory, request.clang.as_deref()) {
        Ok((clang, linker)) => native(places, &mut memory, &clang, &linker, sysroot, target),
        // With no compiler of the machine's the one that is itself wasm serves, if it can.
        Err(Unusable::Missing(error)) if choice == Choice::Auto => {
            let installed = Package::installed(places).is_some();
            hermetic::toolchain(places, &mut memory, sysroot, target).map_err(|e| if installed { e } else { error })
        }
        Err(Unusable::Missing(error) | Unusable::Named(error)) => Err(error),
    }
}

/// SHA-256 of a file in hex, remembered for as long as the file looks the same.
pub fn sha256(places: &Places, path: &Path) -> Result<String> {
    Memory::open(places.cache().ok().as_deref()).sha256(path)
}
/// What `--compiler` takes.
pub const CHOICES: &[(&str, Choice)] = &[
    ("auto", Choice::Auto),
    ("native", Choice::Native),
    ("hermetic", Choice::Hermetic),
    ("zig", Choice::Zig),
    ("emcc", Choice::Emcc),
];

impl Choice {
    /// Reads one of [`CHOICES`].
    pub fn named(name: &str) -> Result<Choice> {
        choose("--compiler", name, CHOICES)
    }

    /// As it is written.
    pub fn name(self) -> &'static str {
        CHOICES.iter().find(|(_, choice)| *choice == self).map_or("", |(name, _)| name)
    }

    /// Whether it needs no sysroot of ours.
    fn brings_libc(self) -> bool {
        matches!(self, Choice::Zig | Choice::Emcc)
    }
}

/// Why there is no native compiler.
enum Unusable {
    /// One was asked for by name and cannot serve.
    Named(Error),
    /// None was found that serves.
    Missing(Error),
}

/// The first clang that serves, and its linker.
fn native_tools(places: &Places, memory: &mut Memory, flag: Option<&Path>) -> Result<(Clang, Linker), Unusable> {
    const INSTALL: &str = "wbuild toolchain install";
    let mut rejected = Vec::new();
    let mut linker_error = None;
    for (origin, path) in tools::clang_candidates(places, flag) {
        let probed = tools::probe_clang(memory, &path);
        if let Origin::Named(by) = origin {
            let clang = probed.map_err(|e| {
                Unusable::Named(
                    e.cause(format!("{by} names it")).help(format!("leave out {by}, or name a clang that runs")),
                )
            })?;
            if let Some(defect) = clang.defect() {
                let error = Error::build(format!("{by} names a compiler that cannot be used")).cause(defect);
                return Err(Unusable::Named(error.help(format!("leave out {by}; {INSTALL} brings a newer one"))));
            }
            let linker = tools::linker_for(memory, places, &clang).map_err(Unusable::Named)?;
            return Ok((clang, linker));
        }
        let clang = match probed {
            Ok(clang) => clang,
            Err(e) => {
                rejected.push(format!("{} cannot be run: {}", path.display(), e.message));
                continue;
            }
        };
        if let Some(defect) = clang.defect() {
            rejected.push(defect);
            continue;
        }
        match tools::linker_for(memory, places, &clang) {
            Ok(linker) => return Ok((clang, linker)),
            Err(e) => linker_error = linker_error.or(Some(e)),
        }
    }
    if let Some(error) = linker_error {
        return Err(Unusable::Missing(error));
    }
    let what = if rejected.is_empty() { "no C compiler for WebAssembly found" } else { "no usable C compiler found" };
    let mut error = Error::build(what);
    if rejected.is_empty() {
        error = error.cause("there is no clang in the known places and none on PATH");
    }
    for reason in rejected {
        error = error.cause(reason);
    }
    Err(Unusable::Missing(error.help(INSTALL)))
}

/// Puts a native compiler, its linker and a sysroot together.
fn native(
    places: &Places,
    memory: &mut Memory,
    clang: &Clang,
    linker: &Linker,
    sysroot: Option<Sysroot>,
    target: &Target,
) -> Result<Toolchain> {
    let mut words = vec![linker.path.clone()];
    words.extend(linker.args.iter().cloned());
    let identity = vec![
        Tool {
            name: "clang".into(),
            version: clang.facts.version.clone(),
            path: clang.path.clone(),
            sha256: memory.sha256(&clang.path)?,
        },
        Tool {
            name: "wasm-ld".into(),
            version: linker.version.clone(),
            path: linker.path.clone(),
            sha256: memory.sha256(&linker.path)?,
        },
    ];
    let compiler = Compiler {
        clang: vec![clang.path.clone()],
        clangxx: clang.cxx(),
        wasm_ld: words,
        hermetic: false,
        llvm_major: clang.facts.major,
        resource_dir: clang.facts.resource_dir.clone(),
        identity,
    };
    compiler.with_sysroot(places, memory, sysroot, target)
}

/// A compiler and its linker, still without a sysroot.
struct Compiler {
    clang: Vec<PathBuf>,
    clangxx: Vec<PathBuf>,
    wasm_ld: Vec<PathBuf>,
    hermetic: bool,
    llvm_major: u32,
    resource_dir: PathBuf,
    identity: Vec<Tool>,
}

impl Compiler {
    fn with_sysroot(
        self,
        places: &Places,
        memory: &mut Memory,
        sysroot: Option<Sysroot>,
        target: &Target,
    ) -> Result<Toolchain> {
        let Compiler { clang, clangxx, wasm_ld, hermetic, llvm_major, resource_dir, mut identity } = self;
        let builtins = match &sysroot {
            Some(sysroot) => {
                identity.push(sysroot.identity(memory, places)?);
                Some(sysroot.builtins(Some(&resource_dir), places)?)
            }
            None => None,
        };
        // What lies in the user's or the machine's own folders gets one name in debug information
        // and in __FILE__, so that two users get the same bytes.
        let mut compile_args = vec![map("/wbuild/clang", &resource_dir)];
        if hermetic {
            // Built into it is a folder of the system that its makers imagined.
            compile_args.push(format!("-resource-dir={}", resource_dir.display()));
        }
        let (mut library_dirs, mut crt_command, mut crt_reactor) = (Vec::new(), None, None);
        if target.has_libc {
            let Some(sysroot) = &sysroot else {
                return Err(Error::build(format!("no C library found for {}", target.name))
                    .cause("a WASI sysroot is missing: headers, libc and what links with every program")
                    .help("wbuild toolchain install"));
            };
            compile_args.extend(sysroot.compile_args());
            // Debian's lies in /usr on every machine, and so may the user's own sources.
            if sysroot.kind != sysroot::Kind::Debian {
                compile_args.push(map("/wbuild/sysroot", &sysroot.dir));
            }
            library_dirs = sysroot.library_dirs();
            crt_command = Some(sysroot.crt("crt1-command.o"));
            crt_reactor = Some(sysroot.crt("crt1-reactor.o"));
        } else {
            compile_args.extend([format!("--target={}", target.name), "-nostdlibinc".into()]);
        }
        memory.save();
        Ok(Toolchain {
            clang,
            clangxx,
            wasm_ld,
            env: Vec::new(),
            hermetic,
            llvm_major,
            compile_args,
            library_dirs,
            crt_command,
            crt_reactor,
            builtins,
            bundled: None,
            identity,
        })
    }
}

/// `-ffile-prefix-map` from a folder to a name that is the same everywhere.
fn map(name: &str, dir: &Path) -> String {
    format!("-ffile-prefix-map={}={name}", dir.display())
}
