//! What became of a series between two runs: one row for each situation, with everything that follows from it.
//!
//! The series: `a` and `b` in part 1, `c` and `d` in part 2, all sent, both pull requests ready.

use super::super::decide::{decide, pr_base, pr_key};
use super::super::forge_facts::PrFact;
use super::super::testkit::{at, chunk, ledger, policy, spec_plan};
use super::*;
use crate::model::Verdict;
use crate::model::{Attempt, AttemptEnd, Chunk, ChunkRecord, Cost, Effect, RunId, Usage};
use std::fmt::Write as _;

const ONE: &str = "codelicious/spec";
const TWO: &str = "codelicious/spec-part-2";

/// A commit whose short id tells which it is.
fn oid(n: u32) -> Oid {
    Oid::new(format!("{n:03}{:037}", 0))
}

fn number(oid: &Oid) -> u32 {
    oid.as_str()[..3].parse().unwrap()
}

/// The world as the next run finds it.
struct World {
    ledger: Ledger,
    chunks: Vec<Chunk>,
    facts: LaneFacts,
}

fn commit(n: u32, id: &str, part: u32) -> LaneCommit {
    LaneCommit {
        oid: oid(n),
        chunk: Some(ChunkId::from(id)),
        part: Some(part),
        lines: 7,
        verdict: Some(Verdict::Proven),
        sync: false,
        other: None,
    }
}

fn somebodys(n: u32) -> LaneCommit {
    LaneCommit {
        chunk: None,
        part: None,
        ..commit(n, "", 0)
    }
}

fn elsewhere(is_on_base: bool) -> Option<Elsewhere> {
    Some(Elsewhere {
        spec: SpecId::from("other"),
        is_on_base,
    })
}

fn fact(number: u64, state: PrState, base: &str) -> Option<PrFact> {
    Some(PrFact {
        number,
        url: format!(".codelicious/prs/{number}.md"),
        state,
        base: base.to_owned(),
    })
}

fn ids(of: &[&str]) -> BTreeSet<ChunkId> {
    of.iter().map(|id| ChunkId::from(*id)).collect()
}

/// Everything as the last run left it.
fn settled() -> World {
    let mut world = World {
        ledger: ledger(),
        chunks: ["a", "b", "c", "d"]
            .map(|id| Chunk {
                done: true,
                ..chunk(id, &[])
            })
            .to_vec(),
        facts: LaneFacts {
            tip: Some(oid(6)),
            base: Some(SpecBase {
                branch: "main".to_owned(),
                commit: oid(1),
            }),
            commits: vec![
                LaneCommit {
                    sync: true,
                    ..somebodys(2)
                },
                commit(3, "a", 1),
                commit(4, "b", 1),
                commit(5, "c", 2),
                commit(6, "d", 2),
            ],
            remote: [(ONE.to_owned(), oid(4)), (TWO.to_owned(), oid(6))].into(),
            forge: [
                (ONE.to_owned(), fact(1, PrState::Ready, "main")),
                (TWO.to_owned(), fact(2, PrState::Ready, ONE)),
            ]
            .into(),
            ..LaneFacts::default()
        },
    };
    let mut lane = recovered(&world).lane;
    for part in [1, 2] {
        let (key, into) = (pr_key(&lane, part), pr_base(&lane, part));
        for pr in lane.ledger.prs.iter_mut().filter(|p| p.part == part) {
            (pr.content, pr.base) = (Some(key.clone()), into.clone());
        }
    }
    world.ledger = lane.ledger;
    world
}

fn recovered(world: &World) -> Recovered {
    recover(
        policy(),
        world.ledger.clone(),
        spec_plan(world.chunks.clone()),
        &world.facts,
        Resume::Remembered,
    )
    .unwrap()
}

fn on_base(world: &mut World) {
    world.facts.on_base = ids(&["a", "b"]);
    if let Some(base) = &mut world.facts.base {
        base.commit = oid(90);
    }
}

fn merged_with_a_merge_commit(world: &mut World) {
    on_base(world);
    world.facts.commits.drain(..3);
}

