//! Running the engine at a chunk, and undoing what it did beside its work.

use super::lodging::{self, Lodging};
use super::perform::{Failure, tip_of};
use super::prepare::lane_dir;
use super::shells::{EngineSetup, Shells};
use crate::core::budget::for_run;
use crate::core::lane::Lane;
use crate::core::prompt::Before;
use crate::core::session::session_id;
use crate::core::{moves, prompt, review};
use crate::crash::{self, Point};
use crate::git::{ATTEMPTS, GitError};
use crate::model::said::Said;
use crate::model::{
    ChunkId, EffectResult, Ends, EngineOutcome, EventKind, Evidence, Session, Usage,
};
use crate::ports::{EngineJob, EngineProgress};
use crate::verify::{Feedback, feedback_with};
use std::cell::RefCell;

/// Hosts of an engine run that are told.
const MAX_HOSTS: usize = 32;

pub(super) async fn run_engine(
    shells: &Shells,
    lane: &Lane,
    engine: &EngineSetup,
    id: &ChunkId,
    (attempt, fixes): (u32, u32),
) -> Result<EffectResult, Failure> {
    let chunk = lane
        .chunk(id)
        .ok_or_else(|| Failure::bug(format!("there is no chunk {id}")))?;
    let record = lane.record(id);
    let settings = &shells.settings;
    let answers = record.and_then(moves::answers);
    let answers = answers.as_deref().map(|a| shells.redactor.redact(a));
    let session = session(lane, id, attempt, fixes);
    let prompt = if fixes == 0 {
        let checks = lane.baseline().map(check_list).unwrap_or_default();
        prompt::build(
            &engine.system_prompt,
            &lane.plan,
            chunk,
            &checks,
            Before {
                answer: answers.as_deref(),
                was_cut_off: matches!(session, Session::Continue(_)) && lane.is_first_turn(fixes),
                first: lane.first.as_ref(),
            },
        )
    } else {
        let output = refusal(shells, lane).await?;
        prompt::fix(
            &engine.system_prompt,
            &lane.plan,
            chunk,
            &output,
            (fixes, settings.max_fixes),
            answers.as_deref(),
        )
    };
    let mut job = EngineJob {
        spec: lane.ledger.spec.clone(),
        chunk: id.clone(),
        title: chunk.title.clone(),
        lane: lane_dir(shells, lane),
        spec_path: lane.ledger.path.clone(),
        prompt,
        ends: Ends::Build,
        attempt,
        fixes,
        session,
        model: engine.model.clone(),
        timeout: settings.agent_timeout,
        stall: settings.stall_timeout,
        allowance: record
            .and_then(|r| r.attempts.last())
            .map(|a| for_run(a, lane.is_first_turn(fixes)))
            .unwrap_or_default(),
        env: engine.env.clone(),
        policy: shells
            .sandbox
            .policy(&lodging::subject(engine, &lane_dir(shells, lane))),
    };
    let home = lodging::move_in(shells, engine, &mut job)?;
    let of_chunk = lane.is_first_turn(fixes).then(|| id.to_string());
    let (chunk, spec) = (id.to_string(), lane.ledger.path.clone());
    let (before, mut undone) = shells
        .git
        .call(move |repo| {
            repo.remember_kept(&chunk, &spec)?;
            let removed = match of_chunk {
                Some(chunk) => repo.note_ignored(&chunk)?,
                None => Vec::new(),
            };
            let before = repo.snapshot()?;
            repo.note(&before)?;
            Ok((before, removed))
        })
        .await?;
    crash::point(Point::EngineWatched)?;
    let progress = Progress::of(shells, lane, id, &home);
    let mut report = engine
        .engine
        .run(&job, &progress, shells.stop_engines.clone())
        .await;
    home.learn();
    // What it says goes into the ledger, commits and pull requests, and onto the screen.
    let hosts = progress.refused_hosts();
    if let (EngineOutcome::Failed(_), Some(first)) = (&report.outcome, hosts.first()) {
        let said = format!("; its sandbox kept it from {first}");
        for text in report.outcome.texts_mut() {
            text.push_str(&said);
        }
    }
    for text in report.outcome.texts_mut() {
        *text = shells.redactor.redact(text).into_owned();
    }
    crate::proc::end_leftovers();
    undone.extend(home.move_out());
    crash::point(Point::EngineEnded)?;
    let tip = tip_of(lane)?;
    let reference = format!("{ATTEMPTS}{}/{id}/{attempt}", lane.ledger.spec);
    let spec = lane.ledger.path.clone();
    let of_engine = shells
        .git
        .call(move |repo| {
            let (head, _) = repo.lane_head()?;
            let elsewhere = head.clone().filter(|h| *h != tip && repo.has_commit(h));
            let mut undone = repo.restore(&before, &tip)?;
            repo.note_reverted(&undone)?;
            // From here on HEAD says what the engine committed, until that is kept.
            repo.remove_note()?;
            crash::point(Point::EngineUndone)
                .map_err(|e| GitError::new("undoing what the engine did", e.to_string(), "run again"))?;
            if let Some(own) = head.filter(|h| *h != tip && repo.has_commit(h)) {
                repo.keep_own(&reference, &own)?;
                undone.push(format!("the engine committed by itself; its commits are kept at {reference} and folded into one"));
            }
            repo.detach_lane(&tip)?;
            if let Some(left_at) = elsewhere
                && repo.carry_back(&left_at, &tip, &spec)? {
                    undone.push("the engine worked on another commit than the lane's tip; its changes were put on top of the tip".to_owned());
                }
            undone.extend(repo.restore_kept()?);
            Ok(undone)
        })
        .await?;
    undone.extend(of_engine);
    Ok(EffectResult::EngineEnded {
        chunk: id.clone(),
        report: Box::new(report),
        undone,
    })
}

