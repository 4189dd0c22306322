//! From what was found to a certificate.

use super::depth::{Depth, depth};
use super::facts::{Facts, Sites};
use super::walk::Outcome;
use super::{Finding, Kind, MOST_FINDINGS, Site, Source, Status, host};
use crate::Module;
use std::collections::BTreeMap;
use wasmparser::{BinaryReader, CompositeInnerType, Name, NameSectionReader};

const HARDEN: &str = "wbuild harden IN -o OUT";

/// All sources, with the names of functions.
pub(super) fn sources(facts: &Facts<'_>, outcomes: &[(u32, Outcome)]) -> Vec<Source> {
    let mut sources = vec![
        nan_bits(facts, outcomes),
        simd(facts),
        threads(facts),
        growth(facts),
        stack_depth(facts),
        host::functions(facts),
        host::state(facts.module),
        host::floats(facts),
        proposals(facts),
    ];
    let names = names(facts.module);
    for finding in sources.iter_mut().flat_map(|source| &mut source.findings) {
        finding.name = finding.function.and_then(|function| names.get(&function)).map(|&name| name.to_owned());
    }
    sources
}

/// The function names of the name section, as far as it can be read.
fn names<'m>(module: &'m Module<'_>) -> BTreeMap<u32, &'m str> {
    let mut names = BTreeMap::new();
    for custom in module.customs.iter().filter(|custom| custom.name == "name") {
        let sections = NameSectionReader::new(BinaryReader::new(&custom.data, 0));
        for section in sections.into_iter().map_while(Result::ok) {
            if let Name::Function(map) = section {
                names.extend(map.into_iter().map_while(Result::ok).map(|naming| (naming.index, naming.name)));
            }
        }
    }
    names
}

fn at(site: &Site, message: String) -> Finding {
    let operation = Some(site.operation.clone());
    Finding { message, function: site.place.function, offset: site.place.offset, operation, name: None }
}

/// Adds what is known of operators.
fn add_sites(source: &mut Source, sites: &Sites, message: impl Fn(&str) -> String) {
    let room = MOST_FINDINGS.saturating_sub(source.findings.len());
    source.findings.extend(sites.first.iter().take(room).map(|site| at(site, message(&site.operation))));
    source.total += sites.total;
}

fn nan_bits(facts: &Facts<'_>, outcomes: &[(u32, Outcome)]) -> Source {
    let mut source = Source::new(Kind::NanBits, Status::Absent, "the module has no floats");
    if facts.functions.iter().any(|function| function.floats) {
        source.status = Status::Fine;
        source.summary = "no bits of a NaN that the specification leaves open are seen".to_owned();
    }
    for (function, outcome) in outcomes {
        if outcome.gave_up {
            source.status = source.status.max(Status::NotProved);
            let message = "the function is too complex, or has operators that are not understood".to_owned();
            source.add(Finding { message, function: Some(*function), ..Finding::default() });
            continue;
        }
        source.status = source.status.max(outcome.worst.unwrap_or(Status::Absent));
        for observation in &outcome.observations {
            let operation = match observation.site.operation.as_str() {
                "end" => "the function's end",
                operation => operation,
            };
            let message = match observation.status {
                Status::Nondeterministic => {
                    format!("`{operation}` shows the bits of a value that may be a NaN made by arithmetic")
                }
                _ => format!("`{operation}` shows the bits of a value that may be a NaN, and these are not known"),
            };
            if source.findings.len() < MOST_FINDINGS {
                source.findings.push(at(&observation.site, message));
            }
        }
        source.total += outcome.total;
    }
    if source.status > Status::Given {
        source.summary = "the bits of a NaN may be seen, and the specification leaves them open".to_owned();
        let simd = if facts.simd.total + facts.relaxed.total > 0 { "--simd " } else { "" };
        let js = if facts.options.js_boundary { "--js-boundary " } else { "" };
        source.fix = Some(format!("wbuild harden {simd}{js}IN -o OUT"));
    }
    source
}

fn simd(facts: &Facts<'_>) -> Source {
    let mut source = Source::new(Kind::Simd, Status::Absent, "the module has no vectors");
    if facts.simd.total > 0 {
        source.status = Status::Fine;
        source.summary = "strict SIMD is deterministic, up to the bits of NaNs".to_owned();
        source.total = facts.simd.total;
    }
    if facts.relaxed.total > 0 {
        source.status = Status::Nondeterministic;
        source.summary = "relaxed SIMD gives what the engine likes".to_owned();
        source.total = 0;
        add_sites(&mut source, &facts.relaxed, |name| format!("`{name}` may give one of several results"));
        source.fix = Some("wbuild harden --simd IN -o OUT".to_owned());
    }
    source
}

