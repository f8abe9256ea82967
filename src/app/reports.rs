//! Gathering what the verbs report from plans, ledgers and lanes.

use super::error::AppError;
use super::survey::{Survey, Surveyed};
use super::world::World;
use crate::config::Settings;
use crate::core::budget::Caps;
use crate::core::decide::{
    choose_part, closed_part, counts as counts_for_exit, lane_exit, undelivered,
};
use crate::core::lane::{Lane, Policy, PrPolicy};
use crate::core::plan::parts_preview;
use crate::core::recover::{Recovered, Resume, recover};
use crate::core::retry::RetryPolicy;
use crate::core::roster::Patience;
use crate::model::report::{
    ChunkSpent, EngineSpent, LockHolder, PlanReport, PrReport, REPORT_SCHEMA, Spent, StateCounts,
    StatusReport, StatusSpec, StoppedChunk, SummarySpec, Undelivered,
};
use crate::model::{
    Allowance, ChunkId, ChunkRecord, ChunkState, ExitCode, IssueRecord, Ledger, PlanWarning, Prove,
    RunId, SpecId, SpecPlan,
};
use crate::ui;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

/// The policy that the settings make.
pub fn policy(world: &World, run: RunId, remote: Option<&str>) -> Policy {
    let settings = &world.settings;
    Policy {
        run,
        engines: Vec::new(),
        retry: retry(settings),
        patience: Patience {
            on_the_spot: *settings.retry.max_wait,
            until: None,
        },
        caps: caps(settings),
        names_sessions: BTreeSet::new(),
        max_attempts: *settings.max_attempts,
        max_fixes: *settings.max_fix_attempts,
        max_commits: *settings.pr.max_commits,
        max_lines: *settings.pr.max_lines,
        allow_unverified: *settings.verify.allow_unverified,
        require_proof: *settings.verify.require_proof,
        tests_first: *settings.verify.prove == Prove::TestsFirst,
        remote: remote.map(str::to_owned),
        max_pushes: 4,
        pr: PrPolicy {
            mode: *settings.pr.mode,
            // Files may be as many as they like; a run knows whether they are.
            max_open: None,
            labels: settings.pr.labels.to_vec(),
            reviewers: settings.pr.reviewers.to_vec(),
            template: None,
        },
        review: None,
    }
}

/// Bounds on trying again.
pub fn retry(settings: &Settings) -> RetryPolicy {
    RetryPolicy {
        max_retries: *settings.retry.max_retries,
        base: *settings.retry.base,
        cap: *settings.retry.max_pause,
        max_wait: *settings.retry.max_wait,
    }
}

/// Bounds on spending.
pub fn caps(settings: &Settings) -> Caps {
    let budget = &settings.budget;
    Caps {
        run: Allowance {
            usd: *budget.max_cost_usd,
            tokens: *budget.max_tokens,
        },
        chunk: Allowance {
            usd: *budget.chunk_max_cost_usd,
            tokens: *budget.chunk_max_tokens,
        },
    }
}

/// The lane of a surveyed spec as a run would start it.
///
/// # Errors
/// A bug in recovery.
pub fn lane(
    policy: Policy,
    found: &Surveyed,
    plan: &SpecPlan,
    ledger: Option<&Ledger>,
    resume: Resume,
) -> Result<Recovered, AppError> {
    let ledger = ledger
        .cloned()
        .unwrap_or_else(|| Ledger::new(plan.id.clone(), found.path.clone(), found.branch.clone()));
    let mut recovered = recover(
        policy,
        Ledger {
            path: found.path.clone(),
            user_copy: ledger.user_copy || found.in_tree,
            issue: issue_of(found, ledger.issue.as_ref()),
            ..ledger
        },
        plan.clone(),
        &found.facts,
        resume,
    )
    .map_err(|e| AppError {
        message: format!("internal error: {e}"),
        hint: super::bug::REMEDY.to_owned(),
        exit: ExitCode::Bug,
    })?;
    recovered.lane.start = found.start.clone();
    Ok(recovered)
}

