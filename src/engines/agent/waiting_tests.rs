//! What the loop does between two requests, on tokio's own clock, which jumps to the next thing that is waited for.

use super::tests::{At, Half, Seen, job_in};
use super::*;
use crate::core::retry::{Decision, should_retry};
use crate::engines::charge::answer_began;
use crate::model::{Allowance, Cost, EngineError, EngineOutcome, Price, Usage};
use crate::ports::{ChatReply, ChatRequest, Finish, ToolCall};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;
use std::cell::Cell;
use std::time::Duration;
use tokio::time::Instant;

/// When it was asked, and what.
type Asked = Rc<RefCell<Vec<(DateTime<Utc>, Vec<ChatMessage>)>>>;

/// What one request comes to, and how long that takes.
type Step = (Duration, Result<ChatReply, EngineError>);

/// Said by an overload that breaks off an answer.
const MIDWAY: &str = "broke off";

/// A model that plays steps and keeps when it was asked what.
struct Script {
    steps: RefCell<VecDeque<Step>>,
    asked: Asked,
    clock: Rc<At>,
    price: Option<Price>,
    context: Option<u64>,
}

impl ChatModel for Script {
    fn model(&self) -> &str {
        "script"
    }
    fn max_output(&self) -> Option<u64> {
        Some(1000)
    }
    fn price(&self) -> Option<Price> {
        self.price
    }
    fn context(&self) -> Option<u64> {
        self.context
    }
    fn reply<'a>(
        &'a self,
        request: &'a ChatRequest,
    ) -> LocalBoxFuture<'a, Result<ChatReply, EngineError>> {
        Box::pin(async move {
            let asked = (self.clock.now(), request.messages.clone());
            self.asked.borrow_mut().push(asked);
            let (time, result) = self.steps.borrow_mut().pop_front().expect("a step is left");
            tokio::time::sleep(time).await;
            if matches!(&result, Err(EngineError::Overloaded { message, .. }) if message == MIDWAY)
            {
                answer_began();
            }
            result
        })
    }
}

/// A run of the loop with a script.
struct Play {
    dir: tempfile::TempDir,
    engine: AgentEngine,
    asked: Asked,
    clock: Rc<At>,
}

impl Play {
    fn new(steps: Vec<Step>) -> Self {
        Self::with(steps, None, None)
    }

    fn with(steps: Vec<Step>, price: Option<Price>, context: Option<u64>) -> Self {
        let (asked, clock) = (Asked::default(), Rc::new(At(Some(Instant::now()))));
        let model = Script {
            steps: RefCell::new(steps.into()),
            asked: Rc::clone(&asked),
            clock: Rc::clone(&clock),
            price,
            context,
        };
        let engine = AgentEngine::new(
            "script",
            Box::new(model),
            Rc::clone(&clock) as Rc<dyn Clock>,
            Rc::new(Half),
        );
        Self {
            dir: tempfile::tempdir().unwrap(),
            engine,
            asked,
            clock,
        }
    }

    fn job(&self) -> EngineJob {
        job_in(self.dir.path())
    }

    async fn run(&self, job: &EngineJob) -> (EngineOutcome, Seen) {
        let (report, seen) = self.report(job).await;
        (report.outcome, seen)
    }

    async fn report(&self, job: &EngineJob) -> (EngineReport, Seen) {
        let seen = Seen::default();
        let (_handle, stop) = StopSignal::new();
        (self.engine.run(job, &seen, stop).await, seen)
    }

    /// Seconds since the beginning at which it was asked.
    fn times(&self) -> Vec<f64> {
        let begin = At(None).now();
        #[allow(clippy::cast_precision_loss)]
        let seconds = |t: DateTime<Utc>| (t - begin).num_milliseconds() as f64 / 1000.0;
        self.asked
            .borrow()
            .iter()
            .map(|(t, _)| seconds(*t))
            .collect()
    }
}

fn in_paused_time<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .unwrap()
        .block_on(future)
}

fn reply(name: &str, arguments: serde_json::Value) -> ChatReply {
    ChatReply {
        text: String::new(),
        calls: vec![ToolCall {
            id: "c".into(),
            name: name.into(),
            arguments,
        }],
        finish: Finish::Whole,
        usage: Usage::default(),
        cost: Cost::Unknown,
    }
}

