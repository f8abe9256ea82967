//! Asking a chat model to plan a spec: one short conversation a window, in which an answer that is none is sent back
//! once with what is wrong with it.

use super::history::push_user;
use crate::core::planner::{
    Draft, Fault, PlannerPrompt, Proposed, Subject, TooLong, Windows, object_in, prompt, read_plan,
    schema, windows,
};
use crate::core::tokens::estimate;
use crate::engines::charge::watched;
use crate::model::{Allowance, ChunkId, Cost, EngineError, PlanningSpent, Usage};
use crate::ports::{ChatMessage, ChatModel, ChatReply, ChatRequest, Finish, StopSignal, ToolSpec};
use std::time::Duration;
use tokio::time::Instant;

/// The tool with which a model answers.
pub const PLAN_TOOL: &str = "propose_chunks";

static PLAN_TOOLS: &[ToolSpec] = &[ToolSpec {
    name: PLAN_TOOL,
    description: "Hands in the plan: all chunks of the text that was shown, in build order.",
    schema,
}];

/// What a request for a plan is called where a chunk's id stands, so that a cassette can be told its answers.
pub const PLAN_CHUNK: &str = "plan";

/// Answers to one window that are looked at.
const MAX_TRIES: u32 = 2;

/// Bounds on asking.
#[derive(Clone, Copy, Debug)]
pub struct AskBounds {
    pub windows: Windows,
    /// For all windows together.
    pub timeout: Duration,
    /// On the model's silence.
    pub stall: Duration,
    /// What all requests together may use.
    pub allowance: Allowance,
}

/// Why there is no plan.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum PlanningError {
    #[error(transparent)]
    TooLong(#[from] TooLong),
    #[error("{0}")]
    Engine(EngineError),
    #[error("its answer is no plan: {0}")]
    Malformed(Fault),
    #[error("it found nothing to build")]
    Empty,
    #[error("{0}")]
    Budget(String),
    #[error("it took longer than {} s", .0.as_secs())]
    TimedOut(Duration),
    #[error("the run was stopped")]
    Stopped,
}

/// What came of asking. What it used counts, whatever came of it.
#[derive(Debug)]
pub struct Asked {
    pub planned: Result<Draft, PlanningError>,
    pub spent: PlanningSpent,
}

/// Asks `model` for the chunks of a spec, window by window. Returns soon after `stop` resolves.
pub async fn ask_plan(
    model: &dyn ChatModel,
    subject: Subject<'_>,
    bounds: AskBounds,
    stop: StopSignal,
) -> Asked {
    let mut talk = Talk {
        model,
        stop,
        bounds,
        // A timeout too long to add is none in practice.
        deadline: Instant::now() + bounds.timeout.min(Duration::from_secs(365 * 86_400)),
        spent: PlanningSpent::default(),
    };
    let planned = talk.all(subject).await;
    Asked {
        planned,
        spent: talk.spent,
    }
}

struct Talk<'a> {
    model: &'a dyn ChatModel,
    stop: StopSignal,
    bounds: AskBounds,
    deadline: Instant,
    spent: PlanningSpent,
}

