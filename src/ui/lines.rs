//! Events as lines: one for each that means something to a person.

use super::text::{Paint, count, duration, money, one_line, plural, tokens};
use crate::model::{ChunkId, Event, EventKind, SpecId};
use std::collections::HashMap;

/// How much a line matters. Ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Weight {
    /// Single engine steps.
    Step,
    /// Checks and engine runs.
    Detail,
    /// What a progress display shows by itself.
    Progress,
    Normal,
    /// Wants a person's attention.
    Problem,
}

/// One line without its line end, neutralised.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    pub weight: Weight,
    pub paint: Paint,
    pub text: String,
}

/// Turns events into lines; remembers the paths of specs, which later events name by id only.
#[derive(Debug, Default)]
pub(super) struct Narrator {
    paths: HashMap<SpecId, String>,
}

impl Narrator {
    /// The line for an event; None where there is nothing to say.
    pub(super) fn tell(&mut self, event: &Event) -> Option<Line> {
        use EventKind as K;
        use Weight::{Detail, Normal, Problem, Progress, Step};
        if let (Some(id), K::SpecStarted { path, .. }) = (&event.spec, &event.kind) {
            self.paths.insert(id.clone(), one_line(path));
        }
        let plain = |weight, text: String| Some((weight, Paint::Plain, text));
        let (weight, paint, text) = match &event.kind {
            K::RunStarted {
                version,
                engine,
                forge,
                sandbox,
                ..
            } => {
                return Some(banner(version, engine, forge, sandbox));
            }
            K::Planned {
                specs,
                chunks,
                done,
            } => plain(
                Normal,
                format!(
                    "{}, {}, {done} done",
                    plural(*specs, "spec"),
                    plural(*chunks, "chunk")
                ),
            ),
            K::PlanningStarted { path, model } => {
                plain(Normal, format!("{path}: {model} is asked to plan it"))
            }
            K::PlanningFinished {
                outcome,
                chunks,
                kept,
                usage,
                cost,
                ..
            } => {
                let spent = format!("{}, {}", tokens(*usage), money(*cost));
                let kept = match kept {
                    0 => String::new(),
                    n => format!(", {n} of them kept from before"),
                };
                match outcome.as_str() {
                    "planned" => {
                        let chunks = plural(*chunks, "chunk");
                        plain(Normal, format!("planned: {chunks}{kept} ({spent})"))
                    }
                    // The warning that follows says what is done about it.
                    _ => plain(Detail, format!("not planned: {outcome} ({spent})")),
                }
            }
            K::Warning { message } => Some((Problem, Paint::Doubt, format!("warning: {message}"))),
            K::SpecRejected {
                path,
                line,
                message,
            } => {
                return Some(line_of(
                    Problem,
                    Paint::Bad,
                    format!("{}  rejected: {message}", place(path, *line)),
                ));
            }
            K::SpecStarted {
                title,
                branch,
                base,
                ..
            } => plain(
                Normal,
                format!(
                    "{title}: {}; on {branch} from {base}",
                    standing(&event.kind)
                ),
            ),
            K::SpecSynced { commit } => plain(Normal, format!("spec synced {}", commit.short())),
            K::LaneAdopted { branch, tip } => {
                plain(Normal, format!("adopted {branch} at {}", tip.short()))
            }
            K::BaselineStarted {} => plain(Detail, "checks on the base".to_owned()),
            K::BaselineFinished { verdict } => {
                plain(Normal, format!("checks on the base: {verdict}"))
            }
            K::SuiteStarted { part } => plain(Detail, format!("all checks on part {part}")),
            K::SuiteFinished { part, verdict } => {
                plain(Normal, format!("all checks on part {part}: {verdict}"))
            }
            K::TestsSeenRed { tests } => plain(
                Progress,
                match tests {
                    1 => "1 new test is red without the work".to_owned(),
                    n => format!("{n} new tests are red without the work"),
                },
            ),
            K::TestsNotRed { why } => {
                plain(Progress, format!("the tests prove nothing yet: {why}"))
            }
            K::ChunkStarted { title, attempt } => plain(
                Progress,
                match attempt {
                    0 | 1 => format!("started: {title}"),
                    n => format!("started, attempt {n}: {title}"),
                },
            ),
            K::EngineOut { engine, until, why } => Some((
                Problem,
                Paint::Doubt,
                match until {
                    Some(until) => format!(
                        "{engine} is out until {}: {why}",
                        until.format("%Y-%m-%d %H:%M:%S UTC")
                    ),
                    None => format!("{engine} is out for this run: {why}"),
                },
            )),
            K::EngineStarted { engine, fixes: 0 } => plain(Detail, format!("{engine} started")),
            K::EngineStarted { engine, fixes } => {
                plain(Progress, format!("fix {fixes} with {engine}"))
            }
            K::EngineStep { step } => plain(Step, step.clone()),
            K::EngineUsage { .. } => None,
            K::EngineEnded {
                outcome,
                usage,
                cost,
            } => plain(
                Detail,
                format!(
                    "engine ended: {outcome}, {}, {}",
                    tokens(*usage),
                    money(*cost)
                ),
            ),
            K::ReviewStarted { engine, round } => plain(
                Detail,
                match round {
                    0 | 1 => format!("{engine} reviews the work"),
                    n => format!("{engine} reviews the work, round {n}"),
                },
            ),
            // A warning says why.
            K::ReviewFinished { remarks: None, .. } => None,
            K::ReviewFinished {
                engine,
                remarks: Some(remarks),
                high,
                usage,
                cost,
            } => {
                let spent = format!("({}, {})", tokens(*usage), money(*cost));
                let remarks = match (remarks, high) {
                    (0, _) => "nothing to say".to_owned(),
                    (n, 0) => plural(*n, "remark"),
                    (n, high) => format!("{}, {high} of them high", plural(*n, "remark")),
                };
                plain(Progress, format!("{engine}: {remarks} {spent}"))
            }
            K::SandboxRefused { what, hosts, hint } => {
                let kept = match &hosts[..] {
                    [] => None,
                    [host] => Some(format!("was kept from {host}")),
                    [host, more @ ..] => {
                        Some(format!("was kept from {host} and {} more", more.len()))
                    }
                };
                let said = match (kept, hint) {
                    (None, None) => what.clone(),
                    (None, Some(hint)) => format!("{what}: {hint}"),
                    (Some(kept), None) => format!("{what} {kept}"),
                    (Some(kept), Some(hint)) => format!("{what} {kept}; {hint}"),
                };
                Some((Problem, Paint::Doubt, said))
            }
            K::CheckStarted { name } => plain(Step, format!("{name} started")),
            K::CheckFinished {
                name,
                verdict,
                millis,
            } => {
                let weight = if verdict == "passed" {
                    Detail
                } else {
                    Progress
                };
                plain(weight, format!("{name}: {verdict} ({})", duration(*millis)))
            }
            K::ChunkCommitted {
                title,
                commit,
                part,
                lines,
            } => Some((
                Normal,
                Paint::Good,
                format!(
                    "committed {}: {title}  ({} {}, part {part})",
                    commit.short(),
                    count(u64::from(*lines)),
                    if *lines == 1 { "line" } else { "lines" }
                ),
            )),
            K::ChunkStopped {
                title,
                status,
                reason,
            } => Some((
                Problem,
                Paint::Bad,
                format!("{}: {title}: {reason}", status.replace('_', " ")),
            )),
            K::ChunkReset { why } => plain(Normal, format!("open again: {why}")),
            K::Moved { verb, who, status } => plain(
                Normal,
                format!("{verb} by {who}: {} now", status.replace('_', " ")),
            ),
            K::MoveRefused { verb, who, why } => Some((
                Problem,
                Paint::Doubt,
                format!("{verb} by {who} was refused: {why}"),
            )),
            K::WorkSaved { reference } => plain(Normal, format!("work kept at {reference}")),
            K::Pushed { branch, tip } => plain(Normal, format!("pushed {branch} {}", tip.short())),
            K::PushFailed {
                branch,
                failure,
                message,
                remedy,
            } => {
                let then = match (failure, remedy.as_str()) {
                    (None, "") => String::new(),
                    (Some(_), "") => "; it is tried again".to_owned(),
                    (_, remedy) => format!(" -> {remedy}"),
                };
                Some((
                    Problem,
                    Paint::Bad,
                    format!("not pushed {branch}: {}{then}", message.trim_end()),
                ))
            }
            K::PrPut {
                part,
                branch,
                state,
                url,
            } => plain(
                Normal,
                format!(
                    "pull request, part {part}: {state} {}",
                    url.as_deref().unwrap_or(branch)
                ),
            ),
            K::PrFailed { part, message } => Some((
                Problem,
                Paint::Bad,
                format!("pull request, part {part}, not written: {message}"),
            )),
            K::IssueCommented { issue } => {
                plain(Normal, format!("issue {issue}: the comment is up to date"))
            }
            K::SpecFinished { done, total } => plain(Normal, format!("{done}/{total} done")),
            K::Repaired { what } => plain(Normal, format!("repaired: {what}")),
            K::Waiting { until, why } => Some((
                Problem,
                Paint::Doubt,
                format!(
                    "waiting until {}: {why}",
                    until.format("%Y-%m-%d %H:%M:%S UTC")
                ),
            )),
            K::RunFinished {
                exit,
                committed,
                stopped,
                undelivered,
            } => plain(
                Detail,
                format!(
                    "finished: {committed} committed, {stopped} stopped, {undelivered} undelivered; exit {}: {}",
                    exit.code(),
                    exit.meaning()
                ),
            ),
        }?;
        Some(line_of(
            weight,
            paint,
            self.placed(event.spec.as_ref(), event.chunk.as_ref(), &text),
        ))
    }

