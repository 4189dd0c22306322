//! Real projects by their own configure scripts and Makefiles, unpatched, with their own tests run through launchers.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use xtask::sources::{self, Archive};

use crate::programs::target_folder;

pub const ZLIB: Archive = Archive {
    package: "zlib",
    file: "zlib_1.2.13.dfsg.orig.tar.bz2",
    sha256: "71feb7947e3c00ef125f83b79a4e529bde31171e5babe48b391f06758d1ab0a1",
};
const LUA: Archive = Archive {
    package: "lua5.4",
    file: "lua5.4_5.4.4.orig.tar.gz",
    sha256: "164c7849653b80ae67bec4b7473b884bf5cc8d2dca05653475ec2ed27b9ebf61",
};
const LZ4: Archive = Archive {
    package: "lz4",
    file: "lz4_1.9.4.orig.tar.gz",
    sha256: "0b0e3aa07c8c063ddf40b082bdf7e37a1562bda40a0ff5272957f3e987e0e54b",
};
const LIBPNG: Archive = Archive {
    package: "libpng1.6",
    file: "libpng1.6_1.6.39.orig.tar.gz",
    sha256: "a00e9d2f2f664186e4202db9299397f851aea71b36a35e74910b8820e380d441",
};

/// A project's sources in a folder of their own.
pub struct Project {
    folder: tempfile::TempDir,
}

impl Project {
    pub fn new(archive: &Archive) -> Project {
        let folder = tempfile::tempdir().unwrap();
        sources::unpack(archive, &target_folder(), &folder.path().join("src")).unwrap();
        Project { folder }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join("src").join(name)
    }

    pub fn command(&self, program: impl AsRef<Path>, words: &[&str]) -> Command {
        let mut command = Command::new(program.as_ref());
        command.args(words).current_dir(self.path("")).stdin(Stdio::null()).env("WBUILD", env!("CARGO_BIN_EXE_wbuild"));
        command
    }

    /// What `wbuild WORDS` prints.
    pub fn wbuild(&self, words: &[&str]) -> String {
        good(self.command(env!("CARGO_BIN_EXE_wbuild"), words))
    }

    /// What one of the project's programs prints, by its launcher.
    fn run(&self, program: &str, words: &[&str]) -> String {
        good(self.command(self.path(program), words))
    }

    fn is_module(&self, name: &str) -> bool {
        std::fs::read(self.path(name)).is_ok_and(|bytes| bytes.starts_with(b"\0asm"))
    }
}

/// The last lines of what a program said.
pub fn end(text: &str) -> String {
    text.lines().rev().take(40).collect::<Vec<_>>().into_iter().rev().collect::<Vec<_>>().join("\n")
}

pub fn good(mut command: Command) -> String {
    let Output { status, stdout, stderr } = command.output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    assert!(status.success(), "{command:?}: {status}\n{}\n{}", end(&out), end(&err));
    out.into_owned()
}

#[test]
fn zlib_is_configured_and_passes_its_own_tests() {
    let zlib = Project::new(&ZLIB);
    let said = zlib.wbuild(&["configure", "./configure", "--static"]);
    assert!(said.contains("Checking for vsnprintf() in stdio.h... Yes"), "{said}");
    let said = zlib.wbuild(&["make", "-j2", "test"]);
    assert!(said.contains("*** zlib test OK ***") && said.contains("*** zlib 64-bit test OK ***"), "{said}");
    assert!(zlib.is_module("minigzip.wasm"));
    std::fs::copy(zlib.path("ChangeLog"), zlib.path("text")).unwrap();
    zlib.run("minigzip", &["text"]);
    // The machine's own gzip reads what it wrote.
    good(zlib.command("gunzip", &["text.gz"]));
    assert_eq!(std::fs::read(zlib.path("text")).unwrap(), std::fs::read(zlib.path("ChangeLog")).unwrap());
}

