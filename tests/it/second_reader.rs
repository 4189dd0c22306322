//! walrus, which shares no code of ours, reads what we wrote, finds the same interface, and what it
//! writes from it behaves like it.

use std::path::Path;

use wbuild::oracle::{Options, Verdict, compare};

/// Everything that walrus, which knows no stack switching, typed references or new exceptions, can read.
fn interface(module: &walrus::Module) -> (Vec<(String, String)>, Vec<String>) {
    let imports = module.imports.iter().map(|import| (import.module.clone(), import.name.clone())).collect();
    (imports, module.exports.iter().map(|export| export.name.clone()).collect())
}

#[test]
fn walrus_reads_every_golden_after_our_passes_and_what_it_writes_behaves_alike() {
    let goldens = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/passes");
    let passes: Vec<_> = ["remove-unused-module-elements", "trim-data", "shortest-encodings", "strip"]
        .iter()
        .map(|name| wbuild_passes::find(name).expect("a pass of that name"))
        .collect();
    let (mut read, mut refused) = (0, 0);
    for folder in std::fs::read_dir(&goldens).unwrap() {
        for file in std::fs::read_dir(folder.unwrap().path()).unwrap() {
            let path = file.unwrap().path();
            let before = wat::parse_file(&path).unwrap_or_else(|e| panic!("{e}"));
            let Ok(original) = walrus::Module::from_buffer(&before) else {
                refused += 1;
                continue;
            };
            let after = wbuild_passes::run(&before, &passes, &Default::default()).unwrap();
            let mut second = walrus::Module::from_buffer(&after).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
            assert_eq!(interface(&original), interface(&second), "{}", path.display());
            let rewritten = second.emit_wasm();
            match compare(&after, &rewritten, &Options::default()).unwrap() {
                Verdict::Same(_) => read += 1,
                Verdict::Different(difference) => panic!("{}: {difference:?}", path.display()),
            }
        }
    }
    assert!(read > refused && read >= 25, "walrus read {read} and refused {refused}");
}
