//! The audit of a chunk's diff, with what git and the checks know of it.

use super::checks::task_text;
use super::perform::Failure;
use super::prepare::lane_dir;
use super::proof::changed_red_tests;
use super::shells::Shells;
use crate::core::lane::Lane;
use crate::fsx;
use crate::git::{Changed, Reverted, Side, Sides, Unseen};
use crate::model::{ChunkId, Evidence, Finding, FindingSeverity, Oid, Tests};
use crate::verify::audit::{AuditInput, FileChange, Rule, Text, audit};
use std::cell::Cell;
use std::path::Path;

/// Bytes of unchanged files that the audit may look into.
const MAX_READ: usize = 16 << 20;

/// What the diff does that makes checks pass without the work being done.
pub(super) async fn findings(
    shells: &Shells,
    lane: &Lane,
    id: &ChunkId,
    (tree, changed, unseen): (&Oid, &Changed, &[Unseen]),
    evidence: &Evidence,
) -> Result<Vec<Finding>, Failure> {
    let spec = lane.ledger.path.as_str();
    let files: Vec<FileChange<'_>> = changed
        .files
        .iter()
        .filter(|f| f.path != spec)
        .map(|f| change(f, false))
        .chain(unseen.iter().map(|u| change(&u.sides, u.is_ignored)))
        .collect();
    let of_chunk = id.to_string();
    let reverted = shells.git.call(move |repo| repo.reverted(&of_chunk));
    let reverted: Vec<Finding> = reverted
        .await?
        .iter()
        .map(|r| put_back(r, shells))
        .collect();
    if files.is_empty() {
        return Ok(reverted);
    }
    let task = task_text(lane, id);
    let stand = tree.clone();
    let tracked = shells.git.call(move |repo| repo.paths_in(&stand)).await?;
    let dir = lane_dir(shells, lane);
    let left = Cell::new(MAX_READ);
    let read = |path: &str| read_of_lane(&dir, path, &left);
    let (before, now) = whole_runs(lane, evidence);
    let mut found = audit(&AuditInput {
        files: &files,
        task: &task,
        tracked: &tracked,
        read: &read,
        tests_before: before.as_ref(),
        tests_now: now.as_ref(),
        policy: &shells.settings.audit,
    });
    let held: Vec<String> = unseen
        .iter()
        .filter(|u| u.is_ignored && found.iter().any(|f| is_held(f) && f.path == u.sides.path))
        .map(|u| u.sides.path.clone())
        .collect();
    if !held.is_empty() {
        shells.git.call(move |repo| repo.note_told(&held)).await?;
    }
    found.extend(changed_red_tests(shells, lane, tree).await?);
    found.extend(reverted);
    if changed.left_out > 0 {
        found.push(Finding {
            rule: "generated_giant".to_owned(),
            severity: FindingSeverity::NeedsReview,
            path: String::new(),
            line: None,
            what: format!(
                "{} more files changed than were looked into: divide the change, or look at all of it",
                changed.left_out
            ),
            asked_for: None,
        });
    }
    for finding in &mut found {
        finding.what = shells.redactor.redact(&finding.what).into_owned();
    }
    Ok(found)
}

/// What an engine changed and does not have to be looked at, since it was put back. Who changed the settings is told
/// so, and what they come to is as grave as their rule.
fn put_back(reverted: &Reverted, shells: &Shells) -> Finding {
    let is_judge = reverted.is_of_settings() && reverted.is_latest;
    let severity = match is_judge {
        true => shells.settings.audit.of(Rule::VerifyConfig),
        false => FindingSeverity::Note,
    };
    Finding {
        rule: "reverted".to_owned(),
        severity,
        path: reverted.path.clone(),
        line: None,
        what: shells.redactor.redact(&reverted.what).into_owned(),
        asked_for: None,
    }
}

fn change(sides: &Sides, is_ignored: bool) -> FileChange<'_> {
    FileChange {
        path: &sides.path,
        before: sides.before.as_ref().and_then(text),
        after: sides.after.as_ref().and_then(text),
        is_ignored,
        mode: sides.mode,
    }
}

/// True for a finding that keeps work from being committed.
fn is_held(finding: &Finding) -> bool {
    finding.severity > FindingSeverity::Note
}

fn text(side: &Side) -> Option<Text<'_>> {
    match side {
        Side::Text(text) => Some(Text::Whole(text)),
        Side::Binary { bytes } => Some(Text::Binary { bytes: *bytes }),
        Side::TooBig { bytes, lines } => Some(Text::TooBig {
            bytes: *bytes,
            lines: Some(*lines),
        }),
        // A link, or another repository: there is nothing to read.
        Side::Other => None,
    }
}

/// A small file of the lane, until enough was read.
fn read_of_lane(dir: &Path, path: &str, left: &Cell<usize>) -> Option<String> {
    let full = dir.join(path);
    let meta = full.symlink_metadata().ok()?;
    let size = usize::try_from(meta.len()).ok()?;
    if !meta.is_file() || size > left.get() {
        return None;
    }
    left.set(left.get() - size);
    let bytes = fsx::read_beneath(dir, Path::new(path), meta.len()).ok()?;
    String::from_utf8(bytes).ok()
}

/// The tests of all checks that ran whole both on the base and now, before and after; None where there are none.
fn whole_runs(lane: &Lane, evidence: &Evidence) -> (Option<Tests>, Option<Tests>) {
    let base = lane.baseline().map_or(&[][..], |b| &b.checks);
    let (mut before, mut now) = (None::<Tests>, None::<Tests>);
    for check in evidence.checks.iter().filter(|c| c.narrowed.is_none()) {
        let of_base = base
            .iter()
            .find(|b| b.name == check.name && b.dir == check.dir);
        let both = (of_base.and_then(|b| b.tests.as_ref()), check.tests.as_ref());
        if let (Some(was), Some(is)) = both {
            before.get_or_insert_default().extend(was.clone());
            now.get_or_insert_default().extend(is.clone());
        }
    }
    (before, now)
}
