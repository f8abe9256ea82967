//! Running the repository's checks on the base and on a chunk's work.

use super::audit;
use super::perform::{Failure, base_of, tip_of};
use super::prepare::lane_dir;
use super::proof::proof;
use super::shells::Shells;
use crate::core::lane::Lane;
use crate::crash::{self, Point};
use crate::fsx::root::DIR_NAME;
use crate::git::{Capture, GitError, Repo, files_of_tree};
use crate::model::effect::Verified;
use crate::model::{ChunkId, EffectResult, EventKind, Evidence, Oid};
use crate::verify::coverage::Changed;
use crate::verify::{CheckProgress, NoVerdict, Work, cache, signature};

/// How the checks end on the untouched base: known from this run, or from an earlier one on the same files, or seen now.
pub(super) async fn baseline(shells: &Shells, lane: &Lane) -> Result<EffectResult, Failure> {
    let base = base_of(lane)?.commit;
    if let Some((commit, evidence)) = shells.baseline.borrow().as_ref()
        && *commit == base
    {
        return Ok(EffectResult::BaselineDone(evidence.clone()));
    }
    let tip = tip_of(lane)?;
    let (files, tree) = {
        let base = base.clone();
        shells
            .git
            .call(move |repo| {
                repo.visit(&base)?;
                Ok((files_of_tree(repo, &base)?, repo.tree_of(&base)?))
            })
            .await?
    };
    let dir = lane_dir(shells, lane);
    let cache_dir = shells.root.join(DIR_NAME);
    let key = cache::key(tree.as_str(), &shells.verifier.fingerprint(&dir, &files));
    let evidence = match cache::read(&cache_dir, &key) {
        Some(evidence) => evidence,
        None => {
            shells.emit(
                &lane.ledger.spec,
                vec![(None, EventKind::BaselineStarted {})],
            );
            let on_check =
                |progress: CheckProgress<'_>| report_check(shells, lane, None, &progress);
            let stop = shells.stop_engines.clone();
            let ran = shells
                .verifier
                .baseline(&dir, &files, &on_check, stop)
                .await;
            let evidence = redacted(shells, checked_until_stopped(ran)?);
            if let Err(e) = cache::write(&cache_dir, &key, &evidence) {
                tracing::warn!("the checks on the base were not kept: {e}");
            }
            evidence
        }
    };
    shells.git.call(move |repo| repo.reset_lane(&tip)).await?;
    *shells.baseline.borrow_mut() = Some((base, evidence.clone()));
    Ok(EffectResult::BaselineDone(evidence))
}

/// Secrets in the names of files that the work changed.
fn in_names(shells: &Shells, files: &[String]) -> Vec<String> {
    let names = files.iter().map(|f| (f.as_str(), 1, f.as_str()));
    let found = shells.redactor.scan_diff(names);
    let told = found.iter().map(|f| {
        let path = shells.redactor.redact(&f.path);
        format!("{path}: its name holds {} ({})", f.what, f.masked)
    });
    told.collect()
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
    findings.extend(in_names(shells, &capture.files));
    let verified = |verified: Verified| EffectResult::Verified {
        chunk: id.clone(),
        verified: Box::new(verified),
    };
    if !findings.is_empty() {
        // Nothing of it will be committed: no check has to run on it.
        crash::point(Point::ChecksRan)?;
        return Ok(verified(Verified {
            evidence: Evidence {
                unverified: true,
                tree: Some(capture.tree.to_string()),
                ..Evidence::default()
            },
            tree: Some(capture.tree),
            files: capture.files,
            lines: capture.lines,
            findings,
            ..Verified::default()
        }));
    }
    // Before the checks run: what they leave behind is theirs.
    let (of_chunk, tip) = (id.to_string(), tip_of(lane)?);
    let look = move |repo: &mut Repo| repo.unseen(&of_chunk, &tip);
    let unseen = shells.git.call(look).await?;
    let (evidence, shortfall) = check(shells, lane, id, (&capture, &tracked)).await?;
    crash::point(Point::ChecksRan)?;
    let (tree, files, lines) = match evidence.checks.is_empty() {
        true => (capture.tree, capture.files, capture.lines),
        false => {
            let settled = settle_tree(shells, lane, capture).await?;
            keep(shells, id).await?;
            settled
        }
    };
    let mut evidence = redacted(shells, evidence);
    let (tip, now) = (tip_of(lane)?, tree.clone());
    let changed = shells.git.call(move |repo| repo.sides(&tip, &now)).await?;
    evidence.findings =
        audit::findings(shells, lane, id, (&tree, &changed, &unseen), &evidence).await?;
    evidence.proof = proof(shells, lane, id, (&tree, &changed), &evidence).await?;
    keep(shells, id).await?;
    evidence.tree = Some(tree.to_string());
    if !shells.sandbox.is_off() {
        evidence.sandbox = shells.sandbox.word().to_owned();
    }
    Ok(verified(Verified {
        signature: signature(&evidence),
        evidence,
        tree: Some(tree),
        files,
        lines,
        findings,
        shortfall,
    }))
}

