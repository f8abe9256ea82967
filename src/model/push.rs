//! Why a push did not deliver, and what to do about each reason.

use serde::{Deserialize, Serialize};

/// Why a push did not deliver.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PushFailure {
    pub kind: PushFailureKind,
    /// Git's own words and the remote's.
    pub message: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PushFailureKind {
    /// The remote does not know us, or knows us and does not let us write.
    Auth,
    /// The server's host key or certificate is not trusted here.
    Untrusted,
    /// There is no such repository, or none that we may know of.
    NotFound,
    /// The remote has commits of others on this branch.
    Conflict,
    /// A rule of the remote about branches forbids it.
    Protected,
    /// A hook, here or on the remote, declined.
    HookDeclined,
    /// A file, the push or the repository would be larger than the remote takes.
    TooLarge,
    /// Git LFS: objects are missing, the quota is used up, or `git-lfs` is not there.
    Lfs,
    /// Worth another try: network, timeouts, 5xx.
    Transient,
    Other,
}

impl PushFailureKind {
    /// Every kind, for tables.
    pub const ALL: [Self; 10] = [
        Self::Auth,
        Self::Untrusted,
        Self::NotFound,
        Self::Conflict,
        Self::Protected,
        Self::HookDeclined,
        Self::TooLarge,
        Self::Lfs,
        Self::Transient,
        Self::Other,
    ];

    /// True when the same push may go through a little later, without anybody doing anything. Everything else is
    /// given up for the run: the next try would cost time and come to the same.
    pub fn is_worth_another_try(self) -> bool {
        match self {
            Self::Transient => true,
            Self::Auth
            | Self::Untrusted
            | Self::NotFound
            | Self::Conflict
            | Self::Protected
            | Self::HookDeclined
            | Self::TooLarge
            | Self::Lfs
            | Self::Other => false,
        }
    }

    /// What a person does about it; afterwards the next run delivers what was built.
    pub fn remedy(self) -> &'static str {
        match self {
            Self::Auth => {
                "renew the credentials that git uses for this remote (its credential helper, ssh key or token) and see that they may write: `git push --dry-run` tells"
            }
            Self::Untrusted => {
                "check the server's host key or certificate and trust it for git: connect once by hand with ssh, or set http.sslCAInfo"
            }
            Self::NotFound => {
                "look at the address with `git remote -v`, and see that the repository exists and that these credentials may see it"
            }
            Self::Conflict => {
                "somebody else pushed to the branch, and nothing of theirs is overwritten: run again, which fetches it and builds upon it, or delete the branch on the remote"
            }
            Self::Protected => {
                "let this account push to branches named codelicious/* in the remote's rules for branches"
            }
            Self::HookDeclined => {
                "do what the hook asks, or change the hook; its words stand above"
            }
            Self::TooLarge => {
                "raise the limit on the remote, or build the spec again without the large file: take it out of its task and run with --fresh"
            }
            Self::Lfs => {
                "install git-lfs, see that the remote has room for its objects, and send them: git lfs push --all <remote>"
            }
            Self::Transient => {
                "run again when the remote can be reached; nothing is built a second time"
            }
            Self::Other => "try the push by hand and do what git says, then run again",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::PushFailureKind;
    use std::collections::BTreeSet;

    #[test]
    fn every_kind_has_a_name_and_a_remedy_of_its_own() {
        let all = PushFailureKind::ALL;
        let names: BTreeSet<String> = all
            .iter()
            .map(|k| serde_json::to_string(k).unwrap())
            .collect();
        let remedies: BTreeSet<&str> = all.iter().map(|k| k.remedy()).collect();
        assert_eq!((names.len(), remedies.len()), (all.len(), all.len()));
        let again = all.iter().filter(|k| k.is_worth_another_try());
        assert_eq!(again.collect::<Vec<_>>(), [&PushFailureKind::Transient]);
    }
}