/// A fix turn goes on in the conversation of its build turn, and a build turn in the one that was noted for it,
/// unless that is its own and still to be begun.
fn session(lane: &Lane, chunk: &ChunkId, attempt: u32, fixes: u32) -> Session {
    let own = session_id(&lane.policy.run, &lane.ledger.spec, chunk, attempt);
    let last = lane.record(chunk).and_then(|r| r.attempts.last());
    match last.and_then(|a| a.session.clone()) {
        Some(id) if !lane.is_first_turn(fixes) || id != own => Session::Continue(id),
        _ => Session::Begin(own),
    }
}

/// What is wrong with the work, for the prompt of a fix turn.
async fn refusal(shells: &Shells, lane: &Lane) -> Result<String, Failure> {
    let Some(verified) = &lane.verified else {
        return Ok(String::new());
    };
    let changed = match (lane.refused.before_last(), &verified.tree) {
        (Some(before), Some(now)) => {
            let (before, now) = (before.clone(), now.clone());
            let changed = shells
                .git
                .call(move |repo| repo.changed_between(&before, &now));
            changed.await?.join("\n")
        }
        _ => String::new(),
    };
    let extra = Feedback {
        changed_since: Some(&changed),
        repeated: lane.refused.is_repeated(),
        ..Feedback::default()
    };
    let said = [
        feedback_with(&verified.evidence, &extra),
        review::feedback(&verified.evidence),
    ];
    let said = said.join("\n\n").trim().to_owned();
    // Where nothing failed, the reason is all there is to say: no proof, too little coverage.
    let shortfall = verified.shortfall.as_deref();
    let reason = shortfall.or(said.is_empty().then(|| lane.refused.why()));
    Ok(format!("{said}\n\n{}", reason.unwrap_or_default())
        .trim()
        .to_owned())
}

/// The checks that will judge the work, for the prompt.
fn check_list(evidence: &Evidence) -> String {
    let checks = evidence.checks.iter();
    prompt::check_list(checks.map(|c| (c.command.as_str(), c.dir.as_str())))
}

/// Turns an engine's reports into events and log lines.
pub(super) struct Progress<'a> {
    shells: &'a Shells,
    lane: &'a Lane,
    chunk: &'a ChunkId,
    home: &'a Lodging<'a>,
    /// Hosts that it was kept from so far.
    refused: RefCell<Vec<String>>,
    said: Said,
}

impl<'a> Progress<'a> {
    pub(super) fn of(
        shells: &'a Shells,
        lane: &'a Lane,
        chunk: &'a ChunkId,
        home: &'a Lodging<'a>,
    ) -> Self {
        Self {
            shells,
            lane,
            chunk,
            home,
            refused: RefCell::default(),
            said: Said::default(),
        }
    }

    fn refused_hosts(&self) -> Vec<String> {
        self.refused.borrow().clone()
    }
}

impl EngineProgress for Progress<'_> {
    fn step(&self, text: &str) {
        self.home.learn();
        let step = EventKind::EngineStep {
            step: text.to_owned(),
        };
        self.shells.emit(
            &self.lane.ledger.spec,
            vec![(Some(self.chunk.clone()), step)],
        );
    }

    fn usage(&self, usage: Usage) {
        let kind = EventKind::EngineUsage {
            usage,
            cost: crate::model::Cost::Unknown,
        };
        self.shells.emit(
            &self.lane.ledger.spec,
            vec![(Some(self.chunk.clone()), kind)],
        );
    }

    fn log(&self, line: &str) {
        self.home.learn();
        if let Some(line) = self.said.logged(line) {
            tracing::debug!(chunk = %self.chunk, "engine: {line}");
        }
    }

    /// Each host is told once.
    fn refused(&self, hosts: &[String]) {
        let mut known = self.refused.borrow_mut();
        let mut new: Vec<String> = Vec::new();
        for host in hosts.iter().take(MAX_HOSTS) {
            if known.len() < MAX_HOSTS && !known.contains(host) {
                known.push(host.clone());
                new.push(host.clone());
            }
        }
        let spec = &self.lane.ledger.spec;
        self.shells
            .tell_refused(spec, Some(self.chunk), "the engine", new, None);
    }
}
