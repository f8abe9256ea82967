//! `lint`: what a builder would trip over in specs. Reads the user's files alone, asks nobody, changes nothing.

use super::actions::Actions;
use super::error::AppError;
use super::secrets;
use super::survey::{Tree, below_root, tree};
use super::world::{World, ui_options};
use crate::config::{Environment, LintRequest, LintShape, Verbosity};
use crate::core::lint::{Levels, LintInput, LintSpec, lint};
use crate::model::report::{LintReport, REPORT_SCHEMA};
use crate::model::{Diagnostic, ExitCode, Place, Rule, Severity};
use crate::ui;
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;

pub fn run(
    request: &LintRequest,
    env: &Environment,
    actions: Option<&Actions>,
) -> Result<ExitCode, AppError> {
    let world = World::open(&folder(request, env), request.flags.clone(), env)?;
    let repo = world.repo(env)?;
    let redactor = Arc::new(secrets::redactor(&world, env));
    let mut scope = world.scope(&repo, &request.specs, env)?;
    scope.redactor = Some(Arc::clone(&redactor));
    let found = tree(&repo, &scope)?;
    let wanted = below_root(&world.info.root, env.cwd(), "lint", &request.paths)?;

    let specs: Vec<(&_, Cow<'_, str>)> = found
        .specs
        .iter()
        .map(|s| (s, String::from_utf8_lossy(&s.text)))
        .collect();
    let specs: Vec<LintSpec<'_>> = specs
        .iter()
        .map(|(s, text)| LintSpec {
            spec: &s.spec,
            text,
            documents: &s.documents,
        })
        .collect();
    let set = &world.settings.lint;
    let levels = Levels {
        allow: rules(&set.allow),
        deny: rules(&set.deny),
        strict: request.strict,
    };
    let root = world.info.root.as_path();
    let mut findings = lint(&LintInput {
        specs: &specs,
        plan: &found.plan,
        exists: &|path| root.join(path).symlink_metadata().is_ok(),
        redact: &|text| redactor.redact(text).into_owned(),
        levels: &levels,
    });
    let chosen = Chosen::of(&found, &findings, &wanted);
    findings.retain(|d| chosen.has(&d.path));
    let report = LintReport {
        schema: REPORT_SCHEMA,
        specs: found
            .specs
            .iter()
            .filter(|s| chosen.has(&s.spec.path))
            .count(),
        errors: count(&findings, Severity::Error),
        warnings: count(&findings, Severity::Warning),
        findings,
    };
    match request.shape {
        LintShape::Json => world.print(env, &ui::lint::json(&report)),
        LintShape::Sarif => world.print(env, &ui::lint::sarif(&report)),
        LintShape::Human => {
            let quiet = request.output.verbosity == Verbosity::Quiet;
            let text = ui::lint::text(&report, quiet, &ui_options(env, request.output));
            // An empty text would be an empty line.
            if !text.is_empty() {
                world.print(env, &text);
            }
        }
    }
    if !chosen.unknown.is_empty() && request.output.verbosity != Verbosity::Quiet {
        let options = ui_options(env, request.output);
        let is_file = |path: &String| world.info.root.join(path).is_file();
        let text = ui::lint::no_specs(&chosen.unknown, &is_file, &options);
        let _ = std::io::stderr().lock().write_all(text.as_bytes());
    }
    if let Some(actions) = actions {
        actions.lint(&report.findings, &redactor);
    }
    Ok(match report.errors {
        0 => ExitCode::Done,
        _ => ExitCode::Incomplete,
    })
}

/// The folder that tells the repository: the first path, what is around it where it is a file, or here.
pub(super) fn folder(request: &LintRequest, env: &Environment) -> PathBuf {
    let first = request.paths.first().or(request.specs.first());
    let Some(first) = first else {
        return PathBuf::from(".");
    };
    let is_folder = env.cwd().join(first).is_dir();
    match first.parent().filter(|_| !is_folder) {
        Some(above) if above.as_os_str().is_empty() => PathBuf::from("."),
        Some(above) => above.to_owned(),
        None => first.clone(),
    }
}

fn rules(ids: &[String]) -> BTreeSet<Rule> {
    ids.iter().filter_map(|id| Rule::named(id)).collect()
}

fn count(findings: &[Diagnostic], severity: Severity) -> usize {
    findings.iter().filter(|d| d.severity == severity).count()
}

/// The files that are told of.
struct Chosen {
    /// None for all.
    paths: Option<BTreeSet<String>>,
    /// Named, and neither a spec nor beside one.
    unknown: Vec<String>,
}

impl Chosen {
    /// Named files and those in named folders; for a document the specs that it stands beside as well, since what
    /// they say may be wrong by what it says now.
    fn of(found: &Tree, findings: &[Diagnostic], wanted: &[String]) -> Self {
        let mut chosen = Self {
            paths: None,
            unknown: Vec::new(),
        };
        if wanted.iter().all(String::is_empty) {
            return chosen;
        }
        let mut paths = BTreeSet::new();
        let told = findings.iter().map(|d| d.path.as_str());
        let specs = found.specs.iter().map(|s| s.spec.path.as_str());
        let all: BTreeSet<&str> = told.chain(specs).collect();
        for name in wanted {
            let is_in = |path: &str| {
                let rest = path.strip_prefix(name.as_str());
                name.is_empty() || rest.is_some_and(|r| r.is_empty() || r.starts_with('/'))
            };
            let before = paths.len();
            paths.extend(all.iter().filter(|p| is_in(p)).map(|p| (*p).to_owned()));
            for spec in &found.specs {
                let is_beside = spec.spec.beside.iter().any(|b| match &b.place {
                    Place::File(path) => path == name,
                    Place::Folder { path, ends } => {
                        name.ends_with(ends) && name.starts_with(&format!("{path}/"))
                    }
                });
                if is_beside {
                    paths.extend([spec.spec.path.clone(), name.clone()]);
                }
            }
            if paths.len() == before && !all.iter().any(|p| is_in(p)) {
                chosen.unknown.push(name.clone());
            }
        }
        chosen.paths = Some(paths);
        chosen
    }

    fn has(&self, path: &str) -> bool {
        self.paths.as_ref().is_none_or(|paths| paths.contains(path))
    }
}
