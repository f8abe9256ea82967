//! Agents' configuration folders, private to a lane.
//!
//! An agent's program reads its settings and its login in the user's home, and writes sessions there. Inside the wall
//! it has a home of its own beside the lane instead: [`prepare`] puts the user's settings, instructions and
//! credentials into it before every run, and removes whatever an earlier run left there that could run or configure
//! anything; sessions stay, so that a conversation can be gone on with. Nothing of it ever becomes the user's, but
//! for tokens that the agent refreshed: [`Prepared::give_back`] puts their new values into the user's file, under a
//! lock, and only where that file is still what was copied.
//!
//! - `table` says what is known of each agent, `hosts` whom it talks to
//! - `own` reads the user's side, `beneath` the private one, where a model could write
//! - `tidy` clears away, `lent` and `tokens` decide what of credentials goes back, `secrets` names their values
//! - `cut` takes out of settings what would start programs or let an agent do more, which `programs` names
//! - `tools` hands on what every lane needs of the settings of package managers and git, to checks and to agents

mod agent;
mod beneath;
mod cut;
mod hosts;
mod lent;
mod own;
mod programs;
mod refresh;
mod secrets;
mod table;
mod tidy;
mod tokens;
mod tools;

pub use agent::Agent;
use agent::{Folder, Item, NamedBy, What};
use secrets::Watched;
pub use secrets::secrets;
pub use table::find;
pub use tools::{hand_on, settings};

use crate::fsx::FsError;
use crate::model::policy::{Endpoint, Network, SandboxPolicy};
use beneath::Beneath;
use lent::Lent;
use own::{Found, Place};
use secrecy::SecretString;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tidy::Startup;

/// What a private home depends on of the user's side.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// The environment that the agent would have without a wall: it says where the user's own folders are.
    pub env: &'a [(String, String)],
    /// Hooks, servers of tools and the like come along.
    pub programs: bool,
}

/// A private home that is ready for a run.
pub struct Prepared {
    /// Variables to be set over those of the job.
    pub env: Vec<(String, String)>,
    /// Where the agent's own installer may have put it.
    pub execute: Vec<PathBuf>,
    pub write: Vec<PathBuf>,
    /// Whom the agent talks to.
    pub hosts: Vec<Endpoint>,
    /// What of the user's configuration is not there, and why; for people.
    pub left_out: Vec<String>,
    private: PathBuf,
    lent: Vec<Lent>,
    startup: Startup,
    /// Where credentials lie, or may come to lie, below the private folder.
    watched: Watched,
}

/// What came of the private home after a run. For people.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GivenBack {
    /// The user's files that hold refreshed tokens now.
    pub refreshed: Vec<PathBuf>,
    /// What the run left behind and does not get, one sentence each.
    pub undone: Vec<String>,
}

/// Makes the folder that an agent has beside a lane ready for a run.
///
/// # Errors
/// The private folder cannot be made or cleared.
pub fn prepare(
    agent: &'static Agent,
    facts: &Facts<'_>,
    private: &Path,
) -> Result<Prepared, FsError> {
    let root = Beneath::open(private)?;
    let home = root.folder("home")?;
    root.folder("tmp")?;
    root.folder("cache")?;
    let user_home = folder_of(facts.env, "HOME");
    let mut prepared = Prepared {
        env: Vec::new(),
        execute: Vec::new(),
        write: vec![private.to_owned()],
        hosts: Vec::new(),
        left_out: Vec::new(),
        private: private.to_owned(),
        lent: Vec::new(),
        startup: Startup::default(),
        watched: Watched::default(),
    };
    prepared.set("HOME", &private.join("home"))?;
    let mut logins = Vec::new();
    for folder in agent.folders {
        prepared.point(folder, facts)?;
        let place = user_home
            .clone()
            .map(|home| place_of(facts.env, folder, home));
        let found = match &place {
            Some(place) => Found::of(folder, place, facts.programs),
            None => Found::default(),
        };
        let mut wanted: BTreeSet<String> = found.files.keys().cloned().collect();
        wanted.extend(credentials(folder).map(|item| item.path.to_owned()));
        let there = home.folder(folder.at)?;
        if !folder.at.is_empty() {
            tidy::tidy(&there, &wanted, folder.kept)?;
        }
        for item in folder.copied {
            // In the home itself nothing else is cleared away.
            let is_settings = !matches!(item.what, What::Credentials(_));
            if folder.at.is_empty() && is_settings && !found.files.contains_key(item.path) {
                there.remove(item.path)?;
            }
        }
        for (rel, copy) in &found.files {
            there.write(rel, &copy.bytes, copy.executable)?;
            let addresses = lent::addresses(rel, &copy.bytes);
            prepared
                .hosts
                .extend(addresses.iter().filter_map(|a| hosts::of_url(a)));
        }
        prepared.left_out.extend(found.left_out);
        for item in credentials(folder) {
            let rel = item.path;
            let at = match folder.at {
                "" => format!("home/{rel}"),
                at => format!("home/{at}/{rel}"),
            };
            prepared.watched.add(&at);
            let Some(place) = &place else {
                there.remove(rel)?;
                continue;
            };
            let told = &mut prepared.left_out;
            match Lent::lend(&root, at, place, item, facts.programs, told) {
                Ok(Some(lent)) => {
                    logins.extend(lent.logins());
                    prepared.lent.push(lent);
                }
                Ok(None) => {}
                Err(lent::Problem::Own(why)) => {
                    there.remove(rel)?;
                    prepared.left_out.push(why);
                }
                Err(lent::Problem::Private(e)) => return Err(e),
            }
        }
    }
    if let Some(user_home) = &user_home {
        tools::hand_on_alone(user_home, &home)?;
    }
    // After the settings that belong there: what a run adds to them goes as well.
    prepared.startup = Startup::of(&home)?;
    prepared.hosts.extend(agent.endpoints(facts.env, &logins));
    prepared.hosts.sort();
    prepared.hosts.dedup();
    if let Some(user_home) = user_home {
        let installs = agent.installs.iter().map(|at| user_home.join(at));
        prepared.execute.extend(installs.filter(|at| at.is_dir()));
    }
    Ok(prepared)
}

