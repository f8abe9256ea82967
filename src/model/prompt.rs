//! What an engine is told.

/// One assignment in words. `system` is the same for every chunk of a run, so that providers can cache it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prompt {
    pub system: String,
    pub user: String,
}
