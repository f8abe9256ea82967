//! All checks, once, on the last commit of a part.

use super::checks::{checked_until_stopped, redacted, report_check};
use super::perform::{Failure, tip_of};
use super::prepare::lane_dir;
use super::shells::Shells;
use crate::core::judge::refusing;
use crate::core::lane::Lane;
use crate::git::files_of_tree;
use crate::model::ledger::Suite;
use crate::model::{EffectResult, Evidence};
use crate::verify::{CheckProgress, Work};

pub(super) async fn suite(
    shells: &Shells,
    lane: &Lane,
    part: u32,
) -> Result<EffectResult, Failure> {
    let pr = lane.ledger.prs.iter().find(|p| p.part == part);
    let of_part = pr.map(|p| p.tip.clone());
    let of_part =
        of_part.ok_or_else(|| Failure::bug(format!("part {part} is not in the ledger")))?;
    let tip = tip_of(lane)?;
    let files = {
        let commit = of_part.clone();
        let stand = move |repo: &mut crate::git::Repo| {
            repo.visit(&commit)?;
            files_of_tree(repo, &commit)
        };
        shells.git.call(stand).await?
    };
    let none = Evidence::default();
    let base = lane.baseline().unwrap_or(&none);
    let on_check = |progress: CheckProgress<'_>| report_check(shells, lane, None, &progress);
    let ran = shells
        .verifier
        .check(
            &lane_dir(shells, lane),
            Work {
                tracked: &files,
                changed: &[],
                base,
                task: "",
            },
            &on_check,
            shells.stop_engines.clone(),
        )
        .await;
    shells.git.call(move |repo| repo.reset_lane(&tip)).await?;
    let evidence = redacted(shells, checked_until_stopped(ran)?);
    let millis = evidence.checks.iter().map(|c| c.millis).sum();
    Ok(EffectResult::SuiteDone {
        part,
        suite: Suite {
            tip: of_part,
            failing: refusing(&evidence).map(str::to_owned).collect(),
            millis,
        },
    })
}
