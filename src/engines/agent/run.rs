//! One engine run: ask, carry out, answer, until there is an ending.

use super::Bounds;
use super::history::{push_user, shorten};
use super::lane::Lane;
use super::tools::{self, Changed, Done, Output, Request, Site, Stopped, TOOLS};
use super::turn::{Circle, Next, Turns};
use crate::model::{Cost, EngineError, EngineOutcome, Usage};
use crate::ports::{
    ChatMessage, ChatModel, ChatReply, ChatRequest, EngineJob, EngineProgress, StopSignal, ToolCall,
};
use std::time::Duration;
use tokio::time::Instant;

/// Bytes of a call's arguments in the debug log.
const MAX_LOGGED: usize = 500;

/// A run that is over, with the conversation that a fix turn goes on with.
pub(super) struct Ended {
    pub outcome: EngineOutcome,
    pub usage: Usage,
    pub cost: Cost,
    pub conversation: Vec<ChatMessage>,
}

/// Runs `job` on top of `conversation`, which is empty unless this is a fix turn of a known session.
pub(super) async fn run(
    model: &dyn ChatModel,
    bounds: Bounds,
    job: &EngineJob,
    mut conversation: Vec<ChatMessage>,
    progress: &dyn EngineProgress,
    stop: StopSignal,
) -> Ended {
    push_user(&mut conversation, &job.prompt.user);
    let mut talk = Talk {
        model,
        bounds,
        job,
        progress,
        stop,
        // A timeout too long to add is none in practice.
        deadline: Instant::now() + job.timeout.min(Duration::from_secs(365 * 86_400)),
        request: ChatRequest {
            spec: job.spec.clone(),
            chunk: job.chunk.clone(),
            title: job.title.clone(),
            attempt: job.attempt,
            fixes: job.fixes,
            turn: 0,
            system: job.prompt.system.clone(),
            messages: conversation,
            tools: TOOLS,
            stall: job.stall,
        },
        usage: Usage::default(),
        cost: None,
    };
    let outcome = match Lane::open(&job.lane, &job.spec_path) {
        Ok(lane) => talk.go(lane).await,
        Err(e) => EngineOutcome::Failed(EngineError::NotStarted {
            message: format!("the lane {} cannot be opened: {e}", job.lane.display()),
        }),
    };
    Ended {
        outcome,
        usage: talk.usage,
        cost: talk.cost.unwrap_or_default(),
        conversation: talk.request.messages,
    }
}

struct Talk<'a> {
    model: &'a dyn ChatModel,
    bounds: Bounds,
    job: &'a EngineJob,
    progress: &'a dyn EngineProgress,
    stop: StopSignal,
    deadline: Instant,
    request: ChatRequest,
    usage: Usage,
    /// None until the first reply.
    cost: Option<Cost>,
}

impl Talk<'_> {
    async fn go(&mut self, lane: Lane) -> EngineOutcome {
        let site = Site {
            lane,
            job: self.job,
            progress: self.progress,
            deadline: self.deadline,
        };
        let mut turns = Turns::new(self.bounds.turns);
        loop {
            self.request.turn = match turns.next() {
                Ok(turn) => turn,
                Err(e) => return EngineOutcome::Failed(e),
            };
            shorten(&mut self.request.messages, self.bounds.history);
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

    /// Waits for one reply: not past a stop, the end of the run, or the model's silence.
    async fn ask(&mut self) -> Result<ChatReply, EngineOutcome> {
        if self.stop.is_raised() {
            return Err(EngineOutcome::Interrupted);
        }
        let job = self.job;
        let outcome = tokio::select! {
            biased;
            () = self.stop.raised() => EngineOutcome::Interrupted,
            () = tokio::time::sleep_until(self.deadline) => {
                EngineOutcome::Failed(EngineError::TimedOut { seconds: job.timeout.as_secs() })
            }
            reply = self.model.reply(&self.request) => return reply.map_err(EngineOutcome::Failed),
        };
        // The reply that was given up may be charged all the same.
        self.cost = Some(Cost::Unknown);
        Err(outcome)
    }

    fn take_in(&mut self, reply: &ChatReply) {
        self.usage = self.usage.plus(reply.usage);
        self.cost = Some(self.cost.map_or(reply.cost, |c| c.plus(reply.cost)));
        self.progress.usage(self.usage);
        for line in reply.text.lines() {
            self.progress.log(line);
        }
        // Providers refuse a message that says nothing.
        let text = if reply.text.is_empty() && reply.calls.is_empty() {
            "(no answer)"
        } else {
            &reply.text
        };
        self.request.messages.push(ChatMessage::Assistant {
            text: text.to_owned(),
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
        for call in &reply.calls {
            if end.is_some() {
                self.answer(call, Output::error("not carried out: the run has ended"));
                continue;
            }
            let (mut output, ending) = self.carry_out(call, site).await;
            end = ending;
            if end.is_none() {
                match turns.noted(call, &output) {
                    Circle::No => {}
                    Circle::PointOut(times) => output.text.push_str(&format!(
                        "\n\n[You made this call {times} times with this same result. Do something else, or end with complete_chunk or block_chunk.]"
                    )),
                    Circle::End => {
                        let last_words = format!("{}\n(ended: `{}` was repeated without effect)", reply.text, call.name);
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
            let seconds = self.job.timeout.as_secs();
            let end = EngineOutcome::Failed(EngineError::TimedOut { seconds });
            return (Output::error("not carried out: the time is up"), Some(end));
        }
        if self.stop.is_raised() {
            return stopped();
        }
        let request = match Request::read(call) {
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
