//! [`Module`] to bytes. Whatever did not change is copied; the rest is written with shortest encodings.

use super::hints::Hints;
use super::remap::Remap;
use super::sections::{encode_section, put};
use super::{Body, Custom, Encodings, Id, Module, Place, names};
use crate::{Error, parallel};
use std::borrow::Cow;
use wasm_encoder::Encode;

pub(super) fn encode(module: &Module<'_>) -> Result<Vec<u8>, Error> {
    let (out, code_end) = encode_sections(module, SourceMap::Keep)?;
    // A source map counts from the start of the file, so it holds only while nothing up to the code's end moved.
    let has_source_map = module.customs.iter().any(|custom| custom.name == SOURCE_MAP);
    let old_code_end = module.sections.get(&Place::Code).map_or(0, |range| range.end);
    if has_source_map && module.input.get(..old_code_end) != out.get(..code_end) {
        return Ok(encode_sections(module, SourceMap::Drop)?.0);
    }
    Ok(out)
}

const SOURCE_MAP: &str = "sourceMappingURL";

#[derive(Clone, Copy, PartialEq)]
enum SourceMap {
    Keep,
    Drop,
}

/// Encodes everything; also says where the code section ends.
fn encode_sections(module: &Module<'_>, source_map: SourceMap) -> Result<(Vec<u8>, usize), Error> {
    let remap = Remap::of(module);
    let mut hints = Hints::read(module);
    // Custom sections before the code depend on how the code comes out, so it is encoded first.
    let code = encode_code(module, &remap, &mut hints)?;
    let old_code = module.sections.get(&Place::Code).and_then(|range| module.input.get(range.clone()));
    let code_moved = old_code.unwrap_or_default() != code;
    let mut out = Vec::with_capacity(module.input.len());
    out.extend_from_slice(b"\0asm\x01\0\0\0");
    let mut code_end = out.len();
    for place in PLACES {
        if place != Place::Start {
            encode_section(module, &remap, place, &code, &mut out)?;
        }
        if place == Place::Code {
            code_end = out.len();
        }
        for custom in in_order(module, place) {
            if custom.name == SOURCE_MAP && source_map == SourceMap::Drop {
                continue;
            }
            if let Some(data) = custom_data(module, custom, &remap, &hints, code_moved)? {
                let mut contents = Vec::with_capacity(custom.name.len() + data.len() + 5);
                custom.name.as_ref().encode(&mut contents);
                contents.extend_from_slice(&data);
                put(0, &contents, &mut out);
            }
        }
    }
    Ok((out, code_end))
}

/// The custom sections of a place. The convention for tools, which LLVM's insist on, has `producers` and
/// `target_features` last; Binaryen writes the names behind them.
fn in_order<'m, 'a>(module: &'m Module<'a>, place: Place) -> Vec<&'m Custom<'a>> {
    let rank = |custom: &&Custom| match custom.name.as_ref() {
        _ if module.encodings == Encodings::AsRead => 0,
        "producers" => 1,
        "target_features" => 2,
        _ => 0,
    };
    let mut customs: Vec<&Custom> = module.customs.iter().filter(|custom| custom.after == place).collect();
    customs.sort_by_key(rank);
    customs
}

const PLACES: [Place; 14] = [
    Place::Start,
    Place::Types,
    Place::Imports,
    Place::Functions,
    Place::Tables,
    Place::Memories,
    Place::Tags,
    Place::Globals,
    Place::Exports,
    Place::StartFunction,
    Place::Elements,
    Place::DataCount,
    Place::Code,
    Place::Data,
];

/// The contents of the code section; empty if there is to be none.
fn encode_code(module: &Module<'_>, remap: &Remap, hints: &mut Hints) -> Result<Vec<u8>, Error> {
    let count = module.bodies().count();
    let original = module.sections.get(&Place::Code);
    if count == 0 {
        // An empty code section that was there stays, as empty sections of the other kinds do.
        let kept = original.and_then(|range| module.input.get(range.clone())).filter(|bytes| *bytes == [0]);
        let kept = kept.filter(|_| module.encodings == Encodings::AsRead);
        return Ok(kept.unwrap_or_default().to_vec());
    }
    let mut out = Vec::with_capacity(original.map_or(0, |range| range.len()));
    count.encode(&mut out);
    // What names nothing that moved is copied, where that is known without reading it again.
    let stays = |body: &Body<'_>| {
        module.encodings == Encodings::AsRead
            && (remap.is_identity() || body.known_uses().is_some_and(|uses| remap.keeps(uses)))
    };
    let bodies: Vec<_> = module.bodies().map(|(id, body)| (id, body, stays(body))).collect();
    let code = bodies.iter().filter(|(_, _, stays)| !stays).map(|(_, body, _)| body.bytes.len()).sum();
    let encoded = parallel::map(bodies, code, |(id, body, stays)| {
        if stays {
            return Ok::<_, Error>((id, Cow::Borrowed(body.bytes.as_ref()), None));
        }
        let (mut bytes, mut moves) = (Vec::with_capacity(body.bytes.len()), hints.moves_of(id));
        remap
            .body(&body.reader(), module.encodings, &mut bytes, |old, new| moves.record(old, new))
            .map_err(|error| error.in_function(id.index()))?;
        Ok((id, Cow::Owned(bytes), Some(moves)))
    })?;
    for (id, bytes, moves) in encoded {
        moves.into_iter().for_each(|moves| hints.moved(id, moves));
        bytes.encode(&mut out);
    }
    Ok(out)
}

/// What a custom section holds in the output; `None` drops it.
fn custom_data<'m>(
    module: &'m Module<'_>,
    custom: &'m Custom<'_>,
    remap: &Remap,
    hints: &Hints,
    code_moved: bool,
) -> Result<Option<Cow<'m, [u8]>>, Error> {
    let unchanged = || Some(Cow::Borrowed(custom.data.as_ref()));
    Ok(match custom.name.as_ref() {
        "name" => names::encode(module, custom, remap),
        "metadata.code.branch_hint" if code_moved || !remap.is_identity() => hints.encode(remap).map(Cow::Owned),
        // By function and offset into its code, of a meaning that is not known here.
        name if name.starts_with("metadata.code.") && (code_moved || !remap.is_identity()) => None,
        name if is_debug_info(name) && code_moved => None,
        _ => unchanged(),
    })
}

/// Whether a custom section describes code by its offsets, for a debugger.
pub(crate) fn is_debug_info(name: &str) -> bool {
    name.starts_with(".debug_") || name.starts_with(".zdebug_") || name == "external_debug_info"
}
