//! The cache: the same bytes with it and without it, whatever changes, breaks, fills up or runs beside it.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

const MAIN: &str = "#include <stdio.h>\n#include \"sub/part.h\"\n\
    int main(void) { int unused; printf(\"%d\\n\", PART); return 0; }\n";

/// A folder with a program, and a cache of its own beside it.
struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Place {
        let place = Place(tempfile::tempdir().unwrap());
        place.write("work/main.c", MAIN);
        place.write("work/sub/part.h", "#include \"deep.h\"\n#define PART (DEEP + 1)\n");
        place.write("work/sub/deep.h", "#define DEEP 40\n");
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
        // A header as new as its compilation is in doubt, and then nothing is kept.
        std::thread::sleep(std::time::Duration::from_millis(30));
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_wbuild"));
        command.args(args).current_dir(self.path("work")).stdin(Stdio::null());
        command.env("WBUILD_CACHE", self.path("cache")).env_remove("WBUILD_NO_CACHE");
        command
    }

    /// Builds, and says whether the module came from the cache.
    fn build_with(&self, args: &[&str], change: impl Fn(&mut Command)) -> (Vec<u8>, bool, String) {
        let mut command = self.command(&[args, &["-o", "out.wasm", "--json", "out.json"]].concat());
        change(&mut command);
        let output = succeeds(&mut command);
        let report: Value = serde_json::from_slice(&std::fs::read(self.path("work/out.json")).unwrap()).unwrap();
        let module = std::fs::read(self.path("work/out.wasm")).unwrap();
        (module, report["from_cache"].as_bool().unwrap(), String::from_utf8(output.stderr).unwrap())
    }

    fn build(&self, args: &[&str]) -> (Vec<u8>, bool) {
        let (module, cached, _) = self.build_with(args, |_| {});
        (module, cached)
    }

    /// Every file below the cache's folder, but not its counters.
    fn entries(&self) -> Vec<PathBuf> {
        let mut found = Vec::new();
        let mut folders = vec![self.path("cache")];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
                match entry.path() {
                    path if path.is_dir() => folders.push(path),
                    path => found.push(path),
                }
            }
        }
        found.retain(|path| path.file_name().unwrap() != "counts");
        found.sort();
        found
    }
}

fn succeeds(command: &mut Command) -> Output {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}\n{}", output.status, String::from_utf8_lossy(&output.stderr));
    output
}

/// A tool that writes a line into `log` whenever it runs.
fn logged(place: &Place, name: &str, tool: &str, log: &Path) -> PathBuf {
    use std::os::unix::fs::PermissionsExt;
    place.write(name, &format!("#!/bin/sh\necho \"$0 $*\" >> {}\nexec {tool} \"$@\"\n", log.display()));
    std::fs::set_permissions(place.path(name), std::fs::Permissions::from_mode(0o755)).unwrap();
    place.path(name)
}

/// The tools that are found here.
fn tool(place: &Place, name: &str) -> String {
    place.build(&["main.c"]);
    let report: Value = serde_json::from_slice(&std::fs::read(place.path("work/out.json")).unwrap()).unwrap();
    let tools = report["tools"].as_array().unwrap();
    tools.iter().find(|tool| tool["name"] == name).unwrap()["path"].as_str().unwrap().to_string()
}

