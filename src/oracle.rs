//! The oracle: runs two modules side by side under the specification's deterministic profile and
//! says whether anyone outside could tell them apart, by results, traps, memories, globals, tables
//! or the calls they make to their host. What it could not decide it counts, and never calls equal.

use wasmtime::{Engine, ExternType, Func, Instance, Module, Store, Trap, Val};

use crate::engine::{self, Profile};
use crate::error::{Error, Result};
use crate::run;

mod host;
mod snapshot;

pub use host::Random;
use host::{Host, HostCall, Seen};
pub use snapshot::{Initialized, Started};

/// How much is tried.
#[derive(Debug, Clone)]
pub struct Options {
    /// Fuel (about one a instruction) for each call of the first module. The second may take
    /// [`SLACK`] times as much before it is said not to end.
    pub fuel: u64,
    /// How often each exported function is called, with other arguments each time.
    pub rounds: u32,
    /// Calls in all.
    pub max_calls: usize,
    /// Chooses the arguments and what the host answers.
    pub seed: u64,
    /// Which NaNs go in.
    pub nans: Nans,
    /// Whether a trap must stay what it was.
    pub traps: Traps,
    /// Bytes of each memory; more is refused to both alike.
    pub max_memory: u64,
}

/// Which NaNs are arguments of calls and answers of the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nans {
    /// Any: what changes the bits of a NaN is found out.
    Any,
    /// Canonical ones: for Binaryen, which knows only the nondeterministic rules (`x * 1.0` is `x`).
    Canonical,
}

/// How alike traps must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Traps {
    /// Of the same kind.
    Exact,
    /// A trap is a trap. Binaryen writes `unreachable` for what is bound to trap, and of two things
    /// that would both trap it may do either first; what happened before is the same.
    AnyTrap,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            fuel: 1_000_000,
            rounds: 4,
            max_calls: 400,
            seed: 0,
            nans: Nans::Any,
            traps: Traps::Exact,
            max_memory: 256 << 20,
        }
    }
}

/// How much more fuel the second module may take than the first was given.
const SLACK: u64 = 64;

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing told them apart.
    Same(Tally),
    Different(Difference),
}

/// How much the word "same" stands on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Calls (and starts) that ended in both, in the same way.
    pub calls: usize,
    /// Of these, how many ran any instruction.
    pub executed: usize,
    /// Of these, how many trapped.
    pub trapped: usize,
    /// Calls of which nothing can be said: fuel, stack or memory ran out.
    pub inconclusive: usize,
}

/// Where two modules part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The call or the part of the interface.
    pub place: String,
    pub before: String,
    pub after: String,
}

impl std::fmt::Display for Difference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {} before, {} after", self.place, self.before, self.after)
    }
}

/// A call to make in both modules, written as `f(1, -2.5, nan, null)`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    export: String,
    args: Vec<String>,
}

impl std::str::FromStr for Call {
    type Err = Error;

    fn from_str(text: &str) -> Result<Call> {
        let parts = text.trim().strip_suffix(')').and_then(|text| text.split_once('('));
        let Some((export, args)) = parts else {
            return Err(Error::usage(format!("`{text}` is not a call")).help("write it as f(1, 2)"));
        };
        let args = args.split(',').map(|arg| arg.trim().to_string()).filter(|arg| !arg.is_empty());
        Ok(Call { export: export.trim().to_string(), args: args.collect() })
    }
}

/// Compares two modules by calling every exported function. An error means that nothing was
/// compared: the engine does not take the first module.
pub fn compare(before: &[u8], after: &[u8], options: &Options) -> Result<Verdict> {
    Comparison::new(engine::engine(Profile::Compare)?, options.clone()).compare(before, after)
}

/// As [`compare`], for many pairs: the engine is set up once.
#[derive(Clone)]
pub struct Comparison {
    engine: Engine,
    options: Options,
}

impl Comparison {
    /// An engine of [`Profile::Compare`].
    pub fn new(engine: Engine, options: Options) -> Comparison {
        Comparison { engine, options }
    }

    pub fn compare(&self, before: &[u8], after: &[u8]) -> Result<Verdict> {
        self.with_calls(before, after, None)
    }

    /// Makes these calls, in this order, in place of those that [`compare`] thinks of.
    pub fn compare_calls(&self, before: &[u8], after: &[u8], calls: &[Call]) -> Result<Verdict> {
        self.with_calls(before, after, Some(calls))
    }

