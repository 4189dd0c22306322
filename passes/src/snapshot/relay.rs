//! Lays the data of a module out anew: what a snapshot's segments were before an optimizer cut them up.

use crate::segments::{self, Image, Limits, Measure};
use crate::{ConstExpr, Data, DataKind, Error, Id, MemoryId, Module, Source};
use wasmparser::Operator;

use super::apply::MOST_SEGMENTS;

/// Writes the segments of each memory as they are smallest by `measure`.
///
/// Binaryen cuts segments wherever some zeros in a row save it bytes, which is not what is small once compressed, and
/// not quite what is small uncompressed.
///
/// **Why it is sound.** A memory that is defined here starts as zeros, and only active segments write to it before
/// anything can read it. Where all of them are at constant addresses and fit, what they make of it together is known,
/// and other segments make the same. A memory of which any of this cannot be told stays as it is, and so does every
/// module whose code may name segments by number.
pub fn relay(bytes: &[u8], measure: Measure) -> Result<Vec<u8>, Error> {
    crate::run::rewrite(bytes, "relay", |module| {
        if code_names_segments(module)? {
            return Ok(());
        }
        module.data_count = false;
        let mut known: Vec<(MemoryId, bool, Vec<crate::DataId>, Image)> = Vec::new();
        for id in module.memories.ids() {
            if let Some((is_64, ids, image)) = image(module, id) {
                known.push((id, is_64, ids, image));
            }
        }
        let others = module.data.len() + known.len();
        let limits = Limits { segments: MOST_SEGMENTS.saturating_sub(others).max(1) / known.len().max(1) };
        for (memory, is_64, ids, image) in known {
            ids.into_iter().for_each(|id| drop(module.data.remove(id)));
            for (at, bytes) in segments::split(&image, memory.index(), is_64, measure, &limits) {
                let kind = DataKind::Active { memory, offset: ConstExpr::address(is_64, at) };
                module.data.push(Data { kind, bytes: bytes.into_owned().into() });
            }
        }
        Ok(())
    })
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

    fn relaid(text: &str, measure: Measure) -> String {
        let module = relay(&wat::parse_str(text).unwrap(), measure).unwrap();
        wasmprinter::print_bytes(module).unwrap()
    }

    #[test]
    fn segments_that_zeros_were_cut_out_of_are_joined_for_compression_and_cut_for_size() {
        let cut = r#"(module (memory 1) (data (i32.const 8) "ab") (data (i32.const 22) "cd"))"#;
        let joined = relaid(cut, Measure::Compressed);
        assert!(joined.contains(r#""ab\00\00\00\00\00\00\00\00\00\00\00\00cd""#), "{joined}");
        let whole = r#"(module (memory 1) (data (i32.const 8) "ab\00\00\00\00\00\00\00\00\00\00\00\00cd"))"#;
        assert_eq!(relaid(whole, Measure::Raw).matches("(data").count(), 2);
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
        let relaid = wasmprinter::print_bytes(relay(&counted.finish(), Measure::Compressed).unwrap()).unwrap();
        assert!(relaid.contains(r#""ab\00\00cd""#), "{relaid}");
    }

    #[test]
    fn a_later_segment_still_overwrites_an_earlier_one() {
        let over = r#"(module (memory 1) (data (i32.const 8) "abcd") (data (i32.const 9) "\00x"))"#;
        assert!(relaid(over, Measure::Compressed).contains(r#""a\00xd""#));
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
            assert_eq!(relay(&bytes, Measure::Compressed).unwrap(), bytes, "{text}");
        }
    }
}