#[test]
fn a_warm_build_gives_the_same_bytes_and_warnings_and_starts_no_tool() {
    let place = Place::new();
    let log = place.path("log");
    let clang = logged(&place, "tools/clang", &tool(&place, "clang"), &log);
    let linker = logged(&place, "tools/wasm-ld", &tool(&place, "wasm-ld"), &log);
    let with = |command: &mut Command| {
        command.env("WBUILD_CLANG", &clang).env("WBUILD_WASM_LD", &linker);
    };
    let args = ["main.c", "-O3", "-Wall"];
    let (cold, cached, said) = place.build_with(&args, with);
    assert!(!cached && said.contains("unused variable"), "{said}");
    let (runs, started) = (|| std::fs::read_to_string(&log).unwrap().lines().count(), 0);
    let before = runs();
    assert!(before > started);
    let (warm, cached, again) = place.build_with(&args, with);
    assert!(cached);
    assert_eq!((runs(), &warm, &again), (before, &cold, &said));
    let (without, cached, _) = place.build_with(&["main.c", "-O3", "-Wall", "--no-cache"], with);
    assert!(!cached && runs() > before);
    assert_eq!(without, cold);
    // Another compiler, though only by a comment.
    place.write("tools/clang", &(std::fs::read_to_string(&clang).unwrap() + "# changed\n"));
    assert!(!place.build_with(&args, with).1);
    // The same in another folder is the same question.
    place.write("elsewhere/x", "");
    for file in ["main.c", "sub/part.h", "sub/deep.h"] {
        let text = std::fs::read_to_string(place.path("work").join(file)).unwrap();
        place.write(&format!("elsewhere/{file}"), &text);
    }
    let elsewhere = place.path("elsewhere");
    let (moved, cached, _) = place.build_with(&args, |command| {
        with(command);
        command.current_dir(&elsewhere).args(["-o", "../work/out.wasm", "--json", "../work/out.json"]);
    });
    assert!(cached);
    assert_eq!(moved, cold);
}

#[test]
fn the_report_of_a_warm_build_says_what_that_of_the_cold_one_said() {
    let place = Place::new();
    let report = |cached: bool| -> Value {
        assert_eq!(place.build(&["main.c", "-Oz"]).1, cached);
        serde_json::from_slice(&std::fs::read(place.path("work/out.json")).unwrap()).unwrap()
    };
    let (cold, warm) = (report(false), report(true));
    for field in ["size", "sha256", "kept", "hardened", "hardening", "tools", "target", "level", "not_reproducible"] {
        assert_eq!(cold[field], warm[field], "{field}");
    }
    assert!(cold["kept"].is_string() && cold["hardened"] == true);
    let names = |report: &Value| -> Vec<String> {
        report["stages"].as_array().unwrap().iter().map(|stage| stage["name"].to_string()).collect()
    };
    let mut expected = names(&cold);
    expected.push("\"taken from the cache\"".to_string());
    assert_eq!(names(&warm), expected);
}