    /// The spec's path where it is known, else its id.
    pub(super) fn path(&self, spec: &SpecId) -> String {
        self.paths
            .get(spec)
            .cloned()
            .unwrap_or_else(|| one_line(spec.as_str()))
    }

    fn placed(&self, spec: Option<&SpecId>, chunk: Option<&ChunkId>, text: &str) -> String {
        let mut out = String::new();
        if let Some(spec) = spec {
            out.push_str(&self.path(spec));
            out.push_str("  ");
        }
        if let Some(chunk) = chunk {
            out.push_str(chunk.as_str());
            out.push_str("  ");
        }
        out.push_str(text);
        out
    }
}

/// How far a spec is when a run takes it up: `12 tasks, starting with T001`, or where an earlier run has been at
/// it, `5 of 12 done, 1 interrupted, continuing with T006`. Empty for other events.
fn standing(kind: &EventKind) -> String {
    let EventKind::SpecStarted {
        done,
        total,
        interrupted,
        retried,
        failed,
        waiting,
        next,
        next_title,
        ..
    } = kind
    else {
        return String::new();
    };
    let counts = [
        (*interrupted, "interrupted"),
        (*retried, "tried again"),
        (*failed, "failed"),
        (*waiting, "waiting for a person"),
    ];
    let is_new = *done == 0 && counts.iter().all(|(n, _)| *n == 0);
    let mut words = vec![if is_new {
        plural(*total, "task")
    } else {
        format!("{done} of {total} done")
    }];
    let told = counts.iter().filter(|(n, _)| *n > 0);
    words.extend(told.map(|(n, what)| format!("{n} {what}")));
    words.push(match (next, next_title) {
        (Some(id), title) => {
            let verb = if is_new { "starting" } else { "continuing" };
            let title = title.as_deref().unwrap_or_default();
            format!("{verb} with {id} {title}").trim_end().to_owned()
        }
        (None, _) => "nothing to build".to_owned(),
    });
    words.join(", ")
}

