//! Snapshots: what initialization left is there when the module starts, whichever engine ran it, and as Wizer has it.

use std::path::Path;

use wasmtime::{Engine, Func, Instance, Linker, Module, Store, Val, ValType};
use wbuild::engine::{self, Profile};
use wbuild::error::Result;
use wbuild::preinit::{self, Choice, ENGINES, Options, Snapshot};
use wbuild::ui::{Ui, Verbosity};

use crate::rust::{output, text};

mod bad_input;
mod exports;
mod memories;
mod programs;
mod proposals;
mod report;
mod tables;
mod traces;
mod wizer;

/// A module whose initialization ends well, and what its functions must give afterwards.
struct Case {
    module: Vec<u8>,
    options: Options,
    /// Engines that lack what the module uses.
    without: Vec<Choice>,
    /// Engines that have it on some machines only.
    perhaps_without: Vec<Choice>,
    /// Exports to call, in this order, and what each gives.
    calls: Vec<(&'static str, &'static str)>,
    /// What Wizer says against the module, if it does.
    wizer: Option<&'static str>,
}

impl Case {
    fn new(text: &str) -> Case {
        let module = wasm(text);
        let (without, perhaps_without) = (Vec::new(), Vec::new());
        Case { module, options: Options::default(), without, perhaps_without, calls: Vec::new(), wizer: None }
    }

    fn with(mut self, change: impl FnOnce(&mut Options)) -> Case {
        change(&mut self.options);
        self
    }

    /// Expects these engines to be unable: a test that an engine is left out without a word could not fail.
    fn without(mut self, engines: &[Choice]) -> Case {
        self.without = engines.to_vec();
        self
    }

    fn perhaps_without(mut self, engines: &[Choice]) -> Case {
        self.perhaps_without = engines.to_vec();
        self
    }

    fn wizer_refuses(mut self, why: &'static str) -> Case {
        self.wizer = Some(why);
        self
    }

    /// The export, and the values that it takes, give these.
    fn gives(mut self, call: &'static str, results: &'static str) -> Case {
        self.calls.push((call, results));
        self
    }

    /// Initializes under every engine, and calls. Gives the snapshot.
    fn check(self) -> Vec<u8> {
        let mut snapshots = Vec::new();
        for (name, engine) in ENGINES {
            let options = Options { engine: *engine, ..self.options.clone() };
            match (start(&self.module, &options), self.without.contains(engine)) {
                (Ok(snapshot), false) => snapshots.push((name, snapshot.module)),
                (Err(_), true) => {}
                (Err(_), false) if self.perhaps_without.contains(engine) => {}
                (Ok(_), true) => panic!("{name} can, after all"),
                (Err(e), false) => panic!("{name}: {e}: {:?}", e.causes),
            }
        }
        let (_, module) = snapshots.swap_remove(0);
        for (name, other) in &snapshots {
            assert!(module == *other, "{name} left other bytes");
        }
        let names: Vec<&str> = self.calls.iter().map(|(call, _)| *call).collect();
        let expected: Vec<String> = self.calls.iter().map(|(_, results)| (*results).to_string()).collect();
        let after = Observed::of(&module, &[], &names);
        assert_eq!(after.results, expected, "{}", wasmprinter::print_bytes(&module).unwrap());

        // The original, initialized where it runs.
        if self.options.renames.is_empty() && self.options.preloads.is_empty() {
            let before = Observed::of(&self.module, &self.initializers(), &names);
            assert_eq!(before.results, expected, "the test is wrong");
            assert!(before.memories == after.memories, "memories differ");
        }
        self.compare_with_wizer(&names, &after);
        module
    }

    /// The names of the functions that initialize.
    fn initializers(&self) -> Vec<&str> {
        let engine = engine::engine(Profile::Deterministic).unwrap();
        let module = Module::new(&engine, &self.module).unwrap();
        let name = match &self.options.initializer {
            wbuild_passes::snapshot::Initializer::Named(name) => Some(name.as_str()),
            _ => wbuild_passes::snapshot::NAMES.into_iter().find(|name| module.get_export(name).is_some()),
        };
        let reactor = module.get_export("_initialize").map(|_| "_initialize");
        reactor.into_iter().chain(name.filter(|name| *name != "_initialize")).collect()
    }

    fn compare_with_wizer(&self, calls: &[&str], ours: &Observed) {
        let initializers = self.initializers();
        let Some(function) = initializers.last() else { return };
        let result = wizer::run(&self.module, function, &self.options.renames, self.options.keep);
        match (result, self.wizer) {
            (Ok(theirs), None) => {
                let theirs = Observed::of(&theirs, &[], calls);
                assert_eq!(theirs.results, ours.results, "Wizer's snapshot does something else");
                assert!(theirs.memories == ours.memories, "Wizer's memories are others");
            }
            (Err(e), Some(why)) => assert!(e.contains(why), "Wizer refuses it otherwise: {e}"),
            (Ok(_), Some(why)) => panic!("Wizer does not say `{why}`"),
            (Err(e), None) => panic!("Wizer: {e}"),
        }
    }
}

