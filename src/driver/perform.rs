//! The one place where effects are performed. Decides nothing; every failure becomes a result.

use super::prepare::{lane_dir, prepare};
use super::shells::Shells;
use crate::core::commit_message::{MessageInput, message};
use crate::core::lane::Lane;
use crate::core::{pr, prompt};
use crate::git::{
    ATTEMPTS, Capture, GitError, LANES, LaneDir, SYNC, SealMethod, SealRequest,
    commit_with_command, files_of_tree, push,
};
use crate::model::effect::{PushFailure, PushFailureKind, Verified};
use crate::model::ledger::SpecBase;
use crate::model::{ChunkId, Effect, EffectResult, EventKind, Evidence, Oid, PrRecord, Usage};
use crate::ports::{EngineJob, EngineProgress, PrRequest};
use crate::spec::{self, ParseOptions};
use crate::verify::{CheckProgress, feedback};
use std::path::PathBuf;

/// An effect that could not be performed, with what to do about it.
pub(super) struct Failure {
    message: String,
    remedy: String,
}

impl Failure {
    pub(super) fn new(message: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            remedy: remedy.into(),
        }
    }

    fn bug(message: impl Into<String>) -> Self {
        Self::new(message, "this is a bug in codelicious")
    }
}

impl From<GitError> for Failure {
    fn from(e: GitError) -> Self {
        Self {
            message: e.to_string(),
            remedy: e.remedy,
        }
    }
}

/// Performs one effect of a lane.
pub(super) async fn perform(shells: &Shells, lane: &Lane, effect: Effect) -> EffectResult {
    let done = match &effect {
        Effect::PrepareLane => prepare(shells, lane).await,
        Effect::Baseline => baseline(shells, lane).await,
        Effect::RunEngine {
            chunk,
            attempt,
            fixes,
        } => run_engine(shells, lane, chunk, *attempt, *fixes).await,
        Effect::Verify { chunk } => verify(shells, lane, chunk).await,
        Effect::Seal { chunk, part } => seal(shells, lane, chunk, *part).await,
        Effect::Land {
            chunk,
            part,
            old,
            new,
        } => land(shells, lane, chunk, *part, old, new).await,
        Effect::SetAside { chunk, attempt } => set_aside(shells, lane, chunk, *attempt).await,
        Effect::Push { branch, tip } => return send(shells, lane, branch, tip).await,
        Effect::PutPr { part, ready } => return put_pr(shells, lane, *part, *ready).await,
    };
    done.unwrap_or_else(|failure| EffectResult::Broken {
        effect: Box::new(effect),
        // May repeat what a set-up command or a hook printed.
        message: shells.redactor.redact(&failure.message).into_owned(),
        remedy: failure.remedy,
    })
}

async fn baseline(shells: &Shells, lane: &Lane) -> Result<EffectResult, Failure> {
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
    let evidence = ran.map_err(|e| Failure::new(e.to_string(), "run again"))?;
    let evidence = redacted(shells, evidence);
    *shells.baseline.borrow_mut() = Some((base, evidence.clone()));
    Ok(EffectResult::BaselineDone(evidence))
}

