//! The one place where effects are performed. Decides nothing; every failure becomes a result.

use super::checks::{baseline, verify};
use super::engine::run_engine;
use super::moves::take_up;
use super::prepare::prepare;
use super::red::see_red;
use super::restack::restack;
use super::review::review;
use super::seal::{land, seal};
use super::shells::Shells;
use super::suite::suite;
use crate::core::lane::Lane;
use crate::core::pr::{self, PartFacts};
use crate::core::progress;
use crate::crash::{self, Around};
use crate::git::{ATTEMPTS, GitError, NOTES, PLANS, PushRequest, SYNC, Standing, push};
use crate::model::effect::{PushFailure, PushFailureKind};
use crate::model::ledger::SpecBase;
use crate::model::{ChunkId, Effect, EffectResult, Oid, PrRecord};
use crate::ports::{CommentRequest, PrRequest, PutPr};

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

    pub(super) fn bug(message: impl Into<String>) -> Self {
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

impl From<std::io::Error> for Failure {
    fn from(e: std::io::Error) -> Self {
        Self::new(e.to_string(), "run again")
    }
}

/// Performs one effect of a lane.
pub(super) async fn perform(shells: &Shells, lane: &Lane, effect: Effect) -> EffectResult {
    let done = carry_out(shells, lane, &effect).await;
    let done = done.and_then(|result| {
        crash::effect(effect.name(), Around::AfterEffect)?;
        Ok(result)
    });
    done.unwrap_or_else(|failure| EffectResult::Broken {
        effect: Box::new(effect),
        // May repeat what a set-up command or a hook printed.
        message: shells.redactor.redact(&failure.message).into_owned(),
        remedy: failure.remedy,
    })
}

async fn carry_out(shells: &Shells, lane: &Lane, effect: &Effect) -> Result<EffectResult, Failure> {
    crash::effect(effect.name(), Around::AfterIntent)?;
    match effect {
        Effect::PrepareLane => prepare(shells, lane).await,
        Effect::Restack { .. } => restack(shells, lane).await,
        Effect::Baseline => baseline(shells, lane).await,
        Effect::RunEngine {
            chunk,
            attempt,
            fixes,
            engine,
        } => {
            let engine = shells
                .engine(engine)
                .ok_or_else(|| Failure::bug(format!("there is no engine {engine}")))?;
            run_engine(shells, lane, engine, chunk, (*attempt, *fixes)).await
        }
        Effect::TakeUp { chunk, attempt } => take_up(shells, lane, chunk, *attempt).await,
        Effect::Verify { chunk } => verify(shells, lane, chunk).await,
        Effect::SeeRed { chunk } => see_red(shells, lane, chunk).await,
        Effect::Suite { part } => suite(shells, lane, *part).await,
        Effect::Review { chunk, round } => review(shells, lane, chunk, *round).await,
        Effect::Seal { chunk, part } => seal(shells, lane, chunk, *part).await,
        Effect::Land {
            chunk,
            part,
            old,
            new,
        } => land(shells, lane, chunk, *part, old, new).await,
        Effect::SetAside { chunk, attempt } => set_aside(shells, lane, chunk, *attempt).await,
        Effect::Push {
            branch,
            tip,
            replaces,
        } => Ok(send(shells, lane, branch, tip, replaces.clone()).await),
        Effect::PutPr { part, ready } => Ok(put_pr(shells, lane, *part, *ready).await),
        Effect::Comment { issue } => Ok(comment(shells, lane, *issue).await),
    }
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
            // A check that was broken off leaves the lane at something else than the work.
            let saved = match repo.standing()? {
                Standing::Elsewhere { work: Some(tree) } => {
                    repo.save_tree(&tree, None, &tip, &reference, &why)?
                }
                Standing::Elsewhere { work: None } => None,
                Standing::Lost { work } => {
                    tracing::warn!("{why} is lost: git does not have its tree {work} any more");
                    None
                }
                Standing::Own => repo.save_work(&tip, &spec, &reference, &why)?,
            };
            repo.reset_lane(&tip)?;
            Ok(saved.map(|_| reference))
        })
        .await?;
    Ok(EffectResult::SetAside {
        chunk: id.clone(),
        saved,
    })
}

