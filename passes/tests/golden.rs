//! Golden tests: every `testdata/passes/<pass>/<case>.wat` through its passes, printed into `snapshots/passes/`.
//!
//! The header of a case is lines `;;! key: value`:
//! - `passes`: a list of passes, separated by commas (required)
//! - `fires`: `yes` if the passes must change the module, `no` if they must leave every byte as it is (required)
//! - `features`: what `features` must find in the input, separated by commas
//! - `call`: a call for the oracle to make before and after, such as `f(1, 2)`; any number of them

use std::path::{Path, PathBuf};
use wbuild_passes::{Options, Pass, find, run};

/// Passes that replace what an engine may lack or do worse, and so may add code.
const LOWERINGS: &[&str] = &["sjlj", "lower-to-mvp", "harden", "branch-before-loops"];

struct Case {
    passes: Vec<&'static Pass>,
    fires: bool,
    features: Option<String>,
    wasm: Vec<u8>,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(path: &Path) -> Case {
    let name = path.display();
    let text = std::fs::read_to_string(path).unwrap();
    let (mut passes, mut fires, mut features) = (Vec::new(), None, None);
    for line in text.lines().filter_map(|line| line.strip_prefix(";;!")) {
        let (key, value) = line.split_once(':').unwrap_or_else(|| panic!("{name}: no colon in `{line}`"));
        match (key.trim(), value.trim()) {
            ("passes", list) => passes = list.split(',').map(|pass| find(pass.trim()).unwrap()).collect(),
            ("fires", "yes") => fires = Some(true),
            ("fires", "no") => fires = Some(false),
            ("features", list) => features = Some(list.replace(", ", ",")),
            ("call", call) => assert!(call.ends_with(')') && call.contains('('), "{name}: `{call}` is no call"),
            (key, value) => panic!("{name}: unknown key `{key}` or value `{value}`"),
        }
    }
    assert!(!passes.is_empty(), "{name}: no `passes`");
    let wasm = wat::parse_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
    Case { passes, fires: fires.unwrap_or_else(|| panic!("{name}: no `fires`")), features, wasm }
}

fn folders(path: &Path) -> Vec<PathBuf> {
    let mut found: Vec<_> = std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()).collect();
    found.sort();
    found
}

fn cases() -> Vec<PathBuf> {
    let folders = folders(&root().join("testdata/passes"));
    folders.iter().filter(|path| path.is_dir()).flat_map(|folder| self::folders(folder)).collect()
}

#[test]
fn passes_do_what_the_snapshots_show() {
    let cases = cases();
    assert!(cases.len() >= 20, "only {} cases found", cases.len());
    for path in cases {
        let case = read(&path);
        let name = path.display();
        let options = Options { verify_each: true, ..Options::default() };
        let output = run(&case.wasm, &case.passes, &options).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(output != case.wasm, case.fires, "{name}: whether it fires");
        let may_grow = case.passes.iter().any(|pass| LOWERINGS.contains(&pass.name));
        let (before, after) = (case.wasm.len(), output.len());
        assert!(may_grow || after <= before, "{name}: grew from {before} to {after}");
        assert_eq!(run(&output, &case.passes, &options).unwrap(), output, "{name}: a second run changes more");
        if let Some(features) = case.features {
            assert_eq!(wbuild_passes::features(&case.wasm).unwrap().to_string(), features, "{name}: features");
        }
        let folder = path.parent().and_then(Path::file_name).unwrap().to_str().unwrap().to_owned();
        let mut settings = insta::Settings::new();
        settings.set_snapshot_path(root().join("snapshots/passes").join(folder));
        settings.set_prepend_module_to_snapshot(false);
        settings.set_omit_expression(true);
        let case_name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        settings.bind(|| insta::assert_snapshot!(case_name, wasmprinter::print_bytes(&output).unwrap()));
    }
}

#[test]
fn every_snapshot_belongs_to_a_case() {
    for folder in folders(&root().join("snapshots/passes")) {
        let pass = folder.file_name().unwrap().to_owned();
        for snapshot in self::folders(&folder) {
            let case = root().join("testdata/passes").join(&pass).join(snapshot.file_stem().unwrap());
            assert!(case.with_extension("wat").is_file(), "{} has no case", snapshot.display());
        }
    }
}

#[test]
fn every_pass_has_a_case_where_it_fires_and_one_where_it_must_not() {
    let cases: Vec<_> = cases().iter().map(|path| read(path)).collect();
    for pass in wbuild_passes::registry() {
        for fires in [true, false] {
            let has = cases.iter().any(|case| case.fires == fires && case.passes.iter().any(|p| p.name == pass.name));
            assert!(has, "no case of `{}` with `fires: {}`", pass.name, if fires { "yes" } else { "no" });
        }
    }
}

#[test]
fn examples_in_the_documentation_of_passes_are_true() {
    let mut checked = 0;
    for path in folders(&root().join("passes/src/pass")).into_iter().filter(|path| path.is_file()) {
        let text = std::fs::read_to_string(&path).unwrap();
        let doc: String = text
            .lines()
            .map_while(|line| line.strip_prefix("//!"))
            .map(|l| format!("{}\n", l.strip_prefix(' ').unwrap_or(l)))
            .collect();
        let Some((_, example)) = doc.split_once("**Example.** `") else { continue };
        let (pass, rest) = example.split_once('`').unwrap();
        let blocks: Vec<&str> = rest.split("```").collect();
        let [_, before, _, after, ..] = blocks.as_slice() else { panic!("{}: two blocks", path.display()) };
        let before = wat::parse_str(before.strip_prefix("wat\n").unwrap()).unwrap();
        let output = run(&before, &[find(pass).unwrap()], &Options::default()).unwrap();
        let printed = wasmprinter::print_bytes(&output).unwrap();
        assert_eq!(printed.trim(), after.strip_prefix("wat\n").unwrap().trim(), "{}", path.display());
        checked += 1;
    }
    assert!(checked >= 4, "only {checked} examples were found");
}