fn done() -> ChatReply {
    reply(
        "complete_chunk",
        json!({"summary": "s", "confidence": 1, "rationale": "r"}),
    )
}

fn at(seconds: i64) -> DateTime<Utc> {
    At(None).now() + TimeDelta::seconds(seconds)
}

fn limited(until: Option<i64>) -> EngineError {
    EngineError::RateLimited {
        until: until.map(at),
        message: "slow down".into(),
    }
}

fn cut() -> EngineError {
    EngineError::Transient {
        until: None,
        message: "cut".into(),
    }
}

fn now(result: Result<ChatReply, EngineError>) -> Step {
    (Duration::ZERO, result)
}

#[test]
fn a_failed_request_is_sent_again_in_the_same_conversation() {
    in_paused_time(async {
        let play = Play::new(vec![
            now(Err(limited(Some(7)))),
            now(Ok(reply("list_dir", json!({"path": "."})))),
            now(Err(cut())),
            now(Err(cut())),
            now(Ok(done())),
        ]);
        let (outcome, seen) = play.run(&play.job()).await;
        assert!(
            matches!(outcome, EngineOutcome::Completed(_)),
            "{outcome:?}"
        );
        // What is asked for, and half of each pause of ours: 2 s; then 2 s and 4 s anew.
        assert_eq!(play.times(), [0.0, 8.0, 8.0, 9.0, 11.0]);
        let asked = play.asked.borrow();
        assert_eq!(asked[0].1, asked[1].1);
        assert_eq!((&asked[2].1, &asked[2].1), (&asked[3].1, &asked[4].1));
        assert_eq!((asked[1].1.len(), asked[2].1.len()), (1, 3));
        let steps = seen.steps.borrow();
        assert!(
            steps[0]
                .starts_with("waits 8 s: the engine is rate limited until 2027-01-15 08:00:07 UTC"),
            "{steps:?}"
        );
        assert!(
            steps
                .iter()
                .any(|s| s == "waits 2 s: transient failure: cut"),
            "{steps:?}"
        );
    });
}

#[test]
fn what_is_not_waited_for_ends_the_run_at_once() {
    in_paused_time(async {
        let auth = || EngineError::Auth {
            message: String::new(),
        };
        let mut short = Duration::from_secs(600);
        for (what, steps, asked, seconds) in [
            ("another engine is needed", vec![now(Err(auth()))], 1, 0.0),
            (
                "longer than is waited for on the spot",
                vec![now(Err(limited(Some(3600))))],
                1,
                0.0,
            ),
            (
                "all tries are used up",
                (0..6).map(|_| now(Err(cut()))).collect(),
                6,
                31.0,
            ),
            (
                "longer than the run may last",
                vec![now(Err(limited(Some(30))))],
                1,
                0.0,
            ),
        ] {
            let play = Play::new(steps);
            if what.starts_with("longer than the run") {
                short = Duration::from_secs(20);
            }
            let job = EngineJob {
                timeout: short,
                ..play.job()
            };
            let (outcome, _) = play.run(&job).await;
            assert!(
                matches!(
                    outcome,
                    EngineOutcome::Failed(
                        EngineError::Auth { .. }
                            | EngineError::RateLimited { .. }
                            | EngineError::Transient { .. }
                    )
                ),
                "{what}: {outcome:?}"
            );
            assert_eq!(play.times().len(), asked, "{what}");
            #[allow(clippy::cast_precision_loss)]
            let elapsed = (play.clock.now() - at(0)).num_milliseconds() as f64 / 1000.0;
            assert_eq!(elapsed, seconds, "{what}");
        }
    });
}

#[test]
fn a_stop_ends_a_wait() {
    in_paused_time(async {
        let play = Play::new(vec![now(Err(limited(Some(60))))]);
        let (handle, stop) = StopSignal::new();
        let (job, seen) = (play.job(), Seen::default());
        let stopped = async {
            tokio::time::sleep(Duration::from_secs(5)).await;
            handle.raise();
        };
        let (report, ()) = tokio::join!(play.engine.run(&job, &seen, stop), stopped);
        assert_eq!(
            (report.outcome, report.cost),
            (EngineOutcome::Interrupted, Cost::Usd(0.0))
        );
        assert_eq!(play.clock.now(), at(5));
    });
}

