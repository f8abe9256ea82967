//! When verified work is shown to a reviewer.

/// Which chunks are reviewed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ReviewOn {
    #[default]
    Every,
    /// Those that no test proves.
    Unproven,
}

impl ReviewOn {
    /// As in the configuration.
    pub fn word(self) -> &'static str {
        match self {
            Self::Every => "every",
            Self::Unproven => "unproven",
        }
    }
}
