//! `retry`, `answer`, `accept`, `skip`: what a person wants of a chunk. Recorded at once, and carried out by
//! the run that holds the lock, or here where none does.

use super::error::AppError;
use super::find;
use super::reports;
use super::survey::Survey;
use super::world::{
    SystemClock, SystemRng, World, lock_info, new_run_id, read_ledgers, ui_options,
};
use crate::config::{Environment, Flags, Format, MoveRequest, MoveVerb, Wanted, env_names};
use crate::core::moves::{Carried, Carrier, check, standing};
use crate::core::prompt::one_line;
use crate::core::redact::Redactor;
use crate::fsx::lock::{LockError, RunLock};
use crate::git::Repo;
use crate::ledger::{EventLog, Letter, Loaded, Mailbox, Posted, Store, StoreError, Unusable};
use crate::model::moves::{MAX_ANSWER, MoveOutcome, MoveReport, MovesReport};
use crate::model::report::REPORT_SCHEMA;
use crate::model::{
    Chunk, ChunkRecord, ExitCode, Ledger, Move, MoveKind, Refusal, RunId, SpecId, SpecPlan,
};
use crate::ports::Clock;
use crate::{spec, ui};
use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::path::PathBuf;
use std::sync::Arc;

/// Longest name of a person that is kept, in characters.
const MAX_NAME: usize = 100;

pub fn run(request: &MoveRequest, env: &Environment) -> Result<ExitCode, AppError> {
    // An engine that could answer or accept for a person would decide about its own work.
    if env.get(env_names::RUN).is_some() {
        return Err(AppError::setup(
            "what a run started cannot make a person's moves",
            format!("type it yourself, where {} is not set", env_names::RUN),
        ));
    }
    let desk = Desk::open(request, env)?;
    let verb = match &request.verb {
        MoveVerb::Answer(text) => MoveVerb::Answer(desk.answer(text)?),
        MoveVerb::Retry => MoveVerb::Retry,
        MoveVerb::Accept => MoveVerb::Accept,
        MoveVerb::Skip => MoveVerb::Skip,
    };
    let chosen = match &request.wanted {
        Wanted::Chunk(word) => vec![find::find(&desk.found, word, |p, c| desk.word(p, c))?],
        Wanted::AllFailed => desk.failed(),
    };
    let mut asked = Vec::new();
    for (plan, chunk) in chosen {
        asked.push(desk.ask(plan, chunk, &verb)?);
    }
    let report = desk.carry_out(asked)?;
    desk.say(&report, request, env)
}

/// What the verbs work with.
struct Desk {
    world: World,
    found: Survey,
    ledgers: BTreeMap<SpecId, Ledger>,
    store: Store,
    mailbox: Mailbox,
    redactor: Arc<Redactor>,
    /// A run is going on.
    at_work: bool,
    who: String,
}

/// One move, asked for.
struct Asked<'d> {
    plan: &'d SpecPlan,
    report: MoveReport,
    /// None where it was refused.
    posted: Option<Move>,
}

impl Desk {
    fn open(request: &MoveRequest, env: &Environment) -> Result<Self, AppError> {
        let world = World::open(&request.path, Flags::default(), env)?;
        let repo = world.repo(env)?;
        let mut scope = world.scope(&repo, &[], env)?;
        // Also specs that were built because they were named.
        let known = read_ledgers(&world.dir());
        let known = known.values().map(|l| &l.path);
        let is_there = |p: &&String| world.info.root.join(p.as_str()).is_file();
        scope.configured.extend(known.filter(is_there).cloned());
        let (found, ledgers) = world.look(&repo, &scope)?;
        let redactor = Arc::new(super::secrets::redactor(&world, env));
        let at_work = crate::fsx::lock::peek(&world.dir(), &world.info.common_dir)?.is_some();
        Ok(Self {
            who: who(&repo, env, &redactor),
            store: Store::open(&world.dir()),
            mailbox: Mailbox::open(&world.dir()),
            world,
            found,
            ledgers,
            redactor,
            at_work,
        })
    }

