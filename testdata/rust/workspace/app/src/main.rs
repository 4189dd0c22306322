//! Prints, reads a file and its arguments, and ends with a status of its own.
use std::collections::BTreeMap;

fn main() {
    println!("{}", greet::greet("world"));
    println!("{}", env!("BUILT_BY"));
    let mut counts = BTreeMap::new();
    for byte in std::fs::read("Cargo.toml").unwrap() {
        *counts.entry(byte).or_insert(0u32) += 1;
    }
    println!("{} different bytes, arguments {:?}", counts.len(), std::env::args().skip(1).collect::<Vec<_>>());
    std::process::exit(7);
}
