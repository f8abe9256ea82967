//! The events of a message put together to a reply. Pure.

use super::wire::{BlockStart, Delta, StreamEvent, Usage as WireUsage, Whole};
use crate::engines::http::arguments_of;
use crate::engines::http::errors::Said;
use crate::engines::http::exchange::{Broken, Fold};
use crate::engines::http::sse::Event;
use crate::model::Usage;
use crate::ports::ToolCall;
use serde_json::Value;

/// What came together so far.
#[derive(Default)]
pub(super) struct Folded {
    pub text: String,
    pub stop_reason: Option<String>,
    usage: WireUsage,
    calls: Vec<Building>,
    is_over: bool,
}

/// A call whose arguments come in pieces.
#[derive(Default)]
struct Building {
    index: u64,
    id: String,
    name: String,
    /// As given with the beginning of the block; usually empty.
    input: Value,
    json: String,
}

impl Folded {
    /// The calls in the order in which they were begun.
    pub(super) fn take_calls(&mut self) -> Vec<ToolCall> {
        std::mem::take(&mut self.calls)
            .into_iter()
            .map(|call| ToolCall {
                id: call.id,
                name: call.name,
                arguments: if call.json.is_empty() && call.input.is_object() {
                    call.input
                } else {
                    arguments_of(call.json)
                },
            })
            .collect()
    }

    /// What was used: `input_tokens` has neither what was read from the cache nor what was written to it.
    pub(super) fn usage(&self) -> Usage {
        let WireUsage {
            input_tokens,
            cache_creation_input_tokens: written,
            cache_read_input_tokens: cached,
            output_tokens: output,
        } = self.usage;
        Usage {
            input: input_tokens.map(|n| n.saturating_add(written.unwrap_or(0))),
            cached,
            output,
        }
    }

    /// Tokens that were written to the cache; they are among those of the input.
    pub(super) fn written(&self) -> u64 {
        self.usage.cache_creation_input_tokens.unwrap_or(0)
    }

    fn take(&mut self, event: StreamEvent) -> Result<(), Broken> {
        match event {
            StreamEvent::MessageStart { message } => self.learn(message.usage),
            StreamEvent::ContentBlockStart {
                index,
                content_block,
            } => self.begin(index, content_block),
            StreamEvent::ContentBlockDelta { index, delta } => match delta {
                Delta::Text { text } => self.text.push_str(&text),
                Delta::InputJson { partial_json } => {
                    let of_block = |call: &&mut Building| call.index == index;
                    if let Some(call) = self.calls.iter_mut().rev().find(of_block) {
                        call.json.push_str(&partial_json);
                    }
                }
                Delta::Other => {}
            },
            StreamEvent::MessageDelta { delta, usage } => {
                self.learn(usage);
                self.stop_reason = delta.stop_reason.or(self.stop_reason.take());
            }
            StreamEvent::MessageStop => self.is_over = true,
            StreamEvent::Error { error } => return Err(Broken::Said(Box::new(Said::of(&error)))),
            StreamEvent::Other => {}
        }
        Ok(())
    }

    fn begin(&mut self, index: u64, block: BlockStart) {
        match block {
            BlockStart::Text { text } => self.text.push_str(&text.unwrap_or_default()),
            BlockStart::ToolUse { id, name, input } => self.calls.push(Building {
                index,
                id: id.unwrap_or_default(),
                name: name.unwrap_or_default(),
                input: input.unwrap_or_default(),
                json: String::new(),
            }),
            BlockStart::Other => {}
        }
    }

    /// A later count takes the place of an earlier one.
    fn learn(&mut self, usage: Option<WireUsage>) {
        let (old, new) = (self.usage, usage.unwrap_or_default());
        self.usage = WireUsage {
            input_tokens: new.input_tokens.or(old.input_tokens),
            cache_creation_input_tokens: new
                .cache_creation_input_tokens
                .or(old.cache_creation_input_tokens),
            cache_read_input_tokens: new.cache_read_input_tokens.or(old.cache_read_input_tokens),
            output_tokens: new.output_tokens.or(old.output_tokens),
        };
    }
}

impl Fold for Folded {
    fn event(&mut self, event: &Event) -> Result<(), Broken> {
        let json = event.data.trim();
        if event.name == "error" {
            return Err(Broken::Said(Box::new(Said::read(json.as_bytes()))));
        }
        if json.is_empty() {
            return Ok(());
        }
        let read = serde_json::from_str(json)
            .map_err(|e| Broken::NotUnderstood(json.to_owned(), e.to_string()))?;
        self.take(read)
    }

    fn is_over(&self) -> bool {
        self.is_over
    }

    fn is_whole(&self) -> bool {
        self.is_over || self.stop_reason.is_some()
    }

    fn body(&mut self, body: &[u8]) -> Result<(), Broken> {
        let not_understood = |e: serde_json::Error| {
            let begin = String::from_utf8_lossy(&body[..body.len().min(400)]);
            Broken::NotUnderstood(begin.into_owned(), e.to_string())
        };
        let value: Value = serde_json::from_slice(body).map_err(not_understood)?;
        if value.get("error").is_some_and(|e| !e.is_null()) {
            return Err(Broken::Said(Box::new(Said::of(&value))));
        }
        let whole: Whole = serde_json::from_value(value).map_err(not_understood)?;
        for (index, block) in (0..).zip(whole.content) {
            self.begin(index, block);
        }
        self.learn(whole.usage);
        self.stop_reason = whole.stop_reason;
        self.is_over = true;
        Ok(())
    }
}

#[cfg(test)]
#[path = "fold_tests.rs"]
mod tests;