    fn with_calls(&self, before: &[u8], after: &[u8], calls: Option<&[Call]>) -> Result<Verdict> {
        let first = Module::new(&self.engine, before)
            .map_err(|e| Error::build("the engine refuses the module").cause(format!("{e:#}")))?;
        let second = match Module::new(&self.engine, after) {
            Ok(second) => second,
            Err(e) => return Ok(different("compilation", "accepted", format!("refused: {e:#}"))),
        };
        if let Some(difference) = interface(&first, &second, None) {
            return Ok(Verdict::Different(difference));
        }
        let mut pair = Pair { comparison: self, first: &first, second: &second, begin: None, tally: Tally::default() };
        Ok(match pair.run(calls)? {
            Some(difference) => Verdict::Different(difference),
            None => Verdict::Same(pair.tally),
        })
    }
}

/// Runs two WASI commands, each in surroundings of its own: how they end, what they write, their
/// calls to their host and what memory holds in the end must be the same.
pub fn compare_programs(
    before: &[u8],
    after: &[u8],
    mut surroundings: impl FnMut() -> Result<run::Options>,
) -> Result<Verdict> {
    let mut run = |module| {
        let mut options = surroundings()?;
        if options.stdio == run::Stdio::Inherit {
            options.stdio = run::Stdio::Captured { stdin: Vec::new() };
        }
        run::run(module, &options)
    };
    let (first, second) = (run(before)?, run(after)?);
    if let (run::Ended::TimedOut(_), _) | (_, run::Ended::TimedOut(_)) = (&first.ended, &second.ended) {
        return Ok(Verdict::Same(Tally { inconclusive: 1, ..Tally::default() }));
    }
    let kind = |ended: &run::Ended| match ended {
        run::Ended::Trapped(error) => error.message.clone(),
        ended => format!("status {}", ended.status()),
    };
    let text = |bytes: &[u8]| format!("`{}`", String::from_utf8_lossy(bytes));
    if kind(&first.ended) != kind(&second.ended) {
        return Ok(different("the program's end", kind(&first.ended), kind(&second.ended)));
    }
    for (name, x, y) in
        [("standard output", &first.stdout, &second.stdout), ("standard error", &first.stderr, &second.stderr)]
    {
        if x != y {
            return Ok(different(name, text(x), text(y)));
        }
    }
    let calls = first.calls.len().max(second.calls.len());
    if let Some(n) = (0..calls).find(|&n| first.calls.get(n) != second.calls.get(n)) {
        let show = |call: Option<&run::HostCall>| call.map_or("none".to_string(), |c| c.to_string());
        return Ok(different(format!("host call {n}"), show(first.calls.get(n)), show(second.calls.get(n))));
    }
    if let Some((what, x, y)) = host::compare_bytes("after the end", &first.memory, &second.memory) {
        return Ok(different(what, x, y));
    }
    let trapped = usize::from(matches!(first.ended, run::Ended::Trapped(_)));
    Ok(Verdict::Same(Tally { calls: 1, executed: 1, trapped, inconclusive: 0 }))
}

fn different(place: impl Into<String>, before: impl Into<String>, after: impl Into<String>) -> Verdict {
    Verdict::Different(Difference { place: place.into(), before: before.into(), after: after.into() })
}

/// Exports must be the same, in order; imports may go, and none may come. A snapshot may lack the export of its
/// initializer, and its memories and tables may begin with other sizes.
fn interface(first: &Module, second: &Module, initializer: Option<&str>) -> Option<Difference> {
    let describe = if initializer.is_some() { host::describe_unsized } else { host::describe };
    let gone = initializer.filter(|name| second.get_export(name).is_none());
    let exports = |m: &Module| -> Vec<String> {
        let kept = m.exports().filter(|e| gone != Some(e.name()));
        kept.map(|e| format!("{} ({})", e.name(), describe(&e.ty()))).collect()
    };
    let (before, after) = (exports(first), exports(second));
    if before != after {
        let place = "exports".to_string();
        return Some(Difference { place, before: before.join(", "), after: after.join(", ") });
    }
    let imports = |m: &Module| -> Vec<String> {
        m.imports().map(|i| format!("{}.{} ({})", i.module(), i.name(), host::describe(&i.ty()))).collect()
    };
    let before = imports(first);
    let new = imports(second).into_iter().find(|import| !before.contains(import))?;
    Some(Difference { place: "imports".to_string(), before: before.join(", "), after: format!("also {new}") })
}

/// How a call ended.
#[derive(Debug, Clone, PartialEq)]
enum End {
    Returned(Vec<Seen>),
    Trapped(String),
    Threw(Vec<Seen>),
    /// Fuel, stack or memory ran out: whether it does depends on how the code was compiled.
    Exhausted(String),
}