#[test]
fn zlib_is_the_same_bytes_in_any_surroundings_and_out_of_the_cache() {
    let cache = tempfile::tempdir().unwrap();
    let build = |jobs: &str, cached: bool, surroundings: &str| {
        let zlib = Project::new(&ZLIB);
        let own = env!("CARGO_BIN_EXE_wbuild");
        let script = format!("{surroundings}; '{own}' configure ./configure --static && '{own}' make {jobs}");
        let mut command = zlib.command("sh", &["-c", &script]);
        match cached {
            true => command.env_remove("WBUILD_NO_CACHE").env("WBUILD_CACHE", cache.path()),
            false => command.env("WBUILD_NO_CACHE", "1"),
        };
        good(command);
        ["libz.a", "minigzip.wasm", "minigzip", "example64.wasm"].map(|name| std::fs::read(zlib.path(name)).unwrap())
    };
    let first = build("-j1", false, "umask 022");
    assert!(build("-j8", false, "umask 077; export TZ=Asia/Kathmandu LC_ALL=C.UTF-8 USER=other") == first);
    assert!(build("-j8", true, "umask 077") == first, "what is written to the cache is not what is made without");
    assert!(build("-j2", true, "umask 022") == first, "what is taken from the cache is not what was made");
    let mut stats = Command::new(env!("CARGO_BIN_EXE_wbuild"));
    let said = good({
        stats.args(["cache", "stats"]).env("WBUILD_CACHE", cache.path()).env_remove("WBUILD_NO_CACHE");
        stats
    });
    let objects = said.lines().find(|line| line.starts_with("objects")).unwrap_or_default();
    let hits: u32 = objects.split_whitespace().nth(1).and_then(|n| n.parse().ok()).unwrap_or_default();
    assert!(hits >= 15, "{said}");
}

#[test]
fn bzip2_is_made_and_passes_its_own_tests() {
    let bzip2 = Project::new(&sources::BZIP2);
    // Its first goal runs the tests; its Makefile says CC=gcc and AR=ar.
    let said = bzip2.wbuild(&["make"]);
    assert!(said.contains("cmp sample3.tst sample3.ref") && said.contains("If you got this far"), "{said}");
    assert!(bzip2.is_module("bzip2.wasm"));
    std::fs::copy(bzip2.path("bzip2.c"), bzip2.path("text")).unwrap();
    bzip2.run("bzip2", &["text"]);
    bzip2.run("bzip2", &["-d", "text.bz2"]);
    assert_eq!(std::fs::read(bzip2.path("text")).unwrap(), std::fs::read(bzip2.path("bzip2.c")).unwrap());
    assert!(!bzip2.path("text.bz2").exists());
}

