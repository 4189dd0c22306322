use wbuild_proof::reference::{self, Calls, Subject};
use wbuild_proof::{chaos, random, observe::Verdict};
#[test]
fn scratch() {
    let engine = reference::engine();
    for (name, make) in [("own", (|s| Some(random::floats(s, false))) as fn(u64) -> Option<Vec<u8>>), ("own simd", |s| Some(random::floats(s, true))), ("smith", |s| random::smith(s, false)), ("smith simd", |s| random::smith(s, true))] {
        let start = std::time::Instant::now();
        let (mut made, mut ran, mut changed, mut incon, mut trapped, mut size) = (0, 0, 0, 0, 0, 0);
        let mut errors = std::collections::BTreeMap::<String, usize>::new();
        for seed in 0..1000 {
            let Some(bytes) = make(seed) else { continue };
            made += 1; size += bytes.len();
            if let Err(e) = wbuild_passes::validate(&bytes) { panic!("{name} {seed}: {e}"); }
            let subject = match Subject::new(&engine, &bytes) { Ok(s) => s, Err(e) => { *errors.entry(e).or_default() += 1; continue } };
            let calls = Calls { rounds: 2, seed };
            let before = match subject.call_exports(calls, None) { Ok(o) => o, Err(e) => { *errors.entry(e).or_default() += 1; continue } };
            ran += 1;
            trapped += before.steps.iter().any(|s| matches!(s.end, wbuild_proof::observe::End::Trapped(_))) as usize;
            let wild = Subject::new(&engine, &chaos(&bytes, 1).unwrap()).unwrap();
            for s in 0..3 {
                match before.compare(&wild.call_exports(calls, Some(s)).unwrap()) { Verdict::Same => {}, Verdict::Different(_) => { changed += 1; break }, Verdict::Inconclusive => { incon += 1; break } }
            }
        }
        println!("{name}: {made} made, {ran} ran, {changed} changed, {incon} inconclusive, {trapped} trapped, {} bytes, {:?}, {:?}", size / made, start.elapsed(), errors.iter().take(5).collect::<Vec<_>>());
    }
}
