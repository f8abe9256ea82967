//! `[sandbox.<preset>]` and `[[sandbox.command]]`: what settings say of walls.

use super::{Resolver, problem};
use crate::config::decode::{self, Decoded, Form};
use crate::config::error::Problem;
use crate::config::fields::{Field, Wall};
use crate::config::keys::{self, Kind};
use crate::config::layers::{COMMAND, Given, Named};
use crate::config::raw::Item;
use crate::config::sandbox_keys::{COMMAND_FIELDS, PRESETS, SANDBOX_FIELDS};
use crate::config::settings::{SandboxMode, SetValue};
use crate::config::value::Origin;
use crate::model::policy::{
    CommandSettings, Network, Preset, PresetSettings, ResourceLimits, SandboxSettings,
};
use std::path::{Path, PathBuf};

impl Resolver<'_> {
    /// What is set of walls. The user's tables give and take; the repository's only take, and become ceilings.
    pub(super) fn walls(&mut self, mode: SandboxMode) -> SandboxSettings {
        let mut walls = SandboxSettings {
            off: mode == SandboxMode::Off,
            ..SandboxSettings::default()
        };
        for table in self.tables("sandbox") {
            let key = format!("sandbox.{}", table.name);
            let Some(preset) = preset_of(&table.name) else {
                let nearest = keys::nearest(&table.name, PRESETS.iter().copied());
                self.problems.push(Problem::Unknown {
                    at: table.at.clone(),
                    what: "table",
                    nearest: nearest.map(|near| format!("sandbox.{near}")),
                    key,
                });
                continue;
            };
            let (change, _, _) = self.wall(&table, &key, SANDBOX_FIELDS.iter());
            match walls.presets.iter_mut().find(|(of, _)| *of == preset) {
                // Of what stands in both files the repository's is all in the ceiling.
                Some((_, there)) => there.ceiling = change.ceiling,
                None => walls.presets.push((preset, change)),
            }
        }
        for table in self.tables(COMMAND) {
            let fields = COMMAND_FIELDS.iter().chain(SANDBOX_FIELDS);
            let (change, command, preset) = self.wall(&table, COMMAND, fields);
            let Some(command) = command else {
                let is_there = table.fields.iter().any(|(name, _)| name == "command");
                // A faulty one was told.
                if !is_there {
                    self.problems.push(Problem::BadValue {
                        at: table.at.clone(),
                        key: format!("{COMMAND}.command"),
                        given: "missing".to_owned(),
                        allowed: Kind::Command.allowed(),
                    });
                }
                continue;
            };
            walls.commands.push(CommandSettings {
                command,
                preset,
                change,
                is_repositorys: is_repositorys(&table.at),
            });
        }
        walls
    }

    /// Reads a table: what it changes, and the command and preset of an entry.
    fn wall<'f>(
        &mut self,
        table: &Named,
        above: &str,
        fields: impl Iterator<Item = &'f Field> + Clone,
    ) -> (PresetSettings, Option<String>, Option<Preset>) {
        let (mut change, mut command, mut preset) = (PresetSettings::default(), None, None);
        for (name, given) in &table.fields {
            let key = format!("{above}.{name}");
            let Some(field) = fields.clone().find(|field| field.name == name) else {
                let nearest = keys::nearest(name, fields.clone().map(|field| field.name));
                self.problems.push(Problem::Unknown {
                    at: given.origin.clone(),
                    what: "key",
                    nearest: nearest.map(|near| format!("{above}.{near}")),
                    key,
                });
                continue;
            };
            self.set.push(SetValue {
                key: key.clone(),
                value: given.item.raw.to_string(),
                origin: given.origin.clone(),
            });
            let is_repositorys = is_repositorys(&given.origin);
            if is_repositorys && field.wall != Wall::Open {
                self.problems.push(Problem::Wall {
                    at: given.origin.clone(),
                    key,
                    env: None,
                    flag: None,
                    user_file: self.env.user_file(),
                });
                continue;
            }
            let mut one = One {
                r: self,
                field,
                given,
                key,
            };
            match name.as_str() {
                "command" => command = one.read(decode::text),
                "preset" => preset = one.preset(is_repositorys),
                "read" => change.read = one.places(),
                "execute" => change.execute = one.places(),
                "write" => change.write = one.places(),
                "network" => {
                    let network = one.network(is_repositorys);
                    match is_repositorys {
                        true => change.ceiling.network = network,
                        false => change.network = network,
                    }
                }
                "hosts" => change.hosts = one.read(decode::endpoints).unwrap_or_default(),
                "agent_programs" => change.agent_programs = one.read(decode::boolean),
                "unix_sockets" => change.unix_sockets = one.read(decode::boolean),
                bound => {
                    let limits = match is_repositorys {
                        true => &mut change.ceiling.limits,
                        false => &mut change.limits,
                    };
                    if let Some(place) = place_of(limits, bound) {
                        *place = match field.kind {
                            Kind::Size { .. } => one.read(decode::size),
                            _ => one.read(decode::int),
                        };
                    }
                }
            }
        }
        (change, command, preset)
    }
}

