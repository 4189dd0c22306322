//! Pack data: write the segments of each memory as they are smallest.
//!
//! **What.** Compilers and optimizers cut data into segments by rules of their own: one for each section of the source,
//! or wherever some zeros in a row seem to save bytes. This pass takes what all segments of a memory make of it, and cuts it
//! where that is smallest: exactly so, by a shortest path over the gaps of zeros, for raw size or for the size once
//! compressed, where wide gaps win.
//!
//! **Why it is sound.** A memory that is defined here starts as zeros, and only active segments write to it before
//! anything can read it. Where all of them are at constant addresses and fit, what they make of it together is known,
//! and other segments make the same. A memory of which any of this cannot be told stays as it is, and so does every
//! module whose code may name segments by number.
//!
//! **Example.** `pack-data` makes of
//! ```wat
//! (module
//!   (memory (export "m") 1)
//!   (data (i32.const 8) "ab")
//!   (data (i32.const 10) "cd\00\00\00\00\00\00\00\00\00\00\00\00ef"))
//! ```
//! this:
//! ```wat
//! (module
//!   (memory (;0;) 1)
//!   (export "m" (memory 0))
//!   (data (;0;) (i32.const 8) "abcd")
//!   (data (;1;) (i32.const 24) "ef")
//! )
//! ```
//!
//! **Limits.** Segments stay where they are: no address changes. Imported memories stay as they are, and so does one
//! with a segment at an address that is not a constant, or that may not fit. No module gets more segments than engines take.

use crate::segments::{self, Image, Limits, MOST_SEGMENTS, Measure};
use crate::{ConstExpr, Data, DataKind, Error, Id, MemoryId, Module, Source};
use wasmparser::Operator;

pub(super) fn raw(module: &mut Module<'_>) -> Result<(), Error> {
    pack(module, Measure::Raw)
}

pub(super) fn compressed(module: &mut Module<'_>) -> Result<(), Error> {
    pack(module, Measure::Compressed)
}

fn pack(module: &mut Module<'_>, measure: Measure) -> Result<(), Error> {
    if code_names_segments(module)? {
        return Ok(());
    }
    let mut known: Vec<(MemoryId, bool, Vec<crate::DataId>, Image)> = Vec::new();
    for id in module.memories.ids() {
        if let Some((is_64, ids, image)) = image(module, id) {
            known.push((id, is_64, ids, image));
        }
    }
    let others = module.data.len() + known.len();
    let limits = Limits { segments: MOST_SEGMENTS.saturating_sub(others).max(1) / known.len().max(1) };
    for (memory, is_64, ids, image) in known {
        let split = segments::split(&image, memory.index(), is_64, measure, &limits);
        let parts: Vec<(u64, Vec<u8>)> = split.into_iter().map(|(at, bytes)| (at, bytes.into_owned())).collect();
        let same = |(id, (at, bytes)): (&crate::DataId, &(u64, Vec<u8>))| {
            module.data.get(*id).is_some_and(|data| {
                let DataKind::Active { offset, .. } = &data.kind else { return false };
                offset.integer() == Some(*at) && *data.bytes == **bytes
            })
        };
        if ids.len() == parts.len() && ids.iter().zip(&parts).all(same) {
            continue;
        }
        module.data_count = false;
        ids.into_iter().for_each(|id| drop(module.data.remove(id)));
        for (at, bytes) in parts {
            let kind = DataKind::Active { memory, offset: ConstExpr::address(is_64, at) };
            module.data.push(Data { kind, bytes: bytes.into() });
        }
    }
    Ok(())
}

/// Whether code names a segment by its number. That there is a section that counts them says little: Binaryen always
/// writes one.
fn code_names_segments(module: &Module<'_>) -> Result<bool, Error> {
    if !module.data_count {
        return Ok(false);
    }
    for (_, function) in module.functions.iter() {
        let Source::Defined(body) = &function.source else { continue };
        let body = body.reader();
        let mut operators = body.get_operators_reader()?;
        while !operators.eof() {
            match operators.read()? {
                Operator::MemoryInit { .. }
                | Operator::DataDrop { .. }
                | Operator::ArrayNewData { .. }
                | Operator::ArrayInitData { .. } => return Ok(true),
                _ => {}
            }
        }
    }
    Ok(false)
}

