//! Any bytes through the decoder, every pass and the encoder, guided by coverage: no panic, no hang, and a valid module
//! stays valid. Text is taken, too, so that the passes' own test modules are seeds.

#![no_main]

#[path = "../../tests/exercise/mod.rs"]
mod exercise;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(module) = wat::parse_bytes(bytes) {
        exercise::exercise(&module);
    }
});