fn wasm(text: &str) -> Vec<u8> {
    wat::parse_str(text).unwrap_or_else(|e| panic!("{e}\n{text}"))
}

fn start(module: &[u8], options: &Options) -> Result<Snapshot> {
    preinit::run("module.wasm", module, options, false, &Ui::new(Verbosity::Quiet))
}

/// What calls gave, and what is in the exported memories then.
#[derive(Debug)]
struct Observed {
    results: Vec<String>,
    memories: Vec<(String, Vec<u8>)>,
}

impl Observed {
    /// `first` are called before, and must return.
    fn of(module: &[u8], first: &[&str], calls: &[&str]) -> Observed {
        thread_local!(static ENGINE: Engine = engine::engine(Profile::Deterministic).unwrap());
        let engine = ENGINE.with(Engine::clone);
        let module = Module::new(&engine, module).unwrap_or_else(|e| panic!("{e:#}"));
        let mut store = Store::new(&engine, ());
        let mut linker = Linker::new(&engine);
        linker.define_unknown_imports_as_traps(&module).unwrap();
        let instance = linker.instantiate(&mut store, &module).unwrap_or_else(|e| panic!("{e:#}"));
        for name in first {
            function(&mut store, instance, name).call(&mut store, &[], &mut []).unwrap();
        }
        let results = calls.iter().map(|words| call(&mut store, instance, words)).collect();
        let names: Vec<String> = module.exports().map(|export| export.name().to_string()).collect();
        let mut memories = Vec::new();
        for name in names {
            if let Some(memory) = instance.get_memory(&mut store, &name) {
                memories.push((name, memory.data(&store).to_vec()));
            }
        }
        Observed { results, memories }
    }
}

fn function(store: &mut Store<()>, instance: Instance, name: &str) -> Func {
    instance.get_func(&mut *store, name).unwrap_or_else(|| panic!("it exports no function `{name}`"))
}

/// Calls `NAME ARGUMENT...`, and shows the results.
fn call(store: &mut Store<()>, instance: Instance, words: &str) -> String {
    let mut words = words.split(' ');
    let function = function(store, instance, words.next().unwrap());
    let ty = function.ty(&*store);
    let mut args = Vec::new();
    for (word, ty) in words.zip(ty.params()) {
        args.push(match ty {
            ValType::I32 => Val::I32(word.parse().unwrap()),
            ValType::I64 => Val::I64(word.parse().unwrap()),
            other => panic!("no test passes {other}"),
        });
    }
    let mut results = vec![Val::I32(0); ty.results().len()];
    match function.call(&mut *store, &args, &mut results) {
        Ok(()) => results.iter().map(|value| show(store, value)).collect::<Vec<_>>().join(", "),
        Err(e) => e.chain().last().map_or_else(|| e.to_string(), |cause| cause.to_string()),
    }
}

fn show(store: &mut Store<()>, value: &Val) -> String {
    match value {
        Val::I32(value) => value.to_string(),
        Val::I64(value) => value.to_string(),
        Val::F32(bits) => f32::from_bits(*bits).to_string(),
        Val::F64(bits) => f64::from_bits(*bits).to_string(),
        Val::V128(value) => format!("{:#x}", value.as_u128()),
        Val::AnyRef(Some(any)) => match any.as_i31(&*store) {
            Ok(Some(value)) => format!("i31 {}", value.get_i32()),
            _ => "object".to_string(),
        },
        Val::FuncRef(Some(_)) => "function".to_string(),
        Val::FuncRef(None) | Val::AnyRef(None) | Val::ExternRef(None) => "null".to_string(),
        other => format!("{other:?}"),
    }
}

/// A folder with these files.
fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    files.iter().for_each(|(name, text)| std::fs::write(folder.path().join(name), text).unwrap());
    folder
}

/// Runs `wbuild` with these words, which must go well, and gives everything it printed.
fn succeed(folder: &Path, words: &[&str]) -> String {
    let output = output(folder, words);
    assert!(output.status.success(), "{words:?}: {}", text(&output));
    text(&output)
}

/// Runs `wbuild WORDS -o out.wasm`, which must be refused with that status and a message that has all of `wanted`.
/// No file appears, and one that is there stays as it is.
fn refused(folder: &Path, words: &[&str], status: i32, wanted: &[&str]) {
    let target = folder.join("out.wasm");
    std::fs::write(&target, "before").unwrap();
    let words = [words, &["-o", "out.wasm"]].concat();
    let refused = output(folder, &words);
    assert_eq!(refused.status.code(), Some(status), "{words:?}: {}", text(&refused));
    for part in wanted {
        assert!(text(&refused).contains(part), "{words:?}: no `{part}` in {}", text(&refused));
    }
    assert_eq!(std::fs::read(&target).unwrap(), b"before", "{words:?}");
    std::fs::remove_file(&target).unwrap();
    // Nothing beside it either, such as a file to be renamed.
    let before = std::fs::read_dir(folder).unwrap().count();
    assert_eq!(output(folder, &words).status.code(), Some(status));
    assert_eq!(std::fs::read_dir(folder).unwrap().count(), before, "{words:?} left a file");
}