    /// The text of an answer, from stdin where it is `-`, without the secrets that are known.
    fn answer(&self, text: &str) -> Result<String, AppError> {
        let mut bytes = text.as_bytes().to_vec();
        if text == "-" {
            bytes.clear();
            let most = MAX_ANSWER as u64 + 1;
            std::io::stdin()
                .lock()
                .take(most)
                .read_to_end(&mut bytes)
                .map_err(|e| AppError::setup(format!("cannot read stdin: {e}"), ""))?;
        }
        if bytes.len() > MAX_ANSWER {
            return Err(AppError::setup(
                format!("the answer is longer than {MAX_ANSWER} bytes"),
                "say the gist of it, and put the rest into the spec or a file of the repository",
            ));
        }
        let text = String::from_utf8(bytes)
            .map_err(|_| AppError::setup("the answer is not UTF-8", "convert it"))?;
        if text.trim().is_empty() {
            return Err(AppError::setup("the answer is empty", "say what to do"));
        }
        Ok(self.redactor.redact(text.trim()).into_owned())
    }

    fn record(&self, spec: &SpecId, chunk: &Chunk) -> Option<&ChunkRecord> {
        self.ledgers.get(spec)?.chunks.get(&chunk.id)
    }

    /// How a chunk stands, in a word.
    fn word(&self, plan: &SpecPlan, chunk: &Chunk) -> &'static str {
        standing(self.record(&plan.id, chunk), chunk, self.at_work).word()
    }

    fn failed(&self) -> Vec<(&SpecPlan, &Chunk)> {
        let specs = self.found.plan.specs.iter();
        specs
            .flat_map(|p| p.chunks.iter().map(move |c| (p, c)))
            .filter(|(p, c)| self.word(p, c) == "failed")
            .collect()
    }

    /// Leaves a move in the mailbox, or says why it does not apply.
    fn ask<'d>(
        &'d self,
        plan: &'d SpecPlan,
        chunk: &Chunk,
        verb: &MoveVerb,
    ) -> Result<Asked<'d>, AppError> {
        let record = self.record(&plan.id, chunk);
        let stands = standing(record, chunk, self.at_work);
        let kind = match verb {
            MoveVerb::Retry => MoveKind::Retry,
            MoveVerb::Answer(text) => MoveKind::Answer { text: text.clone() },
            MoveVerb::Accept => MoveKind::Accept {
                attempt: stands.attempts,
            },
            MoveVerb::Skip => MoveKind::Skip,
        };
        let allowed = check(&kind, &plan.id, &chunk.id, &stands);
        let asked = Move {
            spec: plan.id.clone(),
            chunk: chunk.id.clone(),
            n: record.map_or(1, ChunkRecord::next_move),
            kind,
            who: self.who.clone(),
            when: SystemClock.now(),
            seen: stands.seen(),
        };
        let mut report = MoveReport {
            spec: asked.spec.clone(),
            chunk: asked.chunk.clone(),
            title: chunk.title.clone(),
            verb: asked.kind.word().to_owned(),
            who: asked.who.clone(),
            when: asked.when,
            was: stands.word().to_owned(),
            now: stands.word().to_owned(),
            outcome: MoveOutcome::Recorded,
            message: String::new(),
            remedy: String::new(),
        };
        let refusal = match allowed {
            Ok(()) => self.post(&asked)?,
            Err(refusal) => Some(refusal),
        };
        let posted = refusal.is_none().then_some(asked);
        if let Some(Refusal { why, remedy }) = refusal {
            report.outcome = MoveOutcome::Refused;
            (report.message, report.remedy) = (why, remedy);
        }
        Ok(Asked {
            plan,
            report,
            posted,
        })
    }

    /// Leaves the move, unless somebody was first.
    fn post(&self, asked: &Move) -> Result<Option<Refusal>, AppError> {
        loop {
            match self.mailbox.post(asked)? {
                Posted::Ours => break,
                Posted::Taken(letter) => match *letter {
                    Letter {
                        content: Ok(first), ..
                    } => return Ok(Some(waits(&first))),
                    Letter {
                        path,
                        content: Err(Unusable::Newer(why)),
                    } => {
                        return Ok(Some(Refusal {
                            why: format!("the move {} waits: {why}", path.display()),
                            remedy: "upgrade codelicious".to_owned(),
                        }));
                    }
                    Letter {
                        path,
                        content: Err(why @ Unusable::Damaged(_)),
                    } => {
                        // In nobody's way: its person asks again.
                        let event = self.mailbox.set_aside(&path, why, SystemClock.now())?;
                        self.log(&verb_id())?
                            .record(
                                Some(&asked.spec),
                                Some(&asked.chunk),
                                event,
                                SystemClock.now(),
                            )
                            .map(drop)
                            .or_else(unrecorded)?;
                    }
                },
            }
        }
        // Another move may have been carried out between our look and our letter.
        let ledger = match self.store.read(&asked.spec) {
            Ok(ledger) => ledger,
            // Whoever holds the lock moves it aside.
            Err(StoreError::Damaged { .. }) => None,
            Err(e @ (StoreError::Newer { .. } | StoreError::Fs(_) | StoreError::Name { .. })) => {
                self.mailbox.remove(&self.mailbox.path_of(asked))?;
                return Err(e.into());
            }
        };
        let moves = ledger
            .as_ref()
            .and_then(|l| l.chunks.get(&asked.chunk))
            .map_or(&[][..], |r| &r.moves);
        let first = moves.iter().find(|m| m.n == asked.n && !m.is_of(asked));
        let Some(first) = first else { return Ok(None) };
        self.mailbox.remove(&self.mailbox.path_of(asked))?;
        Ok(Some(Refusal {
            why: format!(
                "{} was first, with {} {}",
                first.who,
                first.kind.word(),
                asked.chunk
            ),
            remedy: "look again with `codelicious status`".to_owned(),
        }))
    }

    /// Carries out what was left, unless a run is there to do so.
    fn carry_out(&self, mut asked: Vec<Asked<'_>>) -> Result<MovesReport, AppError> {
        let mut run = None;
        if asked.iter().any(|a| a.posted.is_some()) {
            let own = verb_id();
            let info = lock_info(&own, &SystemClock);
            match RunLock::acquire(&self.world.dir(), &self.world.info.common_dir, info) {
                Ok(_lock) => {
                    let specs: BTreeSet<&SpecId> = asked
                        .iter()
                        .filter(|a| a.posted.is_some())
                        .map(|a| &a.plan.id)
                        .collect();
                    let specs: Vec<SpecId> = specs.into_iter().cloned().collect();
                    for spec in specs {
                        let of_spec = asked.iter_mut().filter(|a| a.plan.id == spec);
                        self.deliver(&own, of_spec.collect())?;
                    }
                }
                Err(LockError::Held(holder)) => {
                    run = holder.info().map(|i| i.run.clone());
                    let by = run
                        .as_ref()
                        .map_or_else(|| "the run".to_owned(), |r| format!("run {r}"));
                    for one in asked.iter_mut().filter(|a| a.posted.is_some()) {
                        one.report.message =
                            format!("recorded: {by} carries it out, or the next one");
                    }
                }
                Err(e @ LockError::Io(_)) => return Err(e.into()),
            }
        }
        let goes_on = |r: &MoveReport| r.outcome == MoveOutcome::Done && r.verb != "skip";
        let named = self.named(&asked);
        let moves: Vec<MoveReport> = asked.into_iter().map(|a| a.report).collect();
        Ok(MovesReport {
            schema: REPORT_SCHEMA,
            run,
            next: moves
                .iter()
                .any(goes_on)
                .then(|| reports::command(&self.world, &named, &[])),
            moves,
        })
    }

    /// Carries out everything that waits for one spec, with the lock in hand.
    fn deliver(&self, own: &RunId, mut asked: Vec<&mut Asked<'_>>) -> Result<(), AppError> {
        let Some(plan) = asked.first().map(|a| a.plan) else {
            return Ok(());
        };
        let now = SystemClock.now();
        let log = self.log(own)?;
        let mut ledger = match self.store.load(&plan.id, now)? {
            Loaded::Found(ledger) => *ledger,
            Loaded::Absent | Loaded::MovedAside { .. } => reports::first_ledger(&self.found, plan),
        };
        let carrier = Carrier {
            at_work: false,
            run: None,
        };
        let save = |ledger: &mut Ledger| self.store.save(ledger).map(drop);
        let done = self
            .mailbox
            .deliver(&mut ledger, plan, carrier, now, save)?;
        for (chunk, kind) in done.events {
            log.record(Some(&plan.id), chunk.as_ref(), kind, SystemClock.now())
                .map(drop)
                .or_else(unrecorded)?;
        }
        for one in &mut asked {
            let Some(posted) = &one.posted else { continue };
            let record = ledger.chunks.get(&posted.chunk);
            let refused = done.moves.iter().find_map(|(m, carried)| match carried {
                Carried::Refused(refusal) if m == posted => Some(refusal.clone()),
                _ => None,
            });
            let is_done = record.is_some_and(|r| r.moves.iter().any(|m| m.is_of(posted)));
            let report = &mut one.report;
            report.now = record.map_or_else(|| report.was.clone(), |r| r.state.word().to_owned());
            if is_done {
                report.outcome = MoveOutcome::Done;
                report.message = done_words(&posted.kind).to_owned();
                continue;
            }
            report.outcome = MoveOutcome::Refused;
            let refusal = refused.unwrap_or_else(|| Refusal {
                why: "it was refused by a run that ended meanwhile".to_owned(),
                remedy: "`codelicious events` says why".to_owned(),
            });
            (report.message, report.remedy) = (refusal.why, refusal.remedy);
        }
        Ok(())
    }

    /// The specs that a run has to be given by name, so that it builds what was asked for.
    fn named(&self, asked: &[Asked<'_>]) -> Vec<PathBuf> {
        let paths: BTreeSet<&str> = asked.iter().map(|a| a.plan.path.as_str()).collect();
        let configured = &self.world.settings.specs.paths;
        let is_found = |p: &&str| spec::classify(p).is_some() || configured.iter().any(|c| c == p);
        if paths.iter().all(is_found) {
            return Vec::new();
        }
        let full = |p: &str| self.world.info.root.join(p);
        paths.into_iter().map(full).collect()
    }

    fn log(&self, own: &RunId) -> Result<EventLog, AppError> {
        EventLog::open(&self.world.dir(), own.clone(), Arc::clone(&self.redactor))
            .map_err(|e| AppError::setup(e.to_string(), ""))
    }

    fn say(
        &self,
        report: &MovesReport,
        request: &MoveRequest,
        env: &Environment,
    ) -> Result<ExitCode, AppError> {
        let refused = report
            .moves
            .iter()
            .find(|m| m.outcome == MoveOutcome::Refused);
        match (request.output.format, refused, &request.wanted) {
            (Format::Json, _, _) => {
                self.world
                    .print(env, &ui::json_text(&ui::moves::json(report)));
            }
            (Format::Human, Some(one), Wanted::Chunk(_)) => {
                return Err(AppError::setup(
                    self.redactor.redact(&one.message).into_owned(),
                    one.remedy.clone(),
                ));
            }
            (Format::Human, _, _) => {
                let text = ui::moves::render(report, &ui_options(env, request.output));
                self.world.print(env, &text);
            }
        }
        Ok(refused.map_or(ExitCode::Done, |_| ExitCode::Setup))
    }
}

