//! Running the repository's checks on the base and on a chunk's work.

use super::perform::{Failure, base_of, tip_of};
use super::prepare::lane_dir;
use super::shells::Shells;
use crate::core::lane::Lane;
use crate::crash::{self, Point};
use crate::git::{Capture, files_of_tree};
use crate::model::effect::Verified;
use crate::model::{ChunkId, EffectResult, EventKind, Evidence, Oid};
use crate::verify::{CheckProgress, NoVerdict, Work};

pub(super) async fn baseline(shells: &Shells, lane: &Lane) -> Result<EffectResult, Failure> {
    let base = base_of(lane)?.commit;
    if let Some((commit, evidence)) = shells.baseline.borrow().as_ref()
        && *commit == base
    {
        return Ok(EffectResult::BaselineDone(evidence.clone()));
    }
    let tip = tip_of(lane)?;
    let files = {
        let base = base.clone();
        shells
            .git
            .call(move |repo| {
                repo.reset_lane(&base)?;
                files_of_tree(repo, &base)
            })
            .await?
    };
    let on_check = |progress: CheckProgress<'_>| report_check(shells, lane, None, &progress);
    let ran = shells
        .verifier
        .baseline(
            &lane_dir(shells, lane),
            &files,
            &on_check,
            shells.stop_engines.clone(),
        )
        .await;
    shells.git.call(move |repo| repo.reset_lane(&tip)).await?;
    let evidence = checked_until_stopped(ran)?;
    let evidence = redacted(shells, evidence);
    *shells.baseline.borrow_mut() = Some((base, evidence.clone()));
    Ok(EffectResult::BaselineDone(evidence))
}

pub(super) async fn verify(
    shells: &Shells,
    lane: &Lane,
    id: &ChunkId,
) -> Result<EffectResult, Failure> {
    let (capture, tracked) = capture(shells, lane).await?;
    let mut findings: Vec<String> = capture.refused.clone();
    let added = capture
        .added
        .iter()
        .map(|l| (l.path.as_str(), l.line, l.text.as_str()));
    findings.extend(
        shells
            .redactor
            .scan_diff(added)
            .iter()
            .map(ToString::to_string),
    );
    let none = Evidence::default();
    let evidence = if findings.is_empty() {
        let base = lane.baseline().unwrap_or(&none);
        let on_check =
            |progress: CheckProgress<'_>| report_check(shells, lane, Some(id), &progress);
        let ran = shells
            .verifier
            .check(
                &lane_dir(shells, lane),
                Work {
                    tracked: &tracked,
                    changed: &capture.files,
                    base,
                    task: lane.chunk(id).map_or("", |chunk| &chunk.text),
                },
                &on_check,
                shells.stop_engines.clone(),
            )
            .await;
        checked_until_stopped(ran)?
    } else {
        // Nothing of it will be committed: no check has to run on it.
        Evidence {
            unverified: true,
            ..Evidence::default()
        }
    };
    crash::point(Point::ChecksRan)?;
    let (tree, files, lines) = if evidence.checks.is_empty() {
        (capture.tree, capture.files, capture.lines)
    } else {
        settle_tree(shells, lane, capture).await?
    };
    let mut evidence = redacted(shells, evidence);
    evidence.tree = Some(tree.to_string());
    let verified = Verified {
        evidence,
        tree: Some(tree),
        files,
        lines,
        findings,
        ..Verified::default()
    };
    Ok(EffectResult::Verified {
        chunk: id.clone(),
        verified: Box::new(verified),
    })
}

/// What was checked counts only when all of it was.
pub(super) fn checked_until_stopped(ran: Result<Evidence, NoVerdict>) -> Result<Evidence, Failure> {
    ran.map_err(|e| Failure::new(e.to_string(), "run again"))
}

pub(super) async fn capture(
    shells: &Shells,
    lane: &Lane,
) -> Result<(Capture, Vec<String>), Failure> {
    let (tip, spec) = (tip_of(lane)?, lane.ledger.path.clone());
    let captured = shells
        .git
        .call(move |repo| {
            let capture = repo.capture(&tip, &spec)?;
            Ok((capture, repo.staged_files()?))
        })
        .await?;
    Ok(captured)
}

/// Checks may write files. What they changed is undone, except lock files: those belong to the manifests
/// that the work changed.
async fn settle_tree(
    shells: &Shells,
    lane: &Lane,
    before: Capture,
) -> Result<(Oid, Vec<String>, u32), Failure> {
    const LOCK_FILES: [&str; 7] = [
        "Cargo.lock",
        "package-lock.json",
        "pnpm-lock.yaml",
        "yarn.lock",
        "uv.lock",
        "poetry.lock",
        "go.sum",
    ];
    let (after, _) = capture(shells, lane).await?;
    if after.tree == before.tree {
        return Ok((before.tree, before.files, before.lines));
    }
    let (old, new) = (before.tree.clone(), after.tree.clone());
    let changed = shells
        .git
        .call(move |repo| repo.changed_between(&old, &new))
        .await?;
    let is_lock = |p: &String| LOCK_FILES.contains(&p.rsplit('/').next().unwrap_or(p));
    if changed.iter().all(is_lock) && are_tracked(shells, lane, changed).await? {
        return Ok((after.tree, after.files, after.lines));
    }
    let (tip, spec, tree) = (tip_of(lane)?, lane.ledger.path.clone(), before.tree.clone());
    shells
        .git
        .call(move |repo| {
            repo.hold_tree(&tree)?;
            repo.capture(&tip, &spec)
        })
        .await?;
    Ok((before.tree, before.files, before.lines))
}

/// True when the lane's tip has all these files: a lock file that a check makes anew is no work.
async fn are_tracked(shells: &Shells, lane: &Lane, paths: Vec<String>) -> Result<bool, Failure> {
    let tip = tip_of(lane)?;
    let all = shells
        .git
        .call(move |repo| {
            let mut all = true;
            for path in &paths {
                all &= repo.read_file(&tip, path)?.is_some();
            }
            Ok(all)
        })
        .await?;
    Ok(all)
}

pub(super) fn redacted(shells: &Shells, mut evidence: Evidence) -> Evidence {
    for check in &mut evidence.checks {
        check.output = shells.redactor.redact(&check.output).into_owned();
        check.command = shells.redactor.redact(&check.command).into_owned();
    }
    evidence
}

pub(super) fn report_check(
    shells: &Shells,
    lane: &Lane,
    chunk: Option<&ChunkId>,
    progress: &CheckProgress<'_>,
) {
    let kind = match progress {
        CheckProgress::Started { name, .. } => EventKind::CheckStarted {
            name: (*name).to_owned(),
        },
        CheckProgress::Finished(result) => EventKind::CheckFinished {
            name: result.name.clone(),
            verdict: result.outcome.word().to_owned(),
            millis: result.millis,
        },
    };
    shells.emit(&lane.ledger.spec, vec![(chunk.cloned(), kind)]);
}