fn open_again(world: &mut World, id: &str) {
    for chunk in world.chunks.iter_mut().filter(|c| c.id.as_str() == id) {
        chunk.done = false;
    }
}

fn restacked(world: &mut World) {
    on_base(world);
    world.facts.tip = Some(oid(16));
    world.facts.commits = vec![commit(15, "c", 2), commit(16, "d", 2)];
    for branch in [ONE, TWO] {
        let standing = Standing::Earlier;
        world.facts.standings.insert(branch.to_owned(), standing);
    }
}

fn forge(world: &mut World, branch: &str, fact: Option<PrFact>) {
    world.facts.forge.insert(branch.to_owned(), fact);
}

fn record(world: &mut World, id: &str, state: ChunkState) {
    let record = world.ledger.chunks.get_mut(&ChunkId::from(id)).unwrap();
    record.state = state;
    record.part = None;
    record.attempts.push(Attempt {
        n: 1,
        run: RunId::from("earlier"),
        engine: "fake".to_owned(),
        model: None,
        session: None,
        started: at(0),
        ended: None,
        fixes: 0,
        usage: Usage::default(),
        cost: Cost::Unknown,
        allowed: Default::default(),
        lost: false,
        end: AttemptEnd::Running,
    });
}

type Change = fn(&mut World);

