//! Git: what the repository is, what a lane holds, and the few things we do to it.
//!
//! Reading, diffing and committing happen in-process on a thread of their own ([`worker`]); what needs the
//! network, signing or external filters goes through the git command ([`git_place`]), and hooks through it in a folder of
//! theirs ([`hooks`]). Only this module moves refs: those below `refs/codelicious/` and `refs/heads/codelicious/`, and
//! `refs/notes/codelicious`; of others what a fetch updates, and back what an engine moved.

mod address;
mod command;
mod copy;
mod durable;
mod elsewhere;
mod error;
mod facts;
mod frozen;
mod gc;
mod git_place;
mod guard;
mod history;
mod hooks;
mod interrupted;
mod kept;
mod lane;
mod notes;
mod place;
mod plans;
pub mod preflight;
mod programs;
mod push;
mod push_words;
mod read;
mod remote;
mod repo;
mod restack;
mod saved;
mod seal;
mod sides;
mod staging;
mod stale;
mod sweep;
mod unseen;
mod watch;
mod way;
mod work;
mod worker;

pub use address::{push_url, remote_url, without_credentials};
pub use command::CommandSettings;
pub use copy::remove_copy;
pub use elsewhere::Standing;
pub use error::GitError;
pub use facts::{SpecRefs, lane_facts, spec_refs, split_branch};
pub use gc::{Beyond, LaneRecord, is_rest, remove_lane};
pub use git_place::GitPlace;
pub use guard::Snapshot;
pub use hooks::{
    COMMIT_MESSAGE, HookPlace, Hooks, POST_COMMIT, PRE_COMMIT, PRE_PUSH, PREPARE_MESSAGE, Staged,
};
pub use kept::Reverted;
pub use lane::{LaneDir, LanePaths};
pub use notes::{NoteWritten, NotesMerged};
pub use place::RepoInfo;
pub use push::{PushRequest, on_remote, push};
pub use read::RefNames;
pub use remote::{add_worktree, fetch};
pub use repo::{Repo, files_of_tree, identity, resolve_base, room_for_branches};
pub use restack::{Replayed, RestackRequest, Versions, branch_tips};
pub use saved::TakenUp;
pub use seal::{CaughtUp, SealMethod, SealRequest, sign_with_command};
pub use sides::{Changed, Side, Sides};
pub use stale::remove_stale;
pub use unseen::Unseen;
pub use work::{AddedLine, Capture};
pub use worker::Worker;

/// Where tips of lanes stand.
pub const LANES: &str = "refs/codelicious/lanes/";
/// Where set-aside work stands.
pub const ATTEMPTS: &str = "refs/codelicious/attempts/";
/// Where the last synced text of a spec stands.
pub const SYNC: &str = "refs/codelicious/sync/";
/// Where the plans stand that a model made of prose specs, and the remote's, as last fetched.
pub const PLANS: &str = "refs/codelicious/plans/";
pub const REMOTE_PLANS: &str = "refs/codelicious/remote-plans/";
/// Where `--fresh` keeps old lanes.
pub const ARCHIVE: &str = "refs/codelicious/archive/";
/// Where evidence stands as notes on commits, and the remote's, as last fetched.
pub const NOTES: &str = "refs/notes/codelicious";
pub const REMOTE_NOTES: &str = "refs/codelicious/remote-notes";
/// First component of every branch we make.
pub const BRANCHES: &str = "codelicious/";
