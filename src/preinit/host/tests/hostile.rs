//! Programs that mean harm.

use super::*;

#[test]
fn paths_do_not_lead_out() {
    let outer = folder();
    let inner = outer.path().join("sub");
    let mut program = Program::in_dir(&inner, true);
    for path in ["../a.txt", "..", "../sub/c", "x/../../a.txt", "/etc/passwd", "/", "./../a.txt"] {
        let refused = program.open(path, 0, R).unwrap_err();
        assert!([PERM, NOENT].contains(&refused), "{path}: {refused}");
        assert!(program.stat(path, 1).is_err(), "{path}");
        assert_ne!(program.on_path("path_unlink_file", path), 0, "{path}");
        assert_ne!(program.on_path("path_create_directory", path), 0, "{path}");
        assert!(program.open(path, 1, W).is_err(), "{path}");
    }
    assert!(program.host.hints().iter().any(|hint| hint.contains("leads out")));
    let ([a, alen], [b, blen]) = (program.put(PATH, b"c"), program.put(PATH2, b"../c"));
    assert_eq!(program.call("path_rename", &[3, a, alen, 3, b, blen]), PERM);
    assert_eq!(program.call("path_link", &[3, 0, a, alen, 3, b, blen]), PERM);
    assert_eq!(program.open("", 0, R), Err(NOENT));
    assert_eq!(program.open("c\0", 0, R), Err(INVAL));
    assert_eq!(program.open("c/", 0, R), Err(54));
    program.put(PATH, b"\xff");
    assert_eq!(program.call("path_unlink_file", &[3, PATH.into(), 1]), 25);
    assert_eq!(program.call("path_unlink_file", &[3, PATH.into(), 5000]), 37);
    assert_eq!(program.call("path_unlink_file", &[3, PATH.into(), u32::MAX.into()]), FAULT);
}

#[cfg(unix)]
#[test]
fn links_do_not_lead_out() {
    let outer = folder();
    let inner = outer.path().join("sub");
    let link = |target: &Path, name: &str| std::os::unix::fs::symlink(target, inner.join(name)).unwrap();
    link(Path::new("../a.txt"), "up");
    link(&outer.path().join("a.txt"), "absolute");
    link(Path::new(".."), "folder");
    link(Path::new("c"), "fine");
    link(Path::new("loop"), "loop");
    let mut program = Program::in_dir(&inner, true);
    for path in ["up", "absolute", "folder/a.txt", "folder"] {
        assert_eq!(program.open(path, 0, R), Err(PERM), "{path}");
        assert_eq!(program.open(path, 8, R | W), Err(PERM), "{path}");
        assert_eq!(program.stat(path, 1), Err(PERM), "{path}");
    }
    assert_eq!(program.open("loop", 0, R), Err(32));
    let fd = program.open("fine", 0, R).unwrap();
    assert_eq!(program.read(fd, 9).unwrap(), b"c");
    assert_eq!(program.call("path_open", &[3, 0, PATH.into(), 4, 0, R, 0, 0, OUT.into()]), 32);
    // By any name, a file has the number that its own name gives it; a link has its own.
    let (c, fine, linked) = (program.stat("c", 1), program.stat("fine", 1), program.stat("fine", 0));
    assert_eq!(c, fine);
    let (c, linked) = (c.unwrap(), linked.unwrap());
    assert_eq!((linked[2], linked[4], linked[1] == c[1]), (7, 1, false));
    let [at, len] = program.put(PATH, b"fine");
    assert_eq!(program.call("path_readlink", &[3, at, len, BUFFER.into(), 9, OUT.into()]), 0);
    assert_eq!((program.u32(OUT), program.memory[BUFFER as usize]), (1, b'c'));
    let [at, len] = program.put(PATH, b"absolute");
    assert_eq!(program.call("path_readlink", &[3, at, len, BUFFER.into(), 9, OUT.into()]), PERM);
    let ([a, alen], [b, blen]) = (program.put(PATH, b"/etc"), program.put(PATH2, b"made"));
    assert_eq!(program.call("path_symlink", &[a, alen, 3, b, blen]), PERM);
    let [a, alen] = program.put(PATH, b"../../..");
    assert_eq!(program.call("path_symlink", &[a, alen, 3, b, blen]), 0);
    assert_eq!(program.open("made/etc/passwd", 0, R), Err(PERM));
    assert_eq!(std::fs::read(outer.path().join("a.txt")).unwrap(), b"0123456789");
}