/// One of the two modules, instantiated.
struct Side {
    store: Store<Host>,
    instance: Option<Instance>,
}

struct Pair<'a> {
    comparison: &'a Comparison,
    first: &'a Module,
    second: &'a Module,
    /// A function that the first is called by before anything is compared.
    begin: Option<&'a str>,
    tally: Tally,
}

impl Pair<'_> {
    fn run(&mut self, calls: Option<&[Call]>) -> Result<Option<Difference>> {
        let options = &self.comparison.options;
        let (rounds, most, seed) = (options.rounds, options.max_calls, options.seed);
        let Some((mut a, mut b)) = (match self.start()? {
            Ok(sides) => sides,
            Err(difference) => return Ok(Some(difference)),
        }) else {
            return Ok(None);
        };
        let plan: Vec<(String, u32, Option<&Call>)> = match calls {
            Some(calls) => calls.iter().map(|c| (c.export.clone(), 0, Some(c))).collect(),
            None => {
                let functions = self.first.exports().filter(|e| matches!(e.ty(), ExternType::Func(_)));
                let functions: Vec<String> = functions.map(|e| e.name().to_string()).collect();
                let plan = (0..rounds).flat_map(|round| functions.iter().map(move |f| (f.clone(), round, None)));
                plan.take(most).collect()
            }
        };
        for (name, round, given) in plan {
            let Some(f) = a.function(&name) else {
                return Err(Error::usage(format!("no exported function `{name}`")));
            };
            let Some(g) = b.function(&name) else { continue };
            let key = format!("{name}#{round}");
            let args = |side: &mut Side, f: &Func| {
                let ty = f.ty(&side.store);
                match given {
                    Some(call) => host::given(&call.args, &ty),
                    None => host::arguments(&mut side.store, &ty, &key, seed, options.nans),
                }
            };
            let (Some(x), Some(y)) = (args(&mut a, &f), args(&mut b, &g)) else {
                if given.is_some() {
                    return Err(Error::usage(format!("the arguments do not fit `{name}`")));
                }
                continue;
            };
            let place = format!("call of `{name}`({})", host::show(&mut a.store, &x));
            match self.step(&place, (&mut a, f, &x), (&mut b, g, &y))? {
                Step::Same => {}
                Step::Different(difference) => return Ok(Some(difference)),
                // Their states are now unknown: on with fresh ones.
                Step::Unknown => match self.start()? {
                    Ok(Some(sides)) => (a, b) = sides,
                    Ok(None) => return Ok(None),
                    Err(difference) => return Ok(Some(difference)),
                },
            }
        }
        Ok(None)
    }

    /// Instantiates both. `None`: both failed alike, or nothing can be said.
    #[allow(clippy::type_complexity, reason = "an error of ours, a finding, or nothing to go on with")]
    fn start(&mut self) -> Result<std::result::Result<Option<(Side, Side)>, Difference>> {
        let options = &self.comparison.options;
        let engine = &self.comparison.engine;
        let (mut a, x, fuel) = match self.begin {
            Some(begin) => Side::begin(engine, self.first, options, begin)?,
            None => Side::instantiate(engine, self.first, options, options.fuel)?,
        };
        if self.begin.is_some() {
            // The second has nothing to do with what was said and done before it was made.
            a.store.data_mut().forget();
        }
        let (mut b, y, _) = Side::instantiate(engine, self.second, options, options.fuel * SLACK)?;
        match self.judge("the start", (&mut a, x, fuel), (&mut b, y)) {
            Step::Different(difference) => Ok(Err(difference)),
            Step::Same if a.instance.is_some() => Ok(Ok(Some((a, b)))),
            Step::Same | Step::Unknown => Ok(Ok(None)),
        }
    }

    fn step(&mut self, place: &str, a: (&mut Side, Func, &[Val]), b: (&mut Side, Func, &[Val])) -> Result<Step> {
        let fuel = self.comparison.options.fuel;
        let (x, used) = a.0.call(&a.1, a.2, fuel)?;
        if matches!(x, End::Exhausted(_)) {
            self.tally.inconclusive += 1;
            return Ok(Step::Unknown);
        }
        let (y, _) = b.0.call(&b.1, b.2, fuel * SLACK)?;
        Ok(self.judge(place, (a.0, x, used), (b.0, y)))
    }

    fn judge(&mut self, place: &str, a: (&mut Side, End, u64), b: (&mut Side, End)) -> Step {
        let ((a, x, used), (b, y)) = (a, b);
        match (&x, &y) {
            (End::Exhausted(_), _) => {
                self.tally.inconclusive += 1;
                return Step::Unknown;
            }
            (_, End::Exhausted(what)) if what == OUT_OF_FUEL => {
                let place = place.to_string();
                let after = format!("does not end within {SLACK} times the fuel");
                return Step::Different(Difference { place, before: format!("{x:?}"), after });
            }
            (_, End::Exhausted(_)) => {
                self.tally.inconclusive += 1;
                return Step::Unknown;
            }
            _ => {}
        }
        let calls = (std::mem::take(&mut a.store.data_mut().calls), std::mem::take(&mut b.store.data_mut().calls));
        let difference = |what: &str, before: String, after: String| {
            Step::Different(Difference { place: format!("{what} {place}"), before, after })
        };
        if let Some(n) = (0..calls.0.len().max(calls.1.len())).find(|&n| calls.0.get(n) != calls.1.get(n)) {
            let show = |call: Option<&HostCall>| call.map_or("none".to_string(), |c| c.to_string());
            return difference(&format!("host call {n} in"), show(calls.0.get(n)), show(calls.1.get(n)));
        }
        let both_trap =
            self.comparison.options.traps == Traps::AnyTrap && matches!((&x, &y), (End::Trapped(_), End::Trapped(_)));
        if x != y && !both_trap {
            return difference("result of", format!("{x:?}"), format!("{y:?}"));
        }
        if let Some((what, before, after)) = host::compare_state(a, b) {
            return difference(&format!("{what} after"), before, after);
        }
        self.tally.calls += 1;
        self.tally.executed += usize::from(used > 1);
        self.tally.trapped += usize::from(!matches!(x, End::Returned(_)));
        Step::Same
    }
}

