//! Where a token is kept: in one of three ways.

use super::Resolver;
use crate::config::decode;
use crate::config::engine::TokenSource;
use crate::config::error::Problem;
use crate::config::value::{Origin, Value};
use std::path::Path;

/// A variable, a file or a command, as they were given.
pub(super) struct Ways {
    /// Full keys, in the order of the values.
    pub keys: [String; 3],
    pub variable: Value<Option<String>>,
    pub file: Value<Option<String>>,
    pub command: Value<Option<Vec<String>>>,
}

impl Resolver<'_> {
    pub(super) fn forge_token(&mut self) -> Value<Option<TokenSource>> {
        let ways = Ways {
            keys: ["token_env", "token_file", "token_command"].map(|key| format!("forge.{key}")),
            variable: self.optional("forge.token_env", decode::variable),
            file: self.optional("forge.token_file", decode::text),
            command: self.optional("forge.token_command", decode::command),
        };
        self.one_way(ways)
    }

    /// The way of the highest layer. Two ways in one layer are a problem.
    pub(super) fn one_way(&mut self, ways: Ways) -> Value<Option<TokenSource>> {
        let file = Value {
            value: ways
                .file
                .value
                .map(|path| self.absolute(Path::new(&path), &ways.file.origin)),
            origin: ways.file.origin,
        };
        let sources = [
            ways.variable.map(|name| name.map(TokenSource::Variable)),
            file.map(|path| path.map(TokenSource::File)),
            ways.command.map(|words| words.map(TokenSource::Command)),
        ];
        let given = ways.keys.iter().zip(sources);
        let mut chosen: Option<(&String, Value<Option<TokenSource>>)> = None;
        for (key, way) in given.filter(|(_, way)| way.value.is_some()) {
            match &chosen {
                Some((first, other)) if other.origin.rank() == way.origin.rank() => {
                    self.problems.push(Problem::Unsupported {
                        at: way.origin,
                        message: format!(
                            "`{first}` and `{key}` both say where the token is; keep one of them"
                        ),
                    });
                }
                Some((_, other)) if other.origin.rank() > way.origin.rank() => {}
                Some(_) | None => chosen = Some((key, way)),
            }
        }
        chosen.map_or_else(
            || Value {
                value: None,
                origin: Origin::Default,
            },
            |(_, way)| way,
        )
    }
}