async fn run_engine(
    shells: &Shells,
    lane: &Lane,
    id: &ChunkId,
    attempt: u32,
    fixes: u32,
) -> Result<EffectResult, Failure> {
    let chunk = lane
        .chunk(id)
        .ok_or_else(|| Failure::bug(format!("there is no chunk {id}")))?;
    let record = lane.record(id);
    let settings = &shells.settings;
    let prompt = if fixes == 0 {
        let checks = lane
            .baseline()
            .map(|b| check_list(&b.evidence))
            .unwrap_or_default();
        prompt::build(&settings.system_prompt, &lane.plan, chunk, &checks, None)
    } else {
        let output = lane
            .verified
            .as_ref()
            .map(|v| feedback(&v.evidence))
            .unwrap_or_default();
        prompt::fix(
            &settings.system_prompt,
            &lane.plan,
            chunk,
            &output,
            fixes,
            settings.max_fixes,
        )
    };
    let job = EngineJob {
        spec: lane.ledger.spec.clone(),
        chunk: id.clone(),
        title: chunk.title.clone(),
        lane: lane_dir(shells, lane),
        spec_path: lane.ledger.path.clone(),
        prompt,
        attempt,
        fixes,
        session: record
            .and_then(|r| r.attempts.last())
            .filter(|_| fixes > 0)
            .and_then(|a| a.session.clone()),
        model: settings.model.clone(),
        timeout: settings.agent_timeout,
        stall: settings.stall_timeout,
        env: settings.engine_env.clone(),
        policy: crate::sandbox::untrusted(),
    };
    let before = shells.git.call(|repo| repo.snapshot()).await?;
    let progress = Progress {
        shells,
        lane,
        chunk: id,
    };
    let mut report = shells
        .engine
        .run(&job, &progress, shells.stop_engines.clone())
        .await;
    // What it says goes into the ledger, commits and pull requests, and onto the screen.
    for text in report.outcome.texts_mut() {
        *text = shells.redactor.redact(text).into_owned();
    }
    crate::proc::end_leftovers();
    let tip = tip_of(lane)?;
    let reference = format!("{ATTEMPTS}{}/{id}/{attempt}", lane.ledger.spec);
    let spec = lane.ledger.path.clone();
    let undone = shells
        .git
        .call(move |repo| {
            let (head, _) = repo.lane_head()?;
            let elsewhere = head.clone().filter(|h| *h != tip && repo.has_commit(h));
            let mut undone = repo.restore(&before, &tip)?;
            if let Some(own) = head.filter(|h| *h != tip && repo.has_commit(h)) {
                repo.set_ref(&reference, &own, "codelicious: the engine's own commits")?;
                undone.push(format!("the engine committed by itself; its commits are kept at {reference} and folded into one"));
            }
            repo.detach_lane(&tip)?;
            if let Some(left_at) = elsewhere
                && repo.carry_back(&left_at, &tip, &spec)? {
                    undone.push("the engine worked on another commit than the lane's tip; its changes were put on top of the tip".to_owned());
                }
            Ok(undone)
        })
        .await?;
    Ok(EffectResult::EngineEnded {
        chunk: id.clone(),
        report: Box::new(report),
        undone,
    })
}

async fn verify(shells: &Shells, lane: &Lane, id: &ChunkId) -> Result<EffectResult, Failure> {
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
        let base = lane.baseline().map_or(&none, |b| &b.evidence);
        let on_check =
            |progress: CheckProgress<'_>| report_check(shells, lane, Some(id), &progress);
        shells
            .verifier
            .check(
                &lane_dir(shells, lane),
                &tracked,
                &capture.files,
                base,
                &on_check,
                shells.stop_engines.clone(),
            )
            .await
            .map_err(|e| Failure::new(e.to_string(), "run again"))?
    } else {
        // Nothing of it will be committed: no check has to run on it.
        Evidence {
            unverified: true,
            ..Evidence::default()
        }
    };
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
    };
    Ok(EffectResult::Verified {
        chunk: id.clone(),
        verified: Box::new(verified),
    })
}

