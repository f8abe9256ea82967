//! The user's files alone, whatever the base and lanes say: what `lint` reads.

use super::beside::Documents;
use super::{Place, Scope, copies, find, plan_inputs, policy, problem};
use crate::core::plan::SpecInput;
use crate::git::{GitError, Repo};
use crate::model::{Diagnostic, Document, Plan, Rule, Spec, SpecId};
use crate::spec;
use std::collections::{BTreeMap, BTreeSet};

/// The specs among the user's files.
#[derive(Debug)]
pub struct Tree {
    /// By path.
    pub specs: Vec<TreeSpec>,
    /// As if nothing were built yet; with what is wrong with single specs.
    pub plan: Plan,
}

/// One spec, as it stands there.
#[derive(Debug)]
pub struct TreeSpec {
    pub spec: Spec,
    pub text: Vec<u8>,
    pub documents: Vec<Document>,
}

/// Reads and plans the specs among the user's files.
///
/// # Errors
/// Patterns of the configuration that are none, and git objects that cannot be read. What is wrong with single specs is in the plan's diagnostics.
pub fn tree(repo: &Repo, scope: &Scope) -> Result<Tree, GitError> {
    let root = &repo.info().root;
    let mut diagnostics = Vec::new();
    let paths = find::paths(repo, None, scope, &mut diagnostics)?;
    let slugs = spec::assign_slugs(&paths, &BTreeMap::new());
    let place = |path| Place {
        path,
        renamed_from: None,
    };
    let places: BTreeMap<SpecId, Place> = slugs
        .into_iter()
        .map(|(path, id)| (id, place(path)))
        .collect();
    let documents = Documents::new(repo, None, scope);
    let looked = copies::look_at_all(root, scope, &places);
    documents.fetch(copies::specs_of(&looked))?;
    let mut specs = Vec::new();
    for looked in looked {
        let read = looked.and_then(|copy| match copy {
            Some(copy) => copy.spec.map(|spec| Some((spec, copy.text, copy.warnings))),
            None => Ok(None),
        });
        let (mut spec, text, warnings) = match read {
            Ok(Some(read)) => read,
            Ok(None) => continue,
            Err(diagnostic) => {
                diagnostics.push(diagnostic);
                continue;
            }
        };
        if spec.tasks.is_empty() && spec.diagnostics.is_empty() {
            continue;
        }
        let words = String::from_utf8_lossy(&text);
        spec.diagnostics.extend(warnings);
        diagnostics.extend(scope.redactor.iter().flat_map(|redactor| {
            let lines = words.lines().enumerate();
            let lines = lines.map(|(n, line)| (spec.path.as_str(), n + 1, line));
            redactor.scan_diff(lines).into_iter().map(|found| {
                let what = format!("holds {} ({})", found.what, found.masked);
                Diagnostic {
                    rule: Rule::Secret,
                    line: found.line,
                    ..problem(
                        &spec.path,
                        &what,
                        "take it out, make it void where it was ever pushed, and name a variable in its place",
                    )
                }
            })
        }));
        let beside = documents.of(&spec)?;
        spec::attend(&mut spec, &beside.documents);
        let is_held = spec.has_open_work() && !scope.names(&spec.path);
        spec.held = spec.held.or(beside.held).filter(|_| is_held);
        spec.diagnostics.extend(beside.diagnostics);
        specs.push(TreeSpec {
            spec,
            text,
            documents: beside.documents,
        });
    }
    if let Some(head) = repo.head_commit()
        && let Some(policy) = policy::forbidding(repo, &head)?
    {
        diagnostics.push(policy.diagnostic());
    }
    specs.sort_by(|a, b| a.spec.path.cmp(&b.spec.path));
    let none = BTreeSet::new();
    let inputs: Vec<SpecInput<'_>> = specs
        .iter()
        .map(|s| SpecInput {
            spec: &s.spec,
            bytes: &s.text,
            documents: &s.documents,
            done: &none,
            withdrawn: false,
        })
        .collect();
    let mut plan = plan_inputs(root, &inputs, scope.budget_tokens);
    plan.diagnostics.extend(diagnostics);
    Ok(Tree { specs, plan })
}
