//! Which printf a program needs. wasi-libc's own leaves `long double` out, and stops the program where it meets one; the
//! one that has it is a library beside it, and 6 kB larger. Nobody knows of it before the program stops, so the
//! program's strings are asked.

use wasmparser::{Parser, Payload};

/// What printf and scanf say before they stop. It is in a module whose printf or scanf can be reached.
const APOLOGY: &[u8] = b"Support for formatting long double values is currently disabled.";

/// libc++'s formats for money, in every program that uses iostream, whether it counts money or not.
const MONEY: [&[u8]; 2] = [b"%.0Lf", b"%Lf"];

/// Whether a linked module has a printf or scanf without `long double`, and a format that asks for one.
pub fn wants_long_double(module: &[u8]) -> bool {
    let mut data = Vec::new();
    for payload in Parser::new(0).parse_all(module).map_while(|p| p.ok()) {
        if let Payload::DataSection(segments) = payload {
            data.extend(segments.into_iter().map_while(|s| s.ok()).map(|segment| segment.data));
        }
    }
    if !data.iter().any(|data| data.windows(APOLOGY.len()).any(|bytes| bytes == APOLOGY)) {
        return false;
    }
    let mut strings: Vec<&[u8]> = data.iter().flat_map(|data| data.split(|&byte| byte == 0)).collect();
    if MONEY.iter().all(|format| strings.contains(format)) {
        strings.retain(|string| !MONEY.contains(string));
    }
    strings.into_iter().any(asks)
}

/// Whether a string has `%Lf`, or one of its kin with flags, width and precision.
fn asks(string: &[u8]) -> bool {
    let directive = |rest: &[u8]| {
        let long = rest.iter().position(|byte| !b"-+ #'*.$0123456789".contains(byte));
        long.is_some_and(|at| rest[at] == b'L' && rest.get(at + 1).is_some_and(|kind| b"aAeEfFgG".contains(kind)))
    };
    string.iter().enumerate().any(|(at, &byte)| byte == b'%' && directive(&string[at + 1..]))
}

#[cfg(test)]
mod tests {
    use super::asks;

    #[test]
    fn formats_with_long_double_are_told_from_others() {
        for format in ["%Lf", "a %-08.*Lg|", "%d %% %+.3Le\n", "%1$LA", "%%%Lf"] {
            assert!(asks(format.as_bytes()), "{format}");
        }
        for format in ["", "%", "%L", "%Ld", "%lf", "100 % Light", "L%f", "%sLf"] {
            assert!(!asks(format.as_bytes()), "{format}");
        }
    }
}