impl Talk<'_> {
    async fn all(&mut self, subject: Subject<'_>) -> Result<Draft, PlanningError> {
        let windows = windows(subject.text, self.bounds.windows)?;
        let mut draft = Draft::default();
        for (n, window) in windows.iter().enumerate() {
            let so_far: Vec<String> = draft.titles().map(str::to_owned).collect();
            let ask = PlannerPrompt {
                subject,
                window,
                number: n + 1,
                of: windows.len(),
                so_far: &so_far,
            };
            let answer = self.one(&ask).await?;
            draft
                .add(answer)
                .map_err(|too_many| PlanningError::Malformed(too_many.0))?;
        }
        if draft.is_empty() {
            return Err(PlanningError::Empty);
        }
        Ok(draft)
    }

    async fn one(&mut self, ask: &PlannerPrompt<'_>) -> Result<Vec<Proposed>, PlanningError> {
        let mut request = self.request(ask);
        loop {
            let reply = self.reply(&request).await?;
            let fault = match read(&reply) {
                Ok(answer) => return Ok(answer),
                Err(fault) => fault,
            };
            request.turn += 1;
            if request.turn == MAX_TRIES {
                return Err(PlanningError::Malformed(fault));
            }
            send_back(&mut request.messages, reply, &fault);
        }
    }

    fn request(&self, ask: &PlannerPrompt<'_>) -> ChatRequest {
        let spec = ask.subject.spec;
        let prompt = prompt(ask);
        ChatRequest {
            spec: spec.id.clone(),
            chunk: ChunkId::new(PLAN_CHUNK),
            title: format!("Plan {}", spec.path),
            // The window, so that a cassette can tell one from the other.
            attempt: u32::try_from(ask.number).unwrap_or(u32::MAX),
            fixes: 0,
            turn: 0,
            system: prompt.system,
            messages: vec![ChatMessage::User(prompt.user)],
            tools: PLAN_TOOLS,
            stall: self.bounds.stall,
        }
    }

    /// Waits for one reply: not past a stop, the end of the time, or the model's silence.
    async fn reply(&mut self, request: &ChatRequest) -> Result<ChatReply, PlanningError> {
        if self.stop.is_raised() {
            return Err(PlanningError::Stopped);
        }
        self.afford(request)?;
        self.spent.asks += 1;
        // Given up by us, it is open whether the model went on answering.
        let (error, is_lost) = tokio::select! {
            biased;
            () = self.stop.raised() => (PlanningError::Stopped, true),
            () = tokio::time::sleep_until(self.deadline) => (PlanningError::TimedOut(self.bounds.timeout), true),
            asked = watched(self.model.reply(request)) => {
                let is_lost = asked.may_be_charged();
                match asked.result {
                    Ok(reply) => {
                        self.spent.usage = self.spent.usage.plus(reply.usage);
                        self.spent.cost = self.spent.cost.plus(reply.cost);
                        return Ok(reply);
                    }
                    Err(error) => (PlanningError::Engine(error), is_lost),
                }
            },
        };
        if is_lost {
            // A total that leaves it out would pass for all that was used.
            self.spent.usage = Usage {
                input: None,
                output: None,
                ..self.spent.usage
            };
            self.spent.cost = Cost::Unknown;
        }
        Err(error)
    }

    /// Refuses a request that could use more than is left, at its worst.
    fn afford(&self, request: &ChatRequest) -> Result<(), PlanningError> {
        let (model, allowance) = (self.model, self.bounds.allowance);
        // A reply that has no bound costs nothing.
        let Some(output) = model.max_output() else {
            return Ok(());
        };
        let input = estimate(&request.system) + request.messages.iter().map(size).sum::<u64>();
        let refused = |what: String| Err(PlanningError::Budget(what));
        if let Some(most) = allowance.tokens {
            let used = self.spent.usage.total();
            let is_known = self.spent.asks == 0 || used.is_some();
            if !is_known || used.unwrap_or(0) + input + output > most {
                return refused(format!("{most} tokens are left, which may not be enough"));
            }
        }
        if let Some(most) = allowance.usd {
            let (Some(price), Some(used)) = (model.price(), self.spent.cost.usd()) else {
                return refused(format!(
                    "a bound in dollars is set, and what {} costs is not known",
                    model.model()
                ));
            };
            if used + price.dollars(input, 0, output) > most {
                return refused(format!("${most:.2} is left, which may not be enough"));
            }
        }
        Ok(())
    }
}

/// Estimated tokens of a message.
fn size(message: &ChatMessage) -> u64 {
    match message {
        ChatMessage::User(text) | ChatMessage::ToolResult { content: text, .. } => estimate(text),
        ChatMessage::Assistant { text, calls } => {
            let calls = calls.iter().map(|c| estimate(&c.arguments.to_string()));
            estimate(text) + calls.sum::<u64>()
        }
    }
}

/// The plan in a reply.
fn read(reply: &ChatReply) -> Result<Vec<Proposed>, Fault> {
    if reply.finish == Finish::Cut {
        let what = "the answer was cut off: propose fewer chunks with shorter descriptions";
        return Err(Fault(what.to_owned()));
    }
    match reply.calls.as_slice() {
        [call] if call.name == PLAN_TOOL => read_plan(call.arguments.clone()),
        [] => {
            let object = object_in(&reply.text);
            object.map_or_else(|| Err(wants_one_call()), read_plan)
        }
        _ => Err(wants_one_call()),
    }
}

fn wants_one_call() -> Fault {
    Fault(format!("call `{PLAN_TOOL}` once, and nothing else"))
}

/// Puts a reply into the conversation, and what is wrong with it: every call has its answer.
fn send_back(messages: &mut Vec<ChatMessage>, reply: ChatReply, fault: &Fault) {
    let why = format!("That is not usable: {fault}. Answer again, with all chunks.");
    let text = if reply.text.is_empty() && reply.calls.is_empty() {
        // Providers refuse a message that says nothing.
        "(no answer)".to_owned()
    } else {
        reply.text
    };
    let ids: Vec<String> = reply.calls.iter().map(|c| c.id.clone()).collect();
    messages.push(ChatMessage::Assistant {
        text,
        calls: reply.calls,
    });
    if ids.is_empty() {
        push_user(messages, &why);
    }
    messages.extend(ids.into_iter().map(|id| ChatMessage::ToolResult {
        id,
        content: why.clone(),
        is_error: true,
    }));
}

#[cfg(test)]
#[path = "ask_tests.rs"]
mod tests;
