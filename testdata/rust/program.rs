//! What programs do: arguments, environment, files, floats, collections, and a status.
use std::collections::HashMap;
use std::io::{BufRead, Read, Write};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let mut words: HashMap<String, usize> = HashMap::new();
    let text = std::fs::read_to_string(&arguments[0]).expect("the file is there");
    for word in text.split_whitespace() {
        *words.entry(word.to_lowercase()).or_default() += 1;
    }
    let mut counted: Vec<_> = words.into_iter().collect();
    counted.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
    for (word, count) in counted.iter().take(5) {
        println!("{count:4} {word}");
    }
    let mean = counted.iter().map(|(_, n)| *n as f64).sum::<f64>() / counted.len() as f64;
    println!("{mean:.6} {:e} {:?}", mean.sqrt(), mean.ln());
    std::fs::write("copy.txt", text.to_uppercase()).expect("the folder can be written");
    let mut copy = String::new();
    std::fs::File::open("copy.txt").and_then(|mut file| file.read_to_string(&mut copy)).expect("it was written");
    println!("{} bytes, {} lines", copy.len(), copy.as_bytes().lines().count());
    std::io::stderr().write_all(b"done\n").expect("stderr is there");
    std::process::exit(if arguments.len() == 2 { 3 } else { 0 });
}
