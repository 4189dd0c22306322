//! `memory.grow` and `table.grow` whose failure traps.
//!
//! The host may refuse growth at its whim. If every refusal traps, two executions agree or one stops. So it is
//! enough that straight-line code behind the operator compares its result with -1 and reaches `unreachable` on
//! equality, before anything else can happen. (That growth past the maximum gives -1 without asking the host is
//! what keeps the original's behaviour; it adds nothing to determinism.)

use wasmparser::Operator;

/// What lies on the stack behind a growth.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Value {
    Grown,
    MinusOne,
    /// Whether the growth failed; or with `false`, whether it succeeded.
    Failed(bool),
    Other,
}

/// Follows the operators behind one growth. It ends with the answer.
pub(super) struct Watch {
    stack: Vec<Value>,
    local: Option<u32>,
    /// The next operator must be `unreachable`.
    must_trap: bool,
    steps: u32,
}

impl Watch {
    /// Starts behind a growth.
    pub fn new() -> Watch {
        Watch { stack: vec![Value::Grown], local: None, must_trap: false, steps: 0 }
    }

    /// Whether a refusal is known to trap, once that is known.
    pub fn step(&mut self, operator: &Operator<'_>) -> Option<bool> {
        if self.must_trap {
            return Some(matches!(operator, Operator::Unreachable));
        }
        self.steps += 1;
        if self.steps > 12 {
            return Some(false);
        }
        match *operator {
            Operator::Nop | Operator::Block { blockty: wasmparser::BlockType::Empty } => {}
            Operator::LocalTee { local_index } | Operator::LocalSet { local_index } => {
                match self.stack.last() {
                    Some(Value::Grown) => self.local = Some(local_index),
                    _ if self.local == Some(local_index) => self.local = None,
                    _ => {}
                }
                if let Operator::LocalSet { .. } = operator {
                    self.pop();
                }
            }
            Operator::LocalGet { local_index } => {
                self.stack.push(if self.local == Some(local_index) { Value::Grown } else { Value::Other })
            }
            Operator::I32Const { value: -1 } | Operator::I64Const { value: -1 } => self.stack.push(Value::MinusOne),
            Operator::I32Const { .. } | Operator::I64Const { .. } => self.stack.push(Value::Other),
            Operator::I32Eq | Operator::I64Eq => self.compare(true),
            Operator::I32Ne | Operator::I64Ne => self.compare(false),
            Operator::I32Eqz => {
                let negated = match self.pop() {
                    Value::Failed(failed) => Value::Failed(!failed),
                    _ => Value::Other,
                };
                self.stack.push(negated);
            }
            Operator::If { .. } if self.pop() == Value::Failed(true) => self.must_trap = true,
            Operator::BrIf { .. } if self.pop() == Value::Failed(false) => self.must_trap = true,
            _ => return Some(false),
        }
        None
    }

    fn compare(&mut self, equal: bool) {
        let operands = (self.pop(), self.pop());
        self.stack.push(match operands {
            (Value::Grown, Value::MinusOne) | (Value::MinusOne, Value::Grown) => Value::Failed(equal),
            _ => Value::Other,
        });
    }

    fn pop(&mut self) -> Value {
        self.stack.pop().unwrap_or(Value::Other)
    }
}