#[test]
fn whatever_changes_is_built_anew() {
    let place = Place::new();
    place.write("work/inc/empty", "");
    place.write("work/part.c", "int part(void) { return 1; }\n");
    place.write("work/opt.c", "#if __has_include(\"sub/maybe.h\")\n#include \"sub/maybe.h\"\n#else\n#define M 1\n#endif\nint opt(void){return M;}\n");
    place.write("work/data.s", "\t.section .data.d,\"\",@\n\t.globl d\nd:\n\t.incbin \"blob\"\n\t.size d, 4\n");
    place.write("work/blob", "abcd");
    place.write(
        "work/blob2",
        "#include <stdio.h>\nint main(void) { const char d[] = {\n#embed \"blob\"\n};return d[0]; }\n",
    );
    let args = ["main.c", "opt.c", "-O1", "-Iinc", "-Wno-unused-variable"];
    let changes: &[(&str, &dyn Fn())] = &[
        ("the source", &|| place.write("work/main.c", &MAIN.replace("%d", "is %d"))),
        ("a header", &|| place.write("work/sub/part.h", "#include \"deep.h\"\n#define PART (DEEP + 2)\n")),
        ("a header's header", &|| place.write("work/sub/deep.h", "#define DEEP 50\n")),
        ("a header in front", &|| place.write("work/sub/stdio.h", "#include_next <stdio.h>\n#undef PART\n")),
        ("a header in front of a system's", &|| {
            place.write("work/inc/stdio.h", "int printf(const char *, ...);\n#define EXTRA 1\n")
        }),
        ("a header that was asked for", &|| place.write("work/sub/maybe.h", "#define M 2\n")),
    ];
    let check = |what: &str, args: &[&str], change: &dyn Fn(&mut Command)| {
        let (module, cached, _) = place.build_with(args, change);
        assert!(!cached, "{what}");
        let (again, cached, _) = place.build_with(args, change);
        assert!(cached, "{what}: not kept");
        let (without, ..) = place.build_with(&[args, &["--no-cache"]].concat(), change);
        assert!(module == without && again == without, "{what}: other bytes");
    };
    check("nothing", &args, &|_| {});
    for (what, change) in changes {
        change();
        // Beside a header that includes nothing of that name, a file is in front of nothing.
        if *what != "a header in front" {
            check(what, &args, &|_| {});
        }
    }
    check("a flag", &[&args[..], &["-fno-builtin"]].concat(), &|_| {});
    check("a macro", &[&args[..], &["-DX=1"]].concat(), &|_| {});
    check("the level", &[&args[..], &["-O2"]].concat(), &|_| {});
    let inc = place.path("work/sub");
    check("CPATH", &args, &|command| {
        command.env("CPATH", &inc);
    });
    check("an option of the link", &[&args[..], &["--stack-size", "64KiB"]].concat(), &|_| {});
    check("hardening", &[&args[..], &["--no-deterministic"]].concat(), &|_| {});
    // Libraries that are found on the way, and one that appears in front.
    let clang = tool(&place, "clang");
    let archive = |member: &str, at: &str| {
        place.write("work/lib.c", &format!("int part(void) {{ return {member}; }}\n"));
        let object = place.path("work/lib.o");
        succeeds(
            Command::new(&clang)
                .args(["--target=wasm32-wasip1", "-c", "lib.c", "-o"])
                .arg(object)
                .current_dir(place.path("work")),
        );
        let object = std::fs::read(place.path("work/lib.o")).unwrap();
        std::fs::create_dir_all(place.path(at).parent().unwrap()).unwrap();
        std::fs::write(place.path(at), ar("lib.o", &object)).unwrap();
    };
    place.write("work/main.c", "int part(void); int main(void) { return part(); }\n");
    place.write("work/first/x", "");
    let linking = ["main.c", "-O1", "-Lfirst", "-Lsecond", "-lpart"];
    archive("7", "work/second/libpart.a");
    check("a library", &linking, &|_| {});
    archive("8", "work/second/libpart.a");
    check("a library's content", &linking, &|_| {});
    archive("9", "work/first/libpart.a");
    check("a library in front", &linking, &|_| {});
    // What the assembler includes by itself is never kept, and never stale.
    place.write("work/main.c", "#include <stdio.h>\nextern char d[4]; int main(void) { fwrite(d, 1, 4, stdout); }\n");
    let (first, ..) = place.build_with(&["main.c", "data.s"], |_| {});
    place.write("work/blob", "efgh");
    let (second, cached, _) = place.build_with(&["main.c", "data.s"], |_| {});
    assert!(!cached && first != second);
    // A file that #embed reads is known.
    std::fs::rename(place.path("work/blob2"), place.path("work/embed.c")).unwrap();
    std::thread::sleep(std::time::Duration::from_millis(30));
    check("#embed", &["embed.c", "-std=c23"], &|_| {});
    place.write("work/blob", "ijkl");
    check("an embedded file", &["embed.c", "-std=c23"], &|_| {});
}

/// An archive of one object.
fn ar(name: &str, object: &[u8]) -> Vec<u8> {
    let header = format!("{:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`\n", format!("{name}/"), 0, 0, 0, 644, object.len());
    let padding: &[u8] = if object.len() % 2 == 1 { b"\n" } else { b"" };
    [b"!<arch>\n", header.as_bytes(), object, padding].concat()
}