#[test]
fn an_answer_that_broke_off_counts_at_its_worst() {
    let overloaded = |message: &str| {
        now(Err(EngineError::Overloaded {
            until: None,
            message: message.to_owned(),
        }))
    };
    in_paused_time(async {
        let mut used = Vec::new();
        for message in ["not now", MIDWAY] {
            let play = Play::new(vec![overloaded(message), now(Ok(done()))]);
            let job = EngineJob {
                allowance: Allowance {
                    tokens: Some(100_000),
                    usd: None,
                },
                ..play.job()
            };
            let (report, _) = play.report(&job).await;
            assert!(matches!(report.outcome, EngineOutcome::Completed(_)));
            used.push(report.usage.total().unwrap());
        }
        // Twice the same request at its worst, against once.
        assert_eq!(used[1], 2 * used[0], "{used:?}");
    });
}

#[test]
fn no_request_is_sent_that_could_pass_the_allowance() {
    const PRICE: Price = Price {
        input: 1000.0,
        cached: 100.0,
        output: 1000.0,
    };
    in_paused_time(async {
        let listed = || {
            let mut reply = reply("list_dir", json!({"path": "."}));
            reply.usage = Usage {
                input: Some(3000),
                cached: Some(1000),
                output: Some(100),
            };
            reply
        };
        let steps = || {
            vec![
                now(Ok(listed())),
                now(Err(cut())),
                now(Ok(listed())),
                now(Ok(done())),
            ]
        };
        let allowance = |tokens, usd| Allowance { tokens, usd };
        for (what, price, allowance, asked, charged) in [
            ("no cap", None, allowance(None, None), 4, None),
            // 4100 by the first reply; the cut one and the last count at their worst.
            (
                "plenty",
                Some(PRICE),
                allowance(Some(100_000), Some(100.0)),
                4,
                Some(18_000..20_500),
            ),
            (
                "not even one",
                Some(PRICE),
                allowance(Some(1000), None),
                0,
                Some(0..1),
            ),
            (
                "one, and not the next",
                Some(PRICE),
                allowance(Some(7000), None),
                1,
                Some(4100..4101),
            ),
            (
                "the cut one took the rest",
                Some(PRICE),
                allowance(Some(10_000), None),
                2,
                Some(9100..10_001),
            ),
            ("no price", None, allowance(None, Some(100.0)), 0, None),
            ("dollars", Some(PRICE), allowance(None, Some(7.0)), 1, None),
        ] {
            let play = Play::with(steps(), price, None);
            let job = EngineJob {
                allowance,
                ..play.job()
            };
            let (report, _) = play.report(&job).await;
            assert_eq!(play.times().len(), asked, "{what}: {report:?}");
            let is_spent = matches!(
                report.outcome,
                EngineOutcome::Failed(EngineError::AllowanceSpent { .. })
            );
            assert_eq!(is_spent, asked < 4, "{what}: {report:?}");
            if let Some(range) = charged {
                let total = report.usage.total().unwrap();
                assert!(range.contains(&total), "{what}: {total}");
                assert!(
                    allowance.tokens.is_none_or(|cap| total <= cap),
                    "{what}: {total}"
                );
            }
        }
    });
}

#[test]
fn the_conversation_stays_within_the_models_context() {
    in_paused_time(async {
        let mut steps: Vec<Step> = (0..40)
            .map(|n| {
                let mut reply = reply(
                    "write_file",
                    json!({"path": format!("{n}.txt"), "content": "x".repeat(2000)}),
                );
                reply.calls[0].id = format!("c{n}");
                now(Ok(reply))
            })
            .collect();
        steps.push(now(Ok(done())));
        let play = Play::with(steps, None, Some(12_000));
        let (outcome, _) = play.run(&play.job()).await;
        assert!(
            matches!(outcome, EngineOutcome::Completed(_)),
            "{outcome:?}"
        );
        let asked = play.asked.borrow();
        assert_eq!(asked.len(), 41);
        let frame = budget::frame("the system", TOOLS);
        for (_, messages) in asked.iter() {
            super::tests::assert_valid(messages);
            assert!(
                (history::size(messages) + frame) / 2 + 1000 <= 12_000,
                "{}",
                history::size(messages)
            );
        }
        assert!(matches!(&asked[40].1[0], ChatMessage::User(task) if task.starts_with("build it")));
    });
}

