//! Validation with every feature that our parser knows.

use crate::{Error, kind, kind::expect_module, parallel};
use wasmparser::{
    FuncToValidate, FuncValidatorAllocations, FunctionBody, Parser, Payload, ValidPayload, Validator,
    ValidatorResources, WasmFeatures,
};

/// A function whose body is still to be looked at.
type Function<'a> = (FuncToValidate<ValidatorResources>, FunctionBody<'a>);

/// Checks that bytes are a valid core module. The error names the offset and, in code, the function.
/// Limits are those of the parser, which are those that engines agreed on.
///
/// Function bodies are validated on all cores. The error is that of the first invalid function, as it would be
/// on one core.
pub fn validate(bytes: &[u8]) -> Result<(), Error> {
    expect_module(kind(bytes))?;
    let mut functions = Vec::new();
    let sections = validate_sections(bytes, &mut functions);
    // All bodies found so far precede the place where the sections went wrong, so their error comes first.
    validate_functions(functions)?;
    sections
}

/// Validates all but function bodies, which it collects.
fn validate_sections<'a>(bytes: &'a [u8], functions: &mut Vec<Function<'a>>) -> Result<(), Error> {
    let mut validator = Validator::new_with_features(WasmFeatures::all());
    for payload in Parser::new(0).parse_all(bytes) {
        let payload = payload?;
        if let Payload::Version { encoding: wasmparser::Encoding::Component, .. } = payload {
            return Err(Error::input("this is a component, not a core module"));
        }
        if let ValidPayload::Func(function, body) = validator.payload(&payload)? {
            functions.push((function, body));
        }
    }
    Ok(())
}

fn validate_functions(functions: Vec<Function<'_>>) -> Result<(), Error> {
    let code = functions.iter().map(|(_, body)| body.range().len()).sum();
    parallel::map_with(functions, code, FuncValidatorAllocations::default, |allocations, (function, body)| {
        let index = function.index;
        let mut function = function.into_validator(std::mem::take(allocations));
        function.validate(&body).map_err(|error| (index, error))?;
        *allocations = function.into_allocations();
        Ok(())
    })
    .map(drop)
    .map_err(|(index, error): (u32, wasmparser::BinaryReaderError)| Error::from(error).in_function(index))
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasm_encoder::{CodeSection, Function, FunctionSection, Module, TypeSection};

    /// 4,000 functions of 100 bytes and more, of which the given ones leave a value behind.
    fn module(invalid: &[u32]) -> Vec<u8> {
        let (mut types, mut functions, mut code) = (TypeSection::new(), FunctionSection::new(), CodeSection::new());
        types.ty().function([], []);
        for index in 0..4_000 {
            functions.function(0);
            let mut body = Function::new([]);
            for _ in 0..100 {
                body.instructions().nop();
            }
            if invalid.contains(&index) {
                body.instructions().i32_const(1);
            }
            body.instructions().end();
            code.function(&body);
        }
        let mut module = Module::new();
        module.section(&types).section(&functions).section(&code);
        module.finish()
    }

    #[test]
    fn the_first_invalid_function_is_named_on_any_number_of_cores() {
        assert!(validate(&module(&[])).is_ok());
        for _ in 0..20 {
            let error = validate(&module(&[3_999, 2_001, 2_000])).expect_err("three functions are invalid");
            assert_eq!(error.function, Some(2_000));
        }
    }

    #[test]
    fn an_invalid_function_comes_before_an_invalid_section_behind_it() {
        let mut bytes = module(&[7]);
        // A second type section may not follow code.
        bytes.extend([1, 1, 0]);
        assert_eq!(validate(&bytes).expect_err("both are invalid").function, Some(7));
        let mut bytes = module(&[]);
        bytes.extend([1, 1, 0]);
        assert_eq!(validate(&bytes).expect_err("the section is invalid").function, None);
    }
}
