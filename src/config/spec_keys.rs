//! The settings of specs: what is one, what `lint` makes of them, how they become chunks. Rows of the one table.

use super::env_names as env;
use super::keys::{KeyDoc, Kind, Of};

pub(super) const SPECS_PATHS: KeyDoc = KeyDoc::new(
    "specs.paths",
    Kind::List(Of::Inside),
    "[]",
    env::SPECS_PATHS,
    "Specs that are built although they are plain prose without tasks.",
)
.example("[\"docs/design.md\"]");
pub(super) const SPECS_EXCLUDE: KeyDoc = KeyDoc::new(
    "specs.exclude",
    Kind::List(Of::Glob),
    "[]",
    env::SPECS_EXCLUDE,
    "Files that are never specs.",
)
.example("[\"docs/archive/**\"]");
pub(super) const SPECS_INCLUDE: KeyDoc = KeyDoc::new(
    "specs.include",
    Kind::List(Of::Glob),
    "[]",
    env::SPECS_INCLUDE,
    "Task lists that are specs as well, beside those that are found by their place or name.",
)
.example("[\"docs/stories/*.md\"]");
pub(super) const SPECS_OPTIONAL: KeyDoc = KeyDoc::new(
    "specs.optional",
    Kind::Bool,
    "false",
    env::SPECS_OPTIONAL,
    "Build the tasks that specs call optional, such as Kiro's `- [ ]*`.",
)
.flag("--include-optional");
pub(super) const LINT_ALLOW: KeyDoc = KeyDoc::new(
    "lint.allow",
    Kind::List(Of::Rule),
    "[]",
    env::LINT_ALLOW,
    "Rules that are not told.",
)
.example("[\"untestable\"]");
pub(super) const LINT_DENY: KeyDoc = KeyDoc::new(
    "lint.deny",
    Kind::List(Of::Rule),
    "[]",
    env::LINT_DENY,
    "Rules whose findings are errors.",
)
.example("[\"no-criteria\"]");
pub(super) const PLAN_STRATEGY: KeyDoc = KeyDoc::new("plan.strategy", Kind::OneOf(&["auto", "tasks", "llm"]), "\"auto\"", env::PLAN_STRATEGY,
        "What cuts a named spec without tasks into chunks: its sections (tasks), or a model, where one can be asked (auto; llm warns where none can). Tasks are built as they stand.")
        .flag("--chunk-strategy");
pub(super) const PLAN_WINDOW_TOKENS: KeyDoc = KeyDoc::new(
    "plan.window_tokens",
    Kind::Int {
        min: 1_000,
        max: 1_000_000,
    },
    "12000",
    env::PLAN_WINDOW_TOKENS,
    "Tokens of a spec that a model plans at a time.",
);
pub(super) const PLAN_OVERLAP_TOKENS: KeyDoc = KeyDoc::new(
    "plan.overlap_tokens",
    Kind::Int {
        min: 0,
        max: 999_999,
    },
    "1000",
    env::PLAN_OVERLAP_TOKENS,
    "Tokens that two windows have in common; less than a window.",
);
pub(super) const PLAN_MAX_WINDOWS: KeyDoc = KeyDoc::new(
    "plan.max_windows",
    Kind::Int { min: 1, max: 100 },
    "8",
    env::PLAN_MAX_WINDOWS,
    "Windows of one spec; a longer one is built by its sections.",
);
