//! What starting a module takes, before and after: how long the engine takes to instantiate its memories, and what
//! initialization took before it could be left out.
//!
//! Code is compiled once and instantiated often, and it is the same before and after. So it is left out of what is
//! timed here, which makes measuring cheap enough for every build.

use std::time::{Duration, Instant};

use wasmtime::{Instance, Module, Store};

use crate::engine::{self, Profile};

/// Times until the program can be called.
#[derive(Debug, Clone, Copy, Default)]
pub struct Startup {
    pub before: Duration,
    pub after: Duration,
}

/// Measures both modules; `initialization` is what ran.
pub(super) fn measure(before: &[u8], after: &[u8], initialization: Duration) -> Startup {
    Startup {
        before: instantiation(before).unwrap_or_default() + initialization,
        after: instantiation(after).unwrap_or_default(),
    }
}

/// The median of five instantiations of a module that has only the memories and data of this one.
fn instantiation(module: &[u8]) -> Option<Duration> {
    let engine = engine::engine(Profile::Run).ok()?;
    let module = Module::new(&engine, memories_of(module)?).ok()?;
    let mut times = Vec::new();
    for _ in 0..5 {
        let begin = Instant::now();
        let mut store = Store::new(&engine, ());
        store.set_epoch_deadline(u64::MAX / 2);
        Instance::new(&mut store, &module, &[]).ok()?;
        times.push(begin.elapsed());
    }
    times.sort();
    Some(times[2])
}

/// The sections of memories and data, as they are.
fn memories_of(module: &[u8]) -> Option<Vec<u8>> {
    let mut out = wasm_encoder::Module::new();
    for payload in wasmparser::Parser::new(0).parse_all(module) {
        let payload = payload.ok()?;
        if matches!(payload, wasmparser::Payload::MemorySection(_) | wasmparser::Payload::DataSection(_)) {
            let (id, range) = payload.as_section()?;
            out.section(&wasm_encoder::RawSection { id, data: module.get(range)? });
        }
    }
    Some(out.finish())
}
