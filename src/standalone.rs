//! `--standalone`: the module needs nothing but WASI, and can be started.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use wasmparser::{ExternalKind, KnownCustom, Name, Operator, Parser, Payload, TypeRef};

use crate::config::{Config, Entry};
use crate::error::{Error, Result};

/// Each import outside of what the target allows, and a missing entry, is an error that says who
/// pulled it in. Names are read from the name section, so this comes before stripping.
pub fn check(name: &str, module: &[u8], config: &Config) -> Result<()> {
    let facts = Facts::read(module)
        .map_err(|e| Error::build(format!("cannot read {name}")).cause(e.to_string()).help("get the file again"))?;
    let mut causes = Vec::new();
    for (index, (from, field)) in facts.imports.iter() {
        if config.target.standalone_imports.contains(&from.as_str()) {
            continue;
        }
        let users = match index {
            Some(function) => facts.chain(*function),
            None => String::new(),
        };
        causes.push(format!("it imports {from}.{field}{users}"));
    }
    let entries: &[&str] = match config.entry {
        Entry::Reactor => &["_initialize"],
        Entry::Command => &["_start"],
        Entry::None => &["_start", "_initialize"],
    };
    let missing = !entries.iter().any(|entry| facts.exports.contains(*entry));
    if causes.is_empty() && !missing {
        return Ok(());
    }
    let mut error = Error::build(format!("{name} is not standalone"));
    let imports = !causes.is_empty();
    for cause in causes {
        error = error.cause(cause);
    }
    if missing {
        error = error.cause(format!("it exports no {}, so nothing can start it", entries.join(" and no ")));
    }
    Err(match (imports, missing) {
        (true, _) => error.help("define these functions, or leave --standalone out and let the host provide them"),
        (false, _) if config.entry == Entry::None => error.help("leave --no-entry out, or use --reactor"),
        (false, _) => error.help("give it a main, use --reactor for a library, or leave --standalone out"),
    })
}

/// What a module imports, exports and calls.
#[derive(Default)]
struct Facts {
    /// With the function's index, where it is a function.
    imports: Vec<(Option<u32>, (String, String))>,
    exports: BTreeSet<String>,
    names: BTreeMap<u32, String>,
    /// Who calls or takes the address of whom: callee, then callers.
    callers: BTreeMap<u32, BTreeSet<u32>>,
    roots: BTreeMap<u32, String>,
}

impl Facts {
    fn read(module: &[u8]) -> wasmparser::Result<Facts> {
        let mut facts = Facts::default();
        let mut functions = 0;
        for payload in Parser::new(0).parse_all(module) {
            match payload? {
                Payload::ImportSection(section) => {
                    for import in section.into_imports() {
                        let import = import?;
                        // The linker's addresses, which are numbers at the end.
                        if import.module == wbuild_passes::link::IMPORTED_FROM {
                            continue;
                        }
                        let function = matches!(import.ty, TypeRef::Func(_) | TypeRef::FuncExact(_));
                        let index = function.then_some(functions);
                        functions += u32::from(function);
                        facts.imports.push((index, (import.module.to_string(), import.name.to_string())));
                    }
                }
                Payload::ExportSection(section) => {
                    for export in section {
                        let export = export?;
                        facts.exports.insert(export.name.to_string());
                        if export.kind == ExternalKind::Func {
                            facts.roots.insert(export.index, export.name.to_string());
                        }
                    }
                }
                Payload::CodeSectionEntry(body) => {
                    let caller = functions;
                    functions += 1;
                    let mut operators = body.get_operators_reader()?;
                    while !operators.eof() {
                        if let Operator::Call { function_index }
                        | Operator::ReturnCall { function_index }
                        | Operator::RefFunc { function_index } = operators.read()?
                        {
                            facts.callers.entry(function_index).or_default().insert(caller);
                        }
                    }
                }
                Payload::CustomSection(section) => {
                    if let KnownCustom::Name(names) = section.as_known() {
                        // Names are a convenience: a damaged section costs names only.
                        facts.read_names(names);
                    }
                }
                _ => {}
            }
        }
        Ok(facts)
    }

    fn read_names(&mut self, names: wasmparser::NameSectionReader<'_>) {
        for name in names.into_iter().map_while(|n| n.ok()) {
            if let Name::Function(map) = name {
                for naming in map.into_iter().map_while(|n| n.ok()) {
                    self.names.insert(naming.index, naming.name.to_string());
                }
            }
        }
    }

    fn name(&self, function: u32) -> String {
        match self.names.get(&function).or(self.roots.get(&function)) {
            Some(name) => name.clone(),
            None => format!("function {function}"),
        }
    }

    /// `, used by a, from b, from _start`: the shortest way from the function to an export.
    fn chain(&self, function: u32) -> String {
        let Some(users) = self.callers.get(&function) else { return ", used through a table".to_string() };
        let mut seen: BTreeMap<u32, Option<u32>> = BTreeMap::new();
        let mut queue: VecDeque<u32> = VecDeque::new();
        for &user in users {
            seen.insert(user, None);
            queue.push_back(user);
        }
        let mut text = format!(", used by {}", self.name(*users.first().expect("callers are entered with a caller")));
        if users.len() > 1 {
            text.push_str(&format!(" and {} more", users.len() - 1));
        }
        while let Some(at) = queue.pop_front() {
            if self.roots.contains_key(&at) {
                let mut way = vec![self.name(at)];
                let mut step = at;
                while let Some(Some(next)) = seen.get(&step) {
                    way.push(self.name(*next));
                    step = *next;
                }
                way.reverse();
                let way: Vec<String> = way.into_iter().take(6).collect();
                return match users.len() {
                    1 if way.len() == 1 => text,
                    _ => format!("{text} ({})", way.join(" < ")),
                };
            }
            for &caller in self.callers.get(&at).into_iter().flatten() {
                seen.entry(caller).or_insert_with(|| {
                    queue.push_back(caller);
                    Some(at)
                });
            }
        }
        text
    }
}
