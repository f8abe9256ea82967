//! Paths that only people change: whoever changes them changes who may do what, and not the program.

use crate::fsx::names::folded;
use crate::model::Finding;
use crate::verify::audit::diff::Diff;
use crate::verify::audit::rule::{Grade, Rule};
use ignore::gitignore::{Gitignore, GitignoreBuilder};

/// As lines of `.gitignore` (gitignore(5)), with the reason.
const ALWAYS: &[(&str, &str)] = &[
    ("/.github/workflows/", CI),
    ("/.github/actions/", CI),
    ("/.gitlab-ci.yml", CI),
    ("/.gitlab/ci/", CI),
    ("/.circleci/", CI),
    ("/azure-pipelines.yml", CI),
    ("/azure-pipelines.yaml", CI),
    ("/Jenkinsfile*", CI),
    ("/.buildkite/", CI),
    ("/.woodpecker*", CI),
    ("/.forgejo/workflows/", CI),
    ("/.gitea/workflows/", CI),
    ("/bitbucket-pipelines.yml", CI),
    ("/.travis.yml", CI),
    ("/CODEOWNERS", OWNERS),
    ("/docs/CODEOWNERS", OWNERS),
    ("/.github/CODEOWNERS", OWNERS),
    ("/.gitlab/CODEOWNERS", OWNERS),
    ("LICENSE", LICENCE),
    ("LICENCE", LICENCE),
    ("COPYING", LICENCE),
    ("/LICENSE*", LICENCE),
    ("/LICENCE*", LICENCE),
    ("/COPYING*", LICENCE),
    ("/NOTICE*", LICENCE),
];
const CI: &str = "it says what runs where secrets are";
const OWNERS: &str = "it says who has to agree";
const LICENCE: &str = "it says what others may do with the project";
const CONFIGURED: &str = "the settings protect it";

pub(super) fn run(diff: &Diff<'_>) -> Vec<Finding> {
    let patterns = Patterns::new(&diff.input.policy.protect);
    let changed = diff.files.iter().map(|f| f.change.path);
    changed
        .filter_map(|path| Some((path, patterns.why(path)?)))
        .map(|(path, why)| {
            let named = match diff.task.states(path) {
                Some(_) => "; the task names it, and a person decides all the same",
                None => "",
            };
            let what = format!("only people change this file, because {why}{named}");
            diff.finding(Rule::ProtectedPath, Grade::Main, (path, None), what, None)
        })
        .collect()
}

/// What is protected, in the order in which it is said: of what fits a path the last word counts.
struct Patterns(Vec<Pattern>);

struct Pattern {
    matcher: Gitignore,
    /// None for one that takes protection away.
    why: Option<&'static str>,
}

impl Patterns {
    /// What always is, and what settings say.
    fn new(configured: &[String]) -> Self {
        let always = ALWAYS.iter().map(|(text, why)| (*text, Some(*why)));
        let configured = configured.iter().map(|text| match text.strip_prefix('!') {
            Some(rest) => (rest, None),
            None => (text.as_str(), Some(CONFIGURED)),
        });
        let all = always.chain(configured);
        Self(
            all.filter_map(|(text, why)| {
                let matcher = matcher(text)?;
                Some(Pattern { matcher, why })
            })
            .collect(),
        )
    }

    /// Why a path is protected, if it is.
    fn why(&self, path: &str) -> Option<&'static str> {
        let folded = folded(path);
        let fits = |p: &&Pattern| covers(&p.matcher, path) || covers(&p.matcher, &folded);
        self.0.iter().rev().find(fits)?.why
    }
}

/// File systems that fold case take `license` for the same file.
fn matcher(pattern: &str) -> Option<Gitignore> {
    let mut builder = GitignoreBuilder::new("");
    builder.case_insensitive(true).ok()?;
    builder.add_line(None, pattern).ok()?;
    builder.build().ok()
}

/// A file or a link in place of a protected folder counts as the folder.
fn covers(pattern: &Gitignore, path: &str) -> bool {
    !path.is_empty()
        && !path.starts_with('/')
        && pattern.matched_path_or_any_parents(path, true).is_ignore()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_always_protected() {
        let patterns = Patterns::new(&[]);
        assert_eq!(patterns.0.len(), ALWAYS.len());
        for (path, wanted) in [
            (".github/workflows/ci.yml", true),
            (".github/Workflows/sub/ci.yml", true),
            (".GITHUB/Workflows/x.yml", true),
            (".github/workflow\u{17f}/ci.yml", true),
            (".github/work\u{200d}flows/ci.yml", true),
            (".github/workflows./ci.yml", true),
            (".github/actions/a/action.yml", true),
            (".github/workflows", true),
            (".circleci", true),
            (".github/dependabot.yml", false),
            (".github/CODEOWNERS", true),
            ("codeowners", true),
            ("docs/CODEOWNERS", true),
            ("DOCS/codeOwners", true),
            ("src/CODEOWNERS", false),
            (".gitlab-ci.yml", true),
            (".GitLab-CI.yml", true),
            ("sub/.gitlab-ci.yml", false),
            (".circleci/config.yml", true),
            ("jenkinsfile", true),
            ("Jenkinsfile.release", true),
            (".woodpecker.yml", true),
            (".woodpecker/a.yml", true),
            ("LICENSE-MIT", true),
            ("license", true),
            ("crates/a/LICENSE", true),
            ("src/license.rs", false),
            ("NOTICE.txt", true),
            ("src/notice.rs", false),
            ("README.md", false),
        ] {
            assert_eq!(patterns.why(path).is_some(), wanted, "{path}");
        }
    }

    #[test]
    fn settings_add_and_take_away_and_the_last_word_counts() {
        for (said, path, wanted) in [
            (&["/deploy/"][..], "deploy/run.sh", Some(CONFIGURED)),
            (&["/deploy/"], "Deploy/run.sh", Some(CONFIGURED)),
            (&["/deploy/"], "sub/deploy/run.sh", None),
            (&["!LICENSE"], "LICENSE", None),
            (&["!LICENSE"], "crates/a/license", None),
            (&["!LICENSE"], "LICENSE-MIT", Some(LICENCE)),
            (
                &["!/.github/workflows/docs.yml"],
                ".github/workflows/docs.yml",
                None,
            ),
            (
                &["!/.github/workflows/docs.yml"],
                ".github/workflows/ci.yml",
                Some(CI),
            ),
            (&["!/.github/"], ".github/CODEOWNERS", None),
            (&["!/deploy/", "/deploy/"], "deploy/x", Some(CONFIGURED)),
            (&["/deploy/", "!/deploy/x"], "deploy/x", None),
            (&["/deploy/", "!/deploy/x"], "deploy/y", Some(CONFIGURED)),
            (&["!"], "LICENSE", Some(LICENCE)),
        ] {
            let said: Vec<String> = said.iter().map(|s| (*s).to_owned()).collect();
            assert_eq!(Patterns::new(&said).why(path), wanted, "{said:?} {path}");
        }
    }
}