#[test]
fn another_wbuild_and_another_c_library_do_not_share() {
    let place = Place::new();
    let args = ["main.c", "-O1"];
    let (module, _) = place.build(&args);
    assert!(place.build(&args).1);
    let other = place.path("wbuild");
    std::fs::copy(env!("CARGO_BIN_EXE_wbuild"), &other).unwrap();
    let mut longer = std::fs::OpenOptions::new().append(true).open(&other).unwrap();
    std::io::Write::write_all(&mut longer, b"x").unwrap();
    drop(longer);
    let mut command = Command::new(&other);
    command.args(args).args(["-o", "other.wasm", "--json", "other.json"]).current_dir(place.path("work"));
    succeeds(command.env("WBUILD_CACHE", place.path("cache")).env_remove("WBUILD_NO_CACHE"));
    let report: Value = serde_json::from_slice(&std::fs::read(place.path("work/other.json")).unwrap()).unwrap();
    assert_eq!(report["from_cache"], false);
    assert_eq!(std::fs::read(place.path("work/other.wasm")).unwrap(), module);
    // The library's first member gets another time, which no linker looks at.
    let sysroot = tool(&place, "sysroot");
    let copy = place.path("sysroot");
    succeeds(Command::new("cp").arg("-r").arg(&sysroot).arg(&copy));
    let with = |command: &mut Command| {
        command.arg("--sysroot").arg(&copy);
    };
    place.build_with(&args, with);
    assert!(place.build_with(&args, with).1);
    let libc = place.path("sysroot/lib/wasm32-wasip1/libc.a");
    let mut bytes = std::fs::read(&libc).unwrap();
    bytes[8 + 16] = b'1';
    std::fs::write(&libc, bytes).unwrap();
    assert!(!place.build_with(&args, with).1);
}

#[test]
fn a_damaged_cache_is_built_around() {
    let place = Place::new();
    let args = ["main.c", "-Oz"];
    let (good, _) = place.build(&args);
    let entries = place.entries();
    assert!(entries.len() > 8, "{entries:?}");
    let mut seed = 12345_u64;
    let mut random = |below: usize| {
        seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (seed >> 33) as usize % below.max(1)
    };
    type Damage<'a> = &'a dyn Fn(&Path, usize);
    let damages: [(&str, Damage); 4] = [
        ("a bit", &|path, at| {
            let mut bytes = std::fs::read(path).unwrap();
            let at = at % bytes.len().max(1);
            if let Some(byte) = bytes.get_mut(at) {
                *byte ^= 1 << (at % 8);
            }
            std::fs::write(path, bytes).unwrap();
        }),
        ("the end", &|path, at| {
            let bytes = std::fs::read(path).unwrap();
            std::fs::write(path, &bytes[..at % bytes.len().max(1)]).unwrap();
        }),
        ("everything", &|path, _| std::fs::write(path, "").unwrap()),
        ("a folder", &|path, _| {
            std::fs::remove_file(path).unwrap();
            std::fs::create_dir(path).unwrap();
            std::fs::write(path.join("x"), "").unwrap();
        }),
    ];
    for (what, damage) in damages {
        // The runtime's folder is repaired; in the place of its files no folder can be.
        for path in place.entries() {
            if what != "a folder" || path.starts_with(place.path("cache/results")) {
                damage(&path, random(1 << 20));
            }
        }
        assert!(place.build(&args).0 == good, "{what}");
        let (module, cached) = place.build(&args);
        assert!(cached && module == good, "{what}: not kept again");
    }
}

/// Runs a build inside a mount of its own, where the cache's folder is what `mount` makes of it.
fn mounted(place: &Place, mount: &str, args: &[&str]) -> Output {
    let script = format!("set -e; {mount}; exec \"$@\"");
    let build = place.command(args);
    let mut command = Command::new("unshare");
    command.args(["--map-root-user", "--mount", "sh", "-c", &script, "sh"]).arg(build.get_program()).args(args);
    command.current_dir(place.path("work")).stdin(Stdio::null());
    for (name, value) in build.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command.env("PLACE", place.path("cache"));
    succeeds(&mut command)
}

