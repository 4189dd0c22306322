//! `--target-features`: sets of WebAssembly's features that engines agree on, and whether a module keeps to one.

use wbuild_passes as passes;

use crate::config::choose;
use crate::error::{Error, Result};

/// A set of features that a module may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TargetFeatures {
    /// WebAssembly 1.0 as of 2017.
    Mvp,
    /// What LLVM calls so: features that were standard by 2024 and cost an engine little.
    Lime1,
}

const CHOICES: &[(&str, TargetFeatures)] = &[("mvp", TargetFeatures::Mvp), ("lime1", TargetFeatures::Lime1)];

impl TargetFeatures {
    /// Reads one of `mvp` and `lime1`.
    pub fn parse(text: &str) -> Result<TargetFeatures> {
        choose("--target-features", text, CHOICES)
    }

    /// The pass that lowers what the set has not, as far as one can.
    pub fn lowering(self) -> Option<&'static str> {
        (self == TargetFeatures::Mvp).then_some("lower-to-mvp")
    }

    /// Fails where a module uses what the set has not.
    pub fn check(self, what: &str, module: &[u8]) -> Result<()> {
        let used = passes::features(module).map_err(|error| crate::pipeline::explain(error, what))?;
        let Some(feature) = used.iter().find(|feature| !self.has().contains(feature)) else { return Ok(()) };
        let place = match passes::function_with(module, feature) {
            Ok(Some(function)) => format!("function {} is the first that does", function.0),
            _ => "its types, tables, memories, globals or segments do".to_string(),
        };
        let name = CHOICES.iter().find(|(_, set)| *set == self).map_or("", |(name, _)| name);
        Err(Error::build(format!("{what} uses {feature}, which {name} has not"))
            .cause(place)
            .help("compile that part without it, or leave --target-features out"))
    }

    /// LLVM's names of the features in the set.
    fn has(self) -> &'static [&'static str] {
        match self {
            TargetFeatures::Mvp => &[],
            TargetFeatures::Lime1 => &[
                "bulk-memory-opt",
                "call-indirect-overlong",
                "extended-const",
                "multivalue",
                "mutable-globals",
                "nontrapping-fptoint",
                "sign-ext",
            ],
        }
    }
}