fn credentials(folder: &'static Folder) -> impl Iterator<Item = &'static Item> {
    let items = folder.copied.iter();
    items.filter(|item| matches!(item.what, What::Credentials(_)))
}

/// A folder that a variable names.
fn folder_of(env: &[(String, String)], name: &str) -> Option<PathBuf> {
    let found = env.iter().rev().find(|(n, _)| n == name);
    found
        .map(|(_, value)| PathBuf::from(value))
        .filter(|path| path.is_absolute())
}

/// Where the user's own folder of an agent is.
fn place_of(env: &[(String, String)], folder: &Folder, home: PathBuf) -> Place {
    let named = match folder.named_by {
        NamedBy::Nothing => None,
        NamedBy::Own(name) | NamedBy::OwnWhereSet(name) => folder_of(env, name),
        NamedBy::Above(name, above) => folder_of(env, name).map(|base| {
            let below = folder.at.strip_prefix(above).unwrap_or(folder.at);
            base.join(below.trim_start_matches('/'))
        }),
    };
    Place {
        is_named: named.is_some(),
        folder: named.unwrap_or_else(|| home.join(folder.at)),
        home,
    }
}

impl Prepared {
    /// Sets the agent's variables in the environment of a job.
    pub fn apply(&self, env: &mut Vec<(String, String)>) {
        put_all(env, &self.env);
    }

    /// The policy with what the agent needs beside its preset.
    pub fn admit(&self, policy: SandboxPolicy) -> SandboxPolicy {
        let SandboxPolicy::Walled(mut wall) = policy else {
            return policy;
        };
        let own = Arc::make_mut(&mut wall);
        put_all(&mut own.env, &self.env);
        add(&mut own.files.execute, &self.execute);
        add(&mut own.files.write, &self.write);
        if let Network::Hosts(hosts) = &mut own.network {
            add(hosts, &self.hosts);
        }
        SandboxPolicy::Walled(wall)
    }

    /// Tokens and keys in the agent's credentials that nobody asked for yet; all of them the first time.
    pub fn fresh_secrets(&self) -> Vec<SecretString> {
        self.watched.fresh(&self.private)
    }

    /// After the run: gives refreshed tokens back, and clears what was planted among the home's start-up files.
    ///
    /// # Errors
    /// The private folder cannot be read or cleared.
    pub fn give_back(&self) -> Result<GivenBack, FsError> {
        let root = Beneath::open(&self.private)?;
        let mut result = GivenBack::default();
        for lent in &self.lent {
            match lent.give_back(&root)? {
                lent::Outcome::Unchanged => {}
                lent::Outcome::Refreshed(path) => result.refreshed.push(path),
                lent::Outcome::Kept(why) => result.undone.push(why),
            }
        }
        let undone = self.startup.restore(&root.folder("home")?)?;
        result.undone.extend(
            undone.iter().map(|rel| {
                format!("the lane's private home held a changed {rel}; it is as it was")
            }),
        );
        Ok(result)
    }

    /// Says by variables where a folder is.
    fn point(&mut self, folder: &Folder, facts: &Facts<'_>) -> Result<(), FsError> {
        let home = self.private.join("home");
        match folder.named_by {
            NamedBy::Nothing => Ok(()),
            NamedBy::Own(name) => self.set(name, &home.join(folder.at)),
            NamedBy::OwnWhereSet(name) if folder_of(facts.env, name).is_some() => {
                self.set(name, &home.join(folder.at))
            }
            NamedBy::Above(name, above) if folder_of(facts.env, name).is_some() => {
                self.set(name, &home.join(above))
            }
            NamedBy::OwnWhereSet(_) | NamedBy::Above(..) => Ok(()),
        }
    }

    fn set(&mut self, name: &str, path: &Path) -> Result<(), FsError> {
        // `join` of nothing leaves a slash at the end.
        let path: PathBuf = path.components().collect();
        let Some(value) = path.to_str() else {
            let why = std::io::Error::other("its path is not UTF-8");
            return Err(FsError::new("use", &path, why));
        };
        put_all(&mut self.env, &[(name.to_owned(), value.to_owned())]);
        Ok(())
    }
}

/// Each of these variables once, with this value.
fn put_all(env: &mut Vec<(String, String)>, over: &[(String, String)]) {
    env.retain(|(name, _)| !over.iter().any(|(n, _)| n == name));
    env.extend_from_slice(over);
}

fn add<T: Clone + PartialEq>(to: &mut Vec<T>, from: &[T]) {
    for item in from {
        if !to.contains(item) {
            to.push(item.clone());
        }
    }
}

#[cfg(test)]
mod tests;
