//! Projects of others, unpatched, built by CMake and Meson: what they make runs, and their own tests pass.

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;
use xtask::shell;
use xtask::sources::{self, Archive};

use crate::programs::{target_folder, wbuild};

const BOX2D: Archive = Archive {
    package: "box2d",
    file: "box2d_2.4.1.orig.tar.gz",
    sha256: "d6b4650ff897ee1ead27cf77a5933ea197cbeef6705638dd181adc2e816b23c2",
};
const CJSON: Archive = Archive {
    package: "cjson",
    file: "cjson_1.7.15.orig.tar.gz",
    sha256: "5308fd4bd90cef7aa060558514de6a1a4a0819974a26e6ed13973c5f624c24b2",
};
const EXPAT: Archive = Archive {
    package: "expat",
    file: "expat_2.5.0.orig.tar.gz",
    sha256: "ab00ee05c7067fd10a35c5d2a4922ebba746ddd50ff83b79c828da17bbdf1757",
};
const TINYXML2: Archive = Archive {
    package: "tinyxml2",
    file: "tinyxml2_9.0.0+dfsg.orig.tar.xz",
    sha256: "96510f47a5db537f70dff3e83dd71fd2180cbba4aa76c589a549467e7f34bc9b",
};

const YAML_CPP: Archive = Archive {
    package: "yaml-cpp",
    file: "yaml-cpp_0.7.0+dfsg.orig.tar.xz",
    sha256: "dc63708605404e0b963e0ca3a9619d1c8270eda2839603e6fa0384e5e51e5312",
};
/// What yaml-cpp's tests are written for; Debian took their own copy out.
const GOOGLETEST: Archive = Archive {
    package: "googletest",
    file: "googletest_1.12.1.orig.tar.gz",
    sha256: "81964fe578e9bd7c94dfdb09c8e4d6e6759e19967e397dbea48d1c10e45d0df2",
};

/// What yaml-cpp needs said: that it throws; that the destructor of a temporary that a static reference holds must not be
/// registered, which clang does with the wrong type for wasm; and that there is no dup, which googletest would redirect by.
const YAML_CPP_FLAGS: &str =
    "-DCMAKE_CXX_FLAGS=-fexceptions -fno-c++-static-destructors -DGTEST_HAS_STREAM_REDIRECTION=0";

/// What Box2D's tests need said: WASI has no signals, and without -fexceptions there are no exceptions.
const BOX2D_FLAGS: &str = "-DCMAKE_CXX_FLAGS=-DDOCTEST_CONFIG_NO_POSIX_SIGNALS \
    -DDOCTEST_CONFIG_NO_EXCEPTIONS_BUT_WITH_ALL_ASSERTS";

/// The sources in a folder of their own.
fn unpacked(archive: &Archive) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path().join("source");
    sources::unpack(archive, &target_folder(), &at).unwrap();
    (folder, at)
}

/// Runs a command in a folder, for what it prints.
fn says(command: &mut Command, at: &Path) -> String {
    command.current_dir(at).env("WBUILD", env!("CARGO_BIN_EXE_wbuild"));
    let output = shell::output(command).unwrap();
    String::from_utf8(output.stdout).unwrap()
}

/// Configures with CMake, and builds.
fn cmake(at: &Path, options: &[&str]) -> String {
    let said = says(wbuild().args(["cmake", "-S", ".", "-B", "build"]).args(options), at);
    says(wbuild().args(["cmake", "--build", "build", "-j2"]), at);
    said
}

#[test]
fn cjson_passes_its_tests_and_prints_what_a_native_one_prints() {
    let (_folder, at) = unpacked(&CJSON);
    cmake(&at, &["-DCMAKE_BUILD_TYPE=Release"]);
    let tests = says(Command::new("ctest").args(["--test-dir", "build"]), &at);
    assert!(tests.contains("100% tests passed, 0 tests failed out of 19"), "{tests}");
    says(Command::new("gcc").args(["test.c", "cJSON.c", "-o", "native", "-lm"]), &at);
    let printed = says(&mut Command::new(at.join("build/cJSON_test")), &at);
    assert!(printed.contains("\"Jack (\\\"Bee\\\") Nimble\""), "{printed}");
    assert_eq!(printed, says(&mut Command::new(at.join("native")), &at));
}

