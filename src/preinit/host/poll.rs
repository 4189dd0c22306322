//! `poll_oneoff`, in which programs sleep and wait for files. Nothing waits here: files are always
//! ready, and the clock goes to the time that is waited for.

use super::abi::{ABSTIME, Answer, Errno, HANGUP};
use super::descriptors::Kind;
use super::memory::{Memory, le_u32, le_u64};
use super::{Host, Residue};

/// The sizes of `subscription` and `event`.
const SUBSCRIPTION: u32 = 48;
const EVENT: u32 = 32;

/// More than a program can have files, by far.
const MOST_SUBSCRIPTIONS: u32 = 4096;

/// `eventtype`
const CLOCK: u8 = 0;
const READ: u8 = 1;
const WRITE: u8 = 2;

/// The monotonic clock, and the first that cannot be waited for.
const MONOTONIC: u32 = 1;
const CPU_TIME: u32 = 2;

/// What a program waits for.
struct Subscription {
    userdata: u64,
    kind: u8,
    /// Of a clock: when, in nanoseconds since the start, or why not.
    when: Result<u64, Errno>,
    /// Of a file: its number.
    fd: u32,
}

/// What has happened.
struct Event {
    userdata: u64,
    error: Errno,
    kind: u8,
    bytes: u64,
    flags: u16,
}

impl Host {
    pub(super) fn poll_oneoff(&mut self, memory: &mut Memory, from: u32, to: u32, count: u32, out: u32) -> Answer {
        if count == 0 || count > MOST_SUBSCRIPTIONS {
            return Err(Errno::INVAL.into());
        }
        memory.check(to, count * EVENT)?;
        memory.check(out, 4)?;
        let bytes = memory.bytes(from, count * SUBSCRIPTION)?;
        let subscriptions: Vec<_> = bytes.chunks_exact(SUBSCRIPTION as usize).map(|s| self.subscription(s)).collect();
        if subscriptions.iter().any(|subscription| subscription.kind > WRITE) {
            return Err(Errno::INVAL.into());
        }
        // Who waits for a file with a time limit gets the file.
        let soonest = match subscriptions.iter().any(|s| s.kind != CLOCK || s.when.is_err()) {
            true => None,
            false => subscriptions.iter().filter_map(|s| s.when.ok()).min(),
        };
        self.elapsed = self.elapsed.max(soonest.unwrap_or(0));
        let events: Vec<_> = subscriptions.iter().filter_map(|subscription| self.event(subscription)).collect();
        let mut at = to;
        for event in &events {
            let mut bytes = [0; EVENT as usize];
            bytes[..8].copy_from_slice(&event.userdata.to_le_bytes());
            bytes[8..10].copy_from_slice(&event.error.0.to_le_bytes());
            bytes[10] = event.kind;
            bytes[16..24].copy_from_slice(&event.bytes.to_le_bytes());
            bytes[24..26].copy_from_slice(&event.flags.to_le_bytes());
            memory.write(at, &bytes)?;
            at = at.checked_add(EVENT).ok_or(Errno::FAULT)?;
        }
        Ok(memory.write_u32(out, events.len() as u32)?)
    }

    fn subscription(&self, bytes: &[u8]) -> Subscription {
        let kind = bytes.get(8).copied().unwrap_or(u8::MAX);
        let (clock, timeout) = (le_u32(bytes, 16), le_u64(bytes, 24));
        let absolute = le_u32(bytes, 40) as u16 & ABSTIME != 0;
        let when = match clock {
            CPU_TIME.. => Err(Errno::INVAL),
            _ if !absolute => Ok(self.elapsed.saturating_add(timeout)),
            MONOTONIC => Ok(timeout),
            // As long as it is after the time of the wall clock.
            _ => Ok(self.elapsed.saturating_add(timeout.saturating_sub(self.now(clock)))),
        };
        Subscription { userdata: le_u64(bytes, 0), kind, when, fd: clock }
    }

    /// What has happened of what was waited for.
    fn event(&mut self, subscription: &Subscription) -> Option<Event> {
        let Subscription { userdata, kind, fd, .. } = *subscription;
        let event = |error, bytes, flags| Some(Event { userdata, error, kind, bytes, flags });
        if kind == CLOCK {
            return match subscription.when {
                Ok(when) if when > self.elapsed => None,
                Ok(_) => event(Errno::SUCCESS, 0, 0),
                Err(errno) => event(errno, 0, 0),
            };
        }
        let open = match self.descriptors.get(fd) {
            Ok(open) => open,
            Err(errno) => return event(errno, 0, 0),
        };
        let left = match (&open.kind, kind) {
            (Kind::Stdin, READ) => {
                let left = self.stdin.len().saturating_sub(self.stdin_at) as u64;
                if left == 0 {
                    self.asked.insert(Residue::StdinEnded);
                }
                left
            }
            (Kind::File(open), READ) => match open.file.metadata() {
                Ok(meta) => meta.len().saturating_sub(open.position),
                Err(error) => return event(error.into(), 0, 0),
            },
            // As much as anybody writes at once.
            (Kind::Output | Kind::File(_), WRITE) => return event(Errno::SUCCESS, 1 << 16, 0),
            _ => return event(Errno::BADF, 0, 0),
        };
        event(Errno::SUCCESS, left, if left == 0 { HANGUP } else { 0 })
    }
}