const SITUATIONS: &[(&str, Change)] = &[
    ("nothing happened", |_| {}),
    ("no ledger: a fresh clone, or it was deleted", |w| {
        w.ledger = ledger();
    }),
    ("no ledger, and the forge knows nothing either", |w| {
        w.ledger = ledger();
        forge(w, ONE, None);
        forge(w, TWO, None);
    }),
    ("the forge cannot be asked", |w| w.facts.forge.clear()),
    ("a branch was deleted on the remote", |w| {
        w.facts.remote.remove(TWO);
    }),
    ("a branch is behind on the remote", |w| {
        w.facts.remote.insert(TWO.to_owned(), oid(5));
    }),
    (
        "a branch is further on the remote: a person's commit on the last part",
        |w| {
            w.facts.commits.push(somebodys(7));
            w.facts.tip = Some(oid(7));
            w.facts.remote.insert(TWO.to_owned(), oid(7));
        },
    ),
    ("a person's commit on a lower part", |w| {
        w.facts.remote.insert(ONE.to_owned(), oid(70));
        let standing = Standing::Ahead { holds: oid(4) };
        w.facts.standings.insert(ONE.to_owned(), standing);
    }),
    ("a branch was forced elsewhere by a person", |w| {
        w.facts.remote.insert(TWO.to_owned(), oid(70));
        w.facts.standings.insert(TWO.to_owned(), Standing::Foreign);
    }),
    ("a branch was cut short and continued by a person", |w| {
        w.facts.remote.insert(TWO.to_owned(), oid(70));
        let standing = Standing::Ahead { holds: oid(5) };
        w.facts.standings.insert(TWO.to_owned(), standing);
    }),
    ("the base moved without our work", |w| {
        w.facts.base.as_mut().unwrap().commit = oid(90);
    }),
    ("a chunk's commit was reverted", |w| {
        w.facts.commits.push(somebodys(7));
        w.facts.tip = Some(oid(7));
        w.facts.remote.insert(TWO.to_owned(), oid(7));
        open_again(w, "d");
    }),
    ("a tick was removed", |w| open_again(w, "d")),
    ("a tick was set by a person", |w| {
        let (why, needs) = ("no key".to_owned(), "a key".to_owned());
        record(w, "d", ChunkState::Blocked { why, needs });
        w.facts.commits.pop();
        w.facts.tip = Some(oid(5));
        w.facts.remote.insert(TWO.to_owned(), oid(5));
    }),
    ("a task was added", |w| w.chunks.push(chunk("e", &[]))),
    ("a task was deleted", |w| {
        w.chunks.pop();
    }),
    ("a task's text changed after it was built", |w| {
        w.chunks[3].fingerprint = "another".to_owned();
    }),
    ("the run was killed in the engine", |w| {
        record(w, "d", ChunkState::InProgress { attempt: 1 });
        open_again(w, "d");
        w.facts.commits.pop();
        w.facts.tip = Some(oid(5));
        w.facts.remote.insert(TWO.to_owned(), oid(5));
    }),
    ("a pull request was closed", |w| {
        w.chunks.push(chunk("e", &[]));
        forge(w, TWO, fact(2, PrState::Closed, ONE));
    }),
    (
        "a pull request was closed, and its work is on the base",
        |w| {
            merged_with_a_merge_commit(w);
            forge(w, ONE, fact(1, PrState::Closed, "main"));
        },
    ),
    ("a pull request is open again", |w| {
        w.ledger.prs[1].state = PrState::Closed;
    }),
    ("a pull request is gone", |w| forge(w, TWO, None)),
    ("a pull request was declared ready", |w| {
        w.ledger.prs[1].state = PrState::Draft;
    }),
    ("a pull request was made a draft again", |w| {
        forge(w, TWO, fact(2, PrState::Draft, ONE));
    }),
    ("a pull request was retargeted by a person", |w| {
        forge(w, TWO, fact(2, PrState::Ready, "develop"));
    }),
    (
        "part 1 is merged for the forge, and the base here lacks it",
        |w| {
            forge(w, ONE, fact(1, PrState::Merged, "main"));
        },
    ),
    ("part 1 was merged with a merge commit", |w| {
        merged_with_a_merge_commit(w);
        forge(w, ONE, fact(1, PrState::Merged, "main"));
    }),
    ("part 1 was merged, and its branch deleted", |w| {
        merged_with_a_merge_commit(w);
        forge(w, ONE, fact(1, PrState::Merged, "main"));
        w.facts.remote.remove(ONE);
    }),
    ("part 1 was squash-merged or rebased", |w| {
        on_base(w);
        forge(w, ONE, fact(1, PrState::Merged, "main"));
    }),
    (
        "part 1 was squash-merged, and the forge cannot be asked",
        |w| {
            on_base(w);
            w.facts.forge.clear();
        },
    ),
    ("part 1 was squash-merged, and there is no ledger", |w| {
        on_base(w);
        w.ledger = ledger();
    }),
    (
        "part 1 was squash-merged, a person's commit stands on part 2",
        |w| {
            on_base(w);
            w.facts.commits.push(somebodys(7));
            w.facts.tip = Some(oid(7));
            w.facts.remote.insert(TWO.to_owned(), oid(7));
        },
    ),
    (
        "part 1 was squash-merged, the lane stands on another spec",
        |w| {
            on_base(w);
            let other = elsewhere(false);
            w.facts.commits.insert(
                0,
                LaneCommit {
                    other,
                    ..somebodys(80)
                },
            );
        },
    ),
    ("the spec below is not merged, seen from the base", |w| {
        let other = elsewhere(true);
        w.facts.commits.insert(
            0,
            LaneCommit {
                other,
                ..somebodys(80)
            },
        );
        let other = elsewhere(false);
        w.facts.commits.insert(
            1,
            LaneCommit {
                other,
                ..somebodys(81)
            },
        );
    }),
    ("the spec below was squash-merged", |w| {
        let other = elsewhere(true);
        w.facts.commits.insert(
            0,
            LaneCommit {
                other,
                ..somebodys(80)
            },
        );
    }),
    ("the spec below and part 1 were squash-merged", |w| {
        on_base(w);
        let other = elsewhere(true);
        w.facts.commits.insert(
            0,
            LaneCommit {
                other,
                ..somebodys(80)
            },
        );
    }),
    (
        "part 1 was squash-merged, somebody has part 2 checked out",
        |w| {
            on_base(w);
            w.facts.checked_out.insert(TWO.to_owned());
        },
    ),
    (
        "part 1 was squash-merged, part 2 was forced elsewhere",
        |w| {
            on_base(w);
            w.facts.remote.insert(TWO.to_owned(), oid(70));
            w.facts.standings.insert(TWO.to_owned(), Standing::Foreign);
        },
    ),
    ("part 1 was squash-merged, part 2 was closed", |w| {
        on_base(w);
        forge(w, TWO, fact(2, PrState::Closed, ONE));
    }),
    (
        "part 1 was squash-merged, a verified commit is to be landed first",
        |w| {
            on_base(w);
            w.chunks.push(chunk("e", &[]));
            let record = ChunkRecord {
                state: ChunkState::Verifying {
                    attempt: 1,
                    fixes: 0,
                },
                ..ChunkRecord::new("Build e", "print-e")
            };
            w.ledger.chunks.insert(ChunkId::from("e"), record);
            w.ledger.intents.push(Intent::Land {
                chunk: ChunkId::from("e"),
                part: 3,
                old: oid(6),
                new: oid(8),
            });
            w.facts.objects.insert(oid(8));
        },
    ),
    ("one commit of part 1 was picked onto the base", |w| {
        w.facts.on_base = ids(&["a"]);
    }),
    ("everything is merged", |w| {
        w.facts.on_base = ids(&["a", "b", "c", "d"]);
    }),
    ("the last run died after the lane was restacked", restacked),
    ("the last run died after a restacked branch was sent", |w| {
        restacked(w);
        w.facts.remote.insert(TWO.to_owned(), oid(16));
        w.facts.standings.remove(TWO);
    }),
];