/// Opening a pipe for reading waits for somebody who writes.
#[cfg(unix)]
#[test]
fn pipes_and_devices_are_not_opened() {
    let dir = folder();
    let pipe = dir.path().join("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    std::os::unix::fs::symlink("pipe", dir.path().join("link")).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(dir.path().join("socket")).unwrap();
    let mut program = Program::in_dir(dir.path(), true);
    for path in ["pipe", "link", "socket"] {
        assert_eq!(program.open(path, 0, R), Err(58), "{path}");
        assert_eq!(program.open(path, 1, W), Err(58), "{path}");
        assert_eq!(program.open(path, 2, R), Err(58), "{path}");
        assert!(program.stat(path, 1).is_ok(), "{path}");
        let [at, len] = program.put(PATH, path.as_bytes());
        assert_eq!(program.call("path_filestat_set_times", &[3, 1, at, len, 0, 0, 5]), 58, "{path}");
    }
    assert_eq!(program.call("fd_readdir", &[3, BUFFER.into(), 4096, 0, OUT.into()]), 0);
    assert!(program.host.hints().iter().any(|hint| hint.contains("/data/pipe")));
    let mut devices = Program::in_dir(Path::new("/dev"), false);
    assert_eq!(devices.open("null", 0, R), Err(58));
    assert_eq!(devices.open("zero", 0, R), Err(58));
}

#[test]
fn files_are_opened_up_to_a_limit() {
    let dir = folder();
    let mut program = Program::in_dir(dir.path(), false);
    let mut opened = 0;
    let errno = loop {
        match program.open("a.txt", 0, R) {
            Ok(_) => opened += 1,
            Err(errno) => break errno,
        }
    };
    assert_eq!((errno, opened), (33, 500));
    assert_eq!(program.call("fd_close", &[100]), 0);
    assert_eq!(program.open("b", 0, R), Ok(100));
}

#[test]
fn addresses_are_checked() {
    let dir = folder();
    let mut program = Program::in_dir(dir.path(), false);
    let fd = program.open("a.txt", 0, R).unwrap();
    let end = 1_u64 << 16;
    for out in [end - 3, end, u32::MAX.into()] {
        let [at, len] = program.put(PATH, b"a.txt");
        assert_eq!(program.call("path_open", &[3, 1, at, len, 0, R, 0, 0, out]), FAULT);
        assert_eq!(program.call("fd_read", &[fd, VECTOR.into(), 1, out]), FAULT);
        assert_eq!(program.call("fd_seek", &[fd, 0, 1, out]), FAULT);
        assert_eq!(program.call("fd_fdstat_get", &[fd, out]), FAULT);
        assert_eq!(program.call("fd_filestat_get", &[fd, out]), FAULT);
        assert_eq!(program.call("clock_time_get", &[0, 0, out]), FAULT);
    }
    assert_eq!(program.residue(), ["open-file", "clock"]);
    // Vectors that lie, overlap, and are at the end of the addresses.
    program.vector(u32::MAX, u32::MAX);
    assert_eq!(program.call("fd_read", &[fd, VECTOR.into(), 1, OUT.into()]), FAULT);
    assert_eq!(program.call("fd_read", &[fd, u64::from(u32::MAX) - 2, 2, OUT.into()]), FAULT);
    program.put(VECTOR, &[[0, 0x40, 0, 0], [4, 0, 0, 0], [2, 0x40, 0, 0], [4, 0, 0, 0]].concat());
    assert_eq!(program.call("fd_read", &[fd, VECTOR.into(), 2, OUT.into()]), 0);
    assert_eq!(&program.memory[0x4000..0x4006], b"014567");
    // More vectors than one call takes are a part of it.
    program.memory[..].fill(0);
    for i in 0..2000 {
        program.put(0x4000 + i * 8, &[0, 0, 0, 0, 1, 0, 0, 0]);
    }
    assert_eq!(program.call("fd_write", &[1, 0x4000, 2000, OUT.into()]), 0);
    assert_eq!(program.u32(OUT), 1024);
    let nothing = program.host.call(Function::FdWrite, &[1, 0, 0, 0], &mut []);
    assert_eq!(nothing.unwrap(), FAULT);
}

/// Whatever is called with whatever: no panic, no wait, nothing outside, and the same again.
#[test]
fn two_hundred_thousand_calls_at_random() {
    let (rounds, calls) = (400, 500);
    let paths = ["a", "b", "sub", "sub/x", "..", "../secret", "sub/../..", "/", "l", "l/secret", ".", ""];
    let run = || {
        let outer = TempDir::new().unwrap();
        let inner = outer.path().join("granted");
        std::fs::write(outer.path().join("secret"), "secret").unwrap();
        let mut state = 1;
        let mut random = |below: u64| {
            state += 1;
            descriptors::mix(state) % below
        };
        let mut memory = vec![0; 1 << 16];
        let mut seen = Vec::with_capacity(rounds * calls);
        let mut left = Vec::new();
        for _ in 0..rounds {
            std::fs::create_dir_all(inner.join("sub")).unwrap();
            std::fs::write(inner.join("a"), vec![b'a'; 3000]).unwrap();
            let dirs = vec![granted(&inner, "/w", true), granted(&inner.join("sub"), "/r", false)];
            let grants = Grants { dirs, stdin: Some(vec![b'i'; 5000]), max_output: 1 << 16, ..Grants::default() };
            let mut host = Host::new(&grants).unwrap();
            // A link and two files to begin with.
            memory[..4].copy_from_slice(b"subl");
            assert!(matches!(host.call(Function::PathSymlink, &[0, 3, 3, 3, 1], &mut memory), Ok(0)));
            for _ in 0..2 {
                memory[..1].copy_from_slice(b"a");
                let opened = host.call(Function::PathOpen, &[3, 1, 0, 1, 1, R | W, 0, 0, OUT.into()], &mut memory);
                assert!(matches!(opened, Ok(0)), "{opened:?}");
            }
            for call in 0..calls {
                if call % 20 == 0 {
                    // Vectors, which calls may have written over.
                    for n in 0..64 {
                        let number = (random(1 << 12) as u32).to_le_bytes();
                        memory[0x200 + n * 4..][..4].copy_from_slice(&number);
                    }
                }
                let function = Function::ALL[random(46) as usize];
                let mut args: Vec<u64> = Vec::new();
                for ty in function.params() {
                    args.push(match (random(10), ty) {
                        (0..5, _) => random(8),
                        (5 | 6, _) => random(1 << 12),
                        (7, Type::I32) => random(1 << 32),
                        (7, Type::I64) => random(u64::MAX),
                        (8, _) => random(64).wrapping_sub(32),
                        (_, Type::I32) => 0x200 + random(64) * 4,
                        (_, Type::I64) => random(1 << 20),
                    });
                }
                // A path that is one, mostly, and a place for the result.
                let at = match function.name() {
                    "path_filestat_get" | "path_filestat_set_times" | "path_link" | "path_open" => 2,
                    name if name.starts_with("path_") => 1,
                    _ => args.len(),
                };
                for (n, at) in [at, args.len().saturating_sub(2)].into_iter().enumerate() {
                    let path = paths[random(paths.len() as u64) as usize];
                    if at + 1 < args.len() && function.name().starts_with("path_") && random(8) > 0 {
                        let start = 0x100 * n;
                        memory[start..][..path.len()].copy_from_slice(path.as_bytes());
                        let two = ["path_rename", "path_link", "path_symlink"].contains(&function.name());
                        if n == 0 || two {
                            args[at] = start as u64;
                            args[at + 1] = path.len() as u64;
                        }
                    }
                }
                // And the number of a folder.
                let folders: &[usize] = match function {
                    Function::PathRename => &[0, 3],
                    Function::PathLink => &[0, 4],
                    Function::PathSymlink => &[2],
                    _ if function.name().starts_with("path_") => &[0],
                    _ => &[],
                };
                for folder in folders {
                    args[*folder] = [3, 3, 3, 3, 3, 4, 4, 5][random(8) as usize];
                }
                let answer = match host.call(function, &args, &mut memory) {
                    Ok(errno) => errno,
                    Err(Stop::Exit(_)) => 1000,
                    Err(Stop::Refused(_)) => 1001,
                };
                seen.push((function.name(), answer));
            }
            left.push((host.residue(), host.take_output()));
            assert_eq!(std::fs::read_dir(outer.path()).unwrap().count(), 2);
            std::fs::remove_dir_all(&inner).unwrap();
        }
        // That it got somewhere at all.
        for function in Function::ALL.iter().filter(|f| !f.name().starts_with("sock_")) {
            let good = seen.iter().filter(|(name, errno)| *name == function.name() && *errno == 0).count();
            if ![Function::ProcExit, Function::ProcRaise, Function::FdFdstatSetRights].contains(function) {
                assert!(good > 0, "{} never succeeded", function.name());
            }
        }
        assert_eq!(std::fs::read(outer.path().join("secret")).unwrap(), b"secret");
        (seen, memory, left)
    };
    let (once, again) = std::thread::scope(|scope| {
        let other = scope.spawn(run);
        (run(), other.join().unwrap())
    });
    let differs = once.0.iter().zip(&again.0).position(|(a, b)| a != b);
    assert_eq!(differs, None);
    assert!(once == again, "two runs differ");
}
