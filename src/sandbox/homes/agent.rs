//! What can be known of an agent's program: where its configuration lies, what of it a private copy holds, and whom it
//! talks to.

/// An agent's program.
#[derive(Debug, PartialEq, Eq)]
pub struct Agent {
    /// As it is usually called on the command line.
    pub name: &'static str,
    /// Further names of its program.
    pub also: &'static [&'static str],
    pub folders: &'static [Folder],
    /// Hosts without which it does not work.
    pub hosts: &'static [&'static str],
    /// Variables that name another address for its requests.
    pub addresses: &'static [&'static str],
    /// Talks to whichever provider has a key in the environment or a login in its credentials.
    pub any_provider: bool,
    /// Where its own installer puts it, below the user's home.
    pub installs: &'static [&'static str],
}

/// A folder of an agent's.
#[derive(Debug, PartialEq, Eq)]
pub struct Folder {
    /// Below the home; empty for the home itself.
    pub at: &'static str,
    pub named_by: NamedBy,
    pub copied: &'static [Item],
    /// The agent's own state that lives on between runs, so that a session is found again. `*` stands for anything
    /// in a name, `**` for everything below. Nothing among it may be able to run or configure anything.
    pub kept: &'static [&'static str],
}

/// Which variable says where a folder is.
#[derive(Debug, PartialEq, Eq)]
pub enum NamedBy {
    Nothing,
    /// The folder itself. Always set for the agent.
    Own(&'static str),
    /// The folder itself. Set for the agent only where the user has set it: it changes more than the place.
    OwnWhereSet(&'static str),
    /// A folder above it; the other text is what it stands for where it is not set. Set where the user has set it.
    Above(&'static str, &'static str),
}

/// A file or folder that the private copy holds.
#[derive(Debug, PartialEq, Eq)]
pub struct Item {
    pub path: &'static str,
    pub what: What,
    /// Starts programs for the agent, or says which: comes along only where the user asks for it.
    pub starts: bool,
    /// What of a file does the same, as pointers (`cut`).
    pub starting: &'static [&'static str],
    /// What of it never comes along: what the agent may do inside is ours to say.
    pub never: &'static [&'static str],
}

#[derive(Debug, PartialEq, Eq)]
pub enum What {
    /// Settings or instructions.
    File,
    /// The same, and everything below.
    Tree,
    /// Of a JSON file only these keys at the top. It lies in the home where the folder has no variable set.
    Keys(&'static [&'static str]),
    /// Credentials, and what of them comes back when the agent refreshed them. None: nothing does.
    Credentials(Option<&'static Refresh>),
}

/// Values of a JSON file as pointers (RFC 6901), `*` standing for any key.
#[derive(Debug, PartialEq, Eq)]
pub struct Refresh {
    /// What a refresh changes.
    pub fields: &'static [&'static str],
    /// What says whose they are.
    pub same: &'static [&'static str],
    /// A time that is later after a refresh; None where the file has none.
    pub newer: Option<&'static str>,
}

const fn item(path: &'static str, what: What) -> Item {
    Item {
        path,
        what,
        starts: false,
        starting: &[],
        never: &[],
    }
}

pub(super) const fn file(path: &'static str) -> Item {
    item(path, What::File)
}

pub(super) const fn tree(path: &'static str) -> Item {
    item(path, What::Tree)
}

pub(super) const fn secret(path: &'static str, refresh: Option<&'static Refresh>) -> Item {
    item(path, What::Credentials(refresh))
}

impl Item {
    /// Of a file only these keys at the top.
    pub(super) const fn keys(path: &'static str, keys: &'static [&'static str]) -> Self {
        item(path, What::Keys(keys))
    }

    pub(super) const fn starts(mut self) -> Self {
        self.starts = true;
        self
    }

    pub(super) const fn starting(mut self, pointers: &'static [&'static str]) -> Self {
        self.starting = pointers;
        self
    }

    pub(super) const fn never(mut self, pointers: &'static [&'static str]) -> Self {
        self.never = pointers;
        self
    }
}
