//! The repository's checks: what the settings say of them, and which of them could run here.

use super::error::AppError;
use crate::config::{CheckScope, Environment, Origin, Settings, Value};
use crate::git::{Repo, files_of_tree};
use crate::ports::StopSignal;
use crate::verify::audit::{AuditPolicy, Rule};
use crate::verify::coverage::rows::ConfiguredCoverage;
use crate::verify::coverage::{Bound, Bounds, ReportFormat};
use crate::verify::{ConfiguredCheck, Format, Measure, Scope, Verifier, VerifyConfig};
use std::path::Path;

/// Runs checks as the settings say, with this environment.
///
/// # Errors
/// What the settings ask for cannot be done.
pub(in crate::app) fn verifier(
    settings: &Settings,
    env: &[(String, String)],
) -> Result<Verifier, AppError> {
    let said = &settings.verify;
    let commands = said.commands.iter().map(|c| ConfiguredCheck {
        name: c.name.clone(),
        run: c.run.clone(),
        dir: c.dir.clone(),
        when: c.when.clone(),
        timeout: c.timeout,
        reads: c.reads.as_deref().and_then(Format::named),
        report: c.report.clone(),
        only: c.only.clone(),
    });
    Ok(Verifier::new(VerifyConfig {
        commands: commands.collect(),
        detect: *said.detect,
        disable: said.disable.to_vec(),
        scope: match *said.scope {
            CheckScope::Changed => Scope::Changed,
            CheckScope::All => Scope::All,
        },
        timeout: *said.timeout,
        allow_unverified: *said.allow_unverified,
        env: env.to_vec(),
    })?)
}

/// How grave the audit takes what it finds, as the settings say.
pub(in crate::app) fn audit_policy(settings: &Settings) -> AuditPolicy {
    let said = settings.audit.rules.iter();
    let said = said.filter(|(_, severity)| !severity.origin.is_default());
    AuditPolicy {
        severities: said
            .filter_map(|(word, severity)| Some((Rule::parse(word)?, **severity)))
            .collect(),
        max_added_lines: *settings.audit.max_added_lines,
        protect: settings.audit.protect.to_vec(),
    }
}

/// The same, measuring coverage where the settings want to know.
///
/// # Errors
/// What the settings ask for cannot be done.
pub(in crate::app) fn measuring(
    settings: &Settings,
    env: &[(String, String)],
) -> Result<Verifier, AppError> {
    let verifier = verifier(settings, env)?;
    let said = &settings.coverage;
    if !said.is_wanted() {
        return Ok(verifier);
    }
    let bound = |key: &str, value: &Value<Option<f64>>| {
        value.value.map(|percent| Bound {
            percent,
            from: match &value.origin {
                origin @ Origin::Flag { .. } => format!("`{origin}`"),
                origin => format!("`coverage.{key}` ({origin})"),
            },
        })
    };
    Ok(verifier.measuring(Measure {
        configured: ConfiguredCoverage {
            command: said.command.value.clone(),
            reports: said.report.to_vec(),
            format: ReportFormat::of(&said.format),
        },
        bounds: Bounds {
            min: bound("min", &said.min),
            changed_min: bound("changed_min", &said.changed_min),
            tolerance: *said.tolerance,
        },
    })?)
}

/// A check of the repository as it stands, and why it could not run here.
pub(super) struct Known {
    pub name: String,
    pub dir: String,
    pub command: String,
    /// True where its missing stops no work.
    pub optional: bool,
    pub missing: Option<String>,
}

impl Known {
    /// The command, and where it runs.
    pub(super) fn shown(&self) -> String {
        match self.dir.is_empty() {
            true => self.command.clone(),
            false => format!("{} (in {})", self.command, self.dir),
        }
    }
}

/// All checks of the commit that is checked out. With `probe` their tools are asked whether they are there.
///
/// # Errors
/// As [`verifier`].
pub(super) fn known(
    settings: &Settings,
    env: &Environment,
    root: &Path,
    repo: &Repo,
    probe: bool,
) -> Result<Vec<Known>, AppError> {
    let verifier = verifier(settings, &env.children(settings))?;
    let files = repo
        .head_commit()
        .and_then(|head| files_of_tree(repo, &head).ok())
        .unwrap_or_default();
    let found = verifier.found(root, &files);
    let mut missing = vec![None; found.len()];
    if probe {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|e| AppError::setup(e.to_string(), ""))?;
        let (_handle, stop) = StopSignal::new();
        missing = runtime.block_on(verifier.missing(root, &found, stop));
    }
    let known = found
        .into_iter()
        .zip(missing)
        .map(|(check, missing)| Known {
            command: check.command(),
            name: check.name,
            dir: check.dir,
            optional: check.optional,
            missing,
        });
    Ok(known.collect())
}

/// What would measure coverage on the commit that is checked out, or why nothing can; None where nobody wants to
/// know.
///
/// # Errors
/// As [`measuring`].
pub(super) fn would_measure(
    settings: &Settings,
    env: &Environment,
    root: &Path,
    repo: &Repo,
) -> Result<Option<Result<Vec<String>, String>>, AppError> {
    let files = repo
        .head_commit()
        .and_then(|head| files_of_tree(repo, &head).ok())
        .unwrap_or_default();
    let verifier = measuring(settings, &env.children(settings))?;
    Ok(verifier.would_measure(root, &files))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{KEYS, Kind};

    #[test]
    fn every_rule_of_the_audit_is_a_setting_with_its_default() {
        let keys = KEYS.iter().filter(|doc| doc.section() == "audit");
        let rules = keys.filter(|doc| matches!(doc.kind, Kind::OneOf(_)));
        let rules: Vec<_> = rules
            .map(|doc| (doc.leaf(), doc.default.trim_matches('"'), doc.doc))
            .collect();
        let known = Rule::ALL
            .iter()
            .map(|rule| (rule.word(), rule.severity().word(), rule.what()));
        assert_eq!(rules, known.collect::<Vec<_>>());
        let most = KEYS.iter().find(|doc| doc.key == "audit.max_added_lines");
        assert_eq!(
            most.map(|doc| doc.default),
            Some(AuditPolicy::default().max_added_lines.to_string().as_str())
        );
    }
}
