//! Tcl, for which SQLite's own tests are written, unpatched; and those tests.

use std::process::Output;

use xtask::sources::{self, Archive};

use crate::projects::{Project, ZLIB, end, good, installed};

const TCL: Archive = Archive {
    package: "tcl8.6",
    file: "tcl8.6_8.6.13+dfsg.orig.tar.gz",
    sha256: "83bce7277e3825df0179567e0d8a431ebb1a126df53ea4a94af89dd4dd0f26d5",
};

/// What fails, by the beginnings of the tests' names, and why. Whatever else fails is our fault.
const FAILING: &[(&str, &[&str])] = &[
    (
        "a native build by the same words fails too",
        &["misc4-1.", "pcache-1.", "schema-", "tkt1644-2.", "zeroblob-12.4"],
    ),
    (
        "nothing is forbidden to root, natively, or to WASI's only user",
        &[
            "backup2-6",
            "delete-8.",
            "extension01-1.6",
            "oserror-1.4.",
            "pager1.4.",
            "temptable-6.",
            "tkt3457-1.",
            "wal2-13.",
        ],
    ),
    ("WASI has no modes of files", &["journal3-1.2.", "wal2-12.2."]),
    ("WASI has no links to absolute paths", &["symlink-4.4."]),
    ("WASI has no processes", &["pragma3-", "shared9-3.", "symlink-1.3", "tkt4018-"]),
    ("the engine takes too many open files for an I/O error", &["oserror-1.1.3"]),
];

/// Files of tests that are left out, eight of 1,110: they stop as root, need other processes, or read mapped memory through a file.
const LEFT_OUT: &str = r"^attach\.test,^backcompat,^crashM,^e_walauto,^lock[246]\.,^walcrash4";

#[test]
fn sqlite_passes_its_own_tests_in_a_tcl_of_ours() {
    let (zlib, tcl, sqlite) = (Project::new(&ZLIB), Project::new(&TCL), Project::new(&sources::SQLITE));
    let [zlib_include, zlib_library] = installed(&zlib);
    // What Tcl takes for granted and WASI has not: it fails there.
    let missing = xtask::shell::root().join("testdata/tcl");
    let include = format!("-I{}", missing.display());
    let source = missing.join("missing.c");
    tcl.wbuild(&["cc", "-O2", &include, "-c", source.to_str().unwrap(), "-o", "missing.o"]);
    tcl.wbuild(&["ar", "rcs", "libmissing.a", "missing.o"]);
    let libraries = format!("{zlib_library} -L{} -lz -lmissing", tcl.path("").display());

    let unix = |words: &[&str]| {
        let mut command = tcl.command(env!("CARGO_BIN_EXE_wbuild"), words);
        command.current_dir(tcl.path("unix"));
        good(command)
    };
    unix(&[
        "configure",
        "./configure",
        "--disable-shared",
        "--disable-threads",
        "--disable-load",
        &format!("--prefix={}", tcl.path("installed").display()),
        &format!("CPPFLAGS={zlib_include} {include} -include missing.h"),
        &format!("LIBS={libraries}"),
    ]);
    unix(&["make", "-j2", "libtcl8.6.a", "install-headers", "CFLAGS_OPTIMIZE=-O2 -w"]);

    let with_tcl = format!("--with-tcl={}", tcl.path("unix").display());
    sqlite.wbuild(&[
        "configure",
        "./configure",
        &with_tcl,
        "--disable-load-extension",
        "--disable-threadsafe",
        "--disable-readline",
    ]);
    // Its tests convert numbers that are too large, and ask for page faults.
    let flags = "-O2 -w -fno-strict-float-cast-overflow -Dru_minflt=ru_utime.tv_sec -Dru_majflt=ru_utime.tv_sec";
    sqlite.wbuild(&["make", "testfixture", &format!("CFLAGS={flags} {zlib_include}"), &format!("LIBS={libraries}")]);

    // Programs see the folder that they start in, and Tcl needs its scripts.
    std::fs::rename(tcl.path("library"), sqlite.path("tcl-library")).unwrap();
    // Those of SQLite's sets that keep to one process are in this one, which is made for valgrind.
    let mut command = sqlite.command(sqlite.path("testfixture"), &["test/permutations.test", "valgrind"]);
    command.env("TCL_LIBRARY", "/tcl-library").env("QUICKTEST_OMIT", LEFT_OUT);
    let Output { stdout, stderr, .. } = command.output().unwrap();
    let said = String::from_utf8_lossy(&stdout);
    let end = format!("{}\n{}", end(&said), String::from_utf8_lossy(&stderr));
    let result = said.lines().find(|line| line.contains(" errors out of ")).unwrap_or_else(|| panic!("{end}"));
    let tests: usize = result.split_whitespace().nth(4).unwrap().parse().unwrap();
    assert!(tests > 212_000 && result.contains("wasi 32-bit"), "{result}");
    let names = said.lines().find_map(|line| line.strip_prefix("!Failures on these tests: ")).unwrap_or_default();
    let known = |name: &str| FAILING.iter().any(|(_, known)| known.iter().any(|known| name.starts_with(known)));
    let unknown: Vec<&str> = names.split_whitespace().filter(|name| !known(name)).collect();
    let errors: Vec<&str> = said.lines().filter(|line| unknown.iter().any(|name| line.contains(name))).collect();
    assert!(unknown.is_empty(), "{}\n{result}", errors.join("\n"));
    assert!(names.split_whitespace().count() <= 88, "{result}: {names}");
}
