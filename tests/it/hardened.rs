//! Hardened programs: the same bits on every engine, and under every NaN. The reference is what the program as it
//! was does in wasmi, under the specification's deterministic profile.

use std::collections::HashMap;
use std::sync::{Mutex, OnceLock};

use wbuild_passes::harden;
use wbuild_proof::judge::{self, Judge, Judgement, Way};
use xtask::programs::{self, EDGES, KERNELS, Program};
use xtask::shell;

use crate::programs::build;
use crate::spec::in_parallel;

mod engines;
mod random;

/// A kernel as one line of wbuild builds it, not hardened. Built once for all tests.
fn kernel(name: &'static str) -> Vec<u8> {
    static BUILT: OnceLock<Mutex<HashMap<&'static str, Vec<u8>>>> = OnceLock::new();
    let built = BUILT.get_or_init(Mutex::default);
    if let Some(bytes) = built.lock().unwrap().get(name) {
        return bytes.clone();
    }
    let bytes = unhardened(&programs::kernel(name));
    built.lock().unwrap().insert(name, bytes.clone());
    bytes
}

/// A program as one line of wbuild builds it, not hardened.
fn unhardened(program: &Program) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    std::fs::read(build(program, &["-O3", "--no-deterministic"], folder.path())).unwrap()
}

fn harden(bytes: &[u8]) -> Vec<u8> {
    judge::hardened(bytes, &harden::Options::default()).unwrap().0
}

fn all_kernels() -> Vec<&'static str> {
    KERNELS.iter().chain(EDGES).copied().collect()
}

fn chaos_seeds(usual: u64) -> u64 {
    match std::env::var("WBUILD_CHAOS_SEEDS") {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("WBUILD_CHAOS_SEEDS={text} is not a number")),
        Err(_) => usual,
    }
}

#[test]
fn the_lists_name_every_kernel_there_is() {
    let folder = std::fs::read_dir(shell::root().join("testdata/c/kernels")).unwrap();
    let files = folder.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut there: Vec<String> = files.filter_map(|name| Some(name.strip_suffix(".c")?.to_string())).collect();
    there.sort();
    let mut listed = all_kernels();
    listed.sort();
    assert_eq!(there, listed);
}

#[test]
fn kernels_do_not_show_which_nans_were_made() {
    let judge = Judge::new(false).unwrap();
    let seeds = chaos_seeds(100);
    let judged = in_parallel(&all_kernels(), |name| {
        let way = Way::Program(&[name]);
        judge.judge(&kernel(name), &harden::Options::default(), seeds, way)
    });
    let mut sensitive = Vec::new();
    for (name, judgement) in all_kernels().iter().zip(judged) {
        match judgement {
            Judgement::Held { sensitive: true, .. } => sensitive.push(*name),
            Judgement::Held { .. } => {}
            other => panic!("{name}: {other:?}"),
        }
    }
    println!("under {seeds} seeds; unhardened, these change: {sensitive:?}");
    let missing: Vec<_> = EDGES.iter().filter(|edge| !sensitive.contains(edge)).collect();
    assert!(missing.is_empty(), "chaos changes nothing in these unhardened, so they prove nothing: {missing:?}");
}

#[test]
fn guards_of_kernels_are_missed_when_they_are_gone() {
    let judge = Judge::new(false).unwrap();
    let options = harden::Options::default();
    let found = in_parallel(&all_kernels(), |name| {
        let original = kernel(name);
        let (hardened, report) = judge::hardened(&original, &options).unwrap();
        let (all, unmissed) = judge.unmissed_guards(&original, &hardened, 5, Way::Program(&[name])).unwrap();
        // Each that was inserted is found.
        assert!(all >= report.guards_inserted() as usize, "{name}: {all} of {}", report.guards_inserted());
        (all, unmissed)
    });
    let all: usize = found.iter().map(|(all, _)| all).sum();
    let unmissed: Vec<String> = all_kernels()
        .iter()
        .zip(&found)
        .filter(|(_, (_, unmissed))| !unmissed.is_empty())
        .map(|(name, (all, unmissed))| format!("{name}: {} of {all}: {unmissed:?}", unmissed.len()))
        .collect();
    println!("{all} guards in {} kernels", found.len());
    println!("nobody misses these: {unmissed:#?}");
    // The pass chooses all guards at once. What one of them makes needless elsewhere stays: it costs, and harms nothing.
    let needless: usize = found.iter().map(|(_, unmissed)| unmissed.len()).sum();
    assert!(needless * 100 < all, "nobody misses {needless} of {all} guards");
}