#[test]
fn expat_passes_its_tests_and_runs_where_it_is_installed() {
    let (_folder, at) = unpacked(&EXPAT);
    let at = at.join("expat");
    cmake(&at, &["-DCMAKE_BUILD_TYPE=MinSizeRel", "-DEXPAT_SHARED_LIBS=OFF"]);
    let tests = says(Command::new("ctest").args(["--test-dir", "build"]), &at);
    assert!(tests.contains("100% tests passed, 0 tests failed out of 2"), "{tests}");
    let to = at.join("installed");
    says(wbuild().args(["cmake", "--install", "build", "--prefix"]).arg(&to), &at);
    std::fs::remove_dir_all(at.join("build")).unwrap();
    std::fs::write(at.join("bad.xml"), "<a>\n  <b></a>\n").unwrap();
    std::fs::write(at.join("good.xml"), "<a z='1' y=\"&lt;\"><b/>\n</a>").unwrap();
    let output = Command::new(to.join("bin/xmlwf"))
        .args(["good.xml", "bad.xml"])
        .current_dir(to.join(".."))
        .env("WBUILD", env!("CARGO_BIN_EXE_wbuild"))
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "bad.xml:2:7: mismatched tag\n");
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn box2d_of_fifty_files_passes_its_tests_and_simulates_what_a_native_one_does() {
    let (_folder, at) = unpacked(&BOX2D);
    let options = ["-G", "Ninja", "-DBOX2D_BUILD_TESTBED=OFF", "-DCMAKE_BUILD_TYPE=Release", BOX2D_FLAGS];
    cmake(&at, &options);
    let printed = says(&mut Command::new(at.join("build/bin/unit_test")), &at);
    assert!(printed.contains("5 passed") && printed.contains("36 passed"), "{printed}");
    says(Command::new("cmake").args(["-S", ".", "-B", "native"]).args(options), &at);
    says(Command::new("cmake").args(["--build", "native", "-j2"]), &at);
    assert_eq!(printed, says(&mut Command::new(at.join("native/bin/unit_test")), &at));
}

#[test]
fn yaml_cpp_throws_and_passes_its_tests() {
    let (_folder, at) = unpacked(&YAML_CPP);
    sources::unpack(&GOOGLETEST, &target_folder(), &at.join("test/gtest-1.10.0")).unwrap();
    let words = ["-G", "Ninja", "-DCMAKE_BUILD_TYPE=MinSizeRel", "-DYAML_CPP_BUILD_TESTS=ON", YAML_CPP_FLAGS];
    cmake(&at, &[&words[..], &["-Dgtest_disable_pthreads=ON"]].concat());
    let tests = says(&mut Command::new(at.join("build/test/yaml-cpp-tests")), &at);
    assert!(tests.contains("[  PASSED  ] 980 tests."), "{tests}");
    // What is thrown deep in the parser is caught in main, with its place.
    std::fs::write(at.join("bad.yaml"), "a: [1, 2\nb: }\n").unwrap();
    std::fs::write(at.join("good.yaml"), "a: [1, {b: c}]\n").unwrap();
    let parse = |file: &str| {
        let mut command = Command::new(at.join("build/util/parse"));
        command.arg(file).current_dir(&at).env("WBUILD", env!("CARGO_BIN_EXE_wbuild")).output().unwrap()
    };
    assert_eq!(String::from_utf8_lossy(&parse("good.yaml").stdout), "a: [1, {b: c}]\n");
    let bad = String::from_utf8(parse("bad.yaml").stderr).unwrap();
    assert_eq!(bad, "yaml-cpp: error at line 2, column 2: end of sequence flow not found\n");
}

