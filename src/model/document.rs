//! What stands beside a spec and says more of its tasks.

use std::sync::Arc;

/// A file to be read with a spec.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Beside {
    pub place: Place,
    pub kind: DocumentKind,
}

/// Where such files are, below the root, with `/`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    File(String),
    /// All files in a folder and the folders in it whose name ends so, in the order of their paths.
    Folder {
        path: String,
        ends: &'static str,
    },
}

/// What a document is to whoever builds a task, weightiest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DocumentKind {
    /// What must hold when it is built: requirements, stories, deltas.
    Criteria,
    /// How it is to be built: design, plan, data model, contracts.
    Design,
    /// Why, and what else was thought of: proposal, research.
    Background,
    /// What holds for all work: a constitution, steering, standards.
    Conventions,
    /// No text for a builder: what says whether and which tasks may be built.
    State,
}

/// A document as read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    pub path: String,
    pub kind: DocumentKind,
    /// Shared between specs that stand beside the same one.
    pub text: Arc<str>,
}