/// An effect in words.
fn word(effect: &Effect) -> String {
    match effect {
        Effect::Push {
            branch,
            tip,
            replaces,
        } => {
            let lease = replaces
                .as_ref()
                .map_or_else(String::new, |seen| format!(" in place of {}", number(seen)));
            format!("push {} to {branch}{lease}", number(tip))
        }
        Effect::PutPr { part, .. } => format!("write pull request of part {part}"),
        Effect::Restack { onto } => format!("restack onto {}", number(onto)),
        other => other.name().to_owned(),
    }
}

#[test]
fn every_situation_has_one_outcome_and_the_user_is_told() {
    let mut out = String::new();
    for (situation, change) in SITUATIONS {
        let mut world = settled();
        change(&mut world);
        let found = recovered(&world);
        let lane = &found.lane;
        writeln!(out, "## {situation}").unwrap();
        let states = lane.plan.chunks.iter();
        let states: Vec<String> = states
            .map(|c| format!("{} {}", c.id, lane.state(&c.id).word()))
            .collect();
        let parts: Vec<String> = lane
            .ledger
            .prs
            .iter()
            .map(|p| {
                let state = super::super::absorb::pr_word(p.state);
                let pr = p.number.map_or("none".to_owned(), |n| format!("#{n}"));
                let into = pr_base(lane, p.part);
                format!(
                    "part {} at {} {pr} {state} into {into}",
                    p.part,
                    number(&p.tip)
                )
            })
            .collect();
        writeln!(out, "   {}\n   {}", states.join(", "), parts.join("; ")).unwrap();
        for what in &found.repairs {
            writeln!(out, "   repaired: {what}").unwrap();
        }
        for what in &found.warnings {
            writeln!(out, "   warning: {what}").unwrap();
        }
        let due: Vec<String> = decide(lane, &BTreeSet::new(), at(0))
            .iter()
            .map(word)
            .collect();
        let due = if lane.plan.not_built.is_some() {
            "nothing, the spec is left alone".to_owned()
        } else if due.is_empty() {
            "nothing".to_owned()
        } else {
            due.join(", ")
        };
        writeln!(out, "   next: {due}\n").unwrap();

        // Whoever looks once more without anything having happened has nothing to repair; that work without its
        // mark is built again stays true until it is.
        let again = recovered(&World {
            ledger: lane.ledger.clone(),
            ..world
        });
        if lane.resume_landing.is_none() {
            let stays = |r: &&String| r.ends_with("it is built again");
            let left: Vec<&String> = found.repairs.iter().filter(stays).collect();
            assert_eq!(
                again.repairs.iter().collect::<Vec<_>>(),
                left,
                "{situation}"
            );
            assert_eq!(again.lane.ledger, lane.ledger, "{situation}");
        }
        assert_eq!(again.warnings, found.warnings, "{situation}");
    }
    insta::assert_snapshot!("reconcile", out);
}