/// Whether a memory has addresses of 64 bits, its segments, and what they make of it, if all of that is known.
fn image(module: &Module<'_>, id: MemoryId) -> Option<(bool, Vec<crate::DataId>, Image)> {
    let memory = module.memories.get(id)?;
    if !matches!(memory.source, Source::Defined(_)) {
        return None;
    }
    let page = 1u64.checked_shl(memory.ty.page_size_log2.unwrap_or(16))?;
    let size = u128::from(memory.ty.initial) * u128::from(page);
    let mut ids = Vec::new();
    let mut parts = Vec::new();
    for (data_id, data) in module.data.iter() {
        let DataKind::Active { memory, offset } = &data.kind else { continue };
        if *memory != id {
            continue;
        }
        let start = offset.integer()?;
        if u128::from(start) + data.bytes.len() as u128 > size {
            return None;
        }
        ids.push(data_id);
        parts.push((start, &*data.bytes));
    }
    (!ids.is_empty()).then(|| (memory.ty.memory64, ids, Image::from_parts(parts)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packed(bytes: &[u8], measure: Measure) -> Vec<u8> {
        crate::run::rewrite(bytes, "pack-data", |module| pack(module, measure)).unwrap()
    }

    fn text_of(text: &str, measure: Measure) -> String {
        wasmprinter::print_bytes(packed(&wat::parse_str(text).unwrap(), measure)).unwrap()
    }

    #[test]
    fn segments_that_zeros_were_cut_out_of_are_joined_for_compression_and_cut_for_size() {
        let cut = r#"(module (memory 1) (data (i32.const 8) "ab") (data (i32.const 22) "cd"))"#;
        let joined = text_of(cut, Measure::Compressed);
        assert!(joined.contains(r#""ab\00\00\00\00\00\00\00\00\00\00\00\00cd""#), "{joined}");
        let whole = r#"(module (memory 1) (data (i32.const 8) "ab\00\00\00\00\00\00\00\00\00\00\00\00cd"))"#;
        assert_eq!(text_of(whole, Measure::Raw).matches("(data").count(), 2);
    }

    #[test]
    fn a_count_of_segments_that_no_code_names_is_no_reason_to_leave_them() {
        let mut counted = wasm_encoder::Module::new();
        let text = r#"(module (memory 1) (func) (data (i32.const 8) "ab") (data (i32.const 12) "cd"))"#;
        let bytes = wat::parse_str(text).unwrap();
        for payload in wasmparser::Parser::new(0).parse_all(&bytes) {
            let payload = payload.unwrap();
            if matches!(payload, wasmparser::Payload::CodeSectionStart { .. }) {
                counted.section(&wasm_encoder::DataCountSection { count: 2 });
            }
            if let Some((id, range)) = payload.as_section() {
                counted.section(&wasm_encoder::RawSection { id, data: &bytes[range] });
            }
        }
        let text_of = wasmprinter::print_bytes(packed(&counted.finish(), Measure::Compressed)).unwrap();
        assert!(text_of.contains(r#""ab\00\00cd""#), "{text_of}");
    }

    #[test]
    fn a_later_segment_still_overwrites_an_earlier_one() {
        let over = r#"(module (memory 1) (data (i32.const 8) "abcd") (data (i32.const 9) "\00x"))"#;
        assert!(text_of(over, Measure::Compressed).contains(r#""a\00xd""#));
    }

    #[test]
    fn what_may_trap_or_is_the_hosts_or_has_a_number_stays() {
        let stays = [
            r#"(module (memory 1) (data (i32.const 65535) "ab") (data (i32.const 1) "c"))"#,
            r#"(module (import "m" "m" (memory 1)) (data (i32.const 1) "a") (data (i32.const 3) "c"))"#,
            r#"(module (import "m" "g" (global i32)) (memory 1) (data (global.get 0) "a") (data (i32.const 3) "c"))"#,
            r#"(module (memory 1) (data (i32.const 1) "a") (data (i32.const 3) "c") (func data.drop 1))"#,
        ];
        for text in stays {
            let bytes = wat::parse_str(text).unwrap();
            assert_eq!(packed(&bytes, Measure::Compressed), bytes, "{text}");
        }
    }
}
