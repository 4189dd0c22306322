//! The value graph of a whole module, function by function.
//!
//! What a function is given and gives back is one node for each float parameter and result, shared by all its
//! callers: a parameter is one of the arguments of all calls, and if the host or a table can call the function, also
//! whatever they give. They are made when they are first needed, so a type with a thousand parameters costs nothing.

use super::graph::{Edge, Graph, Kind, NONE, Node, Reason, Site, Type, Use, Value};
use super::locals::{Locals, Types};
use super::state::State;
use super::walk::Walk;
use super::{Options, scan};
use crate::{ElementItems, Error, FuncId, GlobalId, Item, Module};
use std::collections::HashMap;
use wasmparser::{Operator, ValType};

/// Which functions are called by what is not a direct call here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Callers {
    /// Only direct calls.
    Direct,
    /// Indirect calls of this module or another, too.
    Indirect,
    /// The host, which may change NaN bits.
    Foreign,
}

/// How much work a function may take before its locals are not followed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    pub work: u64,
    pub work_per_byte: u64,
}

/// A linear bound, such that only code made to hurt exceeds it.
pub(super) const LIMITS: Limits = Limits { work: 1000, work_per_byte: 8 };

/// Makes the graph of a module from the bodies of those functions that may have floats, and of those that were added since.
pub(super) fn build(module: &Module<'_>, options: &Options, limits: &Limits, floats: &[bool]) -> Result<Graph, Error> {
    let mut builder = Builder {
        module,
        callers: callers(module, options.js_boundary),
        constants: constants(module),
        js_boundary: options.js_boundary,
        graph: Graph::default(),
        ports: HashMap::new(),
        new_ports: Vec::new(),
        raw: 0,
        foreign: 0,
        limits: *limits,
        locals: Locals::default(),
    };
    let anywhere =
        |kind| Value { kind, ty: Type::F64, function: NONE, home: Site::Nowhere, depth: 0, inputs: [NONE; 2] };
    builder.raw = builder.graph.add(anywhere(Kind::Raw));
    builder.foreign = builder.graph.add(anywhere(Kind::Foreign));
    for (id, function) in module.functions.iter() {
        if let Some(body) = function.source.defined()
            && floats.get(id.0 as usize) != Some(&false)
        {
            builder.function(id, &body.reader()).map_err(|error| error.in_function(id.0))?;
        }
    }
    Ok(builder.graph)
}

/// Whether a parameter or a result is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Port {
    Param,
    Result,
}

/// What all functions share.
pub(super) struct Builder<'m, 'a> {
    pub module: &'m Module<'a>,
    pub graph: Graph,
    pub locals: Locals,
    pub js_boundary: bool,
    callers: Vec<Callers>,
    /// Immutable globals that are one constant.
    constants: Vec<Option<State>>,
    ports: HashMap<(u32, Port, u32), Node>,
    new_ports: Vec<(u32, Port, u32)>,
    /// Any exact value of the host or of an indirect call.
    raw: Node,
    /// Any value of a host that changes NaN bits.
    foreign: Node,
    limits: Limits,
}

/// Whether locals are followed from assignment to use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// They are split into values.
    Followed,
    /// A local is anything that it is ever assigned, and so is what a branch carries.
    Pooled,
}

impl<'m> Builder<'m, '_> {
    fn function(&mut self, id: FuncId, body: &wasmparser::FunctionBody<'_>) -> Result<(), Error> {
        let Some(ty) = self.module.function_type(id) else { return Ok(()) };
        let types = Types::read(ty.params(), body)?;
        let before = (self.graph.values.len(), self.graph.edges.len(), self.graph.uses.len());
        let budget = self.limits.work + self.limits.work_per_byte * body.range().len() as u64;
        let mut assigned = scan::Assigned { lists: Vec::new(), work: 0 };
        if types.any(|ty| Type::of(ty).is_some()) {
            assigned = scan::assigned(body.get_operators_reader()?, &types, budget)?;
        }
        self.new_ports.clear();
        if assigned.work <= budget {
            let mut walk = Walk::new(self, id.0, ty, types, Mode::Followed, budget - assigned.work);
            walk.assigned = assigned.lists;
            if walk.run(body)? {
                return Ok(());
            }
        }
        self.forget(before);
        self.graph.fell_back.push(id.0);
        let types = Types::read(ty.params(), body)?;
        Walk::new(self, id.0, ty, types, Mode::Pooled, u64::MAX).run(body)?;
        Ok(())
    }

    /// Takes back what a walk that was given up has made.
    fn forget(&mut self, (values, edges, uses): (usize, usize, usize)) {
        self.graph.values.truncate(values);
        self.graph.edges.truncate(edges);
        self.graph.uses.truncate(uses);
        for port in self.new_ports.drain(..) {
            self.ports.remove(&port);
        }
    }

    pub(super) fn callers(&self, function: u32) -> Callers {
        self.callers.get(function as usize).copied().unwrap_or(Callers::Foreign)
    }

    /// The node of a parameter or result.
    pub(super) fn port(&mut self, function: u32, port: Port, index: u32, ty: Type) -> Node {
        if let Some(&node) = self.ports.get(&(function, port, index)) {
            return node;
        }
        let (kind, home) = match port {
            Port::Param => (Kind::Join, Site::LocalBefore { position: 0, local: index }),
            Port::Result => (Kind::Pool, Site::Nowhere),
        };
        let node = self.graph.add(Value { kind, ty, function, home, depth: 0, inputs: [NONE; 2] });
        self.ports.insert((function, port, index), node);
        self.new_ports.push((function, port, index));
        let edge = |from| Edge { from, to: node, site: Site::Nowhere, depth: 0 };
        match (port, self.callers(function)) {
            (_, Callers::Direct) => {}
            // JavaScript cannot call a function with a vector.
            (Port::Param, Callers::Foreign) if ty == Type::V128 => self.graph.edges.push(edge(self.raw)),
            (Port::Param, Callers::Indirect) => self.graph.edges.push(edge(self.raw)),
            (Port::Param, Callers::Foreign) => self.graph.edges.push(edge(self.foreign)),
            // Whoever calls indirectly sees the bits.
            (Port::Result, _) => self.graph.uses.push(Use {
                node,
                site: Site::Nowhere,
                depth: 0,
                reason: Reason::Result,
                tolerated: None,
            }),
        }
        node
    }

    /// What `global.get` gives.
    pub(super) fn global(&self, global: u32) -> Option<(Kind, Type)> {
        let id = GlobalId(global);
        let entry = self.module.globals.get(id)?;
        let ty = Type::of(entry.ty.content_type)?;
        let kind = match self.constants.get(global as usize) {
            Some(Some(state)) => Kind::Constant(*state),
            _ if self.js_boundary && ty != Type::V128 && self.module.import(Item::Global(id)).is_some() => {
                Kind::Foreign
            }
            _ => Kind::Raw,
        };
        Some((kind, ty))
    }

    /// The types of a function's parameters and results.
    pub(super) fn signature(&self, function: u32) -> Option<&'m wasmparser::FuncType> {
        self.module.function_type(FuncId(function))
    }
}

