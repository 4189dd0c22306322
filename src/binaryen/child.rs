//! What runs in the child process: Binaryen itself, by words in `wasm-opt`'s spelling.

use std::ffi::OsString;
use std::path::Path;

use wasm_opt::base::{
    Feature, FeatureSet, InliningOptions, Module, ModuleReader, ModuleWriter, PassOptions, PassRunner,
};

use super::order::{FOLLOW, INLINE_MORE, INLINE_MORE_SIZE};
use super::{LEVELS, LOW_MEMORY_UNUSED};

pub(super) fn optimize(words: &[OsString]) -> Result<(), String> {
    let [input, o, output, flags @ ..] = words else { return Err("expected IN -o OUT".to_string()) };
    if o != "-o" {
        return Err("expected -o".to_string());
    }
    let (mut names, mut low_memory_unused, mut inlining) = (false, false, InliningOptions::new());
    // What runs, in order: `None` is the passes of the level.
    let (mut level, mut order) = (None, Vec::new());
    let (mut enabled, mut disabled) = (FeatureSet::new(), FeatureSet::new());
    disabled.set(Feature::All, true);
    for flag in flags {
        let flag = flag.to_str().unwrap_or("?");
        match flag {
            "-g" => names = true,
            LOW_MEMORY_UNUSED => low_memory_unused = true,
            INLINE_MORE => inlining.set_always_inline_max_size(INLINE_MORE_SIZE),
            FOLLOW => order.push(Some(&FOLLOW[2..])),
            "--mvp-features" => {}
            _ => {
                if let Some(found) = LEVELS.iter().find(|l| l.flag() == flag) {
                    level = Some(*found);
                    order.push(None);
                } else {
                    let feature = feature(flag).ok_or_else(|| format!("unknown option {flag}"))?;
                    enabled.set(feature, true);
                    disabled.set(feature, false);
                }
            }
        }
    }
    let (optimize, shrink) = level.ok_or("expected a level")?.numbers();

    let mut module = Module::new();
    module.apply_features(enabled, disabled);
    ModuleReader::new().read_binary(Path::new(input), &mut module, None).map_err(|e| e.to_string())?;
    if !wasm_opt::base::validate_wasm(&mut module) {
        return Err("its validator found the module invalid".to_string());
    }
    let mut options = PassOptions::new();
    options.set_optimize_level(optimize);
    options.set_shrink_level(shrink);
    options.set_low_memory_unused(low_memory_unused);
    options.set_inlining_options(inlining);
    // Passes need not check each other: the result as a whole is validated by wbuild.
    options.set_validate(false);
    let mut passes = PassRunner::new_with_options(&mut module, options);
    for pass in order {
        match pass {
            Some(name) => passes.add(name),
            None => passes.add_default_optimization_passes(),
        }
    }
    passes.run();
    drop(passes);

    // Whole or not there: a file that exists is a job that was finished.
    let partial = Path::new(output).with_extension("partial");
    let mut writer = ModuleWriter::new();
    writer.set_debug_info(names);
    writer.write_binary(&mut module, &partial).map_err(|e| e.to_string())?;
    std::fs::rename(&partial, output).map_err(|e| e.to_string())
}

fn feature(flag: &str) -> Option<Feature> {
    Some(match flag.strip_prefix("--enable-")? {
        "threads" => Feature::Atomics,
        "mutable-globals" => Feature::MutableGlobals,
        "nontrapping-float-to-int" => Feature::TruncSat,
        "simd" => Feature::Simd,
        "bulk-memory" => Feature::BulkMemory,
        "sign-ext" => Feature::SignExt,
        "exception-handling" => Feature::ExceptionHandling,
        "tail-call" => Feature::TailCall,
        "reference-types" => Feature::ReferenceTypes,
        "multivalue" => Feature::Multivalue,
        "extended-const" => Feature::ExtendedConst,
        "multimemory" => Feature::MultiMemory,
        _ => return None,
    })
}