#[test]
fn lua_is_made_and_runs_scripts() {
    let lua = Project::new(&LUA);
    lua.wbuild(&["make", "-j2", "generic"]);
    let script = r#"
        local file = io.tmpfile()
        file:write("kept")
        file:seek("set")
        print(file:read("a"), string.format("%5.2f", math.pi), os.execute())
        print(pcall(error, "caught"))
        local sorted = {5, 3, 4}
        table.sort(sorted, function(a, b) return a > b end)
        print(table.concat(sorted, " "), #arg, arg[1])
    "#;
    std::fs::write(lua.path("script.lua"), script).unwrap();
    let said = lua.run("src/lua", &["script.lua", "word"]);
    assert_eq!(said, "kept\t 3.14\tfalse\nfalse\tcaught\n5 4 3\t1\tword\n");
    // Compiled by luac, and run from there.
    lua.run("src/luac", &["-o", "script.luac", "script.lua"]);
    assert_eq!(lua.run("src/lua", &["script.luac", "word"]), said);
}

#[test]
fn lz4_is_made_by_compilers_that_are_named_to_make() {
    let lz4 = Project::new(&LZ4);
    let bin = lz4.path("bin");
    lz4.wbuild(&["install-links", bin.to_str().unwrap()]);
    let link = |name: &str| format!("{}={}", name.to_uppercase(), bin.join(format!("wbuild-{name}")).display());
    let mut make = lz4.command("make", &["-j2", "-C", "programs", "lz4", &link("cc"), &link("ar")]);
    make.env("WBUILD_LAUNCHER", "1");
    good(make);
    assert!(lz4.is_module("programs/lz4.wasm"));
    let text: Vec<u8> = (0..200_000u32).flat_map(|n| (n / 7 * 2654435761).to_le_bytes()).collect();
    std::fs::write(lz4.path("data"), &text).unwrap();
    lz4.run("programs/lz4", &["-9", "-f", "data", "data.lz4"]);
    lz4.run("programs/lz4", &["-d", "-f", "data.lz4", "back"]);
    assert!(std::fs::read(lz4.path("back")).unwrap() == text);
    assert!(lz4.path("data.lz4").metadata().unwrap().len() < text.len() as u64);
}

#[test]
fn lz4_passes_its_own_tests() {
    let lz4 = Project::new(&LZ4);
    // All that `make test` does, but for files of 6 GB; its loops have as many rounds as there is time for.
    let tests = [
        &["lz4-essentials", "lz4-opt-parser", "lz4-sparse", "lz4-skippable", "lz4c", "amalgamation"][..],
        &["fuzzer", "frametest", "fullbench", "decompress-partial"],
    ];
    let targets: Vec<String> = tests.concat().iter().map(|test| format!("test-{test}")).collect();
    let words = ["make", "-C", "tests", "FUZZER_TIME=-i300 -s7", "NB_LOOPS=-i1", "listTest"];
    let said = lz4.wbuild(&[&words[..], &targets.iter().map(String::as_str).collect::<Vec<_>>()].concat());
    assert!(said.contains("test lz4 basic compression/decompression"), "{said}");
    assert!(said.contains("test decompress-partial-usingDict OK"), "{said}");
    assert!(lz4.is_module("tests/fullbench.wasm") && lz4.is_module("programs/lz4.wasm"));
}

/// Installs zlib beside itself, and gives the options that find its headers and its library.
pub fn installed(zlib: &Project) -> [String; 2] {
    zlib.wbuild(&["configure", "./configure", "--static"]);
    let prefix = zlib.path("installed");
    zlib.wbuild(&["make", "-j2", "install", &format!("prefix={}", prefix.display())]);
    [format!("-I{}/include", prefix.display()), format!("-L{}/lib", prefix.display())]
}

#[test]
fn libpng_is_made_by_autoconf_and_libtool_and_passes_its_own_tests() {
    let (zlib, libpng) = (Project::new(&ZLIB), Project::new(&LIBPNG));
    let [include, library] = installed(&zlib);
    let flags = [format!("CPPFLAGS={include}"), format!("LDFLAGS={library}")];
    let said = libpng.wbuild(&["configure", "./configure", &flags[0], &flags[1]]);
    assert!(said.contains("checking whether we are cross compiling... no"), "{said}");
    assert!(said.contains("checking whether to build shared libraries... no"), "{said}");
    let said = libpng.wbuild(&["make", "-j2", "check"]);
    assert!(said.contains("# TOTAL: 32\n# PASS:  32\n"), "{said}");
}

#[test]
fn the_shell_of_sqlite_is_made_with_its_own_tools_and_passes_its_own_tests() {
    let sqlite = Project::new(&sources::SQLITE);
    let words = ["--disable-tcl", "--disable-load-extension", "--disable-threadsafe", "--disable-readline"];
    sqlite.wbuild(&[&["configure", "./configure"][..], &words].concat());
    // Its parser generator and others are built first, and run.
    sqlite.wbuild(&["make", "-j2", "sqlite3"]);
    assert!(sqlite.is_module("lemon.wasm") && sqlite.is_module("sqlite3.wasm"));
    let statements = "create table t(a, b); insert into t values(1, 2), (3, 4.5);\n\
                      create virtual table f using fts4(body); insert into f values('quick fox'), ('lazy dog');\n\
                      select sum(a), avg(b), printf('%.3f', sqrt(2)) from t; select * from f where f match 'dog';\n\
                      pragma journal_mode = wal; insert into t values(5, x'00ff'); pragma integrity_check;\n";
    assert_eq!(sqlite.run("sqlite3", &["test.db", statements]), "4|3.25|1.414\nlazy dog\nwal\nok\n");
    // Another run of it finds what the first wrote.
    let said = sqlite.run("sqlite3", &["test.db", ".tables", "select count(*) from t", ".dump t"]);
    assert!(said.contains("INSERT INTO t VALUES(5,X'00ff');"), "{said}");
    // All that its `make test` does without Tcl.
    let zlib = Project::new(&ZLIB);
    let [include, library] = installed(&zlib);
    let flags = [format!("CFLAGS=-O2 {include}"), format!("LIBS={library} -lz")];
    let said = sqlite.wbuild(&["make", "fuzztest", "sourcetest", &flags[0], &flags[1]]);
    assert!(said.contains("fuzzcheck: 0 errors out of 46217 tests"), "{said}");
    assert!(said.contains("sessionfuzz-data1.db:  339 cases, 0 crashes"), "{said}");
}

#[test]
fn ccache_in_front_of_wbuild_finds_objects_again() {
    let zlib = Project::new(&ZLIB);
    let bin = zlib.path("bin");
    zlib.wbuild(&["install-links", bin.to_str().unwrap()]);
    let ccache = zlib.path("ccache");
    let compile = || {
        let cc = bin.join("wbuild-cc");
        let mut command = zlib.command("ccache", &[cc.to_str().unwrap(), "-O2", "-c", "adler32.c", "-o", "adler32.o"]);
        good({
            command.env("CCACHE_DIR", &ccache).env("CCACHE_CONFIGPATH", "/dev/null");
            command
        });
        std::fs::read(zlib.path("adler32.o")).unwrap()
    };
    let first = compile();
    std::fs::remove_file(zlib.path("adler32.o")).unwrap();
    assert!(compile() == first);
    let mut stats = zlib.command("ccache", &["--print-stats"]);
    stats.env("CCACHE_DIR", &ccache).env("CCACHE_CONFIGPATH", "/dev/null");
    let stats = good(stats);
    assert!(stats.contains("direct_cache_hit\t1"), "{stats}");
}
