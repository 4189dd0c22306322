//! The plain way: a guard behind every operator that may make a NaN. Nothing is analysed, so little can be wrong.

use super::build::{constant, of_operator};
use super::insert::{Fix, Form, Nan, Nans, Writer, counts};
use super::operators::{Meaning, meaning};
use super::report::Report;
use super::state::Shape;
use crate::{Error, GlobalId, Module};
use wasm_encoder::Instruction;
use wasmparser::Operator;

pub(super) fn run(module: &mut Module<'_>, report: &mut Report) -> Result<(), Error> {
    let mut sites = Vec::new();
    for (id, function) in module.functions.iter() {
        let Some(body) = function.source.defined() else { continue };
        let operators = body.reader().get_operators_reader()?.into_iter().collect::<Result<Vec<_>, _>>()?;
        let behind = |at: usize| operators.get(at + 1..).unwrap_or_default();
        let made = operators.iter().enumerate().filter_map(|(at, operator)| Some((at, made(operator)?)));
        let bare: Vec<_> = made.filter(|&(at, nan)| !is_guard(module, behind(at), nan)).collect();
        if !bare.is_empty() {
            sites.push((id, bare));
        }
    }
    let kinds: Vec<Nan> = sites.iter().flat_map(|(_, bare)| bare.iter().map(|&(_, nan)| nan)).collect();
    if kinds.is_empty() {
        return Ok(());
    }
    kinds.iter().for_each(|&nan| report.count_guard(nan, "every"));
    let nans = Nans::choose(module, counts(kinds.iter().copied()));
    for (id, bare) in sites {
        let mut writer = Writer::new(&nans, false);
        let mut next = bare.iter().peekable();
        let body = module.edit(id, |_, edit| {
            if let Some((_, nan)) = next.next_if(|(at, _)| *at == edit.position) {
                let temp = writer.temp(edit, nan.ty(), 0)?;
                edit.after(&Instruction::LocalTee(temp));
                writer
                    .top(temp, Fix { nan: *nan, form: Form::Branch })
                    .iter()
                    .for_each(|instruction| edit.after(instruction));
            }
            Ok(())
        })?;
        if let Some(body) = body {
            module.set_body(id, body)?;
        }
    }
    Ok(())
}

/// What kind of NaN an operator may make.
fn made(operator: &Operator<'_>) -> Option<Nan> {
    match meaning(operator) {
        Meaning::Arithmetic(_, super::graph::Type::F32) => Some(Nan::F32),
        Meaning::Arithmetic(..) => Some(Nan::F64),
        Meaning::Vector { to: Shape::F64x2, .. } => Some(Nan::F64x2),
        Meaning::Vector { .. } => Some(Nan::F32x4),
        _ => None,
    }
}

/// Whether code begins with the guard that this file writes.
fn is_guard(module: &Module<'_>, code: &[Operator<'_>], nan: Nan) -> bool {
    let is_nan = |operator: &Operator<'_>| match operator {
        Operator::GlobalGet { global_index } => {
            let global = module.globals.get(GlobalId(*global_index)).filter(|global| !global.ty.mutable);
            let init = global.and_then(|global| global.source.defined()).and_then(constant);
            init.is_some_and(|(ty, bits)| nan.is(ty, bits))
        }
        operator => of_operator(operator).is_some_and(|(ty, bits)| nan.is(ty, bits)),
    };
    let get = |operator: &Operator<'_>, local: u32| matches!(operator, Operator::LocalGet { local_index } if *local_index == local);
    match (nan, code) {
        (
            Nan::F32 | Nan::F64,
            [
                Operator::LocalTee { local_index: t },
                a,
                compare,
                Operator::If { .. },
                b,
                Operator::Else,
                c,
                Operator::End,
                ..,
            ],
        ) => {
            matches!((nan, compare), (Nan::F32, Operator::F32Ge) | (Nan::F64, Operator::F64Ge))
                && get(a, *t)
                && get(b, *t)
                && is_nan(c)
        }
        (
            Nan::F32x4 | Nan::F64x2,
            [Operator::LocalTee { local_index: t }, a, b, c, equal, Operator::V128Bitselect, ..],
        ) => {
            matches!((nan, equal), (Nan::F32x4, Operator::F32x4Eq) | (Nan::F64x2, Operator::F64x2Eq))
                && is_nan(a)
                && get(b, *t)
                && get(c, *t)
        }
        _ => false,
    }
}
