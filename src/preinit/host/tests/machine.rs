//! What is not files: streams, clocks, random numbers, waiting, ends.

use super::*;

/// A `subscription` to a clock.
fn clock(userdata: u64, id: u32, timeout: u64, flags: u16) -> Vec<u8> {
    let mut bytes = vec![0; 48];
    bytes[..8].copy_from_slice(&userdata.to_le_bytes());
    bytes[16..20].copy_from_slice(&id.to_le_bytes());
    bytes[24..32].copy_from_slice(&timeout.to_le_bytes());
    bytes[40..42].copy_from_slice(&flags.to_le_bytes());
    bytes
}

/// One to reading (1) or writing (2) a file.
fn file(userdata: u64, kind: u8, fd: u32) -> Vec<u8> {
    let mut bytes = clock(userdata, fd, 0, 0);
    bytes[8] = kind;
    bytes
}

/// The events, as (userdata, error, kind, bytes, flags).
fn poll(program: &mut Program, subscriptions: &[Vec<u8>]) -> Vec<(u64, u16, u8, u64, u16)> {
    program.put(BUFFER, &subscriptions.concat());
    let args = [BUFFER.into(), 0x8000, subscriptions.len() as u64, OUT.into()];
    assert_eq!(program.call("poll_oneoff", &args), 0);
    let event = |i: u32| {
        let at = 0x8000 + i * 32;
        let (error, kind) = (program.u32(at + 8) as u16, program.memory[at as usize + 10]);
        (program.u64(at), error, kind, program.u64(at + 16), program.u32(at + 24) as u16)
    };
    (0..program.u32(OUT)).map(event).collect()
}

fn time(program: &mut Program, id: u64) -> u64 {
    assert_eq!(program.call("clock_time_get", &[id, 0, OUT.into()]), 0);
    program.u64(OUT)
}

#[test]
fn output_is_kept_in_order_up_to_its_limit() {
    let mut program = Program::new(&Grants { max_output: 8, ..Grants::default() });
    assert_eq!(program.write(1, b"one").unwrap(), 0);
    assert_eq!(program.u32(OUT), 3);
    assert_eq!(program.write(2, b"two").unwrap(), 0);
    assert_eq!(program.host.output(), b"onetwo");
    let Err(Stop::Refused(error)) = program.write(1, b"three") else { panic!("not refused") };
    assert!(error.to_string().contains("more than 8 bytes"), "{error}");
    assert!(error.to_string().contains("--preinit-max-output"), "{error}");
    assert_eq!(program.host.take_output(), b"onetwoth");
    assert_eq!(program.residue(), Vec::<&str>::new());
    assert_eq!(program.call("fd_pwrite", &[1, VECTOR.into(), 1, 0, OUT.into()]), 70);
    assert_eq!(program.write(0, b"x").unwrap(), BADF);
    assert_eq!(program.call("fd_seek", &[1, 0, 1, OUT.into()]), 70);
}

#[test]
fn standard_input_is_what_is_granted() {
    let mut program = Program::new(&Grants { stdin: Some(b"12345".to_vec()), ..Grants::default() });
    assert_eq!(program.read(0, 3).unwrap(), b"123");
    assert_eq!(program.host.residue(), [Residue::StdinRead { bytes: 3 }]);
    assert_eq!(program.read(0, 3).unwrap(), b"45");
    assert_eq!(program.read(0, 3).unwrap(), b"");
    assert_eq!(program.residue(), ["stdin-read", "stdin-ended"]);
    assert!(program.host.hints().is_empty());
    let mut program = Program::new(&Grants::default());
    assert_eq!(program.read(0, 3).unwrap(), b"");
    assert_eq!(program.read(1, 3), Err(BADF));
    assert_eq!(program.residue(), ["stdin-ended"]);
    assert!(program.host.hints()[0].contains("--preinit-stdin"));
}

#[test]
fn streams_that_are_closed_or_moved_are_told() {
    let dir = folder();
    let mut program = Program::in_dir(dir.path(), false);
    assert_eq!(program.call("fd_close", &[2]), 0);
    assert_eq!(program.write(2, b"x").unwrap(), BADF);
    assert_eq!(program.host.residue(), [Residue::Closed { fd: 2, what: "standard error".to_string() }]);
    // The lowest number that is free.
    assert_eq!(program.open("a.txt", 0, R), Ok(2));
    assert_eq!(program.call("fd_renumber", &[1, 2]), 0);
    assert_eq!(program.call("fd_renumber", &[1, 2]), BADF);
    assert_eq!(program.call("fd_renumber", &[2, 9]), BADF);
    assert_eq!(program.call("fd_close", &[3]), 0);
    let told: Vec<_> = program.host.residue().iter().map(Residue::to_string).collect();
    let expected =
        ["closed standard error, file 2", "closed /data, file 3", "made standard output file 2 instead of 1"];
    assert_eq!(told, expected);
    // As it was.
    let mut program = Program::in_dir(dir.path(), false);
    let fd = program.open("a.txt", 0, R).unwrap();
    assert_eq!(program.call("fd_renumber", &[1, fd]), 0);
    assert_eq!(program.open("a.txt", 0, R), Ok(1));
    assert_eq!(program.call("fd_renumber", &[fd, 1]), 0);
    assert_eq!(program.call("fd_renumber", &[1, 1]), 0);
    assert_eq!(program.residue(), Vec::<&str>::new());
}