/// A key of a table that is being read.
struct One<'n, 'r, 'a> {
    r: &'r mut Resolver<'a>,
    field: &'n Field,
    given: &'n Given,
    key: String,
}

impl One<'_, '_, '_> {
    fn read<T>(&mut self, decode: fn(&Item, Kind, Form) -> Decoded<T>) -> Option<T> {
        match decode(&self.given.item, self.field.kind, Form::Toml) {
            Ok(value) => Some(value),
            Err(fault) => {
                let problem = problem(&self.key, self.field.kind, self.given, fault);
                self.r.problems.push(problem);
                None
            }
        }
    }

    fn places(&mut self) -> Vec<PathBuf> {
        let places = self.read(decode::list).unwrap_or_default();
        let home = self.r.env.home();
        let place = |text: String| match (text.strip_prefix("~/"), text.as_str(), &home) {
            (Some(below), _, Some(home)) => home.join(below),
            (None, "~", Some(home)) => home.clone(),
            _ => Path::new(&text).to_path_buf(),
        };
        places.into_iter().map(place).collect()
    }

    fn network(&mut self, is_repositorys: bool) -> Option<Network> {
        let network = self.read(decode::network)?;
        match &network {
            Network::Hosts(_) | Network::Full if is_repositorys => {
                self.only_tighter("\"none\" or \"loopback\"");
                None
            }
            Network::None | Network::Loopback | Network::Hosts(_) | Network::Full => Some(network),
        }
    }

    fn preset(&mut self, is_repositorys: bool) -> Option<Preset> {
        let word = self.read(decode::one_of)?;
        let preset = preset_of(&word)?;
        match preset {
            Preset::Setup | Preset::AgentCli if is_repositorys => {
                self.only_tighter("\"engine-tool\" or \"verify\"");
                None
            }
            Preset::EngineTool | Preset::Verify | Preset::Setup | Preset::AgentCli => Some(preset),
        }
    }

    fn only_tighter(&mut self, words: &str) {
        self.r.problems.push(Problem::BadValue {
            at: self.given.origin.clone(),
            key: self.key.clone(),
            given: self.given.item.raw.to_string(),
            allowed: format!(
                "{words} in the repository's file, because that may only tighten what protects its user; anything \
                 else stands in your own file"
            ),
        });
    }
}

fn preset_of(word: &str) -> Option<Preset> {
    Preset::ALL.into_iter().find(|preset| preset.word() == word)
}

fn place_of<'l>(limits: &'l mut ResourceLimits, name: &str) -> Option<&'l mut Option<u64>> {
    Some(match name {
        "memory" => &mut limits.memory,
        "processes" => &mut limits.processes,
        "open_files" => &mut limits.open_files,
        "file_size" => &mut limits.file_size,
        "disk" => &mut limits.disk,
        _ => return None,
    })
}

fn is_repositorys(at: &Origin) -> bool {
    matches!(at, Origin::RepoFile { .. })
}
