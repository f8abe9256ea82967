//! The pieces of an answer put together to a reply. Pure.

use super::wire::{Arguments, CallDelta, Choice, Chunk, Content, Delta, Usage as WireUsage};
use crate::engines::http::arguments_of;
use crate::engines::http::errors::Said;
use crate::engines::http::exchange::{Broken, Fold};
use crate::engines::http::sse::Event;
use crate::model::Usage;
use crate::ports::{Finish, ToolCall};
use serde_json::Value;

/// What came together so far.
#[derive(Default)]
pub(super) struct Folded {
    pub text: String,
    /// Words by which the model refuses.
    pub refusal: String,
    pub finish: Option<End>,
    pub usage: Usage,
    /// What the provider says that it cost.
    pub cost: Option<f64>,
    calls: Vec<Building>,
    is_over: bool,
}

/// Why an answer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Reply(Finish),
    /// The provider's filter took it away.
    Filtered,
}

/// A call whose arguments come in pieces.
#[derive(Default)]
struct Building {
    index: Option<u64>,
    id: String,
    name: String,
    arguments: String,
}

impl Folded {
    /// The calls in the order in which they were begun.
    pub(super) fn take_calls(&mut self) -> Vec<ToolCall> {
        std::mem::take(&mut self.calls)
            .into_iter()
            .map(|call| ToolCall {
                id: call.id,
                name: call.name,
                arguments: arguments_of(call.arguments),
            })
            .collect()
    }

    fn chunk(&mut self, json: &str) -> Result<(), Broken> {
        let chunk: Chunk = serde_json::from_str(json)
            .map_err(|e| Broken::NotUnderstood(json.to_owned(), e.to_string()))?;
        if let Some(error) = chunk.error.filter(|e| !e.is_null()) {
            return Err(Broken::Said(Box::new(Said::of(&error))));
        }
        // A usage that cannot be read is unknown, and no reason to lose the answer.
        if let Some(usage) = chunk.usage.and_then(|u| serde_json::from_value(u).ok()) {
            self.usage(&usage);
        }
        let first = |choice: &Choice| choice.index.unwrap_or(0) == 0;
        for choice in chunk.choices.unwrap_or_default().into_iter().filter(first) {
            if let Some(delta) = choice.delta.or(choice.message) {
                self.delta(delta);
            }
            if let Some(reason) = choice.finish_reason {
                self.finish = Some(match reason.as_str() {
                    "length" | "max_tokens" => End::Reply(Finish::Cut),
                    "content_filter" => End::Filtered,
                    // What routers say when the provider behind them broke off.
                    "error" => return Err(Broken::Said(Box::default())),
                    _ => End::Reply(Finish::Whole),
                });
            }
        }
        Ok(())
    }

    fn delta(&mut self, delta: Delta) {
        match delta.content {
            Some(Content::Text(text)) => self.text.push_str(&text),
            Some(Content::Parts(parts)) => {
                parts
                    .iter()
                    .filter_map(|p| p.text.as_deref())
                    .for_each(|t| self.text.push_str(t));
            }
            None => {}
        }
        if let Some(refusal) = delta.refusal {
            self.refusal.push_str(&refusal);
        }
        for call in delta.tool_calls.unwrap_or_default() {
            self.call(call);
        }
    }

    fn call(&mut self, delta: CallDelta) {
        let id = delta.id.unwrap_or_default();
        let begun = self
            .calls
            .iter()
            .rposition(|call| delta.index.is_none() || call.index == delta.index)
            // Some servers give all calls of a reply the same index, or none.
            .filter(|at| {
                id.is_empty() || self.calls[*at].id.is_empty() || self.calls[*at].id == id
            });
        let call = match begun {
            Some(at) => &mut self.calls[at],
            None => {
                self.calls.push(Building {
                    index: delta.index,
                    ..Building::default()
                });
                let last = self.calls.len() - 1;
                &mut self.calls[last]
            }
        };
        if call.id.is_empty() {
            call.id = id;
        }
        let Some(function) = delta.function else {
            return;
        };
        // Some servers repeat the name with every piece.
        if let Some(name) = function.name.filter(|name| *name != call.name) {
            call.name.push_str(&name);
        }
        match function.arguments {
            Some(Arguments::Text(text)) => call.arguments.push_str(&text),
            Some(Arguments::Value(Value::Null)) | None => {}
            Some(Arguments::Value(value)) => call.arguments.push_str(&value.to_string()),
        }
    }

    fn usage(&mut self, usage: &WireUsage) {
        let cached = usage
            .prompt_tokens_details
            .as_ref()
            .and_then(|d| d.cached_tokens)
            .or(usage.prompt_cache_hit_tokens);
        self.usage = Usage {
            // The prompt's tokens have the cached ones among them.
            input: usage
                .prompt_tokens
                .map(|n| n.saturating_sub(cached.unwrap_or(0))),
            cached,
            output: usage.completion_tokens,
        };
        self.cost = usage
            .cost
            .as_ref()
            .and_then(Value::as_f64)
            .filter(|usd| *usd >= 0.0);
    }
}

impl Fold for Folded {
    fn event(&mut self, event: &Event) -> Result<(), Broken> {
        let data = event.data.trim();
        if data == "[DONE]" {
            self.is_over = true;
            return Ok(());
        }
        if event.name == "error" {
            return Err(Broken::Said(Box::new(Said::read(data.as_bytes()))));
        }
        if data.is_empty() {
            return Ok(());
        }
        self.chunk(data)
    }

    fn is_over(&self) -> bool {
        self.is_over
    }

    fn is_whole(&self) -> bool {
        self.is_over || self.finish.is_some()
    }

    fn body(&mut self, body: &[u8]) -> Result<(), Broken> {
        match std::str::from_utf8(body) {
            Ok(json) => self.chunk(json),
            Err(e) => Err(Broken::NotUnderstood(
                String::from_utf8_lossy(&body[..body.len().min(400)]).into_owned(),
                e.to_string(),
            )),
        }
    }
}

#[cfg(test)]
#[path = "fold_tests.rs"]
mod tests;
