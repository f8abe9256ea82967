//! Tests without the work: which of them are red, and so need it.

use super::checks::{capture, checked_until_stopped, keep, redacted, report_check, task_text};
use super::perform::{Failure, tip_of};
use super::prepare::lane_dir;
use super::shells::Shells;
use crate::core::lane::Lane;
use crate::git::{Changed, Side};
use crate::model::effect::RedTests;
use crate::model::{ChunkId, EffectResult, Evidence, Oid};
use crate::verify::audit::tests_only;
use crate::verify::redness::seen_red;
use crate::verify::{CheckProgress, Work};

/// The tip with the tests of a diff put on it, and nothing else of it.
pub(super) struct Alone {
    pub tree: Oid,
    pub files: Vec<String>,
}

/// The tests of the work alone; None where it has none.
pub(super) async fn tests_alone(
    shells: &Shells,
    lane: &Lane,
    tree: &Oid,
    changed: &Changed,
) -> Result<Option<Alone>, Failure> {
    let mut files = Vec::new();
    for file in &changed.files {
        let before = file.before.as_ref().and_then(Side::text);
        let after = file.after.as_ref().and_then(Side::text);
        let alone = tests_only(&file.path, before, after);
        if let Some(text) = alone.filter(|text| before != Some(text.as_str())) {
            files.push((file.path.clone(), text));
        }
    }
    if files.is_empty() {
        return Ok(None);
    }
    let (tip, like) = (tip_of(lane)?, tree.clone());
    let paths = files.iter().map(|(path, _)| path.clone()).collect();
    let tree = shells
        .git
        .call(move |repo| repo.with_files(&tip, &like, &files))
        .await?;
    Ok(Some(Alone { tree, files: paths }))
}

/// Runs the tests that the engine wrote before its code, on the tip and without anything else that it did. The lane
/// stands at that tree afterwards.
pub(super) async fn see_red(
    shells: &Shells,
    lane: &Lane,
    id: &ChunkId,
) -> Result<EffectResult, Failure> {
    let seen = |seen| EffectResult::RedSeen {
        chunk: id.clone(),
        seen,
    };
    let (captured, _) = capture(shells, lane).await?;
    let (tip, tree) = (tip_of(lane)?, captured.tree.clone());
    let changed = shells.git.call(move |repo| repo.sides(&tip, &tree)).await?;
    let Some(alone) = tests_alone(shells, lane, &captured.tree, &changed).await? else {
        let why = "the turn for the tests left no test behind";
        return Ok(seen(Err(why.to_owned())));
    };
    let (stand, work) = (alone.tree.clone(), captured.tree.clone());
    let tracked = shells
        .git
        .call(move |repo| {
            repo.leave_for_elsewhere(Some(&work))?;
            repo.hold_tree(&stand)?;
            repo.paths_in(&stand)
        })
        .await?;
    let none = Evidence::default();
    let base = lane.baseline().unwrap_or(&none);
    let on_check = |progress: CheckProgress<'_>| report_check(shells, lane, Some(id), &progress);
    let ran = shells
        .verifier
        .check(
            &lane_dir(shells, lane),
            Work {
                tracked: &tracked,
                changed: &alone.files,
                base,
                task: &task_text(lane, id),
            },
            &on_check,
            shells.stop_engines.clone(),
        )
        .await;
    let evidence = redacted(shells, checked_until_stopped(ran)?);
    let stand = alone.tree.clone();
    let stood = move |repo: &mut crate::git::Repo| {
        repo.hold_tree(&stand)?;
        repo.is_back()
    };
    shells.git.call(stood).await?;
    keep(shells, id).await?;
    Ok(seen(seen_red(base, &evidence).map(|tests| RedTests {
        tests,
        tree: Some(alone.tree),
        files: alone.files,
    })))
}
