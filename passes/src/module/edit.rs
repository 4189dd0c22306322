//! Editing a body in place: a walk over its operators that copies what is not touched and inserts between.

use super::{Body, FuncId, Module};
use crate::{Error, op, parallel};
use wasm_encoder::{Encode, Instruction, ValType};
use wasmparser::Operator;

/// What happens around one operator. Instructions are written with ids (`Call(id.0)`), not with final indices.
pub struct Edit<'e> {
    /// Where the operator stands: in the input for a body that was read, else in the body.
    pub offset: usize,
    /// How many blocks, loops, ifs and tries are open around the operator; the body itself is not counted.
    /// `End` and `Else` stand inside the block that they close.
    pub depth: u32,
    /// The operator's number in the body, from 0.
    pub position: usize,
    before: &'e mut Vec<u8>,
    after: &'e mut Vec<u8>,
    locals: &'e mut Locals,
    fate: Fate,
    touched: bool,
}

#[derive(PartialEq)]
enum Fate {
    Copied,
    Dropped,
}

/// Locals that an edit adds behind those that are there.
struct Locals {
    next: u32,
    added: Vec<(u32, ValType)>,
}

impl Edit<'_> {
    /// Inserts in front of the operator, behind what was inserted there already.
    pub fn before(&mut self, instruction: &Instruction<'_>) {
        self.touched = true;
        instruction.encode(self.before);
    }

    /// Inserts behind the operator, behind what was inserted there already.
    /// For a block that is the first thing in it.
    pub fn after(&mut self, instruction: &Instruction<'_>) {
        self.touched = true;
        instruction.encode(self.after);
    }

    /// Leaves the operator out; what is inserted stands in its place.
    pub fn remove(&mut self) {
        self.touched = true;
        self.fate = Fate::Dropped;
    }

    /// A new local of this type, zero or null at the function's start.
    pub fn local(&mut self, ty: ValType) -> u32 {
        self.touched = true;
        let index = self.locals.next;
        self.locals.next += 1;
        match self.locals.added.last_mut() {
            Some((count, last)) if *last == ty => *count += 1,
            _ => self.locals.added.push((1, ty)),
        }
        index
    }
}

impl Module<'_> {
    /// Gives each function the body that `work` makes of its own, or leaves it if that is none. Functions are worked on in
    /// parallel; `state` makes what a thread keeps from one to the next.
    pub(crate) fn rewrite_bodies<S>(
        &mut self,
        state: impl Fn() -> S + Send + Sync,
        work: impl Fn(&Module<'_>, &mut S, FuncId, &Body<'_>) -> Result<Option<Vec<u8>>, Error> + Send + Sync,
    ) -> Result<(), Error> {
        let bodies: Vec<(FuncId, &Body<'_>)> = self.bodies().collect();
        let code = bodies.iter().map(|(_, body)| body.bytes().len()).sum();
        let changed = parallel::map_with(bodies, code, state, |state, (id, body)| -> Result<_, Error> {
            let new = work(self, state, id, body).map_err(|error| error.in_function(id.0))?;
            Ok(new.map(|new| (id, new)))
        })?;
        changed.into_iter().flatten().try_for_each(|(id, body)| self.set_body(id, body))
    }

    /// Walks the operators of a function and asks `edit` about each. Gives the new body for [`Module::set_body`],
    /// or `None` if nothing was changed (also for an imported function). The module is only read, so `edit` may
    /// look things up in it.
    ///
    /// The last operator is the `End` of the body. What is inserted must keep the body valid: `run` validates.
    pub fn edit(
        &self,
        id: FuncId,
        mut edit: impl FnMut(&Operator<'_>, &mut Edit<'_>) -> Result<(), Error>,
    ) -> Result<Option<Vec<u8>>, Error> {
        let Some(function) = self.functions.get(id) else { return Ok(None) };
        let Some(body) = function.source.defined() else { return Ok(None) };
        let params = self.types.function(function.ty).map_or(0, |ty| ty.params().len() as u32);
        let bytes = body.bytes();
        let reader = body.reader();
        let start = reader.range().start;
        let mut declared = reader.get_locals_reader()?.into_iter();
        let groups = reader.get_locals_reader()?.get_count();
        let groups_start = reader.get_locals_reader()?.original_position() - start;
        let mut next = params;
        for group in declared.by_ref() {
            next = next.saturating_add(group?.0);
        }
        let mut operators = declared.into_operators_reader();
        let groups_end = operators.original_position() - start;
        let mut locals = Locals { next, added: Vec::new() };
        let (mut code, mut before, mut after) = (Vec::new(), Vec::new(), Vec::new());
        let (mut touched, mut depth, mut position) = (false, 0u32, 0);
        // Bytes from here on are copied when the next touched operator, or the end, is reached.
        let mut pending = groups_end;
        while !operators.eof() {
            let offset = operators.original_position();
            let operator = operators.read()?;
            let (from, to) = (offset - start, operators.original_position() - start);
            let (before, after, locals) = (&mut before, &mut after, &mut locals);
            let mut site = Edit { offset, depth, position, before, after, locals, fate: Fate::Copied, touched: false };
            edit(&operator, &mut site).map_err(|error| error.in_function(id.0))?;
            let Edit { fate, touched: here, .. } = site;
            if here {
                touched = true;
                code.extend_from_slice(bytes.get(pending..from).unwrap_or_default());
                code.append(before);
                if fate == Fate::Copied {
                    code.extend_from_slice(bytes.get(from..to).unwrap_or_default());
                }
                code.append(after);
                pending = to;
            }
            depth = op::depth_after(depth, &operator);
            position += 1;
        }
        if !touched {
            return Ok(None);
        }
        code.extend_from_slice(bytes.get(pending..).unwrap_or_default());
        let mut out = Vec::with_capacity(groups_end + code.len() + 16);
        (groups as usize + locals.added.len()).encode(&mut out);
        out.extend_from_slice(bytes.get(groups_start..groups_end).unwrap_or_default());
        for (count, ty) in locals.added {
            count.encode(&mut out);
            ty.encode(&mut out);
        }
        out.append(&mut code);
        Ok(Some(out))
    }
}
