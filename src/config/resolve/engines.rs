//! `[engine.<name>]`: the user's table and the repository's become one, key by key.

use super::token::Ways;
use super::{Decode, Resolver, problem};
use crate::config::decode::{self, Form};
use crate::config::engine::{
    BUILT_IN, ChatSettings, CommandSettings, EngineKind, EngineSettings, PRESETS, TYPES,
    TokenSource, built_in, is_engine_name,
};
use crate::config::error::Problem;
use crate::config::fields::{ENGINE_FIELDS, Field, Wall, engine_field};
use crate::config::keys::{self, Kind};
use crate::config::layers::{Given, Named};
use crate::config::raw::{self, Raw};
use crate::config::settings::SetValue;
use crate::config::value::{Origin, Value};
use std::collections::{BTreeMap, BTreeSet};

impl Resolver<'_> {
    /// All engines that may be named, with what is set of each.
    pub(super) fn engines(&mut self) -> BTreeMap<String, EngineSettings> {
        let tables = self.tables("engine");
        let mut names: BTreeSet<String> = BUILT_IN
            .iter()
            .map(|(name, _)| (*name).to_owned())
            .collect();
        for table in &tables {
            if is_engine_name(&table.name) {
                names.insert(table.name.clone());
            } else {
                self.problems.push(Problem::Unusable {
                    at: table.at.clone(),
                    key: format!("engine.{}", table.name),
                    why: "an engine's name is lower-case letters, digits, - and _, begins with a letter, and is \
                          not auto or chain"
                        .to_owned(),
                });
            }
        }
        let engine = |name: String| {
            let of_name = tables.iter().filter(|table| table.name == name).cloned();
            let mut reader = EngineReader {
                tables: of_name.collect(),
                given: BTreeMap::new(),
                r: self,
                name: &name,
            };
            let settings = reader.engine();
            (name, settings)
        };
        names.into_iter().map(engine).collect()
    }

    /// The tables of a family, the user's before the repository's.
    pub(super) fn tables(&self, family: &str) -> Vec<Named> {
        let all = self.layers.iter().flat_map(|layer| &layer.tables);
        all.filter(|table| table.family == family)
            .cloned()
            .collect()
    }
}

/// Reads one engine.
struct EngineReader<'n, 'r, 'a> {
    r: &'r mut Resolver<'a>,
    name: &'n str,
    /// The user's first.
    tables: Vec<Named>,
    /// What may be set and means something, lowest layer first.
    given: BTreeMap<&'static str, Vec<Given>>,
}