/// The issue behind a spec: as it was just found, with what is known to stand in our comment there.
fn issue_of(found: &Surveyed, known: Option<&IssueRecord>) -> Option<IssueRecord> {
    let now = found.issue.as_ref()?;
    let known = known.filter(|k| k.number == now.number);
    Some(IssueRecord {
        told: known.and_then(|k| k.told.clone()),
        ..now.clone()
    })
}

/// The ledger of a spec that has none yet.
pub fn first_ledger(found: &Survey, plan: &SpecPlan) -> Ledger {
    match found.specs.get(&plan.id) {
        Some(spec) => Ledger {
            user_copy: spec.in_tree,
            issue: spec.issue.clone(),
            ..Ledger::new(plan.id.clone(), spec.path.clone(), spec.branch.clone())
        },
        None => Ledger::new(plan.id.clone(), plan.path.clone(), String::new()),
    }
}

/// Every lane of a survey, as [`lane`] makes them, in build order.
///
/// # Errors
/// A bug in recovery.
pub fn lanes(
    world: &World,
    found: &Survey,
    ledgers: &BTreeMap<SpecId, Ledger>,
    remote: Option<&str>,
) -> Result<Vec<Lane>, AppError> {
    let policy = policy(world, RunId::new("none"), remote);
    let mut lanes = Vec::new();
    for plan in &found.plan.specs {
        if let Some(spec) = found.specs.get(&plan.id) {
            lanes.push(
                lane(
                    policy.clone(),
                    spec,
                    plan,
                    ledgers.get(&plan.id),
                    Resume::Remembered,
                )?
                .lane,
            );
        }
    }
    Ok(lanes)
}

/// What `plan` says.
///
/// # Errors
/// A bug in recovery.
pub fn plan(
    world: &World,
    found: &Survey,
    ledgers: &BTreeMap<SpecId, Ledger>,
    named: &[PathBuf],
    issues: &[u64],
) -> Result<PlanReport, AppError> {
    let most = usize::try_from(*world.settings.pr.max_commits).unwrap_or(usize::MAX);
    let policy = policy(world, RunId::new("none"), None);
    let mut facts = BTreeMap::new();
    let mut warnings = Vec::new();
    let mut open = 0;
    for plan in &found.plan.specs {
        let Some(spec) = found.specs.get(&plan.id) else {
            continue;
        };
        let ledger = ledgers.get(&plan.id);
        let mut known = ui::plan::SpecFacts {
            branch: spec.branch.clone(),
            parts: parts_preview(plan, policy.pr.mode, most),
            ..Default::default()
        };
        // Where nobody built yet, recovery has nothing to say, and most specs of a big plan are such.
        if ledger.is_some() || is_begun(spec) {
            let recovered = lane(policy.clone(), spec, plan, ledger, Resume::Remembered)?;
            let lane = recovered.lane;
            warnings.extend(recovered.warnings.into_iter().map(|message| PlanWarning {
                spec: Some(plan.id.clone()),
                chunk: None,
                rule: None,
                line: 0,
                message,
            }));
            known.not_built.clone_from(&lane.plan.not_built);
            let states = lane.plan.chunks.iter();
            known.states = states
                .map(|c| (c.id.clone(), lane.state(&c.id).clone()))
                .collect();
            known.first_part = choose_part(&lane, 0);
            known.branch = lane.ledger.branch;
        }
        if plan.not_built.is_none() && known.not_built.is_none() {
            open += plan.chunks.iter().filter(|c| !c.done).count();
        }
        facts.insert(plan.id.clone(), known);
    }
    let next = (open > 0).then(|| command(world, named, issues));
    let mut report = ui::plan::report(&found.plan, Some(found.base.clone()), &facts, next);
    report.warnings.extend(warnings);
    report
        .warnings
        .extend(unbuilt_upon(found).map(|message| PlanWarning {
            spec: None,
            chunk: None,
            rule: None,
            line: 0,
            message,
        }));
    Ok(report)
}

/// A doubt about the plan, with the line of the spec that it is about.
pub fn warning(found: &Survey, warning: &PlanWarning) -> String {
    let spec = warning.spec.as_ref().and_then(|id| found.specs.get(id));
    match spec.filter(|_| warning.line > 0) {
        Some(spec) => format!("{}:{}: {}", spec.path, warning.line, warning.message),
        None => warning.message.clone(),
    }
}