/// Runs the checks that the work calls for; the second is what coverage lacks.
async fn check(
    shells: &Shells,
    lane: &Lane,
    id: &ChunkId,
    (capture, tracked): (&Capture, &[String]),
) -> Result<(Evidence, Option<String>), Failure> {
    let none = Evidence::default();
    let task = task_text(lane, id);
    let work = Work {
        tracked,
        changed: &capture.files,
        base: lane.baseline().unwrap_or(&none),
        task: &task,
    };
    let on_check = |progress: CheckProgress<'_>| report_check(shells, lane, Some(id), &progress);
    let stop = shells.stop_engines.clone();
    let ran = shells
        .verifier
        .check_and_measure(
            &lane_dir(shells, lane),
            work,
            &changed_lines(capture),
            &on_check,
            stop,
        )
        .await;
    checked_until_stopped(ran)
}

fn changed_lines(capture: &Capture) -> Changed {
    let mut changed = Changed::new();
    for added in &capture.added {
        let line = u32::try_from(added.line).unwrap_or(u32::MAX);
        let of_file = changed.entry(added.path.clone()).or_default();
        match of_file.last_mut() {
            Some(run) if run.end().checked_add(1) == Some(line) => *run = *run.start()..=line,
            _ => of_file.push(line..=line),
        }
    }
    changed
}

/// Title and text of a chunk's task.
pub(super) fn task_text(lane: &Lane, id: &ChunkId) -> String {
    let chunk = lane.chunk(id);
    chunk.map_or_else(String::new, |c| format!("{}\n{}", c.title, c.text))
}

/// Puts the worktree and what is staged of it back to a captured tree.
pub(super) async fn stand_at(shells: &Shells, lane: &Lane, tree: &Oid) -> Result<(), Failure> {
    let (tip, spec, tree) = (tip_of(lane)?, lane.ledger.path.clone(), tree.clone());
    shells
        .git
        .call(move |repo| {
            repo.hold_tree(&tree)?;
            repo.capture(&tip, &spec)
        })
        .await?;
    Ok(())
}

/// Undoes what checks and hooks changed of what no work changes.
pub(super) async fn keep(shells: &Shells, id: &ChunkId) -> Result<(), GitError> {
    let chunk = id.to_string();
    let restored = shells.git.call(move |repo| repo.restore_kept_after(&chunk));
    restored.await
}

/// What was checked counts only when all of it was.
pub(super) fn checked_until_stopped<T>(ran: Result<T, NoVerdict>) -> Result<T, Failure> {
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
    stand_at(shells, lane, &before.tree).await?;
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
        if let Some(rerun) = &mut check.rerun {
            rerun.output = shells.redactor.redact(&rerun.output).into_owned();
            rerun.command = shells.redactor.redact(&rerun.command).into_owned();
        }
        for text in check.refused.iter_mut().chain(&mut check.hint) {
            *text = shells.redactor.redact(text).into_owned();
        }
    }
    evidence
}

pub(super) fn report_check(
    shells: &Shells,
    lane: &Lane,
    chunk: Option<&ChunkId>,
    progress: &CheckProgress<'_>,
) {
    if let CheckProgress::Finished(result) = progress {
        let (hosts, hint) = (result.refused.clone(), result.hint.clone());
        shells.tell_refused(&lane.ledger.spec, chunk, &result.name, hosts, hint);
    }
    let kind = match progress {
        CheckProgress::Started { name, .. } => EventKind::CheckStarted {
            name: (*name).to_owned(),
        },
        CheckProgress::Finished(result) => EventKind::CheckFinished {
            name: result.name.clone(),
            verdict: result.outcome.word().to_owned(),
            millis: result.millis,
        },
        CheckProgress::NotMeasured { why } => EventKind::Warning {
            message: format!("coverage was not measured: {why}"),
        },
    };
    shells.emit(&lane.ledger.spec, vec![(chunk.cloned(), kind)]);
}
