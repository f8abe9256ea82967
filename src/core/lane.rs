//! One lane's state in memory: the ledger, the plan, and what the worktree is being used for.

use super::budget::{Caps, Charge};
use super::first::First;
use super::fixing::Refused;
use super::restack::RestackPlan;
use super::restack::is_on_base;
use super::retry::RetryPolicy;
use super::review::{ReviewPolicy, Reviews};
use super::roster::{Patience, Roster};
use super::template::Template;
use super::transition::{ChunkInput, IllegalTransition, transition};
use crate::model::effect::Verified;
use crate::model::{
    Chunk, ChunkId, ChunkRecord, ChunkState, Evidence, ExitCode, Ledger, Oid, PrMode, RunId,
    SpecPlan,
};
use chrono::{DateTime, Utc};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Bounds and facts of the run that decisions depend on.
#[derive(Clone, Debug)]
pub struct Policy {
    pub run: RunId,
    /// The chain: engines by name, in the order in which they are tried.
    pub engines: Vec<String>,
    /// Bounds on trying an engine again at the same chunk.
    pub retry: RetryPolicy,
    pub patience: Patience,
    pub caps: Caps,
    /// Engines that begin a conversation under an id of ours, so that one that was cut off can be gone on with;
    /// empty where that is not wanted.
    pub names_sessions: BTreeSet<String>,
    /// Counted attempts a chunk may have over its whole life.
    pub max_attempts: u32,
    /// Fix turns within one attempt.
    pub max_fixes: u32,
    /// Commits and changed lines a part may hold.
    pub max_commits: u32,
    pub max_lines: u32,
    /// Build although a check cannot run.
    pub allow_unverified: bool,
    /// Only work that a test proves is committed.
    pub require_proof: bool,
    /// The tests of a chunk are written before its code, in an engine turn of their own.
    pub tests_first: bool,
    /// The remote, where one is configured: work is delivered when it is pushed.
    pub remote: Option<String>,
    /// Tries of one push before the work counts as undelivered.
    pub max_pushes: u32,
    pub pr: PrPolicy,
    /// Who looks at verified work; None: nobody.
    pub review: Option<ReviewPolicy>,
}

/// How a spec's work becomes pull requests.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PrPolicy {
    pub mode: PrMode,
    /// Parts of a series that may be open at a time, at least 1; None: any number.
    pub max_open: Option<u32>,
    pub labels: Vec<String>,
    /// As in the request to the forge.
    pub reviewers: Vec<String>,
    /// The repository's own layout of bodies.
    pub template: Option<Arc<Template>>,
}

/// A completion below this confidence goes to a person.
pub const MIN_CONFIDENCE: f64 = 0.3;

/// What the lane's worktree is for at the moment. Never stored: after a crash it starts at the top again,
/// and the ledger's intents say what was in flight.
#[derive(Clone, Debug, PartialEq)]
pub enum Stage {
    Unprepared,
    Baseline,
    Idle,
    /// An engine turn is due: a build (`fixes == 0`) or a fix.
    Engine {
        chunk: ChunkId,
        attempt: u32,
        fixes: u32,
    },
    /// The saved work of an accepted chunk is put back.
    TakeUp {
        chunk: ChunkId,
        attempt: u32,
    },
    Verify {
        chunk: ChunkId,
    },
    /// The tests that were written first are run without any work.
    SeeRed {
        chunk: ChunkId,
    },
    /// A review of work that deserves its commit is due.
    Review {
        chunk: ChunkId,
        round: u32,
    },
    Seal {
        chunk: ChunkId,
        part: u32,
    },
    Land {
        chunk: ChunkId,
        part: u32,
        commit: Oid,
    },
    SetAside {
        chunk: ChunkId,
        attempt: u32,
    },
    Finished,
}

/// Why no new work is taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Halt {
    pub exit: ExitCode,
    pub why: String,
    /// What to do about it; empty when running again is all.
    pub remedy: String,
}

/// What preparing the lane has to bring about, as the survey of git and the user's tree found it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LaneStart {
    /// Where the lane's own ref stands; None when it has to be made.
    pub lane_ref: Option<Oid>,
    /// An old tip to keep under `refs/codelicious/archive/` because the lane starts again from the base.
    pub archive: Option<Oid>,
    /// Text of the spec to commit first, when it differs from the tip's.
    pub sync: Option<Vec<u8>>,
    /// Path the spec had before it was renamed.
    pub renamed_from: Option<String>,
    /// Sections without boxes are tasks: the spec was named.
    pub prose: bool,
    /// Tasks that are chunks of a model's plan: their marks stand behind the text.
    pub planned: std::collections::BTreeSet<ChunkId>,
    /// The user's and the base's text as merged now: the ancestors of the next merge.
    pub seen_user: Option<Vec<u8>>,
    pub seen_base: Option<Vec<u8>>,
}

