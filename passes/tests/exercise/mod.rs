//! What tests and the fuzz target (`passes/fuzz`) do with bytes of any kind.

use wbuild_passes::{Blame, Module, Options, Pass, features, kind, registry, run, validate};

/// Everything that can be done with bytes. What must hold: no panic, and a valid module goes through every pass.
pub fn exercise(bytes: &[u8]) {
    let _ = (kind(bytes), features(bytes));
    // Hardening refuses much that the others take.
    let (harden, others): (Vec<&Pass>, Vec<&Pass>) = registry().iter().partition(|pass| pass.name == "harden");
    for passes in [harden, others] {
        match run(bytes, &passes, &Options::default()) {
            Ok(output) => validate(&output).unwrap(),
            Err(error) => assert_ne!(error.blame, Blame::Internal, "{error}"),
        }
    }
    // Reading does not demand validity, so what follows it must bear anything too.
    if let Ok(module) = Module::parse(bytes) {
        let _ = module.encode();
        for pass in registry() {
            let mut module = module.clone();
            if (pass.run)(&mut module).is_ok() {
                let _ = module.encode();
            }
        }
    }
}
