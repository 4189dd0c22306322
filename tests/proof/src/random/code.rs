//! Random code: expressions of a type, and statements.

use wbuild_passes::wasm_encoder::{BlockType, Function, Instruction as I, MemArg, ValType};

use super::module::{Signature, World};
use crate::numbers::Numbers;
use crate::observe::{self, Kind, Value};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum T {
    I32,
    I64,
    F32,
    F64,
    V,
}

/// The types of the globals.
pub(super) const GLOBALS: [T; 5] = [T::I32, T::F64, T::F32, T::I64, T::F64];
/// The global that says how many more calls there may be.
pub(super) const FUEL: u32 = 0;
/// Addresses are below, and so is what the module shows.
const MEMORY: u64 = 512;

impl T {
    pub fn val(self) -> ValType {
        match self {
            T::I32 => ValType::I32,
            T::I64 => ValType::I64,
            T::F32 => ValType::F32,
            T::F64 => ValType::F64,
            T::V => ValType::V128,
        }
    }

    pub fn random(numbers: &mut Numbers, simd: bool) -> T {
        match numbers.below(10) {
            0 => T::I32,
            1 => T::I64,
            2..=4 => T::F32,
            5 | 6 if simd => T::V,
            _ => T::F64,
        }
    }

    /// The bits of a value that is often an edge; of a vector the lower half.
    pub fn awkward(self, numbers: &mut Numbers) -> u64 {
        let kind = match self {
            T::I32 => Kind::I32,
            T::I64 => Kind::I64,
            T::F32 => Kind::F32,
            T::F64 => Kind::F64,
            T::V => Kind::V128,
        };
        match observe::value(kind, numbers) {
            Value::I32(v) => u64::from(v as u32),
            Value::I64(v) => v as u64,
            Value::F32(v) => u64::from(v),
            Value::F64(v) => v,
            Value::V128(v) => v as u64,
            Value::Null | Value::Reference => 0,
        }
    }
}

/// A function's body in the making.
pub(super) struct Body<'a> {
    pub world: &'a mut World,
    pub numbers: &'a mut Numbers,
    pub code: Vec<I<'static>>,
    signature: Signature,
    locals: Vec<T>,
    /// Counters of loops, which nothing else may write.
    counters: Vec<u32>,
    /// What a branch to each open label takes, outermost first; of loops nothing is known, so that
    /// only their own counters go round.
    labels: Vec<Option<Vec<T>>>,
    /// How many loops are open.
    loops: u32,
    /// How much more is written.
    size: i32,
}