/// No engine is asked before this.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    pub until: DateTime<Utc>,
    /// The engine that tries again; None: whoever's turn it is then.
    pub engine: Option<String>,
}

/// A lane.
#[derive(Clone, Debug)]
pub struct Lane {
    pub policy: Policy,
    pub ledger: Ledger,
    /// What is to be built, which does not change while the lane is.
    pub plan: Arc<SpecPlan>,
    pub stage: Stage,
    pub tip: Option<Oid>,
    pub start: LaneStart,
    /// How the checks ended on the base, and the base's commit: looked up or run once in every run.
    pub baseline: Option<(Oid, Arc<Evidence>)>,
    /// Work as last verified, until it is sealed or set aside.
    pub verified: Option<Verified>,
    /// Where tests come before code: how far that is.
    pub first: Option<First>,
    /// What was refused in this attempt.
    pub refused: Refused,
    /// The engine gave no typed ending in this attempt.
    pub undeclared: bool,
    /// Times a hook changed the work of this attempt.
    pub reseals: u32,
    pub reviews: Reviews,
    pub halt: Option<Halt>,
    /// Which engines are of use.
    pub roster: Roster,
    pub hold: Option<Hold>,
    /// Failures in a row of the same engine at the same chunk.
    pub failures: Option<(ChunkId, String, u32)>,
    /// Chunks whose own budget is used up.
    pub over_budget: BTreeSet<ChunkId>,
    /// What this run spent in other lanes.
    pub elsewhere: Charge,
    /// A conversation of the first engine that a person wants the next build turn to go on with.
    pub resume: Option<String>,
    /// Pushes of the current tip that failed for a transient reason.
    pub push_tries: u32,
    /// No push before this.
    pub push_after: Option<DateTime<Utc>>,
    /// A push failed for good in this run.
    pub push_gave_up: bool,
    /// A pull request failed in this run.
    pub pr_gave_up: bool,
    /// The comment at its issue could not be written in this run.
    pub comment_gave_up: bool,
    /// A commit that an earlier run sealed and did not get to land.
    pub resume_landing: Option<(ChunkId, u32, Oid)>,
    /// Chunks whose mark stands on the base.
    pub on_base: BTreeSet<ChunkId>,
    /// What is to be replayed onto the base before anything else.
    pub restack: Option<RestackPlan>,
    /// Branches of which the remote holds an earlier version of ours, and the commit that was last seen there:
    /// the only ones that a push may replace.
    pub replaces: BTreeMap<String, Oid>,
}

impl Lane {
    /// A lane about to be prepared.
    pub fn new(policy: Policy, ledger: Ledger, plan: SpecPlan) -> Self {
        let roster = Roster::new(&policy.engines);
        Self {
            policy,
            ledger,
            plan: Arc::new(plan),
            stage: Stage::Unprepared,
            tip: None,
            start: LaneStart::default(),
            baseline: None,
            verified: None,
            first: None,
            refused: Refused::default(),
            undeclared: false,
            reseals: 0,
            reviews: Reviews::default(),
            halt: None,
            roster,
            hold: None,
            failures: None,
            over_budget: BTreeSet::new(),
            elsewhere: Charge::default(),
            resume: None,
            push_tries: 0,
            push_after: None,
            push_gave_up: false,
            pr_gave_up: false,
            comment_gave_up: false,
            resume_landing: None,
            on_base: BTreeSet::new(),
            restack: None,
            replaces: BTreeMap::new(),
        }
    }

    pub fn chunk(&self, id: &ChunkId) -> Option<&Chunk> {
        self.plan.chunks.iter().find(|c| c.id == *id)
    }

    /// The chunk's title; empty when nothing is known of it.
    pub fn title(&self, id: &ChunkId) -> String {
        let planned = self.chunk(id).map(|c| &c.title);
        let known = planned.or_else(|| self.record(id).map(|r| &r.title));
        known.cloned().unwrap_or_default()
    }

    pub fn record(&self, id: &ChunkId) -> Option<&ChunkRecord> {
        self.ledger.chunks.get(id)
    }

    pub fn state(&self, id: &ChunkId) -> &ChunkState {
        self.record(id).map_or(&ChunkState::Pending, |r| &r.state)
    }

    /// True when the chunk's mark stands.
    pub fn is_done(&self, id: &ChunkId) -> bool {
        self.is_committed(id) || self.chunk(id).is_some_and(|c| c.done)
    }

    fn is_committed(&self, id: &ChunkId) -> bool {
        matches!(self.state(id), ChunkState::Committed { .. })
    }

    /// Chunks done and chunks in all.
    pub fn progress(&self) -> (usize, usize) {
        let done = self
            .plan
            .chunks
            .iter()
            .filter(|c| c.done || self.is_committed(&c.id))
            .count();
        (done, self.plan.chunks.len())
    }

