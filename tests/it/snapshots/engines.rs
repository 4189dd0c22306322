//! A snapshot is the same bytes, whichever engine ran initialization, and however often and beside what it is made.

use std::collections::BTreeMap;

use wbuild::oracle::Random;
use wbuild::preinit::{Choice, ENGINES};
use wbuild_passes::snapshot::prepare;

use super::mutants::RICH;
use super::random::{self, Extent};
use super::subject::INITIALIZER;
use super::{options, snapshot};
use crate::spec::in_parallel;

const MODULES: u64 = 1_500;
/// Of each engine, how many snapshots are compared with that of whichever was fastest. wasmi is not asked where code
/// writes to tables, and Winch computes vectors otherwise.
const FLOORS: [(&str, usize); 3] = [("wasmi", 300), ("winch", 300), ("cranelift", 900)];

#[test]
fn random_modules_have_the_same_snapshot_whichever_engine_initializes_them() {
    let seeds: Vec<u64> = (0..MODULES).collect();
    let mut counts = BTreeMap::<&str, usize>::new();
    for (seed, names) in seeds.iter().zip(in_parallel(&seeds, |seed| engines_that_agree(*seed))) {
        for name in names.unwrap_or_else(|e| panic!("module {seed}: {e}")) {
            *counts.entry(name).or_default() += 1;
        }
    }
    println!("{counts:?}");
    for (name, floor) in FLOORS {
        let count = counts.get(name).copied().unwrap_or_default();
        assert!(count >= floor, "{name} made only {count} snapshots");
    }
}

fn extent(seed: u64) -> Extent {
    if seed.is_multiple_of(3) { Extent::Everything } else { Extent::Scalars }
}

/// The engines whose snapshot is that of whichever was fastest.
fn engines_that_agree(seed: u64) -> Result<Vec<&'static str>, String> {
    let Some(module) = random::module(&mut Random::new("engines", seed), extent(seed)) else { return Ok(Vec::new()) };
    let mut asked = options(INITIALIZER);
    let Ok(first) = snapshot(&module, &asked) else { return Ok(Vec::new()) };
    let vectors = prepare(&module, &asked.initializer).map_err(|e| e.to_string())?.simd;
    let mut names = Vec::new();
    for (name, choice) in ENGINES {
        if *choice == Choice::Fastest || *choice == Choice::Winch && vectors {
            continue;
        }
        asked.engine = *choice;
        match snapshot(&module, &asked) {
            Ok(other) if other == first => names.push(*name),
            Ok(_) => return Err(format!("another snapshot by {name}")),
            Err(_) if *choice == Choice::Cranelift => return Err("Cranelift refuses it".to_string()),
            Err(_) => {}
        }
    }
    Ok(names)
}

#[test]
fn a_snapshot_is_the_same_bytes_a_hundred_times_on_several_threads() {
    let module = wat::parse_str(RICH).unwrap();
    let first = snapshot(&module, &options("init")).unwrap();
    let times: Vec<Choice> = (0..100).map(|n| ENGINES[n % 2 * 3].1).collect();
    let workers: Vec<_> = times
        .chunks(25)
        .map(|times| {
            let (module, times) = (module.clone(), times.to_vec());
            std::thread::spawn(move || {
                let make = |engine| snapshot(&module, &wbuild::preinit::Options { engine, ..options("init") });
                times.into_iter().map(|engine| make(engine).unwrap()).collect::<Vec<_>>()
            })
        })
        .collect();
    let made: Vec<Vec<u8>> = workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect();
    assert_eq!(made.len(), 100);
    assert!(made.iter().all(|other| *other == first), "not always the same bytes");
}