impl<'a> Body<'a> {
    pub fn new(world: &'a mut World, numbers: &'a mut Numbers, id: u32) -> Body<'a> {
        let signature = world.functions[id as usize].clone();
        let mut locals = signature.params.clone();
        locals.extend([T::I32, T::F32, T::F64, T::F64]);
        let more = numbers.below(4);
        locals.extend((0..more).map(|_| T::random(numbers, world.simd)));
        let labels = vec![Some(signature.results.clone())];
        // Small ones too: what they find is easily understood.
        let size = if numbers.one_in(2) { 6 + numbers.below(40) } else { 60 + numbers.below(160) } as i32;
        Body { world, numbers, code: Vec::new(), signature, locals, counters: Vec::new(), labels, loops: 0, size }
    }

    pub fn function(mut self) -> Function {
        for _ in 0..2 + self.numbers.below(6) {
            self.statement();
        }
        let results = self.signature.results.clone();
        results.iter().for_each(|ty| self.expression(*ty, 4));
        let declared = &self.locals[self.signature.params.len()..];
        let mut function = Function::new_with_locals_types(declared.iter().map(|ty| ty.val()));
        self.code.iter().for_each(|i| {
            function.instruction(i);
        });
        function.instruction(&I::End);
        function
    }

    fn emit<const N: usize>(&mut self, code: [I<'static>; N]) {
        self.size -= N as i32;
        self.code.extend(code);
    }

    pub fn local(&mut self, ty: T) -> u32 {
        let fitting: Vec<u32> =
            (0..).zip(&self.locals).filter(|(n, t)| **t == ty && !self.counters.contains(n)).map(|(n, _)| n).collect();
        match fitting.is_empty() || self.numbers.one_in(12) {
            true => self.new_local(ty),
            false => *self.numbers.pick(&fitting),
        }
    }

    fn new_local(&mut self, ty: T) -> u32 {
        self.locals.push(ty);
        self.locals.len() as u32 - 1
    }

    fn counter(&mut self) -> u32 {
        let local = self.new_local(T::I32);
        self.counters.push(local);
        local
    }

    fn block_type(&mut self, params: &[T], results: &[T]) -> BlockType {
        match (params, results) {
            ([], []) => BlockType::Empty,
            ([], [ty]) => BlockType::Result(ty.val()),
            _ => BlockType::FunctionType(
                self.world.type_index(Signature { params: params.to_vec(), results: results.to_vec() }),
            ),
        }
    }

    fn address(&mut self) {
        match self.numbers.below(3) {
            0 => {
                self.expression(T::I32, 1);
                self.emit([I::I32Const(MEMORY as i32 - 1), I::I32And]);
            }
            _ => {
                let at = self.numbers.below(MEMORY / 8) as i32 * 8;
                self.emit([I::I32Const(at)]);
            }
        }
    }

    /// Code that leaves one value.
    pub fn expression(&mut self, ty: T, depth: u32) {
        if depth == 0 || self.size <= 0 {
            return self.leaf(ty);
        }
        let depth = depth - 1;
        match self.numbers.below(20) {
            0 => self.leaf(ty),
            1 => {
                self.expression(ty, depth);
                self.expression(ty, depth);
                self.condition(depth);
                if self.numbers.one_in(2) { self.emit([I::Select]) } else { self.emit([I::TypedSelect(ty.val())]) }
            }
            2 => self.if_else(ty, depth),
            3 => self.block_with_exits(ty, depth),
            4 => self.call(Some(ty), depth),
            5 => {
                self.expression(ty, depth);
                let local = self.local(ty);
                self.emit([I::LocalTee(local)]);
            }
            6 if self.loops < 2 => self.loop_with_parameter(ty, depth),
            _ => self.operator(ty, depth),
        }
    }

    fn leaf(&mut self, ty: T) {
        match self.numbers.below(6) {
            0 => self.constant(ty),
            1 => {
                let globals: Vec<u32> =
                    (0..).zip(GLOBALS).filter(|(n, t)| *n != FUEL && *t == ty).map(|g| g.0).collect();
                match globals.is_empty() {
                    true => self.constant(ty),
                    false => {
                        let global = *self.numbers.pick(&globals);
                        self.emit([I::GlobalGet(global)]);
                    }
                }
            }
            2 => {
                let at = self.numbers.below(MEMORY / 8) as i32 * 8;
                let load = load(ty);
                self.emit([I::I32Const(at), load]);
            }
            _ => {
                let local = self.local(ty);
                self.emit([I::LocalGet(local)]);
            }
        }
    }

    fn constant(&mut self, ty: T) {
        let bits = ty.awkward(self.numbers);
        let constant = match ty {
            T::I32 => I::I32Const(bits as i32),
            T::I64 => I::I64Const(bits as i64),
            T::F32 => I::F32Const(f32::from_bits(bits as u32).into()),
            T::F64 => I::F64Const(f64::from_bits(bits).into()),
            T::V => {
                let high = T::F64.awkward(self.numbers);
                I::V128Const((u128::from(high) << 64 | u128::from(bits)) as i128)
            }
        };
        self.emit([constant]);
    }

    fn condition(&mut self, depth: u32) {
        self.expression(T::I32, depth.min(2));
    }

    fn if_else(&mut self, ty: T, depth: u32) {
        let own = self.numbers.one_in(3).then(|| self.local(ty));
        match own {
            // A value compared with itself.
            Some(local) if matches!(ty, T::F32 | T::F64) => {
                let compare = match (ty, self.numbers.one_in(2)) {
                    (T::F32, true) => I::F32Ne,
                    (T::F32, false) => I::F32Eq,
                    (_, true) => I::F64Ne,
                    (_, false) => I::F64Eq,
                };
                self.emit([I::LocalGet(local), I::LocalGet(local), compare]);
            }
            _ => self.condition(depth),
        }
        self.emit([I::If(BlockType::Result(ty.val()))]);
        self.labels.push(Some(vec![ty]));
        self.expression(ty, depth);
        self.emit([I::Else]);
        self.expression(ty, depth);
        self.labels.pop();
        self.emit([I::End]);
    }

    /// A block that branches leave with a value.
    fn block_with_exits(&mut self, ty: T, depth: u32) {
        self.emit([I::Block(BlockType::Result(ty.val()))]);
        self.labels.push(Some(vec![ty]));
        self.expression(ty, depth);
        match self.numbers.below(4) {
            0 => self.statement(),
            1 => {
                self.condition(1);
                let targets: Vec<u32> = (0..self.labels.len() as u32).filter(|n| self.takes(*n, ty)).collect();
                let list: Vec<u32> = (0..self.numbers.below(4)).map(|_| *self.numbers.pick(&targets)).collect();
                // What follows is never reached.
                self.emit([I::BrTable(list.into(), 0)]);
            }
            _ => {
                self.condition(depth);
                self.emit([I::BrIf(0)]);
                if self.numbers.one_in(2) {
                    self.unary(ty);
                }
            }
        }
        self.labels.pop();
        self.emit([I::End]);
    }

    fn takes(&self, depth: u32, ty: T) -> bool {
        self.labels[self.labels.len() - 1 - depth as usize].as_deref() == Some(&[ty])
    }

    /// A loop that carries a value from round to round.
    fn loop_with_parameter(&mut self, ty: T, depth: u32) {
        let counter = self.counter();
        self.emit([I::I32Const(0), I::LocalSet(counter)]);
        self.expression(ty, depth);
        let block_type = self.block_type(&[ty], &[ty]);
        self.emit([I::Loop(block_type)]);
        self.labels.push(None);
        self.loops += 1;
        self.unary(ty);
        if self.numbers.one_in(2) {
            self.statement();
        }
        self.expression(ty, depth);
        self.binary(ty);
        let rounds = 1 + self.numbers.below(3) as i32;
        self.count(counter, rounds);
        self.emit([I::BrIf(0)]);
        self.loops -= 1;
        self.labels.pop();
        self.emit([I::End]);
    }

    /// Steps a counter, and leaves whether it is below.
    fn count(&mut self, counter: u32, rounds: i32) {
        self.emit([I::LocalGet(counter), I::I32Const(1), I::I32Add, I::LocalTee(counter)]);
        self.emit([I::I32Const(rounds), I::I32LtU]);
    }

    /// A call; its results are dropped down to one of type `wanted`, or all.
    fn call(&mut self, wanted: Option<T>, depth: u32) {
        let gives = |signature: &Signature| wanted.is_none_or(|ty| signature.results.first() == Some(&ty));
        let indirect = self.numbers.one_in(3);
        let all = 0..self.world.functions.len() as u32;
        let fitting: Vec<u32> = all
            .filter(|id| gives(&self.world.functions[*id as usize]) && (!indirect || self.world.table.contains(id)))
            .collect();
        if fitting.is_empty() {
            return if let Some(ty) = wanted {
                self.operator(ty, depth)
            };
        }
        let id = *self.numbers.pick(&fitting);
        let signature = self.world.functions[id as usize].clone();
        // Without fuel there is no call.
        let block_type = wanted.map_or(BlockType::Empty, |ty| BlockType::Result(ty.val()));
        self.emit([I::GlobalGet(FUEL), I::If(block_type)]);
        self.labels.push(Some(wanted.into_iter().collect()));
        self.emit([I::GlobalGet(FUEL), I::I32Const(1), I::I32Sub, I::GlobalSet(FUEL)]);
        signature.params.iter().for_each(|ty| self.expression(*ty, depth.min(2)));
        let slot = self.world.table.iter().position(|there| *there == id);
        let tail = signature.results == self.signature.results && self.numbers.one_in(8);
        match slot {
            Some(slot) if indirect => {
                let type_index = self.world.type_index(signature.clone());
                self.emit([I::I32Const(slot as i32)]);
                let table_index = 0;
                match tail {
                    true => self.emit([I::ReturnCallIndirect { type_index, table_index }]),
                    false => self.emit([I::CallIndirect { type_index, table_index }]),
                }
            }
            _ if tail => self.emit([I::ReturnCall(id)]),
            _ => self.emit([I::Call(id)]),
        }
        let keep = usize::from(wanted.is_some());
        if !tail {
            signature.results.iter().skip(keep).for_each(|_| self.code.push(I::Drop));
        }
        self.labels.pop();
        match wanted {
            Some(ty) => {
                self.emit([I::Else]);
                self.labels.push(Some(vec![ty]));
                self.leaf(ty);
                self.labels.pop();
                self.emit([I::End]);
            }
            None => self.emit([I::End]),
        }
    }

    /// Code that leaves nothing.
    pub fn statement(&mut self) {
        if self.size <= 0 {
            return;
        }
        let ty = T::random(self.numbers, self.world.simd);
        match self.numbers.below(12) {
            0..=2 => {
                self.expression(ty, 4);
                let local = self.local(ty);
                self.emit([I::LocalSet(local)]);
            }
            3 | 4 => {
                self.address();
                self.expression(ty, 4);
                let store = store(ty);
                self.emit([store]);
            }
            5 => {
                let global = 1 + self.numbers.below(GLOBALS.len() as u64 - 1) as usize;
                self.expression(GLOBALS[global], 3);
                self.emit([I::GlobalSet(global as u32)]);
            }
            6 => self.if_statement(),
            7 if self.loops < 2 => self.loop_statement(),
            8 => self.call(None, 2),
            9 => self.switch(),
            10 => {
                // Out of the function, sometimes.
                self.condition(2);
                self.emit([I::If(BlockType::Empty)]);
                self.labels.push(Some(Vec::new()));
                let results = self.signature.results.clone();
                results.iter().for_each(|ty| self.expression(*ty, 2));
                self.emit([I::Return]);
                self.labels.pop();
                self.emit([I::End]);
            }
            _ => {
                let (from, to) = (self.numbers.below(MEMORY) as i32, self.numbers.below(MEMORY) as i32);
                self.emit([I::I32Const(to), I::I32Const(from), I::I32Const(16)]);
                self.emit([I::MemoryCopy { src_mem: 0, dst_mem: 0 }]);
            }
        }
    }

    fn if_statement(&mut self) {
        self.condition(3);
        self.emit([I::If(BlockType::Empty)]);
        self.labels.push(Some(Vec::new()));
        self.statement();
        if self.numbers.one_in(2) {
            self.emit([I::Else]);
            self.statement();
        }
        self.labels.pop();
        self.emit([I::End]);
    }

    fn loop_statement(&mut self) {
        let counter = self.counter();
        self.emit([I::I32Const(0), I::LocalSet(counter), I::Loop(BlockType::Empty)]);
        self.labels.push(None);
        self.loops += 1;
        self.statement();
        self.statement();
        let rounds = 2 + self.numbers.below(3) as i32;
        self.count(counter, rounds);
        self.emit([I::BrIf(0)]);
        self.loops -= 1;
        self.labels.pop();
        self.emit([I::End]);
    }

    /// Three blocks and a table of branches between them.
    fn switch(&mut self) {
        self.emit([I::Block(BlockType::Empty), I::Block(BlockType::Empty), I::Block(BlockType::Empty)]);
        self.labels.extend([const { Some(Vec::new()) }; 3]);
        self.condition(2);
        self.emit([I::I32Const(3), I::I32And, I::BrTable(vec![0, 1].into(), 2), I::End]);
        self.labels.pop();
        self.statement();
        self.labels.pop();
        self.emit([I::End]);
        self.statement();
        self.labels.pop();
        self.emit([I::End]);
    }
}

fn mem(align: u32) -> MemArg {
    MemArg { offset: 0, align, memory_index: 0 }
}

fn load(ty: T) -> I<'static> {
    match ty {
        T::I32 => I::I32Load(mem(2)),
        T::I64 => I::I64Load(mem(3)),
        T::F32 => I::F32Load(mem(2)),
        T::F64 => I::F64Load(mem(3)),
        T::V => I::V128Load(mem(3)),
    }
}

fn store(ty: T) -> I<'static> {
    match ty {
        T::I32 => I::I32Store(mem(2)),
        T::I64 => I::I64Store(mem(3)),
        T::F32 => I::F32Store(mem(2)),
        T::F64 => I::F64Store(mem(3)),
        T::V => I::V128Store(mem(3)),
    }
}
