//! A program's calls to its host, written down, and a host that answers the same every time: for
//! comparing two runs.

use std::fmt;
use std::time::Duration;

use wasmtime::{Caller, Val};
use wasmtime_wasi::random::Deterministic;
use wasmtime_wasi::{HostMonotonicClock, HostWallClock, WasiCtxBuilder};

use super::Host;
use super::relay::{self, Call};

/// One call of the program to its host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostCall {
    pub name: String,
    /// WASI has integers only.
    pub args: Vec<i64>,
    /// What was answered; nothing where the call did not return.
    pub results: Vec<i64>,
}

impl fmt::Display for HostCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |numbers: &[i64]| numbers.iter().map(i64::to_string).collect::<Vec<_>>().join(", ");
        write!(f, "{}({})", self.name, list(&self.args))?;
        match self.results.is_empty() {
            true => Ok(()),
            false => write!(f, " = {}", list(&self.results)),
        }
    }
}

/// Time stands still at the first second of 2020, and random numbers are always the same.
pub(super) fn fix_what_varies(wasi: &mut WasiCtxBuilder) {
    let noise: Vec<u8> = (0..251u32).map(|i| (i * 167 + 13) as u8).collect();
    wasi.wall_clock(Still).monotonic_clock(Still);
    wasi.secure_random(Deterministic::new(noise.clone())).insecure_random(Deterministic::new(noise));
    wasi.insecure_random_seed(0);
}

struct Still;

const NOW: Duration = Duration::from_secs(1_577_836_800);

impl HostWallClock for Still {
    fn resolution(&self) -> Duration {
        Duration::from_millis(1)
    }
    fn now(&self) -> Duration {
        NOW
    }
}

impl HostMonotonicClock for Still {
    fn resolution(&self) -> u64 {
        1_000_000
    }
    fn now(&self) -> u64 {
        NOW.as_nanos() as u64
    }
}

/// Writes a call down, and what the host answers.
pub(super) fn write_down(caller: &mut Caller<'_, Host>, mut call: Call<'_>) -> wasmtime::Result<()> {
    let calls = &mut caller.data_mut().calls;
    let at = calls.len();
    calls.push(HostCall { name: call.name.to_string(), args: numbers(call.args), results: Vec::new() });
    call.pass_on(caller)?;
    caller.data_mut().calls[at].results = numbers(call.results);
    if call.name.ends_with("_filestat_get") && matches!(call.results, [Val::I32(0)]) {
        forget_the_disk(caller, call.args);
    }
    Ok(())
}

/// Which device and inode a file has and when it was touched is another thing in each run.
fn forget_the_disk(caller: &mut Caller<'_, Host>, args: &[Val]) {
    // Of a `filestat`, in bytes: device and inode; the times of access, change and status.
    const VARIES: [std::ops::Range<usize>; 2] = [0..16, 40..64];
    let Some(Val::I32(at)) = args.last() else { return };
    let Some(memory) = relay::memory(caller) else { return };
    for range in VARIES {
        let start = *at as u32 as usize + range.start;
        if let Some(bytes) = memory.data_mut(&mut *caller).get_mut(start..start + range.len()) {
            bytes.fill(0);
        }
    }
}

fn numbers(values: &[Val]) -> Vec<i64> {
    let number = |value: &Val| match value {
        Val::I32(n) => i64::from(*n as u32),
        Val::I64(n) => *n,
        // No interface that a program can be linked with here has others.
        _ => 0,
    };
    values.iter().map(number).collect()
}
