//! regex, serde and serde_json: reads records, picks some, and writes them again.
use std::collections::BTreeMap;

use heck::ToSnakeCase;
use regex::Regex;
use serde::{Deserialize, Serialize};

#[derive(Debug, Serialize, Deserialize)]
struct Record {
    name: String,
    version: semver::Version,
    weight: f64,
    tags: Vec<String>,
    #[serde(default)]
    more: BTreeMap<String, serde_json::Value>,
}

fn main() {
    let text: String = (0..200)
        .map(|i| {
            let (a, b) = (i * 7919 % 101, i * 104_729 % 97);
            format!(
                "{{\"name\":\"Name{a}OfThing{b}\",\"version\":\"{}.{}.{i}\",\"weight\":{}e{},\"tags\":[\"t{a}\",\"\\u00e9{b}\"],\"more\":{{\"k{i}\":[null,{a},{{\"x\":{b}.5}}]}}}}",
                a % 4, b % 9, a as f64 / 7.0, b % 20
            )
        })
        .collect::<Vec<_>>()
        .join(",");
    let records: Vec<Record> = serde_json::from_str(&format!("[{text}]")).expect("it is JSON");
    let wanted = Regex::new(r"^Name(?<a>[1-5]\d?)OfThing(?<b>\d*[02468])$").expect("a valid pattern");
    let mut total = 0.0;
    for record in &records {
        let Some(found) = wanted.captures(&record.name) else { continue };
        total += record.weight;
        println!("{} {} {} {}", &found["a"], &found["b"], record.name.to_snake_case(), record.weight);
    }
    let newest = records.iter().max_by(|x, y| x.version.cmp(&y.version)).expect("there are some");
    println!("{total:?} {}", serde_json::to_string_pretty(newest).expect("it can be written"));
    println!("{:?}", serde_json::from_str::<Record>("{\"name\": 3}").expect_err("a number is no name").to_string());
    let folded = Regex::new(r"(?i)\p{Greek}+|\bstraße\b").expect("a valid pattern");
    println!("{}", folded.replace_all("ΑΒΓ and STRASSE and Straße, δ", "<$0>"));
}
