//! The rules by name, how grave each is, and what the configuration makes of it.

use crate::model::FindingSeverity;
use std::collections::BTreeMap;

macro_rules! rules {
    ($($rule:ident $word:literal $severity:ident $what:literal,)*) => {
        /// What the audit looks for.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Rule {
            $(#[doc = $what] $rule,)*
        }

        impl Rule {
            /// All rules, in the order of the documentation.
            pub const ALL: &'static [Self] = &[$(Self::$rule,)*];

            /// As in the configuration and in findings.
            pub fn word(self) -> &'static str {
                match self { $(Self::$rule => $word,)* }
            }

            /// How grave it is where the configuration does not say.
            pub fn severity(self) -> FindingSeverity {
                match self { $(Self::$rule => FindingSeverity::$severity,)* }
            }

            /// What it finds, in a sentence.
            pub fn what(self) -> &'static str {
                match self { $(Self::$rule => $what,)* }
            }
        }
    };
}

rules! {
    DeletedTest "deleted_test" Fail "A test is gone, and no other holds what it held.",
    SkippedTest "skipped_test" Fail "A test that ran does not run any more, or ends before its assertions.",
    RenamedTest "renamed_test" Fail "A test has a name, a place or a form in which its runner does not find it.",
    EmptiedTest "emptied_test" Fail "A test asserts nothing any more.",
    WeakenedTest "weakened_test" Fail "A test asserts less than it did, or expects something else.",
    TestNotRun "test_not_run" NeedsReview "A new test is written so that no runner finds it.",
    Suppression "suppression" NeedsReview "A linter or a compiler is told to be silent.",
    TestingBranch "testing_branch" Fail "Code asks whether it is being tested.",
    HardCodedAnswer "hard_coded_answer" Fail "Code holds the inputs and answers of the tests.",
    CoverageThreshold "coverage_threshold" Fail "Less coverage is asked for, or less is measured.",
    VerifyConfig "verify_config" Fail "The configuration of checks lets more pass.",
    IgnoredFile "ignored_file" NeedsReview "A file is there that git ignores, or that it is told to ignore.",
    BinaryBlob "binary_blob" NeedsReview "A file cannot be read as text.",
    GeneratedGiant "generated_giant" NeedsReview "A file grew by more lines than anybody reads.",
    StubBody "stub_body" Fail "Code stands for work that was not done.",
    CommentedOutCode "commented_out_code" Note "Code was put in comments.",
    ProtectedPath "protected_path" NeedsReview "A file changed that only people change: continuous integration, owners, licences, and what is named in `protect`.",
    NewDependency "new_dependency" Note "The project depends on something new.",
}

impl Rule {
    /// The rule of a name.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|rule| rule.word() == word)
    }
}

/// How grave a finding is among those of its rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Grade {
    /// As the rule is.
    Main,
    /// A step less.
    Lesser,
    /// Only listed.
    Least,
}

/// What the configuration says of rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditPolicy {
    /// Of rules that are not as grave as by default.
    pub severities: BTreeMap<Rule, FindingSeverity>,
    /// Lines that a file may gain before nobody reads them.
    pub max_added_lines: u64,
    /// Patterns of paths that only people change, beside those that always are.
    pub protect: Vec<String>,
}

impl Default for AuditPolicy {
    fn default() -> Self {
        Self {
            severities: BTreeMap::new(),
            max_added_lines: 2_000,
            protect: Vec::new(),
        }
    }
}

impl AuditPolicy {
    /// How grave findings of a rule are.
    pub fn of(&self, rule: Rule) -> FindingSeverity {
        let set = self.severities.get(&rule).copied();
        set.unwrap_or_else(|| rule.severity())
    }

    pub(super) fn graded(&self, rule: Rule, grade: Grade) -> FindingSeverity {
        match (grade, self.of(rule)) {
            (Grade::Main, severity) => severity,
            (Grade::Lesser, FindingSeverity::Fail) => FindingSeverity::NeedsReview,
            (Grade::Lesser, _) | (Grade::Least, _) => FindingSeverity::Note,
        }
    }
}
