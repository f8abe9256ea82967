//! Runs without a disk: decisions against a little world that remembers what git, the remote and the forge would,
//! interrupted at every moment.
//!
//! What is durable is what the driver makes durable: the ledger before every effect that has an intent, and the
//! world after every effect. Everything else is lost at a crash.

use super::absorb::{absorb, begin};
use super::decide::{decide, next_wake};
use super::lane::Lane;
use super::recover::{LaneCommit, LaneFacts, Resume, recover};
use super::review::ReviewPolicy;
use super::testkit::{at, base, chunk, ledger, oid, policy, spec_plan};
use crate::model::Verdict;
use crate::model::effect::{EffectKey, Verified};
use crate::model::ledger::Suite;
use crate::model::{
    AttemptEnd, CheckOutcome, CheckResult, ChunkId, ChunkState, Completion, Cost, Effect,
    EffectResult, EngineError, EngineOutcome, EngineReport, Evidence, Ledger, Oid, PrRecord,
    PrState, Remark, RemarkSeverity, ReviewOn, SpecPlan, Usage,
};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

/// What an engine makes of a chunk, every time that it is asked.
#[derive(Clone, Copy, Debug)]
enum Nature {
    Builds,
    /// Checks refuse the first turn of every attempt.
    NeedsFix,
    /// Checks refuse every turn.
    NeverPasses,
    Blocks,
    Fails,
    ChangesNothing,
}

fn nature() -> impl Strategy<Value = Nature> {
    prop_oneof![
        6 => Just(Nature::Builds),
        2 => Just(Nature::NeedsFix),
        1 => Just(Nature::NeverPasses),
        1 => Just(Nature::Blocks),
        1 => Just(Nature::Fails),
        1 => Just(Nature::ChangesNothing),
    ]
}

/// What a reviewer says, every time that it is asked.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Reviewer {
    /// Grave things, whatever was repaired.
    Complains,
    Praises,
    Fails,
}

fn reviewer() -> impl Strategy<Value = Option<Reviewer>> {
    prop_oneof![
        2 => Just(None),
        2 => Just(Some(Reviewer::Complains)),
        1 => Just(Some(Reviewer::Praises)),
        1 => Just(Some(Reviewer::Fails)),
    ]
}

/// What outlives a run.
#[derive(Clone, Debug, Default)]
struct World {
    disk: Option<Ledger>,
    lane: Vec<LaneCommit>,
    sealed: BTreeMap<Oid, LaneCommit>,
    remote: BTreeMap<String, Oid>,
    /// By head branch: ready or not, and the base.
    pulls: BTreeMap<String, (bool, String)>,
    oids: u32,
    engine_runs: usize,
}

impl World {
    fn tip(&self) -> Oid {
        self.lane
            .last()
            .map_or_else(|| base().commit, |c| c.oid.clone())
    }

    /// What a survey would find.
    fn facts(&self) -> LaneFacts {
        LaneFacts {
            tip: (!self.lane.is_empty()).then(|| self.tip()),
            base: Some(base()),
            commits: self.lane.clone(),
            remote: self.remote.clone(),
            objects: self.sealed.keys().cloned().collect(),
            ..LaneFacts::default()
        }
    }

    /// Chunks on a branch of the remote, in order.
    fn pushed(&self, branch: &str) -> Vec<ChunkId> {
        let Some(tip) = self.remote.get(branch) else {
            return Vec::new();
        };
        let at = self.lane.iter().position(|c| c.oid == *tip);
        let upto = at.map_or(0, |n| n + 1);
        self.lane[..upto]
            .iter()
            .filter_map(|c| c.chunk.clone())
            .collect()
    }
}

/// A spec and what will become of its chunks.
#[derive(Clone, Debug)]
struct Story {
    plan: SpecPlan,
    natures: BTreeMap<ChunkId, Nature>,
    reviewer: Option<Reviewer>,
    /// Which of the effects in flight ends next, as numbers to be taken modulo how many there are.
    order: Vec<usize>,
}

