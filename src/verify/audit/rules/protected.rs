//! Paths that only people change: whoever changes them changes who may do what, and not the program.

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
    let own = diff.input.policy.protect.iter();
    let own = own.map(|p| (p.as_str(), CONFIGURED));
    let patterns: Vec<(Gitignore, &str)> = ALWAYS
        .iter()
        .copied()
        .chain(own)
        .filter_map(|(pattern, why)| Some((matcher(pattern)?, why)))
        .collect();
    let changed = diff.files.iter().map(|f| f.change.path);
    changed
        .filter_map(|path| {
            let why = patterns.iter().find(|(p, _)| covers(p, path))?.1;
            Some((path, why))
        })
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

/// File systems that fold case take `license` for the same file.
fn matcher(pattern: &str) -> Option<Gitignore> {
    let mut builder = GitignoreBuilder::new("");
    builder.case_insensitive(true).ok()?;
    builder.add_line(None, pattern).ok()?;
    builder.build().ok()
}

fn covers(pattern: &Gitignore, path: &str) -> bool {
    !path.is_empty()
        && !path.starts_with('/')
        && pattern.matched_path_or_any_parents(path, false).is_ignore()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_always_protected() {
        let patterns: Vec<Gitignore> = ALWAYS.iter().filter_map(|(p, _)| matcher(p)).collect();
        assert_eq!(patterns.len(), ALWAYS.len());
        for (path, wanted) in [
            (".github/workflows/ci.yml", true),
            (".github/Workflows/sub/ci.yml", true),
            (".github/actions/a/action.yml", true),
            (".github/dependabot.yml", false),
            (".github/CODEOWNERS", true),
            ("codeowners", true),
            ("docs/CODEOWNERS", true),
            ("src/CODEOWNERS", false),
            (".gitlab-ci.yml", true),
            ("sub/.gitlab-ci.yml", false),
            (".circleci/config.yml", true),
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
            let found = patterns.iter().any(|p| covers(p, path));
            assert_eq!(found, wanted, "{path}");
        }
    }
}