/// True for a spec of which git knows work.
fn is_begun(spec: &Surveyed) -> bool {
    spec.facts.tip.is_some() || !spec.facts.merged_parts.is_empty()
}

/// Says so when the user has commits that are not built upon.
pub fn unbuilt_upon(found: &Survey) -> Option<String> {
    let them = match found.head_ahead {
        0 => return None,
        1 => "1 commit that the base".to_owned(),
        n => format!("{n} commits that the base"),
    };
    Some(format!(
        "your HEAD has {them} `{}` lacks; not built upon (push or merge, or name another --base)",
        found.base.branch
    ))
}

/// The command that goes on with these specs and issues and the settings that were typed. What a run was told to forget
/// is not forgotten again.
pub fn command(world: &World, named: &[PathBuf], issues: &[u64]) -> String {
    let mut words = vec!["codelicious".to_owned()];
    words.extend(
        named
            .iter()
            .flat_map(|p| ["--spec".to_owned(), ui::shell_quote_path(p)]),
    );
    words.extend(
        issues
            .iter()
            .flat_map(|n| ["--from-issue".to_owned(), n.to_string()]),
    );
    words.extend(world.flags.words().iter().map(|w| ui::shell_quote(w)));
    // `components` leaves out the `.` of a typed path.
    let folder: PathBuf = world.started_in.components().collect();
    words.push(ui::shell_quote_path(&folder));
    words.join(" ")
}

/// What `status` says.
///
/// # Errors
/// A bug in recovery.
pub fn status(
    world: &World,
    found: &Survey,
    ledgers: &BTreeMap<SpecId, Ledger>,
    lock: Option<LockHolder>,
    remote: Option<&str>,
) -> Result<StatusReport, AppError> {
    // While a run goes on the ledger says where it is; what recovery would make of it is not true yet.
    let running = lock.is_some();
    let mut specs = Vec::new();
    let mut exit = ExitCode::Done;
    for mut lane in lanes(world, found, ledgers, remote)? {
        if let Some(recorded) = ledgers.get(&lane.plan.id) {
            for (id, record) in &recorded.chunks {
                let keeps = running || still_stopped(&lane, id, record);
                if keeps {
                    lane.record_mut(id).state = record.state.clone();
                }
            }
        }
        if counts_for_exit(&lane) {
            exit = exit.max(lane_exit(&lane));
        }
        let summary = spec_summary(&lane, remote, &world.folder);
        specs.push(StatusSpec {
            id: summary.id,
            path: summary.path,
            title: summary.title,
            branch: summary.branch,
            done: summary.done,
            total: summary.total,
            counts: counts(&lane),
            stopped: summary.stopped,
            spent: spent(&lane, None),
            engines: EngineSpent::of(lane.ledger.chunks.values()),
            chunks: chunks_spent(&lane),
            prs: summary.prs,
            undelivered: summary.undelivered,
            unverified: summary.unverified,
        });
    }
    let next = (exit != ExitCode::Done && !running).then(|| command(world, &[], &[]));
    Ok(StatusReport {
        schema: REPORT_SCHEMA,
        lock,
        specs,
        diagnostics: found.plan.diagnostics.clone(),
        next,
    })
}

/// True for a chunk that the next run tries again by itself: until then it is what the last run left.
fn still_stopped(lane: &Lane, id: &ChunkId, record: &ChunkRecord) -> bool {
    matches!(
        record.state,
        ChunkState::Failed { .. } | ChunkState::Skipped { .. }
    ) && *lane.state(id) == ChunkState::Pending
        && lane
            .chunk(id)
            .is_some_and(|c| c.fingerprint == record.fingerprint)
}