/// A name for events and the lock file: a verb is no run, but has to be told from others.
fn verb_id() -> RunId {
    new_run_id(&SystemClock, &SystemRng)
}

/// Events are for people; a move does not fail because one could not be written.
fn unrecorded(error: crate::ledger::RecordError) -> Result<(), AppError> {
    tracing::error!("event not recorded: {error}");
    Ok(())
}

fn waits(first: &Move) -> Refusal {
    Refusal {
        why: format!(
            "{} asked for {} of {} at {}, which is not carried out yet",
            first.who,
            first.kind.word(),
            first.chunk,
            first.when.format("%Y-%m-%d %H:%M:%S UTC")
        ),
        remedy: "look again with `codelicious status` when it is: by the run that is going on, or the next one"
            .to_owned(),
    }
}

fn done_words(kind: &MoveKind) -> &'static str {
    match kind {
        MoveKind::Retry => "open again: the next run builds it",
        MoveKind::Answer { .. } => "open again: the next run builds it with the answer",
        MoveKind::Accept { .. } => "accepted: the next run verifies and commits the saved work",
        MoveKind::Skip => "left out, until `codelicious retry` takes it back",
    }
}

/// Who types this.
fn who(repo: &Repo, env: &Environment, redactor: &Redactor) -> String {
    let name = repo
        .user_name()
        .or_else(|| env.login().map(str::to_owned))
        .unwrap_or_else(|| "unknown".to_owned());
    let name: String = one_line(&redactor.redact(&name))
        .chars()
        .take(MAX_NAME)
        .collect();
    if name.is_empty() {
        "unknown".to_owned()
    } else {
        name
    }
}
