//! The passes, one a file.

mod sjlj;
mod strip;

use crate::{DebugInfo, Pass};

/// All passes, in the order in which a build would run them.
pub(crate) const ALL: &[Pass] = &[
    Pass {
        name: "sjlj",
        summary: "finish setjmp and longjmp: define what clang and wbuild's runtime import for them",
        run: sjlj::run,
        debug_info: DebugInfo::Invalidates,
    },
    Pass {
        name: "strip",
        summary: "remove names, DWARF, producers and target_features; keep what other tools still need",
        run: strip::all,
        debug_info: DebugInfo::Keeps,
    },
    Pass {
        name: "strip-debug",
        summary: "remove names, DWARF and source maps",
        run: strip::debug,
        debug_info: DebugInfo::Keeps,
    },
    Pass { name: "strip-dwarf", summary: "remove DWARF", run: strip::dwarf, debug_info: DebugInfo::Keeps },
    Pass {
        name: "strip-producers",
        summary: "remove the list of tools that made the module",
        run: strip::producers,
        debug_info: DebugInfo::Keeps,
    },
    Pass {
        name: "strip-target-features",
        summary: "remove the list of features that the compiler was allowed to use",
        run: strip::target_features,
        debug_info: DebugInfo::Keeps,
    },
];
