//! One walk over the module: what is called from where, what escapes, which globals are constants, and every
//! operator that is a source of nondeterminism by itself.

use super::growth::Watch;
use super::operation::{operation, touches_floats};
use super::value::{self, Shape, State};
use super::{Options, Place, Site};
use crate::{ConstExpr, ElementItems, Error, FuncId, Item, Module, Source, TypeId, op};
use std::collections::BTreeSet;
use wasmparser::{FuncType, Operator, ValType};

/// What is known of a function before its operators are followed.
#[derive(Debug, Clone, Default)]
pub(super) struct Function {
    /// Whether anybody but direct calls in this module may call it.
    pub escapes: bool,
    /// Whether the host may call it: with floats that JavaScript chose, if there is JavaScript.
    pub hosts: Caller,
    /// Whether floats or vectors occur in it at all.
    pub floats: bool,
    /// Whether it has an operator that is not understood here.
    pub unknown: bool,
}

/// Whether the host may call a function.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Caller {
    /// It cannot.
    #[default]
    Module,
    /// It can, as well as the module.
    Both,
    /// It alone can, but for direct calls.
    Host,
}

/// What the whole module tells.
pub(super) struct Facts<'m> {
    pub module: &'m Module<'m>,
    pub options: Options,
    pub functions: Vec<Function>,
    /// What `global.get` gives.
    pub globals: Vec<State>,
    /// Caller and callee of every direct call, sorted.
    pub calls: Vec<(u32, u32)>,
    /// The tags that the host knows.
    shared_tags: BTreeSet<u32>,
    /// Whether a call through a table or a reference may reach the host.
    pub indirect_reaches_host: bool,
    /// The indirect calls.
    pub indirect: Sites,
    /// Growths whose refusal the code can survive.
    pub growths: Sites,
    /// How many growths there are.
    pub growth_count: u64,
    /// Atomic operators.
    pub atomics: Sites,
    /// SIMD operators.
    pub simd: Sites,
    /// Relaxed SIMD operators.
    pub relaxed: Sites,
    /// Operators of proposals that are not understood here.
    pub unknown: Sites,
}

/// Places of operators: the first few, and how many there are.
#[derive(Debug, Clone, Default)]
pub(super) struct Sites {
    pub first: Vec<Site>,
    pub total: u64,
}

impl Sites {
    fn add(&mut self, place: Place, operator: &Operator<'_>) {
        self.total += 1;
        if self.first.len() < super::MOST_FINDINGS {
            self.first.push(Site { place, operation: operation(operator) });
        }
    }
}

/// Whether values of this type are followed.
pub(super) fn is_followed(ty: ValType) -> bool {
    matches!(ty, ValType::F32 | ValType::F64 | ValType::V128)
}

/// Whether a type is a scalar float.
pub(super) fn is_float(ty: ValType) -> bool {
    matches!(ty, ValType::F32 | ValType::F64)
}

