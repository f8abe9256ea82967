//! Having verified work reviewed: a copy to look at, the reviewer's run, and everything as it was afterwards.

use super::engine::Progress;
use super::lodging;
use super::perform::{Failure, tip_of};
use super::prepare::lane_dir;
use super::shells::{EngineSetup, Shells};
use crate::core::budget::rest_of_attempt;
use crate::core::lane::Lane;
use crate::core::review::{Patch, answer, prompt};
use crate::core::session::review_id;
use crate::crash::{self, Point};
use crate::fsx::tree;
use crate::git::{Snapshot, remove_copy};
use crate::model::{
    ChunkId, Cost, EffectResult, Ends, EngineError, EngineOutcome, EngineReport, Oid, Session,
    Usage,
};
use crate::ports::EngineJob;
use crate::sandbox::Sandbox;
use std::path::{Path, PathBuf};

/// Has the lane's verified work reviewed. A review that does not come about is a result like any other.
pub(super) async fn review(
    shells: &Shells,
    lane: &Lane,
    id: &ChunkId,
    round: u32,
) -> Result<EffectResult, Failure> {
    let reviewer = shells
        .reviewer
        .as_ref()
        .ok_or_else(|| Failure::bug("there is no reviewer"))?;
    let verified = lane.verified.as_ref().and_then(|v| v.tree.clone());
    let tree =
        verified.ok_or_else(|| Failure::bug("nothing was verified that could be reviewed"))?;
    let (tip, dir) = (tip_of(lane)?, copy_dir(shells, lane));
    let made = {
        let (tip, tree, dir) = (tip.clone(), tree.clone(), dir.clone());
        shells
            .git
            .call(move |repo| {
                let patches = repo.patches(&tip, &tree)?;
                repo.copy_lane(&dir, &tip)?;
                Ok(patches)
            })
            .await
    };
    let patches = match made {
        Ok(patches) => patches,
        Err(e) => {
            clear(&dir);
            let report = none(format!("the copy for it cannot be made: {e}"));
            return Ok(result(shells, id, report, Vec::new()));
        }
    };
    let before = shells
        .git
        .call(|repo| {
            let before = repo.snapshot()?;
            repo.note(&before)?;
            Ok(before)
        })
        .await?;
    crash::point(Point::EngineWatched)?;
    let mut report = run(shells, lane, reviewer, (id, round), &dir, &patches).await?;
    crate::proc::end_leftovers();
    crash::point(Point::EngineEnded)?;
    let undone = put_back(shells, lane, before, tip, tree).await?;
    clear(&dir);
    if let EngineOutcome::Reviewed(remarks) = &mut report.outcome {
        let given = std::mem::take(remarks);
        *remarks = answer::placed(given, &patches, &dir.to_string_lossy());
    }
    Ok(result(shells, id, report, undone))
}

async fn run(
    shells: &Shells,
    lane: &Lane,
    reviewer: &EngineSetup,
    (id, round): (&ChunkId, u32),
    dir: &Path,
    patches: &[Patch],
) -> Result<EngineReport, Failure> {
    let chunk = lane
        .chunk(id)
        .ok_or_else(|| Failure::bug(format!("there is no chunk {id}")))?;
    let evidence = lane.verified.as_ref().map(|v| v.evidence.clone());
    let attempt = lane.record(id).and_then(|r| r.attempts.last());
    let n = attempt.map_or(0, |a| a.n);
    let mut job = EngineJob {
        spec: lane.ledger.spec.clone(),
        chunk: id.clone(),
        title: chunk.title.clone(),
        lane: dir.to_path_buf(),
        spec_path: lane.ledger.path.clone(),
        prompt: prompt::build(
            &reviewer.system_prompt,
            (&lane.plan, chunk),
            patches,
            &evidence.unwrap_or_default(),
        ),
        ends: Ends::Review,
        attempt: n,
        fixes: 0,
        // Nobody goes on with it, and who builds does not hear of it.
        session: Session::Begin(review_id(
            &lane.policy.run,
            &lane.ledger.spec,
            id,
            (n, round),
        )),
        model: reviewer.model.clone(),
        timeout: shells.settings.agent_timeout,
        stall: shells.settings.stall_timeout,
        allowance: attempt.map(rest_of_attempt).unwrap_or_default(),
        env: reviewer.env.clone(),
        policy: shells.sandbox.policy(&lodging::subject(reviewer, dir)),
    };
    let stop = shells.stop_engines.clone();
    let home = lodging::move_in(shells, reviewer, &mut job)?;
    let progress = Progress::of(shells, lane, id, &home);
    let report = reviewer.engine.run(&job, &progress, stop).await;
    crate::proc::end_leftovers();
    for undone in home.move_out() {
        tracing::warn!("{undone}");
    }
    Ok(report)
}

/// Whatever the reviewer did to the repository and to the lane counts for nothing.
async fn put_back(
    shells: &Shells,
    lane: &Lane,
    before: Snapshot,
    tip: Oid,
    tree: Oid,
) -> Result<Vec<String>, Failure> {
    let spec = lane.ledger.path.clone();
    let undone = shells
        .git
        .call(move |repo| {
            let mut undone = repo.restore(&before, &tip)?;
            repo.remove_note()?;
            repo.detach_lane(&tip)?;
            if repo.capture(&tip, &spec)?.tree != tree {
                repo.hold_tree(&tree)?;
                repo.capture(&tip, &spec)?;
                undone.push(
                    "the reviewer changed the lane; its files are as they were verified".to_owned(),
                );
            }
            Ok(undone)
        })
        .await?;
    Ok(undone)
}

/// Where the reviewer's copy of a lane is: no spec can have this name.
pub(super) fn copy_dir(shells: &Shells, lane: &Lane) -> PathBuf {
    let mut dir = lane_dir(shells, lane).into_os_string();
    dir.push("@review");
    dir.into()
}

/// What cannot be removed now goes when the lane is prepared next, or with the next review.
pub(super) fn clear(dir: &Path) {
    if let Err(e) = remove_copy(dir) {
        tracing::debug!("{e}");
    }
    // No lane has this folder for its own any more, so nobody else would remove it.
    if let Err(e) = tree::remove(&Sandbox::private_dir(dir)) {
        tracing::debug!("{e}");
    }
}

fn result(
    shells: &Shells,
    id: &ChunkId,
    mut report: EngineReport,
    undone: Vec<String>,
) -> EffectResult {
    // What it says goes into the ledger, prompts and pull requests, and onto the screen.
    for text in report.outcome.texts_mut() {
        *text = shells.redactor.redact(text).into_owned();
    }
    EffectResult::Reviewed {
        chunk: id.clone(),
        report: Box::new(report),
        undone,
    }
}

/// Nothing ran, so nothing was used.
fn none(message: String) -> EngineReport {
    EngineReport {
        outcome: EngineOutcome::Failed(EngineError::Transient {
            until: None,
            message,
        }),
        usage: Usage {
            input: Some(0),
            cached: Some(0),
            output: Some(0),
        },
        cost: Cost::Usd(0.0),
        session: None,
        model: None,
    }
}
