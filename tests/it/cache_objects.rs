//! One compilation through the cache, as a compiler driver asks for it: its object, its list of headers, its words.

use std::path::{Path, PathBuf};

use wbuild::cache::{Cache, Compile, Use};
use wbuild::process::{Command, Output};
use wbuild::toolchain::{self, Places, Request};
use wbuild_targets::TARGETS;

/// A folder, and a compiler whose every run leaves a line.
struct Place {
    folder: tempfile::TempDir,
    clang: PathBuf,
    words: Vec<String>,
}

impl Place {
    fn new() -> Place {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let toolchain = toolchain::find(&Request::default(), &TARGETS[0]).unwrap();
        assert!(!toolchain.hermetic, "a native clang is needed: wbuild toolchain install");
        let clang = folder.path().join("clang");
        let (log, real) = (folder.path().join("log"), toolchain.clang[0].display());
        std::fs::write(&clang, format!("#!/bin/sh\necho run >> {}\nexec {real} \"$@\"\n", log.display())).unwrap();
        std::fs::set_permissions(&clang, std::fs::Permissions::from_mode(0o755)).unwrap();
        std::fs::write(folder.path().join("own.h"), "#define OWN 1\n").unwrap();
        std::fs::write(
            folder.path().join("a.c"),
            "#include <stddef.h>\n#include \"own.h\"\nint a = OWN;\nint u(void) { int x; return 0; }\n",
        )
        .unwrap();
        std::thread::sleep(std::time::Duration::from_millis(30));
        Place { folder, clang, words: toolchain.compile_args }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn runs(&self) -> usize {
        std::fs::read_to_string(self.path("log")).map_or(0, |log| log.lines().count())
    }

    /// Compiles `source` to `object`, in a process's cache of its own on the same folder.
    fn compile(&self, source: &Path, input: &[u8], object: &str, words: &[&str]) -> Output {
        let places = Places::new([("WBUILD_CACHE", self.path("cache"))], Path::new("/"));
        let cache = Cache::open(&places, Use::Allowed);
        assert!(cache.is_on());
        cache.uses(&[]);
        let object = self.path(object);
        let mut command = Command::new(&self.clang);
        command.env.push(("SOURCE_DATE_EPOCH".into(), "0".into()));
        command.args(&self.words).args(["-Wall", "-c"]).args(words).arg(source).arg("-o").arg(&object);
        cache.compile(&Compile { command: &command, source, input, object: &object }).unwrap()
    }
}

#[test]
fn the_list_of_headers_comes_back_exactly_for_every_way_to_ask() {
    let place = Place::new();
    let source = place.path("a.c");
    let list = place.path("lists.d");
    let list = list.to_str().unwrap();
    // What is asked for, where it goes, and how often the compiler runs for it.
    for (words, written, runs) in [
        (&["-MD"][..], "a.d", 1),
        (&["-MMD", "-MP"][..], "a.d", 2),
        (&["-MD", "-MF", list][..], "lists.d", 1),
        (&["-MMD", "-MF", list, "-MT", "x y", "-MQ", "$z"][..], "lists.d", 2),
    ] {
        let before = place.runs();
        let cold = place.compile(&source, &[], "a.o", words);
        assert!(cold.status.success() && cold.stderr.contains("unused variable"), "{}", cold.stderr);
        assert_eq!(place.runs() - before, runs, "{words:?}");
        let (object, listed) = (std::fs::read(place.path("a.o")).unwrap(), std::fs::read(place.path(written)).unwrap());
        assert!(listed.windows(5).any(|part| part == b"own.h"));
        std::fs::remove_file(place.path("a.o")).unwrap();
        std::fs::remove_file(place.path(written)).unwrap();
        let warm = place.compile(&source, &[], "a.o", words);
        assert_eq!(place.runs() - before, runs, "{words:?}: it was compiled again");
        assert_eq!((warm.stderr, warm.stdout), (cold.stderr, cold.stdout));
        assert_eq!(std::fs::read(place.path("a.o")).unwrap(), object);
        assert_eq!(std::fs::read(place.path(written)).unwrap(), listed, "{words:?}");
    }
}

#[test]
fn objects_are_files_of_their_own_under_any_name() {
    let place = Place::new();
    let source = place.path("a.c");
    place.compile(&source, &[], "one.o", &[]);
    place.compile(&source, &[], "two.o", &[]);
    assert_eq!(place.runs(), 1);
    let object = std::fs::read(place.path("one.o")).unwrap();
    assert_eq!(std::fs::read(place.path("two.o")).unwrap(), object);
    // Whoever writes into an object in place changes that object alone.
    std::fs::write(place.path("two.o"), "spoiled").unwrap();
    place.compile(&source, &[], "three.o", &[]);
    assert_eq!(std::fs::read(place.path("three.o")).unwrap(), object);
    // A list without a target of its own names the object.
    place.compile(&source, &[], "one.o", &["-MD"]);
    place.compile(&source, &[], "two.o", &["-MD"]);
    assert_eq!(place.runs(), 3);
    assert!(std::fs::read_to_string(place.path("two.d")).unwrap().contains("two.o:"));
}

#[test]
fn standard_input_is_known_by_its_content() {
    let place = Place::new();
    let compile = |text: &str| place.compile(Path::new("-"), text.as_bytes(), "in.o", &["-x", "c"]);
    for (text, runs) in [("int a;", 1), ("int a;", 1), ("int b;", 2), ("int a;", 2)] {
        assert!(compile(text).status.success());
        assert_eq!(place.runs(), runs, "{text}");
    }
}

#[test]
fn what_fails_or_is_in_doubt_runs_every_time() {
    let place = Place::new();
    let source = place.path("a.c");
    for n in 1..=2 {
        assert!(!place.compile(&source, &[], "a.o", &["-Werror"]).status.success());
        assert_eq!(place.runs(), n);
    }
    for words in [&["--coverage"][..], &["-save-temps=obj"], &["-ftest-coverage"]] {
        let before = place.runs();
        for n in 1..=2 {
            assert!(place.compile(&source, &[], "a.o", words).status.success(), "{words:?}");
            assert_eq!(place.runs() - before, n, "{words:?}");
        }
    }
    // A header that is as new as the compilation may be in it or not.
    let before = place.runs();
    let later = std::time::SystemTime::now() + std::time::Duration::from_secs(60);
    std::fs::File::options().append(true).open(place.path("own.h")).unwrap().set_modified(later).unwrap();
    place.compile(&source, &[], "a.o", &["-O1"]);
    place.compile(&source, &[], "a.o", &["-O1"]);
    assert_eq!(place.runs() - before, 2);
}