/// `path:line`, or the path where the whole file is meant.
pub(super) fn place(path: &str, line: usize) -> String {
    let path = one_line(path);
    if line == 0 {
        path
    } else {
        format!("{path}:{line}")
    }
}

fn line_of(weight: Weight, paint: Paint, text: String) -> Line {
    Line {
        weight,
        paint,
        text: keep_gaps(&text),
    }
}

/// Most characters of a line: what is longer nobody reads there.
const LONGEST: usize = 4_000;

/// Neutralises and joins lines, but keeps the two spaces that part columns. What is left out is counted.
fn keep_gaps(text: &str) -> String {
    let (text, rest) = match text.char_indices().nth(LONGEST) {
        Some((end, _)) => text.split_at(end),
        None => (text, ""),
    };
    let columns: Vec<String> = text.split("  ").map(one_line).collect();
    let line = columns.join("  ");
    match rest.chars().count() {
        0 => line,
        n => format!("{line}… ({} more characters)", count(n as u64)),
    }
}

/// The first line of a run: version, engine, forge and what wall there is.
fn banner(version: &str, engine: &str, forge: &str, sandbox: &str) -> Line {
    let open = sandbox == "unsandboxed";
    Line {
        // Said even when only problems are wanted, since it is one.
        weight: if open {
            Weight::Problem
        } else {
            Weight::Normal
        },
        paint: if open { Paint::Doubt } else { Paint::Strong },
        text: keep_gaps(&format!(
            "codelicious {version}  engine {engine}  forge {forge}  {sandbox}"
        )),
    }
}
