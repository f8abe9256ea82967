//! GitHub's GraphQL: errors come with a good status, and what matters is by their type.

use super::judge::{Meaning, judge_graphql};
use super::{Ask, Failure, Method, Web};
use crate::ports::ForgeErrorKind;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

impl Web {
    /// Asks GitHub's GraphQL. Every document that is sent may be sent again.
    pub(in crate::forge) async fn graphql<T: DeserializeOwned>(
        &self,
        document: &str,
        variables: Value,
    ) -> Result<T, Failure> {
        let Some((endpoint, client)) = &self.graphql else {
            return Err(self.failure(
                Meaning::of(ForgeErrorKind::Unsupported),
                None,
                "the address of its GraphQL is not known".to_owned(),
                String::new(),
            ));
        };
        let url = endpoint.to_string();
        let ask = Ask {
            method: Method::Post,
            client,
            url,
            what: endpoint.path().to_owned(),
            body: Some(self.bytes(&json!({ "query": document, "variables": variables }))?),
            is_repeatable: true,
        };
        let mut failures = 0;
        loop {
            let raw = self.exchange(&ask).await?;
            let headers = raw.headers.clone();
            let got: Value = self.read(&ask, raw)?.value;
            let Some(error) = got.get("errors").and_then(|errors| errors.get(0)) else {
                let data = got.get("data").cloned().unwrap_or_default();
                return serde_json::from_value(data).map_err(|e| {
                    self.protocol(&ask, &format!("its answer is of another shape: {e}"))
                });
            };
            let text = |key| error.get(key).and_then(Value::as_str).unwrap_or_default();
            let words = self.shown(text("message"));
            // Mistakes in a document have a code and no type; what has neither went wrong at GitHub.
            let code = error.pointer("/extensions/code").and_then(Value::as_str);
            let kind = match text("type") {
                "" => code.unwrap_or_default(),
                kind => kind,
            };
            let meaning = judge_graphql(kind, &headers, &words, self.clock.now());
            let message = format!("{} refused {}: {words}", self.dialect.name, ask.what);
            let failure = self.failure(meaning, Some(200), message, words);
            failures += 1;
            match self.pause_after(failures, &failure) {
                Some(pause) => tokio::time::sleep(pause).await,
                None => return Err(self.given_up(failures, failure)),
            }
        }
    }
}
