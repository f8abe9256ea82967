//! One engine run: ask, carry out, answer, until there is an ending.

use super::budget::{Measured, Purse, Worst, frame, room, size};
use super::history::{push_user, said, shorten};
use super::lane::Lane;
use super::tools::{self, Changed, Done, Output, Request, Site, Stopped};
use super::turn::{CUT_CALL, Circle, Next, Turns};
use super::{AgentEngine, Conversation};
use crate::core::retry::{Decision, fraction, should_retry};
use crate::engines::charge::{Watched, watched};
use crate::model::{Cost, Ends, EngineError, EngineOutcome, Usage};
use crate::ports::{
    ChatMessage, ChatReply, ChatRequest, EngineJob, EngineProgress, Finish, StopSignal, ToolCall,
};
use std::time::Duration;
use tokio::time::Instant;

/// Bytes of a call's arguments in the debug log.
const MAX_LOGGED: usize = 500;

/// Bytes of a reason to wait that people are shown.
const MAX_REASON: usize = 160;

/// A run that is over, with the conversation that a fix turn goes on with.
pub(super) struct Ended {
    pub outcome: EngineOutcome,
    pub usage: Usage,
    pub cost: Cost,
    pub conversation: Conversation,
}

/// Runs `job` on top of `conversation`, which is empty unless this is a fix turn of a known session.
pub(super) async fn run(
    engine: &AgentEngine,
    job: &EngineJob,
    mut conversation: Conversation,
    progress: &dyn EngineProgress,
    stop: StopSignal,
) -> Ended {
    push_user(&mut conversation.messages, &job.prompt.user);
    let model = engine.model.as_ref();
    let mut talk = Talk {
        engine,
        job,
        progress,
        stop,
        // A timeout too long to add is none in practice.
        deadline: Instant::now() + job.timeout.min(Duration::from_secs(365 * 86_400)),
        frame: frame(&job.prompt.system, tools::offered(job.ends)),
        request: ChatRequest {
            spec: job.spec.clone(),
            chunk: job.chunk.clone(),
            title: job.title.clone(),
            attempt: job.attempt,
            fixes: job.fixes,
            turn: 0,
            system: job.prompt.system.clone(),
            messages: conversation.messages,
            tools: tools::offered(job.ends),
            stall: job.stall,
        },
        measured: conversation.measured,
        purse: Purse::new(job.allowance, model.price(), model.model()),
    };
    let outcome = match Lane::open(&job.lane, &job.spec_path) {
        Ok(lane) => talk.go(lane).await,
        Err(e) => EngineOutcome::Failed(EngineError::NotStarted {
            message: format!("the lane {} cannot be opened: {e}", job.lane.display()),
        }),
    };
    let (usage, cost) = talk.purse.total();
    Ended {
        outcome,
        usage,
        cost,
        conversation: Conversation {
            messages: talk.request.messages,
            measured: talk.measured,
        },
    }
}

struct Talk<'a> {
    engine: &'a AgentEngine,
    job: &'a EngineJob,
    progress: &'a dyn EngineProgress,
    stop: StopSignal,
    deadline: Instant,
    /// Bytes of a request beside its messages.
    frame: usize,
    request: ChatRequest,
    /// The last request that was answered.
    measured: Option<Measured>,
    purse: Purse,
}