enum Step {
    Same,
    Different(Difference),
    Unknown,
}

const OUT_OF_FUEL: &str = "out of fuel";

impl Side {
    fn instantiate(engine: &Engine, module: &Module, options: &Options, fuel: u64) -> Result<(Side, End, u64)> {
        let mut store = Store::new(engine, Host::new(options));
        store.limiter(|host| &mut host.limits);
        set_fuel(&mut store, fuel)?;
        let imports = host::imports(&mut store, module)?;
        let result = Instance::new(&mut store, module, &imports);
        let used = fuel - store.get_fuel().unwrap_or(fuel);
        let mut side = Side { store, instance: None };
        let end = match result {
            Ok(instance) => {
                side.instance = Some(instance);
                End::Returned(Vec::new())
            }
            Err(e) => side.end(&e),
        };
        Ok((side, end, used))
    }

    fn function(&mut self, name: &str) -> Option<Func> {
        self.instance?.get_func(&mut self.store, name)
    }

    fn call(&mut self, f: &Func, args: &[Val], fuel: u64) -> Result<(End, u64)> {
        set_fuel(&mut self.store, fuel)?;
        let mut results = vec![Val::I32(0); f.ty(&self.store).results().len()];
        let end = match f.call(&mut self.store, args, &mut results) {
            Ok(()) => End::Returned(results.iter().map(|v| host::see(&mut self.store, v)).collect()),
            Err(e) => self.end(&e),
        };
        Ok((end, fuel - self.store.get_fuel().unwrap_or(fuel)))
    }

    fn end(&mut self, e: &wasmtime::Error) -> End {
        match e.downcast_ref::<Trap>() {
            Some(Trap::OutOfFuel) => return End::Exhausted(OUT_OF_FUEL.to_string()),
            Some(trap @ (Trap::StackOverflow | Trap::AllocationTooLarge)) => return End::Exhausted(trap.to_string()),
            Some(trap) => return End::Trapped(trap.to_string()),
            None => {}
        }
        if let Some(exception) = self.store.take_pending_exception() {
            let fields = exception.fields(&mut self.store).map(|fields| fields.collect::<Vec<_>>()).unwrap_or_default();
            return End::Threw(fields.iter().map(|v| host::see(&mut self.store, v)).collect());
        }
        if e.is::<wasmtime::GcHeapOutOfMemory<()>>() {
            return End::Exhausted("out of memory".to_string());
        }
        End::Trapped(e.chain().last().map_or_else(String::new, |c| c.to_string()))
    }
}

fn set_fuel(store: &mut Store<Host>, fuel: u64) -> Result<()> {
    store.set_fuel(fuel).map_err(|e| Error::internal("the engine does not count fuel").cause(e))
}