impl<'m> Facts<'m> {
    pub fn of(module: &'m Module<'m>, options: Options) -> Result<Facts<'m>, Error> {
        let mut facts = Facts {
            module,
            options,
            functions: vec![Function::default(); module.functions.bound()],
            globals: Vec::new(),
            calls: Vec::new(),
            shared_tags: Self::shared_with_host(module)
                .filter_map(|item| match item {
                    Item::Tag(id) => Some(id.0),
                    _ => None,
                })
                .collect(),
            indirect_reaches_host: false,
            indirect: Sites::default(),
            growths: Sites::default(),
            growth_count: 0,
            atomics: Sites::default(),
            simd: Sites::default(),
            relaxed: Sites::default(),
            unknown: Sites::default(),
        };
        facts.read_globals()?;
        facts.read_escapes()?;
        for (id, function) in module.functions.iter() {
            if let Source::Defined(body) = &function.source {
                facts.read_body(id, body).map_err(|error| error.in_function(id.0))?;
            }
        }
        facts.calls.sort_unstable();
        facts.calls.dedup();
        facts.find_hosts_calls();
        Ok(facts)
    }

    /// The type of a function.
    pub fn signature(&self, function: u32) -> Option<&'m FuncType> {
        self.module.function_type(FuncId(function))
    }

    /// The function type with this index.
    pub fn function_type(&self, index: u32) -> Option<&'m FuncType> {
        self.module.types.function(TypeId(index))
    }

    /// What is known of a value that the host alone gives.
    pub fn host_gives(&self, ty: ValType) -> State {
        if self.options.js_boundary && is_float(ty) { State::Made(Shape::Scalar) } else { State::Raw }
    }

    /// What is known of a value that the host or the module gives.
    pub fn anyone_gives(&self, ty: ValType) -> State {
        if self.options.js_boundary && is_float(ty) { State::Mixed(Shape::Scalar) } else { State::Raw }
    }

    /// What is known of the results of a call that may go anywhere.
    pub fn indirect_gives(&self, ty: ValType) -> State {
        if self.indirect_reaches_host { self.anyone_gives(ty) } else { State::Raw }
    }

    /// What is known of a payload of this tag.
    pub fn tag_gives(&self, tag: u32, ty: ValType) -> State {
        match self.shared_tags.contains(&tag) {
            true => self.anyone_gives(ty),
            false => State::Raw,
        }
    }

    /// Everything that is imported or exported.
    fn shared_with_host(module: &Module<'_>) -> impl Iterator<Item = Item> {
        module.live_imports().chain(module.exports.iter().map(|export| export.item))
    }

    fn read_globals(&mut self) -> Result<(), Error> {
        let mut shared = vec![false; self.module.globals.bound()];
        for export in &self.module.exports {
            if let Item::Global(id) = export.item
                && let Some(shared) = shared.get_mut(id.0 as usize)
            {
                *shared = true;
            }
        }
        for (id, global) in self.module.globals.iter() {
            let ty = global.ty.content_type;
            let state = match &global.source {
                Source::Import(_) if global.ty.mutable => self.anyone_gives(ty),
                Source::Import(_) => self.host_gives(ty),
                Source::Defined(_) if global.ty.mutable && shared.get(id.0 as usize) == Some(&true) => {
                    self.anyone_gives(ty)
                }
                Source::Defined(_) if global.ty.mutable => State::Raw,
                Source::Defined(init) => self.constant(init)?,
            };
            self.globals.push(state);
        }
        Ok(())
    }

    /// What is known of an initializer's value.
    fn constant(&self, init: &ConstExpr<'_>) -> Result<State, Error> {
        let mut operators = init.reader().get_operators_reader();
        let state = match operators.read()? {
            Operator::F32Const { value } => value::constant32(value.bits()),
            Operator::F64Const { value } => value::constant64(value.bits()),
            Operator::V128Const { value } => value::constant128(value.bytes()),
            Operator::GlobalGet { global_index } => {
                self.globals.get(global_index as usize).copied().unwrap_or(State::Unknown)
            }
            _ => State::Raw,
        };
        Ok(if operators.is_end_then_eof() { state } else { State::Raw })
    }

    fn escape(&mut self, function: u32) {
        if let Some(function) = self.functions.get_mut(function as usize) {
            function.escapes = true;
        }
    }

    fn read_escapes(&mut self) -> Result<(), Error> {
        let module = self.module;
        for export in &module.exports {
            if let Item::Func(id) = export.item {
                self.escape(id.0);
                if let Some(function) = self.functions.get_mut(id.0 as usize) {
                    function.hosts = Caller::Host;
                }
            }
        }
        if let Some(start) = module.start {
            self.escape(start.0);
        }
        for (_, global) in module.globals.iter() {
            if let Source::Defined(init) = &global.source {
                self.escapes_of(init)?;
            }
        }
        for (_, table) in module.tables.iter() {
            if let Source::Defined(Some(init)) = &table.source {
                self.escapes_of(init)?;
            }
        }
        for (_, element) in module.elements.iter() {
            match &element.items {
                ElementItems::Functions(functions) => functions.iter().for_each(|id| self.refer(id.0)),
                ElementItems::Expressions(_, expressions) => {
                    for expression in expressions {
                        self.escapes_of(expression)?;
                    }
                }
            }
        }
        Ok(())
    }

    fn escapes_of(&mut self, init: &ConstExpr<'_>) -> Result<(), Error> {
        let mut operators = init.reader().get_operators_reader();
        while !operators.eof() {
            if let Operator::RefFunc { function_index } = operators.read()? {
                self.refer(function_index);
            }
        }
        Ok(())
    }

    /// A reference to a function exists, so that whoever holds it may call it.
    fn refer(&mut self, function: u32) {
        self.escape(function);
        if let Some(function) = self.functions.get_mut(function as usize) {
            function.hosts = Caller::Both;
        }
    }

    /// Whether references to functions may come from the host or go to it: then indirect calls may reach it, and
    /// it may call what is referred to.
    fn find_hosts_calls(&mut self) {
        let module = self.module;
        let table = |item| matches!(item, Item::Table(_));
        let reference = |ty: &ValType| matches!(ty, ValType::Ref(_));
        // References also travel through globals, parameters, results and payloads; a type section without any
        // reference in a function type says that they do not.
        let travels = module.types.groups().flat_map(|group| group.types()).any(|ty| match &ty.composite_type.inner {
            wasmparser::CompositeInnerType::Func(ty) => ty.params().iter().chain(ty.results()).any(reference),
            _ => true,
        }) || module.globals.iter().any(|(_, global)| reference(&global.ty.content_type));
        let shared = travels || Self::shared_with_host(module).any(table);
        let imported = module.functions.iter().any(|(id, function)| {
            function.source.import().is_some()
                && self.functions.get(id.0 as usize).is_some_and(|function| function.hosts == Caller::Both)
        });
        self.indirect_reaches_host = shared || imported;
        if !shared {
            for function in self.functions.iter_mut().filter(|function| function.hosts == Caller::Both) {
                function.hosts = Caller::Module;
            }
            // What is exported is called by the host whatever refers to it.
            for export in &module.exports {
                if let Item::Func(id) = export.item
                    && let Some(function) = self.functions.get_mut(id.0 as usize)
                    && function.hosts == Caller::Module
                {
                    function.hosts = Caller::Both;
                }
            }
        }
    }

    fn read_body(&mut self, id: FuncId, body: &crate::Body<'_>) -> Result<(), Error> {
        let signature = self.signature(id.0);
        let mut floats = signature.is_some_and(|ty| ty.params().iter().chain(ty.results()).any(|&ty| is_followed(ty)));
        let reader = body.reader();
        for group in reader.get_locals_reader()? {
            floats |= is_followed(group?.1);
        }
        let mut unknown = false;
        let mut watch: Option<(Watch, Place, Operator<'_>)> = None;
        let mut operators = reader.get_operators_reader()?;
        while !operators.eof() {
            let place = Place { function: Some(id.0), offset: Some(operators.original_position()) };
            let operator = operators.read()?;
            if let Some((mut watching, at, growth)) = watch.take() {
                match watching.step(&operator) {
                    None => watch = Some((watching, at, growth)),
                    Some(true) => {}
                    Some(false) => self.growths.add(at, &growth),
                }
            }
            floats |= touches_floats(&operator);
            match op::proposal(&operator) {
                "mvp"
                | "sign_extension"
                | "saturating_float_to_int"
                | "bulk_memory"
                | "reference_types"
                | "tail_call"
                | "exceptions"
                | "legacy_exceptions"
                | "gc"
                | "function_references"
                | "wide_arithmetic" => {}
                "threads" => self.atomics.add(place, &operator),
                "simd" => self.simd.add(place, &operator),
                "relaxed_simd" => self.relaxed.add(place, &operator),
                _ => {
                    unknown = true;
                    self.unknown.add(place, &operator);
                }
            }
            match operator {
                Operator::Call { function_index } | Operator::ReturnCall { function_index } => {
                    self.calls.push((id.0, function_index));
                    floats |= self.has_floats(self.signature(function_index));
                }
                Operator::CallIndirect { type_index, .. }
                | Operator::ReturnCallIndirect { type_index, .. }
                | Operator::CallRef { type_index }
                | Operator::ReturnCallRef { type_index } => {
                    self.indirect.add(place, &operator);
                    floats |= self.has_floats(self.function_type(type_index));
                }
                Operator::GlobalGet { global_index } => {
                    let global = self.module.globals.get(crate::GlobalId(global_index));
                    floats |= global.is_some_and(|global| is_followed(global.ty.content_type));
                }
                Operator::RefFunc { function_index } => self.refer(function_index),
                Operator::MemoryGrow { .. } | Operator::TableGrow { .. } => {
                    self.growth_count += 1;
                    if let Some((_, at, growth)) = watch.replace((Watch::new(), place, operator)) {
                        self.growths.add(at, &growth);
                    }
                }
                _ => {}
            }
        }
        if let Some((_, at, growth)) = watch {
            self.growths.add(at, &growth);
        }
        if let Some(function) = self.functions.get_mut(id.0 as usize) {
            (function.floats, function.unknown) = (floats, unknown);
        }
        Ok(())
    }

    fn has_floats(&self, ty: Option<&FuncType>) -> bool {
        ty.is_none_or(|ty| ty.params().iter().chain(ty.results()).any(|&ty| is_followed(ty)))
    }
}
