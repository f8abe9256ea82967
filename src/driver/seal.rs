//! Making a chunk's commit and landing it.

use super::checks::keep;
use super::hooks::{Before, after_commit, before_commit};
use super::perform::{Failure, tip_of};
use super::prepare::lane_dir;
use super::shells::Shells;
use crate::core::commit_message::{MessageInput, message};
use crate::core::lane::Lane;
use crate::git::{GitError, LANES, LaneDir, SealMethod, SealRequest, sign_with_command};
use crate::model::{ChunkId, EffectResult, Oid, TaskMark};
use crate::spec::{self, ParseOptions};

pub(super) async fn seal(
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
    let accepted_by = lane
        .record(id)
        .and_then(|r| r.accepted())
        .map(|a| shells.redactor.redact(&a.who).into_owned());
    let text = message(&MessageInput {
        spec: &lane.ledger.spec,
        chunk: id,
        label: chunk.label.as_deref(),
        title: &chunk.title,
        summary: summary.as_deref().unwrap_or_default(),
        part,
        accepted_by: accepted_by.as_deref(),
        verdict: lane.verified.as_ref().map(|v| v.evidence.verdict()),
        template: shells.settings.commit_template.as_deref(),
    });
    let (tip, path, spec_id, prose) = (
        tip_of(lane)?,
        lane.ledger.path.clone(),
        lane.ledger.spec.clone(),
        lane.start.prose,
    );
    let is_planned = lane.start.planned.contains(&chunk.task);
    // One visit to the git thread where nothing of the repository's has a say.
    let begun = shells
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
            let marked = mark(spec_id, &path, &bytes, &chunk, prose, is_planned)
                .map_err(|why| GitError::new(what(), why, "run again: specs are read anew"))?;
            let request = SealRequest {
                tip,
                spec: path,
                spec_text: marked,
                message: text,
            };
            Ok(match repo.seal_method()? {
                SealMethod {
                    hooks: false,
                    signs: false,
                } => Begun::Sealed(repo.seal(&request)?),
                method => Begun::NeedsCommand { request, method },
            })
        })
        .await?;
    match begun {
        Begun::Sealed(commit) => Ok(EffectResult::Sealed {
            chunk: id.clone(),
            part,
            commit,
            warning: None,
        }),
        Begun::NeedsCommand { request, method } => {
            seal_with_command(shells, lane, id, part, request, method).await
        }
    }
}

enum Begun {
    Sealed(Oid),
    NeedsCommand {
        request: SealRequest,
        method: SealMethod,
    },
}

/// A commit in which hooks or a signer have a say. A signer that does not work falls back to an unsigned commit, with
/// a warning.
async fn seal_with_command(
    shells: &Shells,
    lane: &Lane,
    id: &ChunkId,
    part: u32,
    mut request: SealRequest,
    method: SealMethod,
) -> Result<EffectResult, Failure> {
    let (dir, staged, tip) = (lane_dir(shells, lane), request.clone(), request.tip.clone());
    let (tree, found) = shells
        .git
        .call(move |repo| Ok((repo.stage_for_command(&staged)?, repo.find_lane(&dir)?)))
        .await?;
    let LaneDir::Ready(paths) = found else {
        return Err(Failure::new(
            "the lane's worktree is gone",
            "run again: it is made anew",
        ));
    };
    if method.hooks {
        let back = async || {
            let tip = tip.clone();
            shells.git.call(move |repo| repo.detach_lane(&tip)).await
        };
        let before = before_commit(shells, lane, &paths, &tip, &request.message).await?;
        keep(shells, id).await?;
        match before {
            Before::Agreed { message } => request.message = message,
            Before::Changed => {
                back().await?;
                return Ok(EffectResult::SealChanged { chunk: id.clone() });
            }
            Before::Refused(output) => {
                back().await?;
                return Ok(EffectResult::SealRefused {
                    chunk: id.clone(),
                    output: shells.redactor.redact(&output).into_owned(),
                });
            }
        }
    }
    let mut warning = None;
    let mut signed = None;
    if method.signs {
        let (env, stop) = (&shells.settings.git_env, shells.stop_engines.clone());
        let here = paths.clone();
        let place = shells
            .git
            .call(move |repo| repo.lane_place(&here.admin, &here.dir));
        let place = (paths.admin.as_path(), &place.await?);
        let made = sign_with_command(place, (&tree, &tip), &request.message, env, stop).await?;
        match made {
            Ok(commit) => signed = Some(commit),
            Err(why) => {
                let why = shells.redactor.redact(&why);
                warning = Some(format!(
                    "the commit is not signed: the signer failed ({why})"
                ));
            }
        }
    }
    let commit = shells
        .git
        .call(move |repo| {
            repo.sealed_with_command()?;
            match signed {
                Some(commit) => Ok(commit),
                None => repo.seal(&request),
            }
        })
        .await?;
    Ok(EffectResult::Sealed {
        chunk: id.clone(),
        part,
        commit,
        warning,
    })
}

/// The spec's text with the chunk's mark set. `Err` says why the task cannot be found.
fn mark(
    spec: crate::model::SpecId,
    path: &str,
    bytes: &[u8],
    chunk: &crate::model::Chunk,
    prose: bool,
    is_planned: bool,
) -> Result<Vec<u8>, String> {
    let parsed = spec::parse(
        spec,
        path,
        bytes,
        ParseOptions {
            prose,
            ..ParseOptions::default()
        },
    )
    .map_err(|d| d.message)?;
    if is_planned {
        let mark = match &chunk.part {
            Some(part) if part.index < part.of => TaskMark::Partial {
                done: part.index,
                of: part.of,
                bounds: part.bounds.clone(),
            },
            Some(_) | None => TaskMark::Done,
        };
        return spec::mark_chunk(bytes, &parsed, &chunk.task, &mark).map_err(|e| e.to_string());
    }
    let index = parsed.tasks.iter().position(|t| t.id == chunk.task);
    let index = index.ok_or("the task is no longer in the spec")?;
    match &chunk.part {
        Some(part) if part.index < part.of => {
            let task = &parsed.tasks[index];
            let splice = spec::mark_partial(bytes, task, part.index, part.of, &part.bounds);
            Ok(spec::apply(bytes, &splice.map_err(|e| e.to_string())?))
        }
        Some(_) | None => Ok(spec::tick(bytes, &parsed, index)),
    }
}

pub(super) async fn land(
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
    let known_lines = lane.verified.as_ref().map(|v| v.lines);
    let lines = shells
        .git
        .call(move |repo| {
            repo.land(&lane_ref, &branch, &old, &commit, &spec)?;
            match known_lines {
                Some(lines) => Ok(lines),
                None => {
                    repo.reset_lane(&commit)?;
                    Ok(repo.lines_of(&commit, &spec)?.counted())
                }
            }
        })
        .await?;
    after_commit(shells, lane, new).await?;
    let commit = new.clone();
    shells
        .git
        .call(move |repo| match repo.hooks()?.of_commits() {
            // What they left beside the commit is nobody's work.
            true => repo.reset_lane(&commit),
            false => Ok(()),
        })
        .await?;
    let landed = EffectResult::Landed {
        chunk: id.clone(),
        part,
        commit: new.clone(),
        lines,
    };
    super::notes::landed(shells, lane, id, &landed).await;
    Ok(landed)
}
