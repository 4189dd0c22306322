//! Modules that others published, before and after `wbuild opt -Oz`: never larger, as small as they were the last time,
//! and the same to whoever calls them.

use wbuild::engine::{self, Profile};
use wbuild::oracle::{Comparison, Nans, Options, Tally, Traps, Verdict};
use xtask::others::PUBLISHED;
use xtask::shell;

use crate::programs::{target_folder, wbuild};
use crate::spec::in_parallel;

/// The module as it was published, and as it is optimized.
fn optimized(n: usize) -> (Vec<u8>, Vec<u8>) {
    let folder = tempfile::tempdir().unwrap();
    let input = PUBLISHED[n].fetch(&target_folder()).unwrap();
    let out = folder.path().join("out.wasm");
    shell::output(wbuild().args(["opt", "-Oz"]).arg(&input).arg("-o").arg(&out)).unwrap();
    (std::fs::read(input).unwrap(), std::fs::read(out).unwrap())
}

#[test]
fn published_modules_become_as_small_as_they_were_and_do_the_same() {
    let engine = engine::engine(Profile::Compare).unwrap();
    let numbers: Vec<usize> = (0..PUBLISHED.len()).collect();
    let results = in_parallel(&numbers, |&n| {
        let (before, after) = optimized(n);
        let options = Options {
            fuel: 2_000_000,
            rounds: 2,
            max_calls: 60,
            seed: n as u64,
            nans: Nans::Canonical,
            traps: Traps::AnyTrap,
            max_memory: 256 << 20,
        };
        let verdict = Comparison::new(engine.clone(), options).compare(&before, &after);
        let line = format!("{:>14} {:>9} {:>9}\n", PUBLISHED[n].name, before.len(), after.len());
        (line, verdict, before.len(), after.len())
    });
    let mut total = Tally::default();
    let (mut table, mut compared) = (String::new(), 0);
    for (published, (line, verdict, before, after)) in PUBLISHED.iter().zip(results) {
        assert!(after <= before, "{}: {after} of {before} bytes", published.name);
        table.push_str(&line);
        match verdict {
            Ok(Verdict::Same(tally)) => {
                compared += usize::from(tally.executed > 0);
                total.calls += tally.calls;
                total.executed += tally.executed;
                total.trapped += tally.trapped;
                total.inconclusive += tally.inconclusive;
            }
            Ok(Verdict::Different(found)) => panic!("{}: {found}", published.name),
            Err(error) => println!("{}: not compared: {error}", published.name),
        }
    }
    println!("{compared} of {} modules ran: {total:?}", PUBLISHED.len());
    assert!(compared * 10 >= PUBLISHED.len() * 8, "only {compared} of {} ran", PUBLISHED.len());
    insta::with_settings!({ snapshot_path => "../../snapshots/sizes", prepend_module_to_snapshot => false, omit_expression => true }, {
        insta::assert_snapshot!("published-modules-at-Oz", table);
    });
}
