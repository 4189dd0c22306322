//! What the host has in its hands: its functions, and the state that it shares with the module.

use super::facts::{Facts, is_float};
use super::{Finding, Kind, Source, Status};
use crate::{Item, Module};

/// Functions of WASI preview 1, and what each may answer one way or another. `None` says that it answers nothing
/// but whether it worked.
const WASI: &[(&str, Option<&str>)] = &[
    ("args_get", Some("the arguments that it is given")),
    ("args_sizes_get", Some("the arguments that it is given")),
    ("environ_get", Some("the environment that it is given")),
    ("environ_sizes_get", Some("the environment that it is given")),
    ("clock_res_get", Some("the resolution of a clock")),
    ("clock_time_get", Some("the time")),
    ("fd_advise", None),
    ("fd_allocate", Some("the room on the disk")),
    ("fd_close", None),
    ("fd_datasync", None),
    ("fd_fdstat_get", Some("what its files are")),
    ("fd_fdstat_set_flags", None),
    ("fd_fdstat_set_rights", None),
    ("fd_filestat_get", Some("the files, their inodes and their times")),
    ("fd_filestat_set_size", None),
    ("fd_filestat_set_times", None),
    ("fd_pread", Some("the files, and how much is read at once")),
    ("fd_prestat_get", Some("the folders that it is given")),
    ("fd_prestat_dir_name", Some("the folders that it is given")),
    ("fd_pwrite", Some("errors, and how much is written at once")),
    ("fd_read", Some("the files and the input, and how much is read at once")),
    ("fd_readdir", Some("the order of a folder's entries, and their inodes")),
    ("fd_renumber", None),
    ("fd_seek", Some("the sizes of the files")),
    ("fd_sync", None),
    ("fd_tell", None),
    ("fd_write", Some("errors, and how much is written at once")),
    ("path_create_directory", Some("the files")),
    ("path_filestat_get", Some("the files, their inodes and their times")),
    ("path_filestat_set_times", Some("the files")),
    ("path_link", Some("the files")),
    ("path_open", Some("the files")),
    ("path_readlink", Some("the files")),
    ("path_remove_directory", Some("the files")),
    ("path_rename", Some("the files")),
    ("path_symlink", Some("the files")),
    ("path_unlink_file", Some("the files")),
    ("poll_oneoff", Some("the time, and the order of events")),
    ("proc_exit", None),
    ("proc_raise", None),
    ("random_get", Some("random numbers")),
    ("sched_yield", None),
    ("sock_accept", Some("the network")),
    ("sock_recv", Some("the network")),
    ("sock_send", Some("the network")),
    ("sock_shutdown", Some("the network")),
];

/// What an imported function may answer one way or another.
fn varies(module: &str, name: &str) -> String {
    let wasi = matches!(module, "wasi_snapshot_preview1" | "wasi_unstable");
    match WASI.iter().find(|(known, _)| wasi && *known == name) {
        Some((_, Some(what))) => format!("may vary {what}"),
        Some((_, None)) => "varies nothing but errors".to_owned(),
        None => "is not known here; it may vary anything".to_owned(),
    }
}

/// The imported functions.
pub(super) fn functions(facts: &Facts<'_>) -> Source {
    let mut source = Source::new(Kind::HostFunctions, Status::Absent, "no function is imported");
    for (id, function) in facts.module.functions.iter() {
        let Some(import) = function.source.import() else { continue };
        let what = varies(&import.module, &import.name);
        let message = format!("`{}` from `{}` {what}", import.name, import.module);
        // Each host function is named, however many there are.
        source.total += 1;
        source.findings.push(Finding { message, function: Some(id.0), ..Finding::default() });
    }
    if source.total > 0 {
        source.status = Status::Given;
        source.summary = "the module does what these answer; the same answers give the same behaviour".to_owned();
        source.fix = Some("give the program the same answers: a fixed clock, seed and file system".to_owned());
    }
    source
}

/// Memories, tables and mutable globals that the host may change.
pub(super) fn state(module: &Module<'_>) -> Source {
    let mut source = Source::new(Kind::HostState, Status::Absent, "the host sees no memory, table or mutable global");
    for item in module.live_imports() {
        if let (Some(what), Some(import)) = (mutable(module, item), module.import(item)) {
            let message = format!("the host may change the imported {what} `{}` from `{}`", import.name, import.module);
            source.add(Finding { message, ..Finding::default() });
        }
    }
    for export in &module.exports {
        if let Some(what) = mutable(module, export.item) {
            let message = format!("the host may change the exported {what} `{}` between calls", export.name);
            source.add(Finding { message, ..Finding::default() });
        }
    }
    if source.total > 0 {
        source.status = Status::Given;
        source.summary = "what the host writes there is given to the module like an argument".to_owned();
    }
    source
}

fn mutable(module: &Module<'_>, item: Item) -> Option<&'static str> {
    match item {
        Item::Memory(_) => Some("memory"),
        Item::Table(_) => Some("table"),
        Item::Global(id) => module.globals.get(id).filter(|global| global.ty.mutable).map(|_| "mutable global"),
        Item::Func(_) | Item::Tag(_) => None,
    }
}

/// Where floats come from the host.
pub(super) fn floats(facts: &Facts<'_>) -> Source {
    let mut source = Source::new(Kind::FloatBoundary, Status::Absent, "no float comes from the host");
    let module = facts.module;
    for (id, function) in module.functions.iter() {
        let Some(ty) = facts.signature(id.0) else { continue };
        if let Some(import) = function.source.import()
            && ty.results().iter().any(|&ty| is_float(ty))
        {
            let message = format!("`{}` from `{}` gives a float", import.name, import.module);
            source.add(Finding { message, function: Some(id.0), ..Finding::default() });
        }
    }
    for export in &module.exports {
        if let Item::Func(id) = export.item
            && facts.signature(id.0).is_some_and(|ty| ty.params().iter().any(|&ty| is_float(ty)))
        {
            let message = format!("the exported function `{}` takes a float", export.name);
            source.add(Finding { message, function: Some(id.0), ..Finding::default() });
        }
    }
    for (_, global) in module.globals.iter() {
        if let Some(import) = global.source.import()
            && is_float(global.ty.content_type)
        {
            let message = format!("the imported global `{}` from `{}` is a float", import.name, import.module);
            source.add(Finding { message, ..Finding::default() });
        }
    }
    if source.total > 0 {
        source.status = Status::Given;
        (source.summary, source.fix) = match facts.options.js_boundary {
            true => ("the bits of a NaN from the host are held for unknown".to_owned(), None),
            false => (
                "the bits of a NaN from the host are taken as they are".to_owned(),
                Some("wbuild harden --js-boundary IN -o OUT, if the host is JavaScript".to_owned()),
            ),
        };
    }
    source
}
