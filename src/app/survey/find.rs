//! Finding specs: where in the tree they stand, and where the configuration says so.

use super::{Scope, problem};
use crate::fsx::walk;
use crate::git::{GitError, Repo, files_of_tree};
use crate::model::{Diagnostic, Oid, Rule, Severity};
use crate::spec;
use std::collections::BTreeSet;

/// The paths of all specs there are: those among the user's files, those of the base where that is `elsewhere`, and
/// what somebody names.
///
/// # Errors
/// Git objects that cannot be read, and patterns that are none.
pub(super) fn paths(
    repo: &Repo,
    elsewhere: Option<&Oid>,
    scope: &Scope,
    diagnostics: &mut Vec<Diagnostic>,
) -> Result<Vec<String>, GitError> {
    if !scope.named.is_empty() {
        return Ok(scope.named.clone());
    }
    let root = repo.info().root.as_path();
    let walked = walk::walk(
        root,
        &walk::Wanted {
            file: &spec::may_be_spec,
            hidden: &spec::is_tool_dir,
            skipped: &spec::is_vendored_dir,
        },
    );
    for path in walked
        .not_utf8
        .iter()
        .filter(|p| spec::classify(p).is_some())
    {
        diagnostics.push(problem(path, "its name is not UTF-8", "rename the file"));
    }
    for path in walked
        .symlinks
        .iter()
        .filter(|p| spec::classify(p).is_some())
    {
        diagnostics.push(Diagnostic {
            rule: Rule::NotFollowed,
            severity: Severity::Warning,
            ..problem(
                path,
                "it is a symbolic link, which is not followed",
                "put the file itself there, or name its target with --spec",
            )
        });
    }
    let mut paths: BTreeSet<String> = walked.paths.into_iter().collect();
    if let Some(base) = elsewhere {
        // The base may know specs that the user's checkout does not have yet.
        paths.extend(files_of_tree(repo, base)?);
    }
    let included = scope.included(root)?;
    let named_so = |path: &&String| {
        included
            .matched_path_or_any_parents(path, false)
            .is_ignore()
    };
    let chosen: Vec<String> = match included.is_empty() {
        true => Vec::new(),
        false => paths.iter().filter(named_so).cloned().collect(),
    };
    let mut paths = spec::specs(paths);
    paths.extend(chosen);
    paths.extend(scope.configured.iter().chain(scope.handed.keys()).cloned());
    let excluded = scope.excluded(root)?;
    Ok(paths
        .into_iter()
        .filter(|p| !excluded.matched_path_or_any_parents(p, false).is_ignore())
        .collect())
}