fn threads(facts: &Facts<'_>) -> Source {
    let mut source = Source::new(Kind::Threads, Status::Absent, "the module shares nothing with other threads");
    let module = facts.module;
    for (id, memory) in module.memories.iter().filter(|(_, memory)| memory.ty.shared) {
        let whence = if memory.source.import().is_some() { "imported memory" } else { "memory" };
        source.add(Finding { message: format!("{whence} {} is shared", id.0), ..Finding::default() });
    }
    for (id, _) in module.tables.iter().filter(|(_, table)| table.ty.shared) {
        source.add(Finding { message: format!("table {} is shared", id.0), ..Finding::default() });
    }
    for (id, _) in module.globals.iter().filter(|(_, global)| global.ty.shared) {
        source.add(Finding { message: format!("global {} is shared", id.0), ..Finding::default() });
    }
    if module.types.groups().flat_map(|group| group.types()).any(|ty| ty.composite_type.shared) {
        source.add(Finding { message: "a type is shared".to_owned(), ..Finding::default() });
    }
    if source.total > 0 {
        source.status = Status::Nondeterministic;
        source.summary = "other threads may change what the module reads at any time".to_owned();
        source.fix = Some("build without threads".to_owned());
        add_sites(&mut source, &facts.atomics, |name| format!("`{name}` depends on other threads"));
    } else if facts.atomics.total > 0 {
        source.status = Status::Fine;
        source.summary = "atomic operators on memories that no other thread sees are ordinary ones".to_owned();
        source.total = facts.atomics.total;
    }
    source
}

fn growth(facts: &Facts<'_>) -> Source {
    let mut source = Source::new(Kind::Growth, Status::Absent, "no memory or table grows");
    if facts.growth_count > 0 {
        source.status = Status::Fine;
        source.summary = "every growth that the host refuses traps".to_owned();
    }
    if facts.growths.total > 0 {
        source.status = Status::Nondeterministic;
        source.summary = "the host may refuse to grow a memory or table, and the module goes on".to_owned();
        add_sites(&mut source, &facts.growths, |name| format!("`{name}` may fail at the host's whim"));
        source.fix = Some(format!("{HARDEN}, with --max-memory to say how far it may grow"));
    }
    source
}

fn stack_depth(facts: &Facts<'_>) -> Source {
    let mut source = Source::new(Kind::StackDepth, Status::Given, "");
    let depth = depth(facts.functions.len(), &facts.calls);
    source.summary = match depth {
        Depth::Recursive(function) => {
            let message = "calls itself through others, or is called by such a function".to_owned();
            source.add(Finding { message, function: Some(function), ..Finding::default() });
            "calls recur; where the stack ends is a resource trap".to_owned()
        }
        Depth::Bounded(_) if facts.indirect.total > 0 => {
            add_sites(&mut source, &facts.indirect, |name| format!("`{name}` may call any function of its type"));
            "calls are indirect, so they may recur; where the stack ends is a resource trap".to_owned()
        }
        Depth::Bounded(frames) => format!("at most {frames} calls are open at once; a stack that is smaller traps"),
    };
    source
}

fn proposals(facts: &Facts<'_>) -> Source {
    let mut source = Source::new(Kind::Proposals, Status::Absent, "every operator is known");
    let types = facts.module.types.groups().flat_map(|group| group.types());
    for ty in types {
        let composite = &ty.composite_type;
        if matches!(composite.inner, CompositeInnerType::Cont(_))
            || composite.descriptor_idx.is_some()
            || composite.describes_idx.is_some()
        {
            let message = "a type belongs to a proposal that the checker does not know".to_owned();
            source.add(Finding { message, ..Finding::default() });
        }
    }
    add_sites(&mut source, &facts.unknown, |name| format!("`{name}` belongs to a proposal that is not known here"));
    if source.total > 0 {
        source.status = Status::NotProved;
        source.summary = "nothing is proved of what the checker does not know".to_owned();
        source.fix = Some("build for features that are part of the standard".to_owned());
    }
    source
}
