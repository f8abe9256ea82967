//! Making a chunk's commit and landing it.

use super::perform::{Failure, tip_of};
use super::prepare::lane_dir;
use super::shells::Shells;
use crate::core::commit_message::{MessageInput, message};
use crate::core::lane::Lane;
use crate::git::{GitError, LANES, LaneDir, SealMethod, SealRequest, commit_with_command};
use crate::model::policy::Preset;
use crate::model::{ChunkId, EffectResult, Oid, TaskMark};
use crate::sandbox::Subject;
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
            Ok(match repo.seal_method() {
                SealMethod::InProcess => Begun::Sealed(repo.seal(&request)?),
                SealMethod::Command { signs } => Begun::NeedsCommand { request, signs },
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
        Begun::NeedsCommand { request, signs } => {
            seal_with_command(shells, lane, id, part, request, signs).await
        }
    }
}

enum Begun {
    Sealed(Oid),
    NeedsCommand { request: SealRequest, signs: bool },
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
    let policy = shells.sandbox.policy(&Subject {
        preset: Preset::Verify,
        lane: &paths.dir,
        command: "git commit",
        env: &shells.settings.git_env,
    });
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
    is_planned: bool,
) -> Result<Vec<u8>, String> {
    let parsed = spec::parse(spec, path, bytes, ParseOptions { prose }).map_err(|d| d.message)?;
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
    let landed = EffectResult::Landed {
        chunk: id.clone(),
        part,
        commit: new.clone(),
        lines,
    };
    super::notes::landed(shells, lane, id, &landed).await;
    Ok(landed)
}