fn story() -> impl Strategy<Value = Story> {
    let chunks = proptest::collection::vec((nature(), any::<bool>()), 1..7);
    let order = proptest::collection::vec(0usize..3, 1..12);
    (chunks, order, reviewer()).prop_map(|(chunks, order, reviewer)| {
        let name = |n: usize| format!("T{:03}", n + 1);
        let planned = chunks.iter().enumerate().map(|(n, (_, waits))| {
            let before = name(n.saturating_sub(1));
            let on: Vec<&str> = if *waits && n > 0 {
                vec![before.as_str()]
            } else {
                Vec::new()
            };
            chunk(&name(n), &on)
        });
        let plan = spec_plan(planned.collect());
        let natures = plan
            .chunks
            .iter()
            .zip(&chunks)
            .map(|(c, (nature, _))| (c.id.clone(), *nature))
            .collect();
        Story {
            plan,
            natures,
            reviewer,
            order,
        }
    })
}

/// Why a run is over.
#[derive(PartialEq, Eq)]
enum Over {
    ByItself,
    Died,
}

/// Runs until nothing is due, or until `moments` moments have passed.
fn run(story: &Story, world: &mut World, mut moments: usize) -> Over {
    let mut plan = story.plan.clone();
    for chunk in &mut plan.chunks {
        chunk.done = world
            .lane
            .iter()
            .any(|c| c.chunk.as_ref() == Some(&chunk.id));
    }
    let mut policy = policy();
    (policy.max_commits, policy.max_fixes) = (2, 1);
    policy.review = story.reviewer.map(|_| ReviewPolicy {
        engine: "reviewer".to_owned(),
        max_rounds: 1,
        on: ReviewOn::Every,
    });
    let known = world.disk.clone().unwrap_or_else(ledger);
    let recovered = recover(policy, known, plan, &world.facts(), Resume::Remembered)
        .expect("every repair is legal");
    let mut lane = recovered.lane;
    // An effect sees the lane as it was when it was decided.
    let mut in_flight: Vec<(Effect, Lane)> = Vec::new();
    let passes = |n: &mut usize| {
        let goes_on = *n > 0;
        *n = n.saturating_sub(1);
        goes_on
    };
    for turn in 0.. {
        assert!(turn < 2_000, "it goes round in circles");
        let busy: BTreeSet<EffectKey> = in_flight.iter().map(|(e, _)| e.key()).collect();
        let due = decide(&lane, &busy, at(0));
        for effect in &due {
            begin(&mut lane, effect, at(0)).expect("what is decided is legal");
        }
        if due.iter().any(Effect::has_intent) {
            if !passes(&mut moments) {
                return Over::Died;
            }
            world.disk = Some(lane.ledger.clone());
        }
        in_flight.extend(due.into_iter().map(|e| (e, lane.clone())));
        if in_flight.is_empty() {
            assert_eq!(next_wake(&lane), None);
            break;
        }
        if !passes(&mut moments) {
            return Over::Died;
        }
        let pick = story.order[turn % story.order.len()] % in_flight.len();
        let (effect, view) = in_flight.swap_remove(pick);
        let result = perform(story, world, &view, &effect);
        if !passes(&mut moments) {
            return Over::Died;
        }
        absorb(&mut lane, result, at(0)).expect("what comes back is legal");
    }
    world.disk = Some(lane.ledger);
    Over::ByItself
}