#[test]
fn tinyxml2_passes_its_tests_through_meson() {
    let (_folder, at) = unpacked(&TINYXML2);
    says(wbuild().args(["meson", "setup", "build", "-Dtests=true"]), &at);
    says(wbuild().args(["meson", "compile", "-C", "build", "-j2"]), &at);
    let tests = says(Command::new("meson").args(["test", "-C", "build"]), &at);
    assert!(tests.contains("Ok:                 1") && tests.contains("Fail:               0"), "{tests}");
    let printed = says(wbuild().args(["run", "--inherit", "xmltest"]), &at.join("build"));
    assert!(printed.contains("Fail 0") && !printed.contains("Pass 0"), "{printed}");
}

#[test]
fn cmake_finds_out_what_wasm_is() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let source = shell::root().join("testdata/cmake");
    let toolchain = says(wbuild().args(["cmake", "--print-toolchain-file"]), at);
    let file = format!("-DCMAKE_TOOLCHAIN_FILE={}", toolchain.trim());
    // By CMake alone, told of the toolchain file, and by `wbuild cmake`.
    for (build, generator) in [("make", "Unix Makefiles"), ("ninja", "Ninja")] {
        let words = ["-S", source.to_str().unwrap(), "-B", build, "-G", generator];
        let said = match build {
            "make" => says(Command::new("cmake").args(words).arg(&file), at),
            _ => says(wbuild().arg("cmake").args(words), at),
        };
        for line in
            ["compilers Clang Clang 4 lib", "sizes 4 16 big 0", "has 1 [] [] 1", "ran TRUE 6 six", "threads TRUE"]
        {
            assert!(said.lines().any(|found| found.trim_start_matches("-- ") == line), "{line}\n{said}");
        }
        says(Command::new("cmake").args(["--build", build]), at);
        assert!(at.join(build).join("libanswer.a").exists());
        let tests = says(Command::new("ctest").args(["--test-dir", build]), at);
        assert!(tests.contains("100% tests passed, 0 tests failed out of 2"), "{tests}");
        let to = at.join(format!("{build}-installed"));
        says(Command::new("cmake").args(["--install", build, "--prefix"]).arg(&to), at);
        says(&mut Command::new(to.join("bin/ask")), at);
    }
}

#[test]
fn cmake_makes_the_same_bytes_wherever_and_however_it_builds() {
    let folder = tempfile::tempdir().unwrap();
    let home = wbuild::toolchain::Places::of_process().home().unwrap();
    let build = |name: &str, depth: &str, jobs: &str, umask: &str, zone: &str, language: &str| {
        let source = folder.path().join(name).join(depth);
        sources::unpack(&BOX2D, &target_folder(), &source).unwrap();
        let to = folder.path().join(format!("{name}-build"));
        let user = folder.path().join(format!("{name}-home"));
        std::fs::create_dir(&user).unwrap();
        let run = |words: &[&str]| {
            let mut sh = Command::new("sh");
            sh.args(["-c", &format!("umask {umask}; exec \"$@\""), "sh", env!("CARGO_BIN_EXE_wbuild"), "cmake"]);
            sh.args(words).env("TZ", zone).env("LC_ALL", language).env("LANG", language);
            says(sh.env("HOME", &user).env("USER", name).env("WBUILD_HOME", &home).env_remove("WBUILD_CACHE"), &source);
        };
        let to_word = to.to_str().unwrap();
        run(&["-S", ".", "-B", to_word, "-DBOX2D_BUILD_TESTBED=OFF", "-DCMAKE_BUILD_TYPE=Debug", BOX2D_FLAGS]);
        run(&["--build", to_word, "-j", jobs]);
        ["libbox2d.a", "unit_test", "unit_test.wasm"].map(|name| std::fs::read(to.join("bin").join(name)).unwrap())
    };
    let one = build("one", "source", "1", "022", "America/St_Johns", "C");
    let other = build("another place", "deep/down/box", "2", "077", "Asia/Kathmandu", "C.UTF-8");
    let text = String::from_utf8_lossy(&one[2]).into_owned();
    assert!(text.contains("b2_world.cpp"), "the program names no source, which proves nothing");
    let same: Vec<bool> = one.iter().zip(&other).map(|(one, other)| one == other).collect();
    assert_eq!(same, [true; 3]);
}
