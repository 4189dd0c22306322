//! The passes, one a file.

mod addresses;
mod branches;
mod harden;
mod locals;
mod lower;
mod offsets;
pub(crate) mod outline;
mod pack_data;
mod pool;
mod reorder;
mod segments;
mod shortest;
mod similar;
mod sjlj;
mod strip;
mod trim_data;
pub(crate) mod unused;

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
        name: "lower-to-mvp",
        summary: "turn sign extension, saturating conversions, memory.copy and memory.fill into older operators",
        run: lower::run,
        debug_info: DebugInfo::Invalidates,
    },
    Pass {
        name: "remove-unused-module-elements",
        summary: "remove functions, globals, types, tables, memories, segments and tags that nothing needs",
        run: unused::elements,
        debug_info: DebugInfo::Invalidates,
    },
    Pass {
        name: "remove-unused-imports",
        summary: "the same, and remove imports that nothing needs (the host need not give them any more)",
        run: unused::imports,
        debug_info: DebugInfo::Invalidates,
    },
    Pass {
        name: "harden",
        summary: "make NaN bits and growth the same on every engine; refuse threads and SIMD",
        run: harden::run,
        debug_info: DebugInfo::Invalidates,
    },
    Pass {
        name: "trim-data",
        summary: "remove zeros at the ends of data segments where memory is zero anyway",
        run: trim_data::run,
        debug_info: DebugInfo::Keeps,
    },
    Pass {
        name: "pack-data",
        summary: "write the data segments of each memory as they are smallest",
        run: pack_data::raw,
        debug_info: DebugInfo::Keeps,
    },
    Pass {
        name: "pack-data-for-compression",
        summary: "the same, by the size that they have once the module is compressed",
        run: pack_data::compressed,
        debug_info: DebugInfo::Keeps,
    },
    Pass {
        name: "fold-offsets",
        summary: "let accesses add constants to their addresses, where the sum cannot wrap around",
        run: offsets::run,
        debug_info: DebugInfo::Invalidates,
    },
    Pass {
        name: "branch-before-loops",
        summary: "choose by a branch, not a select, what a loop only reads, so that engines do not choose in every round",
        run: branches::run,
        debug_info: DebugInfo::Invalidates,
    },
    Pass {
        name: "pool-addresses",
        summary: "reach what stands near by one immutable global and offsets",
        run: addresses::run,
        debug_info: DebugInfo::Invalidates,
    },
    Pass {
        name: "outline",
        summary: "put repeated code into functions, where no loop is",
        run: outline::run,
        debug_info: DebugInfo::Invalidates,
    },
    Pass {
        name: "pool-constants",
        summary: "put long constants that are used often into immutable globals",
        run: pool::all,
        debug_info: DebugInfo::Invalidates,
    },
    Pass {
        name: "pool-constants-for-startup",
        summary: "the same, where it saves enough to be worth the time that a global takes at each start",
        run: pool::for_startup,
        debug_info: DebugInfo::Invalidates,
    },
    Pass {
        name: "reorder-locals",
        summary: "number locals in the order of their first uses, for compression",
        run: locals::run,
        debug_info: DebugInfo::Invalidates,
    },
    Pass {
        name: "reorder-functions",
        summary: "give functions that are named often the numbers that are short",
        run: reorder::functions,
        debug_info: DebugInfo::Invalidates,
    },
    Pass {
        name: "reorder-functions-for-compression",
        summary: "put functions that are alike near each other",
        run: similar::run,
        debug_info: DebugInfo::Invalidates,
    },
    Pass {
        name: "shortest-encodings",
        summary: "write numbers, types and declarations of locals as short as they can be",
        run: shortest::run,
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