    /// Moves one chunk through the graph.
    ///
    /// # Errors
    /// [`IllegalTransition`], with nothing changed.
    pub fn step(&mut self, id: &ChunkId, input: ChunkInput) -> Result<(), IllegalTransition> {
        let next = transition(self.state(id), input)?;
        self.record_mut(id).state = next;
        Ok(())
    }

    /// The chunk's record, made from the plan when the ledger has none yet.
    pub fn record_mut(&mut self, id: &ChunkId) -> &mut ChunkRecord {
        let (title, fingerprint) = self
            .chunk(id)
            .map(|c| (c.title.clone(), c.fingerprint.clone()))
            .unwrap_or_default();
        self.ledger
            .chunks
            .entry(id.clone())
            .or_insert_with(|| ChunkRecord::new(title, fingerprint))
    }

    /// The next chunk that may be built: open, its dependencies done.
    pub fn next_chunk(&self) -> Option<&Chunk> {
        if self.plan.not_built.is_some() {
            return None;
        }
        self.plan.chunks.iter().find(|c| {
            !c.done
                && matches!(self.state(&c.id), ChunkState::Pending)
                && !self.over_budget.contains(&c.id)
                && c.depends_on.iter().all(|d| self.is_done(d))
        })
    }

    /// The next chunk whose saved work a person accepted, with the number of its attempt.
    pub fn next_accepted(&self) -> Option<(&Chunk, u32)> {
        if self.plan.not_built.is_some() {
            return None;
        }
        self.plan.chunks.iter().filter(|c| !c.done).find_map(|c| {
            let record = self.record(&c.id)?;
            record.accepted()?;
            match record.state {
                ChunkState::Verifying { attempt, .. } => Some((c, attempt)),
                _ => None,
            }
        })
    }

    /// True when the chunk is verified because a person accepted its work.
    pub fn is_accepted(&self, id: &ChunkId) -> bool {
        self.record(id).is_some_and(|r| r.accepted().is_some())
    }

    /// True when an engine run is the first of its attempt: a fix turn is none, nor is the turn for the code where
    /// one for the tests came before it.
    pub fn is_first_turn(&self, fixes: u32) -> bool {
        fixes == 0
            && match &self.first {
                None | Some(First::Writing { tries: 0, .. }) => true,
                Some(First::Writing { .. } | First::Red(_)) => false,
            }
    }

    /// The branch that holds part `part` of the series.
    pub fn branch(&self, part: u32) -> String {
        part_branch(&self.ledger.branch, part)
    }

    /// How the checks end on the lane's base.
    pub fn baseline(&self) -> Option<&Evidence> {
        let base = self.ledger.base.as_ref()?;
        let known = self.baseline.as_ref();
        known
            .filter(|(commit, _)| *commit == base.commit)
            .map(|(_, evidence)| evidence.as_ref())
    }

    /// Committed chunks of a part, in plan order, with their commits.
    pub fn part_chunks(&self, part: u32) -> Vec<(&Chunk, &ChunkRecord, &Oid)> {
        self.plan
            .chunks
            .iter()
            .filter_map(|c| {
                let r = self.record(&c.id)?;
                match &r.state {
                    ChunkState::Committed { commit } if r.part == Some(part) => {
                        Some((c, r, commit))
                    }
                    _ => None,
                }
            })
            .collect()
    }

    /// Number of committed chunks of a part.
    pub fn part_size(&self, part: u32) -> usize {
        let held = |r: &&ChunkRecord| {
            r.part == Some(part) && matches!(r.state, ChunkState::Committed { .. })
        };
        self.ledger.chunks.values().filter(held).count()
    }

    /// Numbers of the parts that hold commits, in order.
    pub fn parts(&self) -> Vec<u32> {
        let mut parts: Vec<u32> = self
            .ledger
            .chunks
            .values()
            .filter(|r| matches!(r.state, ChunkState::Committed { .. }))
            .filter_map(|r| r.part)
            .collect();
        parts.sort_unstable();
        parts.dedup();
        parts
    }

    /// True when every commit of the part is on the base already (merged, squashed or rebased).
    pub fn part_is_merged(&self, part: u32) -> bool {
        // Asked for every part at every decision, and nothing is merged in most runs.
        if self.on_base.is_empty() {
            return false;
        }
        // Of the ledger, not of the plan, which has one chunk for a split task that is done.
        let held = self.ledger.chunks.iter().filter(|(_, r)| {
            r.part == Some(part) && matches!(r.state, ChunkState::Committed { .. })
        });
        let mut held = held.map(|(id, _)| id).peekable();
        held.peek().is_some() && held.all(|id| is_on_base(&self.on_base, id))
    }
}

/// Branch of part `part` of the series that starts at `first`.
pub fn part_branch(first: &str, part: u32) -> String {
    if part <= 1 {
        first.to_owned()
    } else {
        format!("{first}-part-{part}")
    }
}
