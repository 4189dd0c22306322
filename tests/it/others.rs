//! Sizes: modules that others published, before and after `wbuild opt -Oz`, and programs that wbuild links. Never larger, as
//! small as they were the last time, and the same to whoever calls them.

use wbuild::engine::{self, Profile};
use wbuild::oracle::{Comparison, Nans, Options, Tally, Traps, Verdict};
use xtask::others::PUBLISHED;
use xtask::{programs, shell};

use crate::programs::{build, target_folder, wbuild};
use crate::spec::in_parallel;

/// The module as it was published, and as it is optimized.
fn optimized(n: usize, more: &[&str]) -> (Vec<u8>, Vec<u8>) {
    let folder = tempfile::tempdir().unwrap();
    let input = PUBLISHED[n].fetch(&target_folder()).unwrap();
    let out = folder.path().join("out.wasm");
    shell::output(wbuild().args(["opt", "-Oz"]).args(more).arg(&input).arg("-o").arg(&out)).unwrap();
    (std::fs::read(input).unwrap(), std::fs::read(out).unwrap())
}

/// Optimizes all of them with more words, compares what they do, and gives a table of their sizes by `size`.
fn table(more: &[&str], size: fn(&[u8]) -> usize) -> String {
    let engine = engine::engine(Profile::Compare).unwrap();
    let numbers: Vec<usize> = (0..PUBLISHED.len()).collect();
    let results = in_parallel(&numbers, |&n| {
        let (before, after) = optimized(n, more);
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
        (verdict, size(&before), size(&after))
    });
    let mut total = Tally::default();
    let (mut table, mut compared) = (String::new(), 0);
    for (published, (verdict, before, after)) in PUBLISHED.iter().zip(results) {
        assert!(after <= before, "{}: {after} of {before} bytes", published.name);
        table.push_str(&format!("{:>14} {before:>9} {after:>9}\n", published.name));
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
    table
}

fn assert_sizes(name: &str, table: String) {
    insta::with_settings!({ snapshot_path => "../../snapshots/sizes", prepend_module_to_snapshot => false, omit_expression => true }, {
        insta::assert_snapshot!(name, table);
    });
}

#[test]
fn published_modules_become_as_small_as_they_were_and_do_the_same() {
    assert_sizes("published-modules-at-Oz", table(&[], <[u8]>::len));
}

#[test]
fn published_modules_become_as_small_compressed_as_they_were_and_do_the_same() {
    let sizes = table(&["--optimize-for=compressed"], wbuild::compressed::gzip);
    assert_sizes("published-modules-at-Oz-by-gzip", sizes);
}

#[test]
fn linked_programs_are_as_small_as_they_were() {
    let folder = tempfile::tempdir().unwrap();
    let all = [programs::hello(), programs::zlib().unwrap(), programs::lua().unwrap(), programs::hello_cxx()];
    // The compiler that is the same everywhere.
    let options = ["--compiler=hermetic", "-Oz", "--no-deterministic"];
    let table = all.iter().map(|program| {
        let module = std::fs::read(build(program, &options, folder.path())).unwrap();
        format!("{:>14} {:>9}\n", program.name, module.len())
    });
    assert_sizes("linked-programs-at-Oz", table.collect());
}

#[test]
fn a_second_optimization_finds_next_to_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (mut once, mut twice) = (0, 0);
    for published in PUBLISHED.iter().filter(|published| ["zstd", "yoga", "oxipng"].contains(&published.name)) {
        let input = published.fetch(&target_folder()).unwrap();
        let [first, second] = ["first.wasm", "second.wasm"].map(|name| folder.path().join(name));
        for (from, to) in [(&input, &first), (&first, &second)] {
            shell::output(wbuild().args(["opt", "-Oz"]).arg(from).arg("-o").arg(to)).unwrap();
        }
        once += std::fs::metadata(&first).unwrap().len();
        twice += std::fs::metadata(&second).unwrap().len();
    }
    assert!(twice * 1000 > once * 999, "{once} bytes, and then {twice}");
}