async fn capture(shells: &Shells, lane: &Lane) -> Result<(Capture, Vec<String>), Failure> {
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

async fn seal(
    shells: &Shells,
    lane: &Lane,
    id: &ChunkId,
    part: u32,
) -> Result<EffectResult, Failure> {
    let chunk = lane
        .chunk(id)
        .cloned()
        .ok_or_else(|| Failure::bug(format!("there is no chunk {id}")))?;
    let summary = lane
        .record(id)
        .and_then(|r| r.completion.as_ref())
        .map(|c| shells.redactor.redact(&c.summary).into_owned());
    let text = message(&MessageInput {
        spec: &lane.ledger.spec,
        chunk: id,
        label: chunk.label.as_deref(),
        title: &chunk.title,
        summary: summary.as_deref().unwrap_or_default(),
        part,
        template: shells.settings.commit_template.as_deref(),
    });
    let (tip, path, spec_id, prose) = (
        tip_of(lane)?,
        lane.ledger.path.clone(),
        lane.ledger.spec.clone(),
        lane.start.prose,
    );
    let request = shells
        .git
        .call(move |repo| {
            let what = || format!("marking {} in {path}", chunk.id);
            let bytes = repo.read_file(&tip, &path)?.ok_or_else(|| {
                GitError::new(
                    what(),
                    "the spec is not there",
                    "run again: specs are read anew",
                )
            })?;
            let marked = mark(spec_id, &path, &bytes, &chunk, prose)
                .map_err(|why| GitError::new(what(), why, "run again: specs are read anew"))?;
            Ok(SealRequest {
                tip,
                spec: path,
                spec_text: marked,
                message: text,
            })
        })
        .await?;

    let method = shells.git.call(|repo| Ok(repo.seal_method())).await?;
    let commit = match method {
        SealMethod::InProcess => shells.git.call(move |repo| repo.seal(&request)).await?,
        SealMethod::Command { signs } => {
            return seal_with_command(shells, lane, id, part, request, signs).await;
        }
    };
    Ok(EffectResult::Sealed {
        chunk: id.clone(),
        part,
        commit,
        warning: None,
    })
}

async fn seal_with_command(
    shells: &Shells,
    lane: &Lane,
    id: &ChunkId,
    part: u32,
    request: SealRequest,
    signs: bool,
) -> Result<EffectResult, Failure> {
    let (dir, text, tip) = (
        lane_dir(shells, lane),
        request.message.clone(),
        request.tip.clone(),
    );
    let (wanted, found) = shells
        .git
        .call(move |repo| Ok((repo.stage_for_command(&request)?, repo.find_lane(&dir)?)))
        .await?;
    let LaneDir::Ready(paths) = found else {
        return Err(Failure::new(
            "the lane's worktree is gone",
            "run again: it is made anew",
        ));
    };
    let policy = crate::sandbox::untrusted();
    let stop = shells.stop_engines.clone();
    let ran =
        commit_with_command(&paths, &text, signs, &shells.settings.git_env, policy, stop).await?;
    let back = async || {
        let tip = tip.clone();
        shells.git.call(move |repo| repo.detach_lane(&tip)).await
    };
    match ran {
        Err(output) => {
            back().await?;
            Ok(EffectResult::SealRefused {
                chunk: id.clone(),
                output: shells.redactor.redact(&output).into_owned(),
            })
        }
        Ok(warning) => {
            let (commit, tree) = shells.git.call(|repo| repo.read_seal()).await?;
            if tree == wanted {
                return Ok(EffectResult::Sealed {
                    chunk: id.clone(),
                    part,
                    commit,
                    warning,
                });
            }
            back().await?;
            Ok(EffectResult::SealChanged { chunk: id.clone() })
        }
    }
}

/// The spec's text with the chunk's mark set. `Err` says why the task cannot be found.
fn mark(
    spec: crate::model::SpecId,
    path: &str,
    bytes: &[u8],
    chunk: &crate::model::Chunk,
    prose: bool,
) -> Result<Vec<u8>, String> {
    let parsed = spec::parse(spec, path, bytes, ParseOptions { prose }).map_err(|d| d.message)?;
    let task = parsed
        .tasks
        .iter()
        .find(|t| t.id == chunk.task)
        .ok_or("the task is no longer in the spec")?;
    let splice = match &chunk.part {
        Some(part) if part.index < part.of => {
            spec::mark_partial(bytes, task, part.index, part.of, &part.bounds)
                .map_err(|e| e.to_string())?
        }
        _ => spec::mark_done(bytes, task),
    };
    Ok(spec::apply(bytes, &splice))
}

async fn land(
    shells: &Shells,
    lane: &Lane,
    id: &ChunkId,
    part: u32,
    old: &Oid,
    new: &Oid,
) -> Result<EffectResult, Failure> {
    let lane_ref = format!("{LANES}{}", lane.ledger.spec);
    let (branch, spec) = (lane.branch(part), lane.ledger.path.clone());
    let (old, commit) = (old.clone(), new.clone());
    // After a crash the work is in the commit only; otherwise it stands in the worktree already.
    let in_worktree = lane.verified.is_some();
    shells
        .git
        .call(move |repo| {
            repo.land(&lane_ref, &branch, &old, &commit, &spec)?;
            if in_worktree {
                Ok(())
            } else {
                repo.reset_lane(&commit)
            }
        })
        .await?;
    Ok(EffectResult::Landed {
        chunk: id.clone(),
        part,
        commit: new.clone(),
    })
}

async fn set_aside(
    shells: &Shells,
    lane: &Lane,
    id: &ChunkId,
    attempt: u32,
) -> Result<EffectResult, Failure> {
    let (tip, spec) = (tip_of(lane)?, lane.ledger.path.clone());
    let reference = format!("{ATTEMPTS}{}/{id}/{attempt}", lane.ledger.spec);
    let why = format!("Attempt {attempt} at {id}");
    let saved = shells
        .git
        .call(move |repo| {
            let saved = repo.save_work(&tip, &spec, &reference, &why)?;
            repo.reset_lane(&tip)?;
            Ok(saved.map(|_| reference))
        })
        .await?;
    Ok(EffectResult::SetAside {
        chunk: id.clone(),
        saved,
    })
}

async fn send(shells: &Shells, lane: &Lane, branch: &str, tip: &Oid) -> EffectResult {
    let reference = format!("{SYNC}{}", lane.ledger.spec);
    let sync = {
        let name = reference.clone();
        shells
            .git
            .call(move |repo| repo.ref_target(&name))
            .await
            .ok()
            .flatten()
            .map(|_| reference)
    };
    let Some(remote) = lane.policy.remote.as_deref() else {
        let failure = PushFailure {
            kind: PushFailureKind::Other,
            message: "there is no remote".to_owned(),
        };
        return EffectResult::PushFailed {
            branch: branch.to_owned(),
            tip: tip.clone(),
            failure,
        };
    };
    let stop = shells.stop_everything.clone();
    match push(
        &shells.root,
        remote,
        branch,
        tip,
        sync.as_deref(),
        &shells.settings.git_env,
        stop,
    )
    .await
    {
        Ok(()) => EffectResult::Pushed {
            branch: branch.to_owned(),
            tip: tip.clone(),
        },
        Err(mut failure) => {
            failure.message = shells.redactor.redact(&failure.message).into_owned();
            EffectResult::PushFailed {
                branch: branch.to_owned(),
                tip: tip.clone(),
                failure,
            }
        }
    }
}

async fn put_pr(shells: &Shells, lane: &Lane, part: u32, ready: bool) -> EffectResult {
    let key = crate::core::decide::pr_key(lane, part);
    let input = pr::body_input(lane, part, crate::sandbox::untrusted().is_unsandboxed());
    let (title, body) = crate::forge::body::render(&input);
    let request = PrRequest {
        head: input.head.clone(),
        base: input.base.clone(),
        title: shells.redactor.redact(&title).into_owned(),
        body: shells.redactor.redact(&body).into_owned(),
        ready,
    };
    match shells.forge.put(&request).await {
        Ok(found) => {
            let tip = lane
                .ledger
                .prs
                .iter()
                .find(|p| p.part == part)
                .map(|p| p.tip.clone());
            let Some(tip) = tip else {
                return EffectResult::PrFailed {
                    part,
                    message: format!("part {part} is not in the ledger; this is a bug"),
                };
            };
            let pr = PrRecord {
                part,
                branch: request.head,
                base: request.base,
                tip,
                number: Some(found.number),
                url: Some(found.url),
                state: found.state,
                content: Some(key),
            };
            EffectResult::PrPut {
                part,
                pr: Box::new(pr),
            }
        }
        Err(e) => EffectResult::PrFailed {
            part,
            message: e.to_string(),
        },
    }
}

fn tip_of(lane: &Lane) -> Result<Oid, Failure> {
    lane.tip
        .clone()
        .ok_or_else(|| Failure::bug("the lane has no tip"))
}

pub(super) fn base_of(lane: &Lane) -> Result<SpecBase, Failure> {
    lane.ledger
        .base
        .clone()
        .ok_or_else(|| Failure::bug("the lane has no base"))
}

/// The checks that will judge the work, one a line, for the prompt.
fn check_list(evidence: &Evidence) -> String {
    let lines: Vec<String> = evidence
        .checks
        .iter()
        .map(|c| {
            if c.dir.is_empty() {
                c.command.clone()
            } else {
                format!("{} (in {})", c.command, c.dir)
            }
        })
        .collect();
    lines.join("\n")
}

fn redacted(shells: &Shells, mut evidence: Evidence) -> Evidence {
    for check in &mut evidence.checks {
        check.output = shells.redactor.redact(&check.output).into_owned();
        check.command = shells.redactor.redact(&check.command).into_owned();
    }
    evidence
}

fn report_check(
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

/// Turns an engine's reports into events and log lines.
struct Progress<'a> {
    shells: &'a Shells,
    lane: &'a Lane,
    chunk: &'a ChunkId,
}

impl EngineProgress for Progress<'_> {
    fn step(&self, text: &str) {
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
        tracing::debug!(chunk = %self.chunk, "engine: {line}");
    }
}

/// Folder of the repository's lanes: `<cache>/codelicious/<name>-<hash of its path>`.
pub fn lanes_dir(cache: &std::path::Path, root: &std::path::Path) -> PathBuf {
    use sha2::{Digest, Sha256};
    use std::os::unix::ffi::OsStrExt;
    let hash = Sha256::digest(root.as_os_str().as_bytes());
    let hex: String = hash.iter().take(5).map(|b| format!("{b:02x}")).collect();
    let name = root.file_name().map_or_else(
        || "repository".to_owned(),
        |n| n.to_string_lossy().into_owned(),
    );
    let safe: String = name
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || "._-".contains(c) {
                c
            } else {
                '-'
            }
        })
        .collect();
    cache.join("codelicious").join(format!("{safe}-{hex}"))
}
