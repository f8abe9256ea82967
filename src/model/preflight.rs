//! What is looked at before an engine is paid: what the probes saw, and what is said of it.

use super::id::Oid;
use super::push::PushFailure;
use serde::Serialize;

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// In a word: `remote`, `push`, `base`, `identity`, `signing`.
    pub what: &'static str,
    pub verdict: Verdict,
    pub found: String,
    /// What to type or to do; empty when nothing is amiss.
    pub remedy: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    Ok,
    /// A run works, with less.
    Note,
    /// Work would be built that cannot be committed or delivered as configured.
    Problem,
}

/// What the probes saw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// None: the repository has no remote.
    pub remote: Option<RemoteFacts>,
    pub base: BaseFacts,
    pub identity: Identity,
    pub signing: Signing,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoteFacts {
    pub name: String,
    /// Without credentials.
    pub address: String,
    /// Whether it can be read.
    pub reach: Answer,
    /// Whether a push would be let in: the server was asked as a push asks it, and nothing was sent. Rules about
    /// branches and the server's hooks come later, and are not asked.
    pub push: Answer,
    /// The ssh agent, where the remote is reached by ssh and did not let us in.
    pub agent: Option<Agent>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Left out: by a flag, because an earlier answer decides, because the run stopped, or because git would have had
    /// to ask somebody.
    NotAsked,
    Fine,
    Failed(PushFailure),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BaseFacts {
    pub branch: String,
    /// What is built upon.
    pub commit: Oid,
    pub there: There,
}

/// The base on the remote, beside the commit that is built upon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum There {
    /// Nobody was asked, or nobody answered.
    NotAsked,
    Missing,
    Same,
    /// It has commits that are not built upon.
    Ahead(Oid),
    /// It lacks commits that are built upon.
    Behind(Oid),
    Diverged(Oid),
}

/// Who commits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Identity {
    Known {
        name: String,
        email: String,
    },
    /// The keys of git's configuration that are missing.
    Missing(Vec<&'static str>),
    /// The run stopped before git answered.
    NotAsked,
}

/// Whether commits can be signed, where git's configuration wants them to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Signing {
    NotAsked,
    /// Git's configuration asks for none.
    Off,
    On {
        format: SignFormat,
        /// `user.signingkey`, as it is configured.
        key: Option<String>,
        state: SignState,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignFormat {
    OpenPgp,
    Ssh,
    X509,
}

/// What became of a trial signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SignState {
    Works,
    /// Not tried, because it cannot be tried without asking somebody.
    NotTried,
    /// The program that signs is not there.
    NoProgram(String),
    /// No key is configured.
    NoKey,
    /// The file that the configuration names is not there.
    NoFile(String),
    /// ssh: the private key is not to be had; `file` where it is known.
    Locked {
        file: Option<String>,
        agent: Agent,
    },
    /// OpenPGP: there is no secret key of that name.
    NoSecretKey,
    /// OpenPGP: the agent would have to ask for the passphrase.
    Cold,
    /// A program of somebody's own did not sign in the trial; what it does when git starts it is not known.
    Doubtful {
        program: String,
        words: String,
    },
    /// The signer's own words.
    Failed(String),
}

/// What answers at `SSH_AUTH_SOCK`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Agent {
    /// The variable is not set.
    None,
    /// Nobody answers there.
    Dead(String),
    Empty,
    /// It holds so many keys; `has_key`: the wanted one among them, where that is known.
    Loaded {
        keys: usize,
        has_key: Option<bool>,
    },
}