/// A timer fires within the next millisecond.
const TICK: Duration = Duration::from_millis(2);

/// Numbers that are the same in every run of the tests.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        // Marsaglia's xorshift64*.
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % sides
    }

    fn until(&mut self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        // Microseconds, so that no rounding goes unnoticed; sometimes gone by, sometimes beyond what is waited for.
        let micros = match self.roll(8) {
            0 => return None,
            1 => return Some(now - TimeDelta::seconds(1)),
            2 => 1 + self.roll(2000),
            3 => self.roll(4_000_000_000),
            _ => self.roll(90_000_000),
        };
        Some(now + Duration::from_micros(micros))
    }

    fn failure(&mut self, now: DateTime<Utc>) -> EngineError {
        let (message, until) = (String::new(), self.until(now));
        match self.roll(12) {
            0..4 => EngineError::RateLimited { until, message },
            4..6 => EngineError::Overloaded { until, message },
            6..8 => EngineError::Transient { until, message },
            8 => EngineError::Stalled { seconds: 1 },
            9 => EngineError::NoConnection { seconds: 1 },
            10 => EngineError::NoAnswer { seconds: 1 },
            _ => EngineError::Auth { message },
        }
    }
}

/// Jitter of the dice, often none at all, so that a wait has nothing to spare.
struct Jitter {
    dice: RefCell<Dice>,
    last: Cell<f64>,
}

impl Rng for Jitter {
    fn bytes(&self) -> [u8; 16] {
        let mut dice = self.dice.borrow_mut();
        let part = match dice.roll(2) {
            0 => 0,
            _ => u8::try_from(dice.roll(256)).unwrap_or(0),
        };
        // 255 of 255 parts are the whole.
        self.last.set(f64::from(part) / 255.0);
        [part; 16]
    }
}

/// A model whose mood the dice make, which remembers until when it asked for quiet.
struct Moody {
    dice: RefCell<Dice>,
    clock: Rc<At>,
    quiet_until: RefCell<Option<DateTime<Utc>>>,
    last: RefCell<Option<EngineError>>,
    row: RefCell<u32>,
    requests: Rc<RefCell<Vec<u32>>>,
}

impl Moody {
    async fn answer(&self, turn: u32) -> Result<ChatReply, EngineError> {
        let asked = self.clock.now();
        if let Some(until) = self.quiet_until.take() {
            assert!(
                asked >= until,
                "asked at {asked}, and nothing was to come before {until}"
            );
        }
        let time = self.dice.borrow_mut().roll(3000);
        tokio::time::sleep(Duration::from_millis(time)).await;
        let mut dice = self.dice.borrow_mut();
        if dice.roll(3) == 0 {
            self.row.replace(0);
            self.requests.borrow_mut().push(0);
            return Ok(if dice.roll(3) == 0 {
                done()
            } else {
                reply("list_dir", json!({"path": format!("{turn}")}))
            });
        }
        let error = dice.failure(self.clock.now());
        *self.quiet_until.borrow_mut() = error.until();
        *self.last.borrow_mut() = Some(error.clone());
        *self.row.borrow_mut() += 1;
        self.requests.borrow_mut().push(*self.row.borrow());
        Err(error)
    }
}

/// The engine has one half of it, the test the other.
struct Shared(Rc<Moody>);

impl ChatModel for Shared {
    fn model(&self) -> &str {
        "moody"
    }
    fn max_output(&self) -> Option<u64> {
        None
    }
    fn price(&self) -> Option<Price> {
        None
    }
    fn context(&self) -> Option<u64> {
        None
    }
    fn reply<'a>(
        &'a self,
        request: &'a ChatRequest,
    ) -> LocalBoxFuture<'a, Result<ChatReply, EngineError>> {
        Box::pin(self.0.answer(request.turn))
    }
}

