//! A module initialized by a call, against a snapshot of it: from then on nobody may be able to tell them apart.

use wasmtime::{Engine, Module};

use super::host::HostCall;
use super::{Comparison, End, Options, Pair, Side, Tally, Verdict, different, interface};
use crate::error::{Error, Result};

/// How a module's instantiation, and the call of its initializer, ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Initialized {
    /// Both returned, and the host was not called.
    Returned,
    /// A trap or an exception, in these words.
    Trapped(String),
    /// It called its host, which is another one where a snapshot is made.
    CalledHost(String),
    /// Fuel, stack or memory ran out, so that another engine may have ended otherwise.
    Exhausted(String),
}

/// A module whose initializer was run, to compare snapshots with.
pub struct Started<'a> {
    comparison: &'a Comparison,
    module: Module,
    initializer: &'a str,
    pub initialized: Initialized,
}

impl Comparison {
    /// Instantiates a module and calls its exported function of this name. An error means that the engine does not
    /// take the module.
    pub fn start<'a>(&'a self, module: &[u8], initializer: &'a str) -> Result<Started<'a>> {
        let module = Module::new(&self.engine, module)
            .map_err(|e| Error::build("the engine refuses the module").cause(format!("{e:#}")))?;
        let (side, end, _) = Side::begin(&self.engine, &module, &self.options, initializer)?;
        let called: Option<&HostCall> = side.store.data().calls.first();
        let initialized = match (end, called) {
            (End::Exhausted(what), _) => Initialized::Exhausted(what),
            (_, Some(call)) => Initialized::CalledHost(call.to_string()),
            (End::Returned(_), None) => Initialized::Returned,
            (End::Trapped(what), None) => Initialized::Trapped(what),
            (End::Threw(values), None) => Initialized::Trapped(format!("threw {values:?}")),
        };
        Ok(Started { comparison: self, module, initializer, initialized })
    }
}

impl Started<'_> {
    /// Compares by calling every exported function of both, where the initializer has returned.
    pub fn compare(&self, snapshot: &[u8]) -> Result<Verdict> {
        let snapshot = match Module::new(&self.comparison.engine, snapshot) {
            Ok(snapshot) => snapshot,
            Err(e) => return Ok(different("compilation", "accepted", format!("refused: {e:#}"))),
        };
        if let Some(difference) = interface(&self.module, &snapshot, Some(self.initializer)) {
            return Ok(Verdict::Different(difference));
        }
        let (first, second, begin) = (&self.module, &snapshot, Some(self.initializer));
        let mut pair = Pair { comparison: self.comparison, first, second, begin, tally: Tally::default() };
        Ok(match pair.run(None)? {
            Some(difference) => Verdict::Different(difference),
            None => Verdict::Same(pair.tally),
        })
    }
}

impl Side {
    /// Instantiates, and calls a function without parameters and results.
    pub(super) fn begin(engine: &Engine, module: &Module, options: &Options, name: &str) -> Result<(Side, End, u64)> {
        let (mut side, end, used) = Side::instantiate(engine, module, options, options.fuel)?;
        if !matches!(end, End::Returned(_)) {
            return Ok((side, end, used));
        }
        let function = side.function(name).ok_or_else(|| Error::usage(format!("no exported function `{name}`")))?;
        let (end, more) = side.call(&function, &[], options.fuel)?;
        Ok((side, end, used + more))
    }
}
