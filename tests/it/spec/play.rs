//! Runs a script in the engine, with every module replaced by what some transformation made of it.

use std::collections::HashMap;

use wasmtime::{AnyRef, Engine, Extern, ExternRef, Global, Instance, Linker, Module, Ref, Store, Trap, V128, Val};
use wasmtime::{GlobalType, Memory, MemoryType, Mutability, RefType, Table, TableType, ValType};

use super::script::{Action, Arg, Float, Script, Step, Want};

/// What came of each step: passed, or why not. `None`: nothing was asserted.
pub type Results = Vec<Option<Result<(), String>>>;

/// Which NaNs answer `nan:canonical` and `nan:arithmetic`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nans {
    /// Those that the specification allows.
    Allowed,
    /// The positive canonical one, as in the deterministic profile.
    Deterministic,
}

/// Plays a whole script. `compile` gives the module that stands for these bytes.
pub fn play(
    engine: &Engine,
    script: &Script,
    nans: Nans,
    compile: &dyn Fn(&[u8]) -> Result<Module, String>,
) -> Results {
    let mut player = Player::new(engine, nans, compile);
    script.steps.iter().map(|(_, step)| player.step(step)).collect()
}

struct Player<'a> {
    store: Store<()>,
    linker: Linker<()>,
    nans: Nans,
    compile: &'a dyn Fn(&[u8]) -> Result<Module, String>,
    last: Option<Instance>,
    instances: HashMap<String, Instance>,
    definitions: HashMap<Option<String>, Module>,
}

