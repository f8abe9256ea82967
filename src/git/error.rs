//! Git errors with what to do about them.

/// Something git could not do.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{what}: {message}")]
pub struct GitError {
    /// What was being done, with the path or ref.
    pub what: String,
    pub message: String,
    /// What to type or change; empty where there is nothing better than reading the message.
    pub remedy: String,
}

impl GitError {
    pub fn new(
        what: impl Into<String>,
        message: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self {
            what: what.into(),
            message: message.into(),
            remedy: remedy.into(),
        }
    }
}

/// Turns library errors into ours, naming what was being done.
pub(super) trait Context<T> {
    fn doing(self, what: impl FnOnce() -> String) -> Result<T, GitError>;
}

impl<T> Context<T> for Result<T, git2::Error> {
    fn doing(self, what: impl FnOnce() -> String) -> Result<T, GitError> {
        self.map_err(|e| {
            let remedy = match (e.class(), e.code()) {
                (_, git2::ErrorCode::Owner) => {
                    "the repository belongs to another user: git config --global --add safe.directory <path>"
                }
                (git2::ErrorClass::Os, _) => "look at the disk's space and the folder's permissions",
                _ => "",
            };
            GitError::new(what(), e.message(), remedy)
        })
    }
}

impl<T> Context<T> for Result<T, std::io::Error> {
    fn doing(self, what: impl FnOnce() -> String) -> Result<T, GitError> {
        self.map_err(|e| {
            GitError::new(
                what(),
                e.to_string(),
                "look at the disk's space and the folder's permissions",
            )
        })
    }
}
