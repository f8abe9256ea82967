//! Restacking a lane whose lower parts are on the base.

use super::perform::Failure;
use super::prepare::{now, remember_seen};
use super::shells::Shells;
use crate::core::commit_message::sync_message;
use crate::core::lane::Lane;
use crate::core::restack::SpecTexts;
use crate::git::{GitError, LANES, RestackRequest, branch_tips};
use crate::model::EffectResult;

/// Replays, keeps the old lane, moves lane and branches. A run that is killed in between does it again and
/// comes to the same commits; a lane that was moved already has nothing to be replayed, and its branches are
/// brought up to it.
pub(super) async fn restack(shells: &Shells, lane: &Lane) -> Result<EffectResult, Failure> {
    let Some(plan) = lane.restack.clone() else {
        return Err(Failure::bug("no restack is due"));
    };
    let (spec, start, path) = (
        lane.ledger.spec.clone(),
        lane.start.clone(),
        lane.ledger.path.clone(),
    );
    let branches: Vec<(u32, String)> = plan
        .open()
        .into_iter()
        .map(|part| (part, lane.branch(part)))
        .collect();
    let with_notes = shells.settings.notes;
    let (time, message) = (now(shells), sync_message(&spec));
    let result = shells
        .git
        .call(move |repo| {
            let finished = match start.sync {
                Some(text) => Some(text),
                None => {
                    let at = start.renamed_from.as_deref().unwrap_or(&path);
                    repo.read_file(&plan.old, at)?
                }
            };
            let finished = finished.ok_or_else(|| {
                GitError::new(
                    format!("reading {path} in {}", plan.old.short()),
                    "the spec is not there",
                    "run again: specs are read anew",
                )
            })?;
            let texts = SpecTexts {
                path: path.clone(),
                finished,
                base: repo.read_file(&plan.onto.commit, &path)?,
                prose: start.prose,
            };
            let request = RestackRequest {
                plan,
                texts,
                path,
                renamed_from: start.renamed_from,
                sync_message: message,
            };
            let refused = |why: String| Ok(EffectResult::RestackRefused { why });
            let replayed = match repo.replay(&request) {
                Ok(Ok(replayed)) => replayed,
                Ok(Err(why)) => return refused(why),
                // Nothing was moved yet, and what can be built on the lane as it stands still can.
                Err(e) => return refused(e.to_string()),
            };
            let mut notes = Vec::new();
            // Before anything is moved: a run that is killed now comes to the same commits.
            if with_notes {
                notes.extend(super::notes::carry(repo, &replayed.moved));
            }
            if let Some(older) = &start.archive {
                repo.archive(&spec, older, &time)?;
            }
            let kept = repo.archive(&spec, &request.plan.old, &time)?;
            repo.move_ref(
                &format!("{LANES}{spec}"),
                start.lane_ref.as_ref(),
                &replayed.tip,
                "codelicious: restack",
            )?;
            let tips = branch_tips(&request.plan, &replayed);
            for (part, branch) in &branches {
                if let Some(tip) = tips.get(part) {
                    repo.follow(branch, tip)?;
                }
            }
            if repo.seal_method()?.signs {
                notes.push("the commits that were moved are not signed any more".to_owned());
            }
            Ok(EffectResult::Restacked {
                tip: replayed.tip,
                moved: replayed.moved,
                kept,
                notes,
            })
        })
        .await?;
    if matches!(result, EffectResult::Restacked { .. }) {
        remember_seen(shells, lane).await?;
    }
    Ok(result)
}