impl Talk<'_> {
    async fn go(&mut self, lane: Lane) -> EngineOutcome {
        let site = Site {
            lane,
            job: self.job,
            progress: self.progress,
            deadline: self.deadline,
        };
        let mut turns = Turns::new(self.engine.bounds.turns, self.job.ends);
        loop {
            self.request.turn = match turns.next() {
                Ok(turn) => turn,
                Err(e) => return EngineOutcome::Failed(e),
            };
            self.make_room();
            let reply = match self.ask().await {
                Ok(reply) => reply,
                Err(outcome) => return outcome,
            };
            self.take_in(&reply);
            match turns.step(&reply) {
                Next::Work => {
                    if let Some(outcome) = self.work(reply, &mut turns, &site).await {
                        return outcome;
                    }
                }
                Next::Nudge(text) => push_user(&mut self.request.messages, text),
                Next::End(outcome) => return outcome,
            }
        }
    }

    /// Keeps the conversation within our bound and within the model's context.
    fn make_room(&mut self) {
        let model = self.engine.model.as_ref();
        let of_model = room(
            model.context(),
            model.max_output(),
            self.measured,
            self.frame,
        );
        let bound = self.engine.bounds.history;
        shorten(
            &mut self.request.messages,
            of_model.map_or(bound, |room| room.min(bound)),
        );
    }

    /// Gets one reply, with as many requests as the policy allows.
    async fn ask(&mut self) -> Result<ChatReply, EngineOutcome> {
        let bytes = size(self.frame, &self.request);
        let worst = Worst::of(bytes, self.measured, self.engine.model.max_output());
        let mut failures = 0;
        loop {
            self.purse.admit(worst).map_err(EngineOutcome::Failed)?;
            let asked = self.request(worst).await?;
            if asked.may_be_charged() {
                self.purse.lost(worst);
            }
            let error = match asked.result {
                Ok(reply) => {
                    self.purse.replied(reply.usage, reply.cost, worst);
                    self.measured = reply.usage.input.map(|input| Measured {
                        tokens: input + reply.usage.cached.unwrap_or(0),
                        bytes,
                    });
                    return Ok(reply);
                }
                Err(error) => error,
            };
            failures += 1;
            match self.pause_after(failures, &error) {
                Some(pause) => self.wait(pause, &error).await?,
                None => return Err(EngineOutcome::Failed(error)),
            }
        }
    }

    /// Sends one request and waits for its end: not past a stop or the end of the run. The model itself gives up when
    /// nothing comes.
    async fn request(&mut self, worst: Worst) -> Result<Watched<ChatReply>, EngineOutcome> {
        if self.stop.is_raised() {
            return Err(EngineOutcome::Interrupted);
        }
        let outcome = tokio::select! {
            biased;
            () = self.stop.raised() => EngineOutcome::Interrupted,
            () = tokio::time::sleep_until(self.deadline) => self.timed_out(),
            asked = watched(self.engine.model.reply(&self.request)) => return Ok(asked),
        };
        // The reply that was given up may be charged all the same.
        self.purse.lost(worst);
        Err(outcome)
    }

    /// How long to wait after the `failures`-th failure in a row; None when the run is over with it. A wait that would
    /// outlast the run is not begun: whoever gave it its time knows better what to do until then.
    fn pause_after(&self, failures: u32, error: &EngineError) -> Option<Duration> {
        let now = self.engine.clock.now();
        let jitter = fraction(self.engine.rng.bytes());
        match should_retry(failures, error, &self.engine.retry, now, jitter) {
            Decision::Retry(pause) => {
                let end = Instant::now().checked_add(pause)?;
                (end < self.deadline).then_some(pause)
            }
            Decision::SwitchEngine | Decision::WaitUntil(_) | Decision::Stop(_) => None,
        }
    }

    async fn wait(&mut self, pause: Duration, error: &EngineError) -> Result<(), EngineOutcome> {
        let mut why = error.to_string();
        why.truncate(why.floor_char_boundary(MAX_REASON));
        let seconds = pause.as_secs() + u64::from(pause.subsec_nanos() > 0);
        self.progress.step(&format!("waits {seconds} s: {why}"));
        self.progress.log(&format!("{error}; again in {seconds} s"));
        tokio::select! {
            biased;
            () = self.stop.raised() => Err(EngineOutcome::Interrupted),
            () = tokio::time::sleep(pause) => Ok(()),
        }
    }

    fn timed_out(&self) -> EngineOutcome {
        EngineOutcome::Failed(EngineError::TimedOut {
            seconds: self.job.timeout.as_secs(),
        })
    }

    fn take_in(&mut self, reply: &ChatReply) {
        self.progress.usage(self.purse.usage());
        let text = said(&reply.text, !reply.calls.is_empty());
        for line in text.lines() {
            self.progress.log(line);
        }
        self.request.messages.push(ChatMessage::Assistant {
            text,
            calls: reply.calls.clone(),
        });
    }

    /// Carries out the calls of a reply in order and answers every one of them, also when the run ends on
    /// the way: a call without its answer would spoil the conversation for a fix turn.
    async fn work(
        &mut self,
        reply: ChatReply,
        turns: &mut Turns,
        site: &Site<'_>,
    ) -> Option<EngineOutcome> {
        let mut end: Option<EngineOutcome> = None;
        for (n, call) in reply.calls.iter().enumerate() {
            if end.is_some() {
                self.answer(call, Output::error("not carried out: the run has ended"));
                continue;
            }
            let (mut output, ending) = self.carry_out(call, site).await;
            end = ending;
            let is_last = n + 1 == reply.calls.len();
            if reply.finish == Finish::Cut && is_last && !call.arguments.is_object() {
                output.text.push_str("\n\n");
                output.text.push_str(CUT_CALL);
            }
            if end.is_none() {
                match turns.noted(call, &output) {
                    Circle::No => {}
                    Circle::PointOut(times) => {
                        let ending = match self.job.ends {
                            Ends::Build => "complete_chunk or block_chunk",
                            Ends::Review => "report_review",
                        };
                        output.text.push_str(&format!(
                            "\n\n[You made this call {times} times with this same result. Do something else, or end with {ending}.]"
                        ));
                    }
                    Circle::End => {
                        let text = said(&reply.text, true);
                        let last_words = format!(
                            "{text}\n(ended: `{}` was repeated without effect)",
                            call.name
                        );
                        end = Some(EngineOutcome::Undeclared {
                            last_words: last_words.trim().to_owned(),
                        });
                    }
                }
            }
            self.answer(call, output);
        }
        end
    }

    async fn carry_out(
        &mut self,
        call: &ToolCall,
        site: &Site<'_>,
    ) -> (Output, Option<EngineOutcome>) {
        let arguments = call.arguments.to_string();
        let shown = &arguments[..arguments.floor_char_boundary(MAX_LOGGED)];
        self.progress.log(&format!("{} {shown}", call.name));
        if Instant::now() >= self.deadline {
            let output = Output::error("not carried out: the time is up");
            return (output, Some(self.timed_out()));
        }
        if self.stop.is_raised() {
            return stopped();
        }
        let request = match Request::read(call, self.request.tools) {
            Ok(request) => request,
            Err(why) => return (Output::error(why), None),
        };
        self.progress.step(&request.step());
        let recorded = || Output::ok("recorded", Changed::No);
        match tools::perform(request, site, &self.stop).await {
            Ok(Done::Answer(output)) => (output, None),
            Ok(Done::Complete(completion)) => {
                (recorded(), Some(EngineOutcome::Completed(completion)))
            }
            Ok(Done::Block(block)) => (recorded(), Some(EngineOutcome::Blocked(block))),
            Ok(Done::Report(remarks)) => (recorded(), Some(EngineOutcome::Reviewed(remarks))),
            Err(Stopped) => stopped(),
        }
    }

    fn answer(&mut self, call: &ToolCall, output: Output) {
        self.request.messages.push(ChatMessage::ToolResult {
            id: call.id.clone(),
            content: output.text,
            is_error: output.is_error,
        });
    }
}

fn stopped() -> (Output, Option<EngineOutcome>) {
    let output = Output::error("not carried out to its end: the run was stopped");
    (output, Some(EngineOutcome::Interrupted))
}