fn callers(module: &Module<'_>, js_boundary: bool) -> Vec<Callers> {
    let mut callers = vec![Callers::Direct; module.functions.bound()];
    let mut raise = |id: FuncId, to: Callers| {
        if let Some(callers) = callers.get_mut(id.0 as usize) {
            *callers = to.max(*callers);
        }
    };
    // Code can only take references of functions that something outside of code names.
    for (_, element) in module.elements.iter() {
        match &element.items {
            ElementItems::Functions(functions) => functions.iter().for_each(|&id| raise(id, Callers::Indirect)),
            ElementItems::Expressions(_, list) => {
                list.iter().for_each(|e| functions_of(e, |id| raise(id, Callers::Indirect)))
            }
        }
    }
    for (_, global) in module.globals.iter() {
        if let Some(init) = global.source.defined() {
            functions_of(init, |id| raise(id, Callers::Indirect));
        }
    }
    for (_, table) in module.tables.iter() {
        if let Some(Some(init)) = table.source.defined() {
            functions_of(init, |id| raise(id, Callers::Indirect));
        }
    }
    for export in &module.exports {
        if let Item::Func(id) = export.item {
            raise(id, if js_boundary { Callers::Foreign } else { Callers::Indirect });
        }
    }
    callers
}

/// The functions that an initializer names.
pub(super) fn functions_of(expr: &crate::ConstExpr<'_>, mut report: impl FnMut(FuncId)) {
    for operator in expr.reader().get_operators_reader().into_iter().map_while(Result::ok) {
        if let Operator::RefFunc { function_index } = operator {
            report(FuncId(function_index));
        }
    }
}

/// The states of immutable globals that are defined as one constant.
fn constants(module: &Module<'_>) -> Vec<Option<State>> {
    let mut constants = vec![None; module.globals.bound()];
    for (id, global) in module.globals.iter() {
        let Some(slot) = constants.get_mut(id.0 as usize) else { continue };
        if let Some(init) = global.source.defined().filter(|_| !global.ty.mutable) {
            *slot = constant(init).map(|(ty, bits)| State::of_constant(ty, bits));
        }
    }
    constants
}

/// The constant that an initializer is, if it is one.
pub(super) fn constant(init: &crate::ConstExpr<'_>) -> Option<(Type, u128)> {
    let mut operators = init.reader().get_operators_reader();
    let constant = of_operator(&operators.read().ok()?)?;
    operators.is_end_then_eof().then_some(constant)
}

/// The constant that an operator gives.
pub(super) fn of_operator(operator: &Operator<'_>) -> Option<(Type, u128)> {
    Some(match operator {
        Operator::F32Const { value } => (Type::F32, u128::from(value.bits())),
        Operator::F64Const { value } => (Type::F64, u128::from(value.bits())),
        Operator::V128Const { value } => (Type::V128, u128::from_le_bytes(*value.bytes())),
        _ => return None,
    })
}

/// The types of a block, a function or a tag.
#[derive(Debug, Clone, Copy)]
pub(super) enum List<'m> {
    Many(&'m [ValType]),
    One(ValType),
}

impl<'m> List<'m> {
    pub(super) fn of(module: &'m Module<'_>, ty: wasmparser::BlockType) -> (List<'m>, List<'m>) {
        match ty {
            wasmparser::BlockType::Empty => (List::Many(&[]), List::Many(&[])),
            wasmparser::BlockType::Type(ty) => (List::Many(&[]), List::One(ty)),
            wasmparser::BlockType::FuncType(index) => match module.types.function(crate::TypeId(index)) {
                Some(ty) => (List::Many(ty.params()), List::Many(ty.results())),
                None => (List::Many(&[]), List::Many(&[])),
            },
        }
    }

    pub(super) fn len(&self) -> usize {
        self.types().len()
    }

    pub(super) fn types(&self) -> &[ValType] {
        match self {
            List::Many(types) => types,
            List::One(ty) => std::slice::from_ref(ty),
        }
    }
}