impl<'a> Player<'a> {
    fn new(engine: &Engine, nans: Nans, compile: &'a dyn Fn(&[u8]) -> Result<Module, String>) -> Player<'a> {
        let mut store = Store::new(engine, ());
        let mut linker = Linker::new(engine);
        linker.allow_shadowing(true);
        spectest(&mut linker, &mut store).expect("the testsuite's own module");
        Player { store, linker, nans, compile, last: None, instances: HashMap::new(), definitions: HashMap::new() }
    }

    fn step(&mut self, step: &Step) -> Option<Result<(), String>> {
        Some(match step {
            Step::Module(name, bytes) => match (self.compile)(bytes) {
                Ok(module) => self.instantiate(name.clone(), &module),
                Err(e) => {
                    self.last = None;
                    Err(e)
                }
            },
            Step::Definition(name, bytes) => (self.compile)(bytes).map(|module| {
                self.definitions.insert(name.clone(), module.clone());
                self.definitions.insert(None, module);
            }),
            Step::Instance { instance, module } => match self.definitions.get(module).cloned() {
                Some(module) => self.instantiate(instance.clone(), &module),
                None => Err("no such definition".to_string()),
            },
            Step::Register { name, module } => match self.instance(module) {
                Some(instance) => {
                    self.linker.instance(&mut self.store, name, instance).map(drop).map_err(|e| e.to_string())
                }
                None => Err("no such instance".to_string()),
            },
            Step::Do(action) => self.perform(action).map(drop).map_err(|e| format!("{e:#}")),
            Step::Returns(action, wanted) => match self.perform(action) {
                Ok(values) => self.check(&values, wanted),
                Err(e) => Err(format!("{e:#}")),
            },
            Step::Traps(action, message) => match self.perform(action) {
                Ok(values) => Err(format!("returned {values:?}")),
                Err(e) => trapped(&e, message),
            },
            Step::StartTraps(bytes, message) => {
                let module = match (self.compile)(bytes) {
                    Ok(module) => module,
                    Err(e) => return Some(Err(e)),
                };
                match self.linker.instantiate(&mut self.store, &module) {
                    Ok(_) => Err("started".to_string()),
                    Err(e) => trapped(&e, message),
                }
            }
            Step::Throws(action) => match self.perform(action) {
                Ok(values) => Err(format!("returned {values:?}")),
                Err(e) => match self.store.take_pending_exception() {
                    Some(_) => Ok(()),
                    None => Err(format!("{e:#}")),
                },
            },
            Step::Exhausts(action) => match self.perform(action) {
                Ok(values) => Err(format!("returned {values:?}")),
                Err(e) if e.downcast_ref::<Trap>() == Some(&Trap::StackOverflow) => Ok(()),
                Err(e) => Err(format!("{e:#}")),
            },
            Step::Unlinkable(bytes) => {
                let module = match (self.compile)(bytes) {
                    Ok(module) => module,
                    Err(e) => return Some(Err(e)),
                };
                match self.linker.instantiate(&mut self.store, &module) {
                    Ok(_) => Err("linked".to_string()),
                    Err(e) if e.is::<Trap>() => Err(format!("{e:#}")),
                    Err(_) => Ok(()),
                }
            }
            Step::Rejected(true) => Ok(()),
            Step::Rejected(false) => Err("not rejected".to_string()),
            Step::Other => return None,
        })
    }

    fn instantiate(&mut self, name: Option<String>, module: &Module) -> Result<(), String> {
        self.last = None;
        let instance = self.linker.instantiate(&mut self.store, module).map_err(|e| format!("{e:#}"))?;
        self.last = Some(instance);
        if let Some(name) = name {
            self.instances.insert(name, instance);
        }
        Ok(())
    }

    fn instance(&self, name: &Option<String>) -> Option<Instance> {
        match name {
            Some(name) => self.instances.get(name).copied(),
            None => self.last,
        }
    }

    fn perform(&mut self, action: &Action) -> wasmtime::Result<Vec<Val>> {
        let missing = || wasmtime::Error::msg("no such export");
        let (Action::Invoke { module, .. } | Action::Get { module, .. }) = action;
        let instance = self.instance(module).ok_or_else(|| wasmtime::Error::msg("no such instance"))?;
        match action {
            Action::Get { name, .. } => {
                let global = instance.get_global(&mut self.store, name).ok_or_else(missing)?;
                Ok(vec![global.get(&mut self.store)])
            }
            Action::Invoke { name, args, .. } => {
                let function = instance.get_func(&mut self.store, name).ok_or_else(missing)?;
                let ty = function.ty(&self.store);
                let mut values = Vec::new();
                for (arg, ty) in args.iter().zip(ty.params()) {
                    values.push(self.value(arg, &ty)?);
                }
                let mut results = vec![Val::I32(0); ty.results().len()];
                function.call(&mut self.store, &values, &mut results)?;
                Ok(results)
            }
        }
    }

    fn value(&mut self, arg: &Arg, ty: &ValType) -> wasmtime::Result<Val> {
        Ok(match *arg {
            Arg::I32(v) => Val::I32(v),
            Arg::I64(v) => Val::I64(v),
            Arg::F32(v) => Val::F32(v),
            Arg::F64(v) => Val::F64(v),
            Arg::V128(v) => Val::V128(V128::from(v)),
            Arg::Null => Val::default_for_ty(ty).ok_or_else(|| wasmtime::Error::msg("not nullable"))?,
            Arg::Extern(v) => Val::ExternRef(Some(ExternRef::new(&mut self.store, v)?)),
            Arg::Host(v) => {
                let external = ExternRef::new(&mut self.store, v)?;
                Val::AnyRef(Some(AnyRef::convert_extern(&mut self.store, external)?))
            }
        })
    }

    fn check(&mut self, values: &[Val], wanted: &[Want]) -> Result<(), String> {
        let same = values.len() == wanted.len() && values.iter().zip(wanted).all(|(v, w)| self.fits(v, w));
        if same { Ok(()) } else { Err(format!("returned {values:?} in place of {wanted:?}")) }
    }

    fn fits(&mut self, value: &Val, want: &Want) -> bool {
        let host = |store: &mut Store<()>, external: &wasmtime::Rooted<ExternRef>| {
            external.data(&*store).ok().flatten().and_then(|data| data.downcast_ref::<u32>().copied())
        };
        match (value, want) {
            (_, Want::Either(list)) => list.iter().any(|want| self.fits(value, want)),
            (Val::I32(v), Want::I32(w)) => v == w,
            (Val::I64(v), Want::I64(w)) => v == w,
            (Val::F32(v), Want::F32(w)) => fits32(*v, *w, self.nans),
            (Val::F64(v), Want::F64(w)) => fits64(*v, *w, self.nans),
            (Val::V128(v), Want::V128(w)) => v.as_u128() == *w,
            (Val::V128(v), Want::F32x4(w)) => (0..4).all(|n| fits32((v.as_u128() >> (32 * n)) as u32, w[n], self.nans)),
            (Val::V128(v), Want::F64x2(w)) => (0..2).all(|n| fits64((v.as_u128() >> (64 * n)) as u64, w[n], self.nans)),
            (Val::FuncRef(None) | Val::ExternRef(None) | Val::AnyRef(None) | Val::ExnRef(None), Want::Null) => true,
            (Val::FuncRef(Some(_)), Want::Func) => true,
            (Val::ExternRef(Some(_)), Want::Extern(None)) => true,
            (Val::ExternRef(Some(v)), Want::Extern(Some(w))) => host(&mut self.store, v) == Some(*w),
            (Val::AnyRef(Some(v)), want) => match want {
                Want::Any => true,
                Want::Eq => v.is_eqref(&self.store).unwrap_or(false),
                Want::Array => v.is_array(&self.store).unwrap_or(false),
                Want::Struct => v.is_struct(&self.store).unwrap_or(false),
                Want::I31 => v.is_i31(&self.store).unwrap_or(false),
                Want::Host(w) => match ExternRef::convert_any(&mut self.store, *v) {
                    Ok(external) => host(&mut self.store, &external) == Some(*w),
                    Err(_) => false,
                },
                _ => false,
            },
            _ => false,
        }
    }
}

fn trapped(e: &wasmtime::Error, message: &str) -> Result<(), String> {
    let said = match e.downcast_ref::<Trap>() {
        Some(trap) => trap.to_string(),
        None => format!("{e:#}"),
    };
    // The testsuite says `uninitialized element 2` where the engine leaves the number out.
    let plain = said.trim_start_matches("wasm trap: ");
    if plain.contains(message) || message.contains(plain) { Ok(()) } else { Err(format!("`{said}`, not `{message}`")) }
}

fn fits32(bits: u32, want: Float, nans: Nans) -> bool {
    match want {
        Float::Bits(w) => u64::from(bits) == w,
        _ if nans == Nans::Deterministic => bits == 0x7fc0_0000,
        Float::Canonical => bits & 0x7fff_ffff == 0x7fc0_0000,
        Float::Arithmetic => bits & 0x7fc0_0000 == 0x7fc0_0000,
    }
}

fn fits64(bits: u64, want: Float, nans: Nans) -> bool {
    match want {
        Float::Bits(w) => bits == w,
        _ if nans == Nans::Deterministic => bits == 0x7ff8 << 48,
        Float::Canonical => bits & (u64::MAX >> 1) == 0x7ff8 << 48,
        Float::Arithmetic => bits & (0x7ff8 << 48) == 0x7ff8 << 48,
    }
}

/// The module `spectest` that scripts import from.
fn spectest(linker: &mut Linker<()>, store: &mut Store<()>) -> wasmtime::Result<()> {
    const NAME: &str = "spectest";
    linker.func_wrap(NAME, "print", || {})?;
    linker.func_wrap(NAME, "print_i32", |_: i32| {})?;
    linker.func_wrap(NAME, "print_i64", |_: i64| {})?;
    linker.func_wrap(NAME, "print_f32", |_: f32| {})?;
    linker.func_wrap(NAME, "print_f64", |_: f64| {})?;
    linker.func_wrap(NAME, "print_i32_f32", |_: i32, _: f32| {})?;
    linker.func_wrap(NAME, "print_f64_f64", |_: f64, _: f64| {})?;
    let globals = [
        ("global_i32", ValType::I32, Val::I32(666)),
        ("global_i64", ValType::I64, Val::I64(666)),
        ("global_f32", ValType::F32, Val::F32(666.6f32.to_bits())),
        ("global_f64", ValType::F64, Val::F64(666.6f64.to_bits())),
    ];
    for (name, ty, value) in globals {
        let global = Global::new(&mut *store, GlobalType::new(ty, Mutability::Const), value)?;
        linker.define(&mut *store, NAME, name, Extern::from(global))?;
    }
    let table = Table::new(&mut *store, TableType::new(RefType::FUNCREF, 10, Some(20)), Ref::Func(None))?;
    linker.define(&mut *store, NAME, "table", Extern::from(table))?;
    let table = Table::new(&mut *store, TableType::new64(RefType::FUNCREF, 10, Some(20)), Ref::Func(None))?;
    linker.define(&mut *store, NAME, "table64", Extern::from(table))?;
    let memory = Memory::new(&mut *store, MemoryType::new(1, Some(2)))?;
    linker.define(&mut *store, NAME, "memory", Extern::from(memory))?;
    Ok(())
}
