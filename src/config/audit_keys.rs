//! The settings of the audit, rows of the one table: one for each of its rules, which stand in `docs/audit.md`.

use super::keys::{KeyDoc, Kind, Of};
use crate::model::FindingSeverity;

/// How grave a rule can be taken.
pub(super) const SEVERITIES: &[&str] = &["note", "needs_review", "fail"];

/// What becomes of a finding by each of these words.
pub(super) fn severity(word: &str) -> FindingSeverity {
    match word {
        "note" => FindingSeverity::Note,
        "needs_review" => FindingSeverity::NeedsReview,
        _ => FindingSeverity::Fail,
    }
}

const fn rule(
    key: &'static str,
    default: &'static str,
    env: &'static str,
    doc: &'static str,
) -> KeyDoc {
    KeyDoc::new(key, Kind::OneOf(SEVERITIES), default, env, doc)
}

const FAIL: &str = "\"fail\"";
const REVIEW: &str = "\"needs_review\"";
const NOTE: &str = "\"note\"";

pub(super) const DELETED_TEST: KeyDoc = rule(
    "audit.deleted_test",
    FAIL,
    "CODELICIOUS_AUDIT_DELETED_TEST",
    "A test is gone, and no other holds what it held.",
);
pub(super) const SKIPPED_TEST: KeyDoc = rule(
    "audit.skipped_test",
    FAIL,
    "CODELICIOUS_AUDIT_SKIPPED_TEST",
    "A test that ran does not run any more, or ends before its assertions.",
);
pub(super) const RENAMED_TEST: KeyDoc = rule(
    "audit.renamed_test",
    FAIL,
    "CODELICIOUS_AUDIT_RENAMED_TEST",
    "A test has a name, a place or a form in which its runner does not find it.",
);
pub(super) const EMPTIED_TEST: KeyDoc = rule(
    "audit.emptied_test",
    FAIL,
    "CODELICIOUS_AUDIT_EMPTIED_TEST",
    "A test asserts nothing any more.",
);
pub(super) const WEAKENED_TEST: KeyDoc = rule(
    "audit.weakened_test",
    FAIL,
    "CODELICIOUS_AUDIT_WEAKENED_TEST",
    "A test asserts less than it did, or expects something else.",
);
pub(super) const TEST_NOT_RUN: KeyDoc = rule(
    "audit.test_not_run",
    REVIEW,
    "CODELICIOUS_AUDIT_TEST_NOT_RUN",
    "A new test is written so that no runner finds it.",
);
pub(super) const SUPPRESSION: KeyDoc = rule(
    "audit.suppression",
    REVIEW,
    "CODELICIOUS_AUDIT_SUPPRESSION",
    "A linter or a compiler is told to be silent.",
);
pub(super) const TESTING_BRANCH: KeyDoc = rule(
    "audit.testing_branch",
    FAIL,
    "CODELICIOUS_AUDIT_TESTING_BRANCH",
    "Code asks whether it is being tested.",
);
pub(super) const HARD_CODED_ANSWER: KeyDoc = rule(
    "audit.hard_coded_answer",
    FAIL,
    "CODELICIOUS_AUDIT_HARD_CODED_ANSWER",
    "Code holds the inputs and answers of the tests.",
);
pub(super) const COVERAGE_THRESHOLD: KeyDoc = rule(
    "audit.coverage_threshold",
    FAIL,
    "CODELICIOUS_AUDIT_COVERAGE_THRESHOLD",
    "Less coverage is asked for, or less is measured.",
);
pub(super) const VERIFY_CONFIG: KeyDoc = rule(
    "audit.verify_config",
    FAIL,
    "CODELICIOUS_AUDIT_VERIFY_CONFIG",
    "The configuration of checks lets more pass.",
);
pub(super) const IGNORED_FILE: KeyDoc = rule(
    "audit.ignored_file",
    REVIEW,
    "CODELICIOUS_AUDIT_IGNORED_FILE",
    "A file is there that git ignores, or that it is told to ignore.",
);
pub(super) const BINARY_BLOB: KeyDoc = rule(
    "audit.binary_blob",
    REVIEW,
    "CODELICIOUS_AUDIT_BINARY_BLOB",
    "A file cannot be read as text.",
);
pub(super) const GENERATED_GIANT: KeyDoc = rule(
    "audit.generated_giant",
    REVIEW,
    "CODELICIOUS_AUDIT_GENERATED_GIANT",
    "A file grew by more lines than anybody reads.",
);
pub(super) const STUB_BODY: KeyDoc = rule(
    "audit.stub_body",
    FAIL,
    "CODELICIOUS_AUDIT_STUB_BODY",
    "Code stands for work that was not done.",
);
pub(super) const COMMENTED_OUT_CODE: KeyDoc = rule(
    "audit.commented_out_code",
    NOTE,
    "CODELICIOUS_AUDIT_COMMENTED_OUT_CODE",
    "Code was put in comments.",
);
pub(super) const NEW_DEPENDENCY: KeyDoc = rule(
    "audit.new_dependency",
    NOTE,
    "CODELICIOUS_AUDIT_NEW_DEPENDENCY",
    "The project depends on something new.",
);
/// Not for the repository to lower: an engine writes there too.
pub(super) const PROTECTED_PATH: KeyDoc = KeyDoc {
    wall: true,
    ..rule(
        "audit.protected_path",
        REVIEW,
        "CODELICIOUS_AUDIT_PROTECTED_PATH",
        "A file changed that only people change: continuous integration, owners, licences, and what is named in `protect`.",
    )
};
pub(super) const PROTECT: KeyDoc = KeyDoc::new(
    "audit.protect",
    Kind::List(Of::Glob),
    "[]",
    "CODELICIOUS_AUDIT_PROTECT",
    "Paths that only people change, as lines of .gitignore, beside those that always are; `!` and a pattern take away. Lists of all files count together, the last word on a path; the repository's file can only add.",
);
pub(super) const MAX_ADDED_LINES: KeyDoc = KeyDoc::new(
    "audit.max_added_lines",
    Kind::Int {
        min: 100,
        max: 1_000_000,
    },
    "2000",
    "CODELICIOUS_AUDIT_MAX_ADDED_LINES",
    "Lines that a file may gain before `generated_giant` finds it.",
);