async fn send(
    shells: &Shells,
    lane: &Lane,
    branch: &str,
    tip: &Oid,
    replaces: Option<Oid>,
) -> EffectResult {
    let (beside, unmerged) = {
        let mut names = [SYNC, PLANS]
            .map(|below| format!("{below}{}", lane.ledger.spec))
            .to_vec();
        let with_notes = shells.settings.push_notes;
        let there = shells.git.call(move |repo| {
            let merged = match with_notes {
                true => repo.merge_notes().map(|_| names.push(NOTES.to_owned())),
                false => Ok(()),
            };
            let is_there = |name: &String| repo.ref_target(name).is_ok_and(|t| t.is_some());
            names.retain(is_there);
            Ok((names, merged.err()))
        });
        there.await.unwrap_or_default()
    };
    let unmerged = unmerged.map(|e| format!("notes of evidence are not sent: {e}"));
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
    let request = PushRequest {
        remote: remote.to_owned(),
        branch: branch.to_owned(),
        tip: tip.clone(),
        replaces,
        beside,
    };
    let pushed = async {
        let made = shells.git.call(|repo| repo.git_place()).await;
        let place = made.map_err(|e| PushFailure {
            kind: PushFailureKind::Other,
            message: e.to_string(),
        })?;
        super::hooks::before_push(shells, lane, &place, &request).await?;
        push(&place, &request, &shells.settings.git_env, stop).await
    };
    match pushed.await {
        Ok(notes) => EffectResult::Pushed {
            branch: branch.to_owned(),
            tip: tip.clone(),
            notes: unmerged
                .iter()
                .chain(&notes)
                .map(|n| shells.redactor.redact(n).into_owned())
                .collect(),
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
    let input = pr::body_input(lane, part, &part_facts(shells, lane, part).await);
    let template = lane.policy.pr.template.as_deref();
    let (title, body) = crate::forge::body::render(&input, template);
    let request = PrRequest {
        head: input.head.clone(),
        base: input.base.clone(),
        title: shells.redactor.redact(&title).into_owned(),
        body: shells.redactor.redact(&body).into_owned(),
        ready,
        labels: lane.policy.pr.labels.clone(),
        // A draft is nobody's to review.
        reviewers: match ready {
            true => lane.policy.pr.reviewers.clone(),
            false => Vec::new(),
        },
    };
    match shells.forge.put(&request).await {
        Ok(PutPr { pr: found, notes }) => {
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
                suite: None,
            };
            let mut told = shells.told.borrow_mut();
            let notes = notes.into_iter();
            EffectResult::PrPut {
                part,
                pr: Box::new(pr),
                notes: notes.filter(|n| told.insert(n.clone())).collect(),
            }
        }
        Err(e) => EffectResult::PrFailed {
            part,
            message: e.to_string(),
        },
    }
}

/// One comment a spec, known by the spec's name.
async fn comment(shells: &Shells, lane: &Lane, issue: u64) -> EffectResult {
    let key = progress::key(lane).unwrap_or_default();
    let body = crate::forge::progress::render(&progress::input(lane));
    let request = CommentRequest {
        issue,
        key: lane.ledger.spec.to_string(),
        body: shells.redactor.redact(&body).into_owned(),
    };
    match shells.forge.comment(&request).await {
        Ok(()) => EffectResult::Commented { issue, key },
        Err(e) => EffectResult::CommentFailed {
            issue,
            message: e.to_string(),
        },
    }
}

/// What git and the forge know of a part. What cannot be read is left out: the pull request says less then.
async fn part_facts(shells: &Shells, lane: &Lane, part: u32) -> PartFacts {
    let (path, branch) = (lane.ledger.path.clone(), lane.branch(part));
    let commits: Vec<Oid> = lane
        .part_chunks(part)
        .into_iter()
        .map(|(_, _, commit)| commit.clone())
        .collect();
    let tip = lane.ledger.prs.iter().find(|p| p.part == part);
    let tip = tip.map(|p| p.tip.clone());
    let spec_url = shells.forge.file_url(&branch, &path);
    let read = shells.git.call(move |repo| {
        let text = tip.and_then(|tip| repo.read_file(&tip, &path).ok().flatten());
        let lines = commits.into_iter().filter_map(|commit| {
            let lines = repo.lines_of(&commit, &path).ok()?;
            Some((commit, lines))
        });
        Ok((text.unwrap_or_default(), lines.collect()))
    });
    let (spec_text, lines) = read.await.unwrap_or_default();
    PartFacts {
        spec_text,
        spec_url,
        lines,
        sandbox: shells.sandbox.state(),
    }
}

pub(super) fn tip_of(lane: &Lane) -> Result<Oid, Failure> {
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
