//! Everything the driver acts through, built once by `app`.

use crate::core::absorb::LaneEvent;
use crate::core::redact::Redactor;
use crate::git::Worker;
use crate::ledger::mailbox::Mailbox;
use crate::ledger::store::{Store, StoreError};
use crate::model::policy::Preset;
use crate::model::{ChunkId, EventKind, Evidence, Ledger, Oid, Prove, SpecId};
use crate::ports::{Clock, Engine, Forge, StopSignal};
use crate::sandbox::Sandbox;
use crate::sandbox::homes::Agent;
use crate::verify::Verifier;
use crate::verify::audit::AuditPolicy;
use chrono::{DateTime, Utc};
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

/// Where an event goes: the log on disk and the person's screen.
pub type EventSink = Box<dyn FnMut(Option<&SpecId>, Option<ChunkId>, EventKind)>;

/// The shells.
pub struct Shells {
    pub root: PathBuf,
    pub git: Worker,
    pub store: Store,
    /// Where persons leave their moves.
    pub mailbox: Mailbox,
    /// The chain, in the order in which its engines are tried.
    pub engines: Vec<EngineSetup>,
    /// Who reviews, where somebody does.
    pub reviewer: Option<EngineSetup>,
    pub forge: Box<dyn Forge>,
    pub verifier: Verifier,
    /// Walls in what models and the repository cause.
    pub sandbox: Sandbox,
    pub clock: Box<dyn Clock>,
    pub redactor: std::sync::Arc<Redactor>,
    pub settings: LaneSettings,
    /// Stops engines and checks.
    pub stop_engines: StopSignal,
    /// Stops pushes and pull requests too.
    pub stop_everything: StopSignal,
    pub events: RefCell<EventSink>,
    /// Checks on a base are the same for every spec of the run.
    pub baseline: RefCell<Option<(Oid, Evidence)>>,
    /// Puts the run lock's file back when something removed it.
    pub lock_guard: Box<dyn Fn()>,
    /// What people were told once and need not hear again: what the forge did otherwise than asked, and why evidence
    /// is not kept as notes.
    pub told: RefCell<BTreeSet<String>>,
    /// The ledger that could not be written last: it knows more than the disk does.
    pub unsaved: RefCell<Option<Ledger>>,
}

/// What lanes and engines are set up with.
#[derive(Clone, Debug)]
pub struct LaneSettings {
    /// Folder that holds the repository's lanes.
    pub lanes_dir: PathBuf,
    /// Environment of set-up and check commands.
    pub env: Vec<(String, String)>,
    /// The same with what git and its helpers need.
    pub git_env: Vec<(String, String)>,
    pub setup: Vec<String>,
    pub copy: Vec<String>,
    pub link: Vec<String>,
    pub agent_timeout: Duration,
    pub stall_timeout: Duration,
    pub commit_template: Option<String>,
    pub max_fixes: u32,
    /// Whether it is shown which tests need the work.
    pub prove: Prove,
    /// How grave the audit takes what it finds.
    pub audit: AuditPolicy,
    /// Evidence is kept as notes on commits.
    pub notes: bool,
    /// These go to the remote with the branches.
    pub push_notes: bool,
}

/// An engine with what its runs are given.
pub struct EngineSetup {
    /// Called as its [`Engine::name`] says.
    pub engine: Box<dyn Engine>,
    /// The wall around what it starts.
    pub preset: Preset,
    /// The program behind it, where it is an agent's whose configuration is known.
    pub agent: Option<&'static Agent>,
    /// Environment of the engine and its tools, complete.
    pub env: Vec<(String, String)>,
    /// The model it is asked to use; None: its own choice.
    pub model: Option<String>,
    /// Begins a conversation under the id that it is given, and finds it again in a later run.
    pub names_sessions: bool,
    /// The rules that every prompt starts with.
    pub system_prompt: String,
}

impl LaneSettings {
    /// Paths that set-up brings into a lane and no commit takes.
    pub fn not_work(&self) -> Vec<String> {
        self.link.iter().chain(&self.copy).cloned().collect()
    }
}

impl Shells {
    /// The engine of this name.
    pub fn engine(&self, name: &str) -> Option<&EngineSetup> {
        self.engines.iter().find(|e| e.engine.name() == name)
    }

    /// Records and shows events of a lane.
    pub fn emit(&self, spec: &SpecId, events: Vec<LaneEvent>) {
        let mut sink = self.events.borrow_mut();
        for (chunk, kind) in events {
            sink(Some(spec), chunk, kind);
        }
    }

    /// Says what a wall kept something from, and what its failure may come from; nothing where there is nothing.
    pub fn tell_refused(
        &self,
        spec: &SpecId,
        chunk: Option<&ChunkId>,
        what: &str,
        hosts: Vec<String>,
        hint: Option<String>,
    ) {
        if hosts.is_empty() && hint.is_none() {
            return;
        }
        let what = what.to_owned();
        let kind = EventKind::SandboxRefused { what, hosts, hint };
        self.emit(spec, vec![(chunk.cloned(), kind)]);
    }

    /// Writes a ledger durably.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn save(&self, ledger: &mut Ledger) -> Result<(), StoreError> {
        let saved = self
            .store
            .save(ledger)
            .inspect_err(|_| drop(self.unsaved.replace(Some(ledger.clone()))))?;
        if saved.overwrote_foreign {
            let spec = ledger.spec.clone();
            let what = "something else had written the ledger; it holds what this run knows again"
                .to_owned();
            self.emit(&spec, vec![(None, EventKind::Repaired { what })]);
        }
        Ok(())
    }

    /// Notices when the run lock was tampered with.
    pub fn guard_lock(&self) {
        (self.lock_guard)();
    }

    pub(super) async fn sleep_until(&self, time: Option<DateTime<Utc>>) {
        match time {
            Some(t) => {
                let left = (t - self.clock.now()).to_std().unwrap_or(Duration::ZERO);
                tokio::time::sleep(left).await;
            }
            None => std::future::pending().await,
        }
    }
}