#[test]
fn a_cache_that_cannot_be_used_fails_no_build() {
    let place = Place::new();
    let args = ["main.c", "-O2", "-o", "out.wasm"];
    let (good, _) = place.build(&["main.c", "-O2"]);
    let is_good = |what: &str| {
        assert!(std::fs::read(place.path("work/out.wasm")).unwrap() == good, "{what}");
        std::fs::remove_file(place.path("work/out.wasm")).unwrap();
    };
    mounted(&place, "mount --bind \"$PLACE\" \"$PLACE\"; mount -o remount,ro,bind \"$PLACE\"", &args);
    is_good("read-only, and full of results");
    place.write("work/main.c", &MAIN.replace("unused", "idle"));
    mounted(&place, "mount --bind \"$PLACE\" \"$PLACE\"; mount -o remount,ro,bind \"$PLACE\"", &args);
    is_good("read-only, without this result");
    for size in ["4k", "12k", "40k", "64k"] {
        mounted(&place, &format!("mount -t tmpfs -o size={size} none \"$PLACE\""), &args);
        is_good(size);
    }
    mounted(&place, "mount -t tmpfs -o ro none \"$PLACE\"", &args);
    is_good("read-only and empty");
    // A file in its place, and no place at all.
    let file = place.path("file");
    place.write("file", "x");
    place.build_with(&["main.c", "-O2"], |command| {
        command.env("WBUILD_CACHE", &file);
    });
    is_good("a file");
    let below = file.join("below");
    place.build_with(&["main.c", "-O2"], |command| {
        command.env("WBUILD_CACHE", &below);
    });
    is_good("below a file");
    let world = place.path("world/results");
    std::fs::create_dir_all(&world).unwrap();
    std::os::unix::fs::PermissionsExt::set_mode(&mut std::fs::metadata(&world).unwrap().permissions(), 0o777);
    succeeds(Command::new("chmod").arg("777").arg(&world));
    let (.., cached, said) = place.build_with(&["main.c", "-O2", "-v"], |command| {
        command.env("WBUILD_CACHE", place.path("world"));
    });
    assert!(!cached && said.contains("everybody may write"), "{said}");
    is_good("everybody's");
    let (.., said) = place.build_with(&["main.c", "-v"], |command| {
        command.env("WBUILD_CACHE_SIZE", "much");
    });
    assert!(said.contains("WBUILD_CACHE_SIZE=much is no size"), "{said}");
}

#[test]
fn many_builds_at_once_share_one_cache_and_disturb_none() {
    let place = Place::new();
    let source = |n: usize| format!("#include <stdio.h>\nint main(void) {{ printf(\"{n}\\n\"); return {n}; }}\n");
    for n in 0..8 {
        place.write(&format!("work/p{n}.c"), &source(n));
    }
    let good: Vec<Vec<u8>> = (0..8).map(|n| place.build(&[&format!("p{n}.c"), "--no-cache"]).0).collect();
    std::fs::remove_dir_all(place.path("cache")).unwrap();
    // All at once: empty folder, eight programs, eight builds of each.
    let start = |round: usize| {
        let build = |n: usize| {
            let (file, out) = (format!("p{}.c", n % 8), format!("{round}-{n}.wasm"));
            place.command(&[&file, "-o", &out]).stderr(Stdio::piped()).spawn().unwrap()
        };
        (0..64).map(build).collect::<Vec<_>>()
    };
    for round in 0..2 {
        for (n, child) in start(round).into_iter().enumerate() {
            let output = child.wait_with_output().unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            let module = std::fs::read(place.path(&format!("work/{round}-{n}.wasm"))).unwrap();
            assert!(module == good[n % 8], "build {n} of round {round}");
        }
    }
    for (n, good) in good.iter().enumerate() {
        let (module, cached) = place.build(&[&format!("p{n}.c")]);
        assert!(cached && module == *good, "what it is called does not matter");
    }
}

#[test]
fn a_build_that_is_killed_leaves_nothing_wrong() {
    let place = Place::new();
    let (good, _) = place.build(&["main.c", "-O2", "--no-cache"]);
    for after in (0..240).step_by(12) {
        let mut child = place.command(&["main.c", "-O2", "-o", "killed.wasm"]).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(std::time::Duration::from_millis(after));
        let _ = child.kill();
        child.wait().unwrap();
        if after % 36 == 0 {
            let _ = std::fs::remove_dir_all(place.path("cache/results"));
        }
        if let Ok(module) = std::fs::read(place.path("work/killed.wasm")) {
            assert!(module == good, "killed after {after} ms");
        }
    }
    assert!(place.build(&["main.c", "-O2"]).0 == good);
    let (module, cached) = place.build(&["main.c", "-O2"]);
    assert!(cached && module == good);
}

