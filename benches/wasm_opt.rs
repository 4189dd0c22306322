//! The crate `wasm-opt` alone, as its documentation has it: what `cargo xtask bench --only effort` measures `wbuild opt`
//! against. `wasm_opt -O2|-Oz IN OUT`.

use wasm_opt::{Feature, OptimizationOptions};

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [level, input, output] = &words[..] else { panic!("wasm_opt -O2|-Oz IN OUT") };
    let mut options = match &level[..] {
        "-O2" => OptimizationOptions::new_opt_level_2(),
        "-Oz" => OptimizationOptions::new_optimize_for_size_aggressively(),
        _ => panic!("{level}: not -O2 or -Oz"),
    };
    options.mvp_features_only();
    for feature in [
        Feature::BulkMemory,
        Feature::Multivalue,
        Feature::MutableGlobals,
        Feature::TruncSat,
        Feature::ReferenceTypes,
        Feature::SignExt,
    ] {
        options.enable_feature(feature);
    }
    options.run(input, output).unwrap_or_else(|error| panic!("{input}: {error}"));
}
