//! The value graph of a module: one node for every float value, in flat vectors.

use super::range::Arithmetic;
use super::state::{Shape, State};
use wasmparser::ValType;

/// A value, by its number.
pub(super) type Node = u32;

/// No value: what stands for integers and references.
pub(super) const NONE: u32 = u32::MAX;

/// The types whose values can hold a NaN.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Type {
    F32,
    F64,
    V128,
}

impl Type {
    pub(super) fn of(ty: ValType) -> Option<Type> {
        match ty {
            ValType::F32 => Some(Type::F32),
            ValType::F64 => Some(Type::F64),
            ValType::V128 => Some(Type::V128),
            _ => None,
        }
    }

    /// The shape of arithmetic on values of this type, as far as the type tells it.
    pub(super) fn shape(self) -> Shape {
        match self {
            Type::F32 | Type::F64 => Shape::Scalar,
            Type::V128 => Shape::Both,
        }
    }
}

/// Where code can be inserted such that a value is at hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Site {
    /// Nowhere.
    Nowhere,
    /// Before the operator at this position the value is in this local.
    LocalBefore { position: u32, local: u32 },
    /// Behind the operator at this position it is in this local.
    LocalAfter { position: u32, local: u32 },
    /// Behind the operator at this position it is on the stack, so many operands below the top.
    Stack { position: u32, below: u32 },
}

/// How a value comes to be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Kind {
    /// It is a constant.
    Constant(State),
    /// It is converted from an integer.
    Converted(State),
    /// It has bits that are deterministic: loaded, reinterpreted, from the host.
    Raw,
    /// It comes from a host that may change NaN bits.
    Foreign,
    /// It was compared with itself, and this is the way that is taken when it is not a NaN.
    Compared,
    /// It is a vector whose lanes of this shape were compared with themselves, where they are no NaN.
    ComparedLanes(Shape),
    /// Scalar arithmetic on `inputs`.
    Arithmetic(Arithmetic),
    /// Arithmetic on lanes of this shape.
    Vector(Shape),
    /// `copysign` of `inputs`.
    Copysign,
    /// The edges' values with other signs, in lanes of this shape.
    Neg(Shape),
    /// The edges' values without their signs, in lanes of this shape.
    Abs(Shape),
    /// One of the edges' values.
    Join,
    /// One of the edges' values, but not the same one at all times: a local anywhere in a function, a result.
    Pool,
    /// A vector of the edge's scalar.
    Splat(Shape),
    /// A lane of the edge's vector.
    Extract(Shape),
    /// Lanes of this shape from any edge: from vectors, or a scalar.
    Lanes(Shape),
}

/// A value.
#[derive(Debug, Clone, Copy)]
pub(super) struct Value {
    pub kind: Kind,
    pub ty: Type,
    /// The function that it is a value of.
    pub function: u32,
    /// Where it is at hand before anything else can have it.
    pub home: Site,
    /// How deep in loops its home is.
    pub depth: u8,
    /// The operands of arithmetic and `copysign`; the second may be the first.
    pub inputs: [Node; 2],
}

/// A value that moves into another.
#[derive(Debug, Clone, Copy)]
pub(super) struct Edge {
    pub from: Node,
    pub to: Node,
    /// Where it is at hand in the function of `from`, on its way.
    pub site: Site,
    pub depth: u8,
}

/// Why bits are observed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Reason {
    Store,
    Reinterpret,
    Copysign,
    Global,
    HostCall,
    IndirectCall,
    Result,
    Throw,
    Heap,
    Lanes,
    Other,
    /// It joins or becomes a value that is observed and cannot be guarded itself.
    Moved,
}

/// An observation of a value's bits.
#[derive(Debug, Clone, Copy)]
pub(super) struct Use {
    pub node: Node,
    pub site: Site,
    pub depth: u8,
    pub reason: Reason,
    /// NaN bits of this shape do not matter.
    pub tolerated: Option<Shape>,
}

/// All values of a module.
#[derive(Default)]
pub(super) struct Graph {
    pub values: Vec<Value>,
    pub edges: Vec<Edge>,
    pub uses: Vec<Use>,
    /// Functions in which locals were not followed.
    pub fell_back: Vec<u32>,
}

impl Graph {
    pub(super) fn add(&mut self, value: Value) -> Node {
        self.values.push(value);
        self.values.len() as Node - 1
    }

    pub(super) fn edge(&mut self, from: Node, to: Node, site: Site, depth: u8) {
        if from != to {
            self.edges.push(Edge { from, to, site, depth });
        }
    }

    pub(super) fn value(&self, node: Node) -> Option<&Value> {
        self.values.get(node as usize)
    }

    /// Whether the node stands for one and the same value wherever it is read.
    pub(super) fn is_one_value(&self, node: Node) -> bool {
        self.value(node).is_some_and(|value| value.kind != Kind::Pool)
    }
}

/// Which entries of one vector belong to which node: numbers sorted by node, without a vector each.
pub(super) struct Index {
    starts: Vec<u32>,
    entries: Vec<u32>,
}

impl Index {
    /// `keys` says which nodes an entry belongs to, for entries numbered from 0.
    pub(super) fn new(nodes: usize, keys: impl Iterator<Item = (Node, u32)> + Clone) -> Index {
        let mut starts = vec![0u32; nodes + 1];
        for (node, _) in keys.clone() {
            if let Some(start) = starts.get_mut(node as usize + 1) {
                *start += 1;
            }
        }
        let mut sum = 0;
        for start in &mut starts {
            sum += *start;
            *start = sum;
        }
        let mut next = starts.clone();
        let mut entries = vec![0; sum as usize];
        for (node, entry) in keys {
            let Some(at) = next.get_mut(node as usize) else { continue };
            if let Some(slot) = entries.get_mut(*at as usize) {
                *slot = entry;
            }
            *at += 1;
        }
        Index { starts, entries }
    }

    pub(super) fn of(&self, node: Node) -> &[u32] {
        let at = |node: usize| self.starts.get(node).map_or(0, |&start| start as usize);
        self.entries.get(at(node as usize)..at(node as usize + 1)).unwrap_or_default()
    }
}