#[test]
fn ten_thousand_runs_of_failures_never_ask_too_early_or_too_often() {
    let dir = tempfile::tempdir().unwrap();
    in_paused_time(async {
        let (mut completed, mut gave_up, mut stopped, mut waits) = (0, 0, 0, 0);
        for seed in 1..=10_000u64 {
            let clock = Rc::new(At(Some(Instant::now())));
            let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
            let policy = RetryPolicy {
                max_retries: u32::try_from(dice.roll(7)).unwrap(),
                ..RetryPolicy::default()
            };
            let timeout = Duration::from_secs(1 + dice.roll(400));
            let stop_after = (dice.roll(10) == 0).then(|| Duration::from_millis(dice.roll(60_000)));
            let jitter = Rc::new(Jitter {
                dice: RefCell::new(Dice(dice.0)),
                last: Cell::default(),
            });
            let requests = Rc::default();
            let model = Moody {
                dice: RefCell::new(dice),
                clock: Rc::clone(&clock),
                quiet_until: RefCell::default(),
                last: RefCell::default(),
                row: RefCell::default(),
                requests: Rc::clone(&requests),
            };
            let model = Rc::new(model);
            let engine = AgentEngine::new(
                "moody",
                Box::new(Shared(Rc::clone(&model))),
                Rc::clone(&clock) as Rc<dyn Clock>,
                Rc::clone(&jitter) as Rc<dyn Rng>,
            )
            .with_retry(policy.clone());
            let job = EngineJob {
                timeout,
                ..job_in(dir.path())
            };
            let (handle, stop) = StopSignal::new();
            let (began, seen) = (Instant::now(), Seen::default());
            let run = engine.run(&job, &seen, stop);
            let raise = async {
                match stop_after {
                    Some(after) => tokio::time::sleep(after).await,
                    None => std::future::pending().await,
                }
                handle.raise();
                std::future::pending::<()>().await;
            };
            let report = tokio::select! {
                report = run => report,
                () = raise => unreachable!("it never ends"),
            };
            let elapsed = began.elapsed();
            assert!(
                elapsed <= timeout + TICK,
                "seed {seed}: {elapsed:?} of {timeout:?}"
            );
            assert!(
                requests
                    .borrow()
                    .iter()
                    .all(|row| *row <= policy.max_retries + 1),
                "seed {seed}"
            );
            waits += seen
                .steps
                .borrow()
                .iter()
                .filter(|s| s.starts_with("waits "))
                .count();
            match report.outcome {
                EngineOutcome::Completed(_) => completed += 1,
                EngineOutcome::Undeclared { .. } => {}
                EngineOutcome::Interrupted => {
                    stopped += 1;
                    assert!(
                        stop_after.is_some_and(|after| elapsed <= after + TICK),
                        "seed {seed}"
                    );
                }
                EngineOutcome::Failed(EngineError::TimedOut { .. }) => {}
                EngineOutcome::Failed(error) => {
                    gave_up += 1;
                    assert_eq!(Some(&error), model.last.borrow().as_ref(), "seed {seed}");
                    let row = *model.row.borrow();
                    // Given up at once, and only where the policy or the end of the run says so.
                    match should_retry(row, &error, &policy, clock.now(), jitter.last.get()) {
                        Decision::Retry(pause) => {
                            assert!(elapsed + pause + TICK >= timeout, "seed {seed}: {error:?}")
                        }
                        Decision::SwitchEngine | Decision::WaitUntil(_) | Decision::Stop(_) => {}
                    }
                }
                EngineOutcome::Blocked(_) | EngineOutcome::Reviewed(_) => {
                    panic!("seed {seed}: nobody asked for that")
                }
            }
        }
        // The dice brought every way to end.
        assert!(
            completed > 1000 && gave_up > 1000 && stopped > 100 && waits > 5000,
            "{completed} {gave_up} {stopped} {waits}"
        );
    });
}