impl EngineReader<'_, '_, '_> {
    fn engine(&mut self) -> EngineSettings {
        let Some(kind) = self.kind() else {
            return EngineSettings::default();
        };
        let rest = self.sort_fields(kind);
        // Judged already; read once more for the list of what is set.
        let _ = self.read("type", decode::one_of);
        let mut settings = EngineSettings {
            kind,
            model: self.read("model", decode::word),
            prompt_tokens: self
                .read("prompt_tokens", decode::int)
                .map(Option::unwrap_or_default),
            ..EngineSettings::default()
        };
        self.older_budget(&mut settings.prompt_tokens);
        if kind.is_chat() {
            settings.chat = self.chat();
        }
        if kind == EngineKind::Command {
            settings.command = self.command(rest);
        }
        settings
    }

    fn key(&self, field: &str) -> String {
        format!("engine.{}.{field}", self.name)
    }

    /// What the engine is; None where that is not to be known, which is a problem by then.
    fn kind(&mut self) -> Option<EngineKind> {
        let of_name = built_in(self.name);
        let mut kind = of_name;
        let mut is_sound = true;
        for given in self.all_of("type") {
            match decode::one_of(&given.item, Kind::OneOf(TYPES), Form::Toml) {
                Ok(word) => match (EngineKind::of_type(&word), of_name) {
                    (found, Some(own)) if found != Some(own) => {
                        is_sound = false;
                        let allowed = match own {
                            EngineKind::Replay => "left out: a recording is no type".to_owned(),
                            _ => format!(
                                "\"{}\", as the name says; give the table another name",
                                own.name()
                            ),
                        };
                        self.r.problems.push(Problem::BadValue {
                            at: given.origin.clone(),
                            key: self.key("type"),
                            given: format!("{word:?}"),
                            allowed,
                        });
                    }
                    (found, _) => kind = found,
                },
                Err(fault) => {
                    is_sound = false;
                    let key = self.key("type");
                    let problem = problem(&key, Kind::OneOf(TYPES), &given, fault);
                    self.r.problems.push(problem);
                }
            }
        }
        if let (None, true, Some(table)) = (kind, is_sound, self.tables.first()) {
            self.r.problems.push(Problem::BadValue {
                at: table.at.clone(),
                key: self.key("type"),
                given: "missing".to_owned(),
                allowed: Kind::OneOf(TYPES).allowed(),
            });
        }
        kind.filter(|_| is_sound)
    }

    fn all_of(&self, field: &str) -> Vec<Given> {
        let all = self.tables.iter().flat_map(|table| &table.fields);
        all.filter(|(name, _)| name == field)
            .map(|(_, given)| given.clone())
            .collect()
    }

    /// Sorts the tables' keys into fields, and gives back those that describe a command line in words that are
    /// not known here.
    fn sort_fields(&mut self, kind: EngineKind) -> Vec<(String, Given)> {
        let mut rest = Vec::new();
        let has_users = self.tables.iter().any(|table| !is_repositorys(&table.at));
        for table in std::mem::take(&mut self.tables) {
            let is_repos = is_repositorys(&table.at);
            for (name, given) in &table.fields {
                let at = given.origin.clone();
                match engine_field(name) {
                    Some(field) if !field.of.includes(kind) => {
                        self.r.problems.push(Problem::Unsupported {
                            at,
                            message: format!(
                                "`{}` means nothing for an engine of the type {}; take it out",
                                self.key(name),
                                kind.name()
                            ),
                        });
                    }
                    Some(field) if is_repos && is_behind_wall(field, has_users) => {
                        self.wall(at, name);
                    }
                    Some(field) => {
                        self.given
                            .entry(field.name)
                            .or_default()
                            .push(given.clone());
                    }
                    None => match nearest_field(name, kind) {
                        // Whether a command's key is known is its reader's to say.
                        None if kind == EngineKind::Command && is_repos => self.wall(at, name),
                        _ if kind == EngineKind::Command && !is_repos => {
                            rest.push((name.clone(), given.clone()));
                        }
                        nearest => {
                            let nearest = nearest.map(|near| self.key(near));
                            self.r.problems.push(Problem::Unknown {
                                at,
                                what: "key",
                                key: self.key(name),
                                nearest,
                            });
                        }
                    },
                }
            }
            self.tables.push(table);
        }
        rest
    }

    fn wall(&mut self, at: Origin, name: &str) {
        self.r.problems.push(Problem::Wall {
            at,
            key: self.key(name),
            env: None,
            flag: None,
            user_file: self.r.env.user_file(),
        });
    }

    /// The highest layer's value of a field, else its default.
    fn read<T>(&mut self, name: &'static str, decode: Decode<T>) -> Value<Option<T>> {
        self.read_where(name, decode, |_, _| true)
    }

    /// The same for a bound: of the two files the lower one counts, so that no repository can raise what its user
    /// wrote down. The default is nobody's word.
    fn read_cap<T: PartialOrd>(
        &mut self,
        name: &'static str,
        decode: Decode<T>,
    ) -> Value<Option<T>> {
        self.read_where(name, decode, |found, given| {
            let is_raised = is_repositorys(&given.origin)
                && found.origin != Origin::Default
                && found.value <= given.value;
            !is_raised
        })
    }

    /// The last value that takes the place of those below it.
    fn read_where<T>(
        &mut self,
        name: &'static str,
        decode: Decode<T>,
        replaces: impl Fn(&Value<Option<T>>, &Value<Option<T>>) -> bool,
    ) -> Value<Option<T>> {
        let Some(field) = engine_field(name) else {
            return Value {
                value: None,
                origin: Origin::Default,
            };
        };
        let default = raw::from_text(field.default)
            .and_then(|item| decode(&item, field.kind, Form::Toml).ok());
        let mut found = Value {
            value: default,
            origin: Origin::Default,
        };
        let key = self.key(name);
        let mut shown = None;
        for given in self.given.remove(name).unwrap_or_default() {
            match decode(&given.item, field.kind, Form::Toml) {
                Ok(value) => {
                    let value = Value {
                        value: Some(value),
                        origin: given.origin.clone(),
                    };
                    if !replaces(&found, &value) {
                        continue;
                    }
                    found = value;
                }
                Err(fault) => self
                    .r
                    .problems
                    .push(problem(&key, field.kind, &given, fault)),
            }
            shown = Some(SetValue {
                key: key.clone(),
                value: given.item.raw.to_string(),
                origin: given.origin,
            });
        }
        self.r.set.extend(shown);
        found
    }

    /// `budget.claude` and `budget.replay` mean the prompts of those two as well.
    fn older_budget(&mut self, tokens: &mut Value<u64>) {
        let key = match self.name {
            "claude" => "budget.claude",
            "replay" => "budget.replay",
            _ => return,
        };
        let older = self.r.optional(key, decode::int);
        if let (Some(value), true) = (older.value, older.origin.rank() > tokens.origin.rank()) {
            *tokens = Value {
                value,
                origin: older.origin,
            };
        }
    }

    fn chat(&mut self) -> ChatSettings {
        ChatSettings {
            base_url: self.read("base_url", decode::endpoint),
            planner_model: self.read("planner_model", decode::word),
            token: self.token(),
            max_output_tokens: self
                .read("max_output_tokens", decode::int)
                .map(Option::unwrap_or_default),
            context_tokens: self.read("context_tokens", decode::int),
            max_turns: self
                .read_cap("max_turns", decode::count)
                .map(Option::unwrap_or_default),
        }
    }

    fn token(&mut self) -> Value<Option<TokenSource>> {
        let ways = Ways {
            keys: ["token_env", "token_file", "token_command"].map(|name| self.key(name)),
            variable: self.read("token_env", decode::variable),
            file: self.read("token_file", decode::text),
            command: self.read("token_command", decode::command),
        };
        self.r.one_way(ways)
    }

    fn command(&mut self, rest: Vec<(String, Given)>) -> CommandSettings {
        let mut table = toml::Table::new();
        let mut preset = self.read("preset", decode::one_of);
        if preset.value.is_none() && PRESETS.contains(&self.name) {
            preset.value = Some(self.name.to_owned());
        }
        let program = self.read("program", decode::text);
        let program = match program.value {
            Some(value) => {
                let given = Value {
                    value,
                    origin: program.origin,
                };
                self.r.located(given).map(Some)
            }
            None => Value {
                value: None,
                origin: Origin::Default,
            },
        };
        let args = self.read("args", decode::arguments);
        if let Some(name) = &*preset {
            table.insert("preset".to_owned(), name.clone().into());
        }
        if let Some(path) = &*program {
            table.insert("program".to_owned(), path.display().to_string().into());
        }
        if let Some(args) = args.value {
            table.insert("args".to_owned(), args);
        }
        for (name, given) in rest {
            self.r.set.push(SetValue {
                key: self.key(&name),
                value: match &given.item.raw {
                    // Variables that are set for the program may hold its key.
                    Raw::Table(_) => "{ … }".to_owned(),
                    raw => raw.to_string(),
                },
                origin: given.origin.clone(),
            });
            match decode::toml_value(&given.item) {
                Ok(value) => {
                    table.insert(name, value);
                }
                Err(fault) => {
                    let key = self.key(&name);
                    let kind = Kind::Int {
                        min: 0,
                        max: i64::MAX.unsigned_abs(),
                    };
                    self.r.problems.push(problem(&key, kind, &given, fault));
                }
            }
        }
        let at = self
            .tables
            .first()
            .map(|table| table.at.clone())
            .unwrap_or_default();
        let is_written = !self.all_of("preset").is_empty() || !self.all_of("program").is_empty();
        if preset.value.is_none() && !is_written {
            self.r.problems.push(Problem::BadValue {
                at: at.clone(),
                key: self.key("program"),
                given: "missing".to_owned(),
                allowed: format!("{}, unless there is a `preset`", Kind::Program.allowed()),
            });
        }
        CommandSettings {
            preset,
            program,
            table,
            at,
        }
    }
}

fn is_repositorys(at: &Origin) -> bool {
    matches!(at, Origin::RepoFile { .. })
}

fn is_behind_wall(field: &Field, has_users: bool) -> bool {
    match field.wall {
        Wall::Open => false,
        Wall::OfUsers => has_users,
        Wall::Closed => true,
    }
}

/// The field that was probably meant, of those that mean something for such an engine.
fn nearest_field(name: &str, kind: EngineKind) -> Option<&'static str> {
    let fields = ENGINE_FIELDS.iter().filter(|field| field.of.includes(kind));
    keys::nearest(
        name,
        fields
            .map(|field| field.name)
            .collect::<Vec<_>>()
            .into_iter(),
    )
}
