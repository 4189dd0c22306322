//! What a module keeps to itself, exported, so that engines can be compared by it.

use wbuild_passes::wasmparser::ValType;
use wbuild_passes::{Error, Export, Item, Module};

/// Exports every mutable global that holds a number, as `wbuild.global.N`.
pub fn expose(bytes: &[u8]) -> Result<Vec<u8>, Error> {
    let mut module = Module::parse(bytes)?;
    let mutable = |global: &wbuild_passes::Global<'_>| {
        global.ty.mutable && !matches!(global.ty.content_type, ValType::Ref(_) | ValType::V128)
    };
    let ids: Vec<_> = module.globals.iter().filter(|(_, global)| mutable(global)).map(|(id, _)| id).collect();
    for (n, id) in ids.into_iter().enumerate() {
        module.exports.push(Export { name: format!("wbuild.global.{n}").into(), item: Item::Global(id), exact: false });
    }
    module.encode()
}
