//! Validation with every feature that our parser knows.

use crate::{Error, kind, kind::expect_module};
use wasmparser::{FuncValidatorAllocations, Parser, Payload, ValidPayload, Validator, WasmFeatures};

/// Checks that bytes are a valid core module. The error names the offset and, in code, the function.
/// Limits are those of the parser, which are those that engines agreed on.
pub fn validate(bytes: &[u8]) -> Result<(), Error> {
    expect_module(kind(bytes))?;
    let mut validator = Validator::new_with_features(WasmFeatures::all());
    let mut allocations = FuncValidatorAllocations::default();
    for payload in Parser::new(0).parse_all(bytes) {
        let payload = payload?;
        if let Payload::Version { encoding: wasmparser::Encoding::Component, .. } = payload {
            return Err(Error::input("this is a component, not a core module"));
        }
        if let ValidPayload::Func(function, body) = validator.payload(&payload)? {
            let index = function.index;
            let mut function = function.into_validator(allocations);
            function.validate(&body).map_err(|error| Error::from(error).in_function(index))?;
            allocations = function.into_allocations();
        }
    }
    Ok(())
}
