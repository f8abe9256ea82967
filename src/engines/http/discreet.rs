//! A chat model that is shown no secret: neither what a tool read nor what the model itself repeats leaves the machine.

use crate::core::redact::Redactor;
use crate::model::{EngineError, Price};
use crate::ports::{ChatMessage, ChatModel, ChatReply, ChatRequest, LocalBoxFuture};
use serde_json::Value;
use std::borrow::Cow;
use std::sync::Arc;

/// Takes known secrets, and what looks like one, out of everything that another model is sent.
pub struct Discreet {
    model: Box<dyn ChatModel>,
    redactor: Arc<Redactor>,
}

impl Discreet {
    pub fn new(model: Box<dyn ChatModel>, redactor: Arc<Redactor>) -> Self {
        Self { model, redactor }
    }

    fn without_secrets(&self, request: &ChatRequest) -> ChatRequest {
        let mut request = request.clone();
        self.clean(&mut request.system);
        for message in &mut request.messages {
            match message {
                ChatMessage::User(text) | ChatMessage::ToolResult { content: text, .. } => {
                    self.clean(text);
                }
                ChatMessage::Assistant { text, calls } => {
                    self.clean(text);
                    for call in calls {
                        self.clean_value(&mut call.arguments);
                    }
                }
            }
        }
        request
    }

    fn clean(&self, text: &mut String) {
        if let Cow::Owned(clean) = self.redactor.redact(text) {
            *text = clean;
        }
    }

    fn clean_value(&self, value: &mut Value) {
        match value {
            Value::String(text) => self.clean(text),
            Value::Array(values) => values.iter_mut().for_each(|v| self.clean_value(v)),
            Value::Object(fields) => fields.values_mut().for_each(|v| self.clean_value(v)),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
}

impl ChatModel for Discreet {
    fn model(&self) -> &str {
        self.model.model()
    }

    fn max_output(&self) -> Option<u64> {
        self.model.max_output()
    }

    fn price(&self) -> Option<Price> {
        self.model.price()
    }

    fn context(&self) -> Option<u64> {
        self.model.context()
    }

    fn reply<'a>(
        &'a self,
        request: &'a ChatRequest,
    ) -> LocalBoxFuture<'a, Result<ChatReply, EngineError>> {
        Box::pin(async move {
            let request = self.without_secrets(request);
            self.model.reply(&request).await
        })
    }
}