#[test]
fn clocks_go_when_they_are_asked() {
    let mut program = Program::new(&Grants::default());
    let start = time(&mut program, 0);
    assert_eq!(start / 1_000_000_000, 1_577_836_800);
    assert_eq!(time(&mut program, 1), 1_000_000);
    assert_eq!(time(&mut program, 0), start + 2_000_000);
    assert_eq!(program.call("clock_res_get", &[1, OUT.into()]), 0);
    assert_eq!(program.u64(OUT), 1_000_000);
    assert_eq!(program.call("clock_time_get", &[4, 0, OUT.into()]), INVAL);
    assert_eq!(program.residue(), ["clock"]);
}

#[test]
fn random_numbers_are_the_same_every_time() {
    let numbers = || {
        let mut program = Program::new(&Grants::default());
        assert_eq!(program.call("random_get", &[0, 1 << 16]), 0);
        assert_eq!(program.residue(), ["random"]);
        program.memory
    };
    let once = numbers();
    assert_eq!(once, numbers());
    // Every byte about as often as every other.
    let mut counts = [0; 256];
    once.iter().for_each(|byte| counts[*byte as usize] += 1);
    assert!(counts.iter().all(|count| (150..400).contains(count)), "{counts:?}");
    let mut program = Program::new(&Grants::default());
    assert_eq!(program.call("random_get", &[1, 1 << 16]), FAULT);
}

#[test]
fn nothing_waits() {
    let dir = folder();
    let mut program = Program::in_dir(dir.path(), false);
    // A sleep is over at once, and the clock has gone on.
    assert_eq!(poll(&mut program, &[clock(7, 1, 5_000_000_000, 0)]), [(7, 0, 0, 0, 0)]);
    assert_eq!(program.residue(), Vec::<&str>::new());
    assert_eq!(time(&mut program, 1), 5_000_000_000);
    // The first of two; and times of the clocks instead of from now.
    assert_eq!(poll(&mut program, &[clock(1, 1, 900, 0), clock(2, 0, 800, 0)]), [(2, 0, 0, 0, 0)]);
    let now = time(&mut program, 0);
    assert_eq!(poll(&mut program, &[clock(1, 0, now + 10_000_000, 1), clock(2, 1, u64::MAX, 1)]).len(), 1);
    assert_eq!(time(&mut program, 0), now + 10_000_000);
    assert_eq!(poll(&mut program, &[clock(1, 1, 0, 1)]).len(), 1);
    // Files are ready before any time is over, which is that of 0 only.
    let fd = program.open("a.txt", 0, R).unwrap() as u32;
    let all = [file(1, 1, fd), file(2, 2, 1), file(3, 1, 99), clock(4, 1, 1, 0), clock(5, 1, 0, 0), file(6, 1, 0)];
    let events = poll(&mut program, &all);
    assert_eq!(events, [(1, 0, 1, 10, 0), (2, 0, 2, 65536, 0), (3, 8, 1, 0, 0), (5, 0, 0, 0, 0), (6, 0, 1, 0, 1)]);
    assert_eq!(poll(&mut program, &[clock(1, 2, 0, 0)]), [(1, 28, 0, 0, 0)]);
    // For ever.
    assert_eq!(poll(&mut program, &[clock(1, 1, u64::MAX, 0)]).len(), 1);
    assert_eq!(time(&mut program, 1), u64::MAX);
    assert_eq!(time(&mut program, 0), u64::MAX);
    assert_eq!(program.call("poll_oneoff", &[BUFFER.into(), 0x8000, 0, OUT.into()]), INVAL);
    assert_eq!(program.call("poll_oneoff", &[BUFFER.into(), 0x8000, u32::MAX.into(), OUT.into()]), INVAL);
    program.memory[BUFFER as usize + 8] = 3;
    assert_eq!(program.call("poll_oneoff", &[BUFFER.into(), 0x8000, 1, OUT.into()]), INVAL);
}

#[test]
fn ends_and_what_there_is_not() {
    let mut program = Program::new(&Grants::default());
    assert!(matches!(program.stopped("proc_exit", &[300]), Err(Stop::Exit(300))));
    assert_eq!(program.call("sched_yield", &[]), 0);
    assert_eq!(program.call("proc_raise", &[6]), 58);
    assert_eq!(program.call("sock_accept", &[0, 0, OUT.into()]), 57);
    assert_eq!(program.call("sock_shutdown", &[9, 0]), BADF);
    assert_eq!(program.call("fd_fdstat_set_rights", &[0, 0, 0]), 58);
    assert!(matches!(program.stopped("fd_close", &[]), Err(Stop::Refused(error)) if error.exit_code() == 70));
    // An engine may have extended the sign.
    assert_eq!(program.call("fd_close", &[0xffff_ffff_0000_0000]), 0);
}