#[test]
fn the_size_limit_holds_and_stats_and_clear_tell_the_truth() {
    let place = Place::new();
    let limit = 1 << 20;
    for n in 0..40 {
        let define = format!("-DN={n}");
        place.build_with(&["main.c", "-O0", "--no-deterministic", "-g", &define], |command| {
            command.env("WBUILD_CACHE_SIZE", limit.to_string());
        });
    }
    let bytes = |place: &Place| -> u64 {
        let results = place.entries().into_iter().filter(|path| path.starts_with(place.path("cache/results")));
        results.map(|path| path.metadata().unwrap().len()).sum()
    };
    assert!(bytes(&place) <= limit && bytes(&place) > limit / 8, "{}", bytes(&place));
    let stats = String::from_utf8(succeeds(&mut place.command(&["cache", "stats"])).stdout).unwrap();
    assert!(stats.contains(&format!("bytes    {}\n", bytes(&place))), "{stats}");
    assert!(stats.contains("builds           0        40\n"), "{stats}");
    succeeds(&mut place.command(&["cache", "clear"]));
    assert_eq!(bytes(&place), 0);
    place.build(&["main.c", "--no-cache"]);
    place.build_with(&["main.c"], |command| {
        command.env("WBUILD_NO_CACHE", "1");
    });
    assert_eq!(bytes(&place), 0);
    let stats = String::from_utf8(succeeds(&mut place.command(&["cache"])).stdout).unwrap();
    assert!(stats.contains("entries  0\n") && stats.contains("builds           0         0\n"), "{stats}");
}

#[test]
fn objects_are_shared_between_builds_and_lists_of_headers_come_back() {
    let place = Place::new();
    place.write("work/other.c", "int other(void) { return 3; }\n");
    let counts = || std::fs::read_to_string(place.path("cache/results/counts")).unwrap_or_default();
    for flag in ["-MD", "-MMD"] {
        let _ = std::fs::remove_dir_all(place.path("cache/results"));
        let args = ["main.c", "other.c", flag, "-MP"];
        let list = || std::fs::read_to_string(place.path("work/main.d")).unwrap();
        let (good, _) = place.build(&[&args[..], &["--no-cache"]].concat());
        let expected = list();
        for hit in [false, true] {
            std::fs::remove_file(place.path("work/main.d")).unwrap();
            assert!(place.build(&args).0 == good);
            assert_eq!(list(), expected, "{flag}");
            assert_eq!(counts().matches('O').count(), if hit { 2 } else { 0 }, "{flag}");
        }
        assert_eq!(expected.contains("stdio.h"), flag == "-MD", "{expected}");
        // A change of one source compiles that one.
        place.write("work/other.c", &format!("int other(void) {{ return sizeof \"{flag}\"; }}\n"));
        place.build(&args);
        assert_eq!(counts().matches('O').count(), 3, "{flag}");
        assert_eq!(counts().matches('o').count(), 3, "{flag}");
    }
}

#[test]
fn modules_through_the_stages_are_kept_for_opt_and_builds() {
    let place = Place::new();
    place.build(&["main.c", "-O0", "--no-cache"]);
    let counts = || std::fs::read_to_string(place.path("cache/results/counts")).unwrap_or_default();
    for (hits, args) in [
        ("", &["opt", "out.wasm", "-O3", "-o", "opt.wasm", "--no-cache"]),
        ("s", &["opt", "out.wasm", "-O3", "-o", "opt.wasm", "-q"]),
        ("sS", &["opt", "out.wasm", "-O3", "-o", "opt.wasm", "-q"]),
        ("sSs", &["out.wasm", "-O3", "-o", "built.wasm", "-q", "-g1"]),
        ("sSsS", &["out.wasm", "-O3", "-o", "built.wasm", "-q", "-g1"]),
    ] {
        let before = std::fs::read(place.path(&format!("work/{}", args[4 - usize::from(args[0] != "opt")]))).ok();
        succeeds(&mut place.command(args));
        assert_eq!(counts(), hits, "{args:?}");
        if hits.ends_with('S') {
            let after = std::fs::read(place.path(&format!("work/{}", args[4 - usize::from(args[0] != "opt")]))).ok();
            assert_eq!(before, after, "{args:?}");
        }
    }
}
