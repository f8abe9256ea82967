//! What the ssh agent says, told apart by the exit codes of ssh-add(1).

use super::{Place, Said};
use crate::model::preflight::Agent;

impl Place<'_> {
    /// Whether an agent answers and what it holds; `key` is the public half that is looked for, as it stands in
    /// a `.pub` file.
    pub(super) async fn agent(&self, key: Option<&str>) -> Agent {
        let Some(socket) = self.var("SSH_AUTH_SOCK") else {
            return Agent::None;
        };
        match self.say(&self.program("ssh-add").args(["-L"])).await {
            Said::Well(text) => {
                let wanted = key.and_then(blob);
                let held: Vec<&str> = text.lines().filter_map(blob).collect();
                Agent::Loaded {
                    keys: held.len(),
                    has_key: wanted.map(|w| held.contains(&w)),
                }
            }
            Said::Badly(done) if done.code == 1 => Agent::Empty,
            Said::Badly(_) | Said::Silent(_) | Said::Stopped | Said::NotThere(_) => {
                Agent::Dead(socket.to_owned())
            }
        }
    }
}

/// The key itself of a public key's line: kind, key, comment.
fn blob(line: &str) -> Option<&str> {
    line.split_whitespace().nth(1)
}