fn perform(story: &Story, world: &mut World, lane: &Lane, effect: &Effect) -> EffectResult {
    match effect {
        Effect::PrepareLane => EffectResult::LanePrepared {
            tip: world.tip(),
            base: base(),
            synced: false,
            notes: Vec::new(),
        },
        Effect::Baseline => EffectResult::BaselineDone(evidence(CheckOutcome::Passed)),
        Effect::RunEngine { chunk, .. } => {
            world.engine_runs += 1;
            EffectResult::EngineEnded {
                chunk: chunk.clone(),
                report: Box::new(report(story.natures[chunk])),
                undone: Vec::new(),
            }
        }
        Effect::TakeUp { .. } | Effect::Restack { .. } => {
            unreachable!("nobody accepts or merges anything here")
        }
        Effect::Verify { chunk } => EffectResult::Verified {
            chunk: chunk.clone(),
            verified: Box::new(verified(story.natures[chunk], lane.state(chunk))),
        },
        Effect::SeeRed { .. } => unreachable!("nothing here is written tests first"),
        // Where the ledger was lost it is not known whether anything was left out.
        Effect::Suite { part } => {
            let pr = lane.ledger.prs.iter().find(|p| p.part == *part);
            EffectResult::SuiteDone {
                part: *part,
                suite: Suite {
                    tip: pr.expect("it is in the ledger").tip.clone(),
                    failing: Vec::new(),
                    millis: 1,
                },
            }
        }
        Effect::Review { chunk, .. } => EffectResult::Reviewed {
            chunk: chunk.clone(),
            report: Box::new(review(story.reviewer)),
            undone: Vec::new(),
        },
        Effect::Seal { chunk, part } => {
            world.oids += 1;
            let commit = LaneCommit {
                oid: oid(100 + world.oids),
                chunk: Some(chunk.clone()),
                part: Some(*part),
                lines: 3,
                verdict: Some(Verdict::Proven),
                sync: false,
                other: None,
            };
            let id = commit.oid.clone();
            world.sealed.insert(id.clone(), commit);
            EffectResult::Sealed {
                chunk: chunk.clone(),
                part: *part,
                commit: id,
                warning: None,
            }
        }
        Effect::Land {
            chunk,
            part,
            old,
            new,
        } => {
            assert_eq!(*old, world.tip(), "compare and swap");
            world.lane.push(world.sealed[new].clone());
            EffectResult::Landed {
                chunk: chunk.clone(),
                part: *part,
                commit: new.clone(),
                lines: 3,
            }
        }
        Effect::SetAside { chunk, .. } => EffectResult::SetAside {
            chunk: chunk.clone(),
            saved: None,
        },
        Effect::Push { branch, tip, .. } => {
            world.remote.insert(branch.clone(), tip.clone());
            EffectResult::Pushed {
                branch: branch.clone(),
                tip: tip.clone(),
                notes: Vec::new(),
            }
        }
        Effect::Comment { issue } => EffectResult::Commented {
            issue: *issue,
            key: super::progress::key(lane).unwrap_or_default(),
        },
        Effect::PutPr { part, ready } => {
            let head = lane.branch(*part);
            let into = super::decide::pr_base(lane, *part);
            world.pulls.insert(head.clone(), (*ready, into.clone()));
            let number = u64::from(*part);
            let known = lane.ledger.prs.iter().find(|p| p.part == *part);
            EffectResult::PrPut {
                part: *part,
                pr: Box::new(PrRecord {
                    part: *part,
                    branch: head,
                    base: into,
                    tip: known.expect("it is in the ledger").tip.clone(),
                    number: Some(number),
                    url: None,
                    state: if *ready {
                        PrState::Ready
                    } else {
                        PrState::Draft
                    },
                    content: Some(super::decide::pr_key(lane, *part)),
                    suite: None,
                }),
                notes: Vec::new(),
            }
        }
    }
}

fn evidence(outcome: CheckOutcome) -> Evidence {
    Evidence {
        checks: vec![CheckResult {
            name: "check".to_owned(),
            command: "check".to_owned(),
            dir: String::new(),
            outcome,
            millis: 1,
            output: String::new(),
            ..CheckResult::default()
        }],
        ..Evidence::default()
    }
}

fn report(nature: Nature) -> EngineReport {
    let outcome = match nature {
        Nature::Builds | Nature::NeedsFix | Nature::NeverPasses | Nature::ChangesNothing => {
            EngineOutcome::Completed(Completion {
                summary: "did it".to_owned(),
                confidence: 0.9,
                rationale: "because".to_owned(),
                no_change_needed: None,
            })
        }
        Nature::Blocks => EngineOutcome::Blocked(crate::model::BlockRequest {
            reason: "a question".to_owned(),
            needs: "an answer".to_owned(),
        }),
        Nature::Fails => EngineOutcome::Failed(EngineError::Protocol {
            message: "nonsense".to_owned(),
        }),
    };
    EngineReport {
        outcome,
        usage: Usage::default(),
        cost: Cost::Unknown,
        session: None,
        model: None,
    }
}

fn review(reviewer: Option<Reviewer>) -> EngineReport {
    let grave = Remark {
        path: "a".to_owned(),
        line: Some(1),
        severity: RemarkSeverity::High,
        claim: "it is wrong".to_owned(),
        suggestion: String::new(),
    };
    EngineReport {
        outcome: match reviewer.expect("somebody reviews") {
            Reviewer::Complains => EngineOutcome::Reviewed(vec![grave]),
            Reviewer::Praises => EngineOutcome::Reviewed(Vec::new()),
            Reviewer::Fails => EngineOutcome::Failed(EngineError::Auth {
                message: "no key".to_owned(),
            }),
        },
        ..report(Nature::Blocks)
    }
}