/// One lane at the end of a run.
/// `folder` as in [`World`].
pub fn spec_summary(lane: &Lane, remote: Option<&str>, folder: &str) -> SummarySpec {
    let (done, total) = lane.progress();
    SummarySpec {
        id: lane.ledger.spec.clone(),
        path: lane.ledger.path.clone(),
        title: lane.plan.title.clone(),
        branch: lane.ledger.branch.clone(),
        done,
        total,
        prs: lane.ledger.prs.iter().map(PrReport::from).collect(),
        stopped: lane
            .plan
            .chunks
            .iter()
            .filter_map(|c| {
                let state = lane.state(&c.id);
                let ledger = &lane.ledger;
                StoppedChunk::of_elsewhere(
                    &ledger.spec,
                    &ledger.path,
                    &c.id,
                    &c.title,
                    state,
                    folder,
                )
            })
            .chain(left_alone(lane))
            .collect(),
        undelivered: undelivered_work(lane, remote),
        unverified: lane
            .ledger
            .chunks
            .values()
            .filter(|r| {
                matches!(r.state, ChunkState::Committed { .. })
                    && r.evidence.as_ref().is_some_and(|e| e.unverified)
            })
            .count(),
    }
}

/// The first task that is not built because a person closed a pull request of the series, or has to settle something
/// before.
fn left_alone(lane: &Lane) -> Option<StoppedChunk> {
    let path = &lane.ledger.path;
    let (reason, next) = match (closed_part(lane), &lane.plan.waits_for) {
        (Some(_), _) => (
            lane.plan.not_built.clone().unwrap_or_default(),
            vec![
                "reopen the pull request and run again".to_owned(),
                "or start the spec again from the base: run with --fresh".to_owned(),
                format!("or leave it: put `status: draft` into the front matter of {path}"),
            ],
        ),
        (None, Some(why)) => (
            why.clone(),
            vec![
                "settle it and run again".to_owned(),
                format!(
                    "or have it built as it is: run with --spec {}",
                    ui::shell_quote(path)
                ),
            ],
        ),
        (None, None) => return None,
    };
    let first = lane.plan.chunks.iter().find(|c| !lane.is_done(&c.id))?;
    Some(StoppedChunk {
        spec: lane.ledger.spec.clone(),
        chunk: first.id.clone(),
        title: first.title.clone(),
        status: "not_built".to_owned(),
        reason,
        needs: None,
        next,
    })
}

fn undelivered_work(lane: &Lane, remote: Option<&str>) -> Option<Undelivered> {
    let last = lane
        .ledger
        .prs
        .iter()
        .rfind(|p| !lane.part_is_merged(p.part))?;
    if remote.is_none() {
        let message = "the repository has no remote".to_owned();
        return Some(Undelivered {
            branch: last.branch.clone(),
            tip: None,
            failure: None,
            message,
            remedy: None,
            remote: None,
        });
    }
    if !undelivered(lane) {
        return None;
    }
    let failure = lane.ledger.undelivered.as_ref();
    Some(Undelivered {
        branch: last.branch.clone(),
        tip: Some(last.tip.clone()),
        failure: failure.map(|f| f.kind),
        message: failure.map_or_else(|| "not sent yet".to_owned(), |f| f.message.clone()),
        remedy: failure.map(|f| f.kind.remedy().to_owned()),
        remote: remote.map(str::to_owned),
    })
}

/// Chunks by state.
pub fn counts(lane: &Lane) -> StateCounts {
    lane.plan.chunks.iter().map(|c| lane.state(&c.id)).collect()
}

/// What each chunk that was worked at used.
fn chunks_spent(lane: &Lane) -> Vec<ChunkSpent> {
    let records = lane.plan.chunks.iter().filter_map(|c| {
        let record = lane.record(&c.id)?;
        let mut spent = Spent::default();
        record.attempts.iter().for_each(|a| spent.add_attempt(a));
        (spent.attempts > 0).then(|| ChunkSpent {
            chunk: c.id.clone(),
            title: c.title.clone(),
            spent,
        })
    });
    records.collect()
}

/// What attempts used; of one run, or of all.
pub fn spent(lane: &Lane, run: Option<&RunId>) -> Spent {
    let mut spent = Spent::default();
    let attempts = lane.ledger.chunks.values().flat_map(|r| &r.attempts);
    for attempt in attempts.filter(|a| run.is_none_or(|r| a.run == *r)) {
        spent.add_attempt(attempt);
    }
    spent
}
