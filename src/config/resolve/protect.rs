//! What only people change, as all layers say it.

use super::Resolver;
use crate::config::decode;
use crate::config::error::Problem;
use crate::config::value::{Origin, Value};

impl Resolver<'_> {
    /// What only people change. The last word on a path counts, so that what a higher layer repeats moves behind what
    /// a lower one says; the repository's file takes nothing away.
    pub(super) fn protect(&mut self) -> Value<Vec<String>> {
        const KEY: &str = "audit.protect";
        let mut whole: Value<Vec<String>> = Value::default();
        for layer in self.all(KEY, decode::list) {
            let lifts = layer.value.iter().find(|p| p.starts_with('!'));
            if let (Origin::RepoFile { .. }, Some(lifts)) = (&layer.origin, lifts) {
                self.problems.push(Problem::BadValue {
                    at: layer.origin.clone(),
                    key: KEY.to_owned(),
                    given: format!("\"{lifts}\""),
                    allowed: "a pattern without `!` in the repository's file, because that may only add to what \
                              people alone change; take it away in your own file"
                        .to_owned(),
                });
                continue;
            }
            whole.origin = layer.origin;
            for pattern in layer.value {
                whole.value.retain(|known| *known != pattern);
                whole.value.push(pattern);
            }
        }
        whole
    }
}