fn verified(nature: Nature, state: &ChunkState) -> Verified {
    let is_first = matches!(state, ChunkState::Verifying { fixes: 0, .. });
    let passes = match nature {
        Nature::NeedsFix => !is_first,
        Nature::NeverPasses => false,
        Nature::Builds | Nature::Blocks | Nature::Fails | Nature::ChangesNothing => true,
    };
    let files = match nature {
        Nature::ChangesNothing => Vec::new(),
        _ => vec!["a".to_owned()],
    };
    Verified {
        evidence: evidence(if passes {
            CheckOutcome::Passed
        } else {
            CheckOutcome::Failed { exit: 1 }
        }),
        tree: Some(oid(9)),
        files,
        lines: 3,
        findings: Vec::new(),
        ..Verified::default()
    }
}

/// Runs until a run changes nothing; how everything stands then, without ids, times and attempts.
fn to_the_end(story: &Story, world: &mut World) -> String {
    for round in 0.. {
        assert!(round < 10, "it never comes to rest");
        let before = (world.engine_runs, world.lane.len());
        run(story, world, usize::MAX);
        if before == (world.engine_runs, world.lane.len()) {
            break;
        }
    }
    let disk = world.disk.as_ref().expect("it was written");
    assert!(disk.intents.is_empty(), "{:?}", disk.intents);
    let mut out = String::new();
    for (id, record) in &disk.chunks {
        let running = record
            .attempts
            .iter()
            .filter(|a| a.end == AttemptEnd::Running);
        assert_eq!(running.count(), 0, "{id}");
        out.push_str(&format!(
            "{id} {} {:?} part {:?} lines {} pr {:?}\n",
            record.state.word(),
            record.state.reason(),
            record.part,
            record.lines,
            record.pr
        ));
    }
    for commit in &world.lane {
        out.push_str(&format!("{:?} in part {:?}\n", commit.chunk, commit.part));
    }
    for (head, pull) in &world.pulls {
        out.push_str(&format!("{head} {pull:?} {:?}\n", world.pushed(head)));
    }
    out
}

proptest! {
    /// Whenever it dies, once or several times, and whatever was in flight then: the next runs come to the same end
    /// as one that nobody disturbed, no chunk is committed twice, and each death costs one engine turn at most.
    #[test]
    fn a_run_that_died_at_any_moment_comes_to_the_same_end(
        story in story(),
        deaths in proptest::collection::vec(0usize..80, 1..4),
    ) {
        let mut straight = World::default();
        let wanted = to_the_end(&story, &mut straight);

        let mut world = World::default();
        let died = deaths
            .iter()
            .filter(|moment| run(&story, &mut world, **moment) == Over::Died)
            .count();
        let found = to_the_end(&story, &mut world);
        prop_assert_eq!(&found, &wanted);

        let chunks: Vec<_> = world.lane.iter().filter_map(|c| c.chunk.clone()).collect();
        let once: BTreeSet<_> = chunks.iter().collect();
        prop_assert_eq!(once.len(), chunks.len(), "{:?}", chunks);
        // An attempt that is begun anew may take a fix turn that the one before had taken.
        prop_assert!(
            world.engine_runs <= straight.engine_runs + 2 * died,
            "{} turns for {} and {} deaths", world.engine_runs, straight.engine_runs, died
        );
    }

    /// Whatever a reviewer says, what is committed, what stops and why is the same as without one.
    #[test]
    fn a_reviewer_decides_nothing(story in story()) {
        let mut with = World::default();
        let found = to_the_end(&story, &mut with);
        let mut without = World::default();
        let alone = Story { reviewer: None, ..story };
        prop_assert_eq!(found, to_the_end(&alone, &mut without));
    }

    /// The ledger is a record that can be thrown away: without it the same work stands, and nothing is built twice.
    #[test]
    fn a_run_whose_ledger_is_lost_at_any_moment_builds_nothing_twice(
        story in story(),
        moment in 0usize..80,
    ) {
        let mut world = World::default();
        run(&story, &mut world, moment);
        world.disk = None;
        to_the_end(&story, &mut world);
        let chunks: Vec<_> = world.lane.iter().filter_map(|c| c.chunk.clone()).collect();
        let once: BTreeSet<_> = chunks.iter().collect();
        prop_assert_eq!(once.len(), chunks.len(), "{:?}", chunks);
        let buildable = story.natures.values().filter(|n| matches!(n, Nature::Builds | Nature::NeedsFix)).count();
        prop_assert!(chunks.len() <= buildable);
    }
}
