//! What can be said against a spec: one name for each kind of doubt, in plans, in `lint`, in SARIF, in `[lint]`.

use super::spec::Severity;
use serde::{Deserialize, Serialize};

/// A kind of [`Diagnostic`](super::Diagnostic).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rule {
    Unreadable,
    NotFollowed,
    Secret,
    UnknownValue,
    NotABox,
    TasksAsCriteria,
    DuplicateId,
    UnknownDependency,
    CircularDependency,
    Contradiction,
    TwinList,
    DuplicateTask,
    Held,
    Policy,
    KeptPlan,
    TooLarge,
    TooWide,
    Vague,
    Undecided,
    Untestable,
    NoCriteria,
    UnknownRequirement,
    MissingFile,
    UnreadDocument,
    SuspiciousWords,
}

impl Rule {
    /// In the order of the documentation: reading, then what tasks say of each other, then what they say.
    pub const ALL: [Self; 25] = [
        Self::Unreadable,
        Self::NotFollowed,
        Self::Secret,
        Self::UnknownValue,
        Self::NotABox,
        Self::TasksAsCriteria,
        Self::DuplicateId,
        Self::UnknownDependency,
        Self::CircularDependency,
        Self::Contradiction,
        Self::TwinList,
        Self::DuplicateTask,
        Self::Held,
        Self::Policy,
        Self::KeptPlan,
        Self::TooLarge,
        Self::TooWide,
        Self::Vague,
        Self::Undecided,
        Self::Untestable,
        Self::NoCriteria,
        Self::UnknownRequirement,
        Self::MissingFile,
        Self::UnreadDocument,
        Self::SuspiciousWords,
    ];

    /// Its name, as people write it.
    pub const fn id(self) -> &'static str {
        match self {
            Self::Unreadable => "unreadable",
            Self::NotFollowed => "not-followed",
            Self::Secret => "secret",
            Self::UnknownValue => "unknown-value",
            Self::NotABox => "not-a-box",
            Self::TasksAsCriteria => "tasks-as-criteria",
            Self::DuplicateId => "duplicate-id",
            Self::UnknownDependency => "unknown-dependency",
            Self::CircularDependency => "circular-dependency",
            Self::Contradiction => "contradiction",
            Self::TwinList => "twin-list",
            Self::DuplicateTask => "duplicate-task",
            Self::Held => "held",
            Self::Policy => "policy",
            Self::KeptPlan => "kept-plan",
            Self::TooLarge => "too-large",
            Self::TooWide => "too-wide",
            Self::Vague => "vague",
            Self::Undecided => "undecided",
            Self::Untestable => "untestable",
            Self::NoCriteria => "no-criteria",
            Self::UnknownRequirement => "unknown-requirement",
            Self::MissingFile => "missing-file",
            Self::UnreadDocument => "unread-document",
            Self::SuspiciousWords => "suspicious-words",
        }
    }

    /// The rule that is called so.
    pub fn named(id: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|rule| rule.id() == id)
    }

    /// What it finds, in one sentence.
    pub const fn summary(self) -> &'static str {
        match self {
            Self::Unreadable => "A spec cannot be read: its bytes, its JSON, its size, its plan.",
            Self::NotFollowed => "A spec is a symbolic link, which is not followed.",
            Self::Secret => "A spec holds something secret, and building it would push that.",
            Self::UnknownValue => {
                "A line of the front matter, a state or a graph of tasks says what nobody knows."
            }
            Self::NotABox => "A line looks like a task and is none.",
            Self::TasksAsCriteria => {
                "Most open boxes stand below words such as \"acceptance criteria\" and are not built."
            }
            Self::DuplicateId => "An id stands at more than one task.",
            Self::UnknownDependency => "What a task, a spec or a graph names is not there.",
            Self::CircularDependency => "Tasks or specs wait for each other.",
            Self::Contradiction => "A list says of a task that it is done and that it is not.",
            Self::TwinList => "Two lists of different formats hold the same open tasks.",
            Self::DuplicateTask => "A task is asked for twice.",
            Self::Held => "Nothing of a spec is built until a person has settled something.",
            Self::Policy => "The repository says that it takes no work of models.",
            Self::KeptPlan => "The plan that a model made of a spec cannot be used.",
            Self::TooLarge => "A task does not fit a chunk and cannot be cut into parts.",
            Self::TooWide => "A task names more than one pull request is read with care.",
            Self::Vague => "A task says too little to be built.",
            Self::Undecided => "A task, or what it has to meet, holds a question that is open.",
            Self::Untestable => "A task asks for what nobody can check.",
            Self::NoCriteria => "Nothing says when the tasks of a spec are done.",
            Self::UnknownRequirement => "A task names a requirement that its documents lack.",
            Self::MissingFile => {
                "A file in a list behind `Modify:`, `Edit:`, `Change:` or `Delete:`, or one that a task links to, is not there."
            }
            Self::UnreadDocument => "A document beside a spec cannot be shown to engines.",
            Self::SuspiciousWords => {
                "A text reads like an order to whoever builds it, against the rules that guard the work."
            }
        }
    }

    /// How bad it is where nobody says otherwise: an error makes something else be built than was written, or nothing.
    pub const fn severity(self) -> Severity {
        match self {
            Self::Unreadable
            | Self::Secret
            | Self::DuplicateId
            | Self::UnknownDependency
            | Self::CircularDependency
            | Self::TwinList => Severity::Error,
            Self::NotFollowed
            | Self::UnknownValue
            | Self::NotABox
            | Self::TasksAsCriteria
            | Self::Contradiction
            | Self::DuplicateTask
            | Self::Held
            | Self::Policy
            | Self::KeptPlan
            | Self::TooLarge
            | Self::TooWide
            | Self::Vague
            | Self::Undecided
            | Self::Untestable
            | Self::NoCriteria
            | Self::UnknownRequirement
            | Self::MissingFile
            | Self::UnreadDocument
            | Self::SuspiciousWords => Severity::Warning,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_is_listed_once_under_the_name_that_json_has() {
        for (index, rule) in Rule::ALL.into_iter().enumerate() {
            assert_eq!(rule as usize, index);
            assert_eq!(Rule::named(rule.id()), Some(rule));
            assert_eq!(serde_json::to_value(rule).ok(), Some(rule.id().into()));
        }
        assert_eq!(Rule::named("vogue"), None);
    }
}
