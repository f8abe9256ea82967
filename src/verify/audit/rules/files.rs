//! Files as a whole: what git does not see, what cannot be read, what nobody reads.

use crate::model::Finding;
use crate::verify::audit::diff::{Changed, Diff};
use crate::verify::audit::inventory::shown;
use crate::verify::audit::language::pattern;
use crate::verify::audit::rule::{Grade, Rule};
use crate::verify::audit::task::{ADD, SKIP, subject};
use crate::verify::audit::{Text, is_test_file};
use regex::Regex;
use std::sync::LazyLock;

pub(super) fn run(diff: &Diff<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in &diff.files {
        findings.extend(ignored(diff, file));
        findings.extend(binary(diff, file));
        findings.extend(giant(diff, file));
        findings.extend(ignores(diff, file));
    }
    findings
}

fn asked(diff: &Diff<'_>, path: &str, about: &[&str]) -> Option<String> {
    let name = path.rsplit('/').next().unwrap_or(path);
    diff.task
        .states(path)
        .or_else(|| diff.task.states(name))
        .or_else(|| diff.task.asks(ADD, &subject([name]), about))
}

fn ignored(diff: &Diff<'_>, file: &Changed<'_>) -> Option<Finding> {
    let change = file.change;
    if !change.is_ignored || change.after.is_none() || change.before.is_some() {
        return None;
    }
    let what = "git ignores this new file, so that nobody else has it; put it where git sees it, or leave it out";
    let asked = diff.task.states(change.path);
    Some(diff.finding(
        Rule::IgnoredFile,
        Grade::Main,
        (change.path, None),
        what.to_owned(),
        asked,
    ))
}

static IGNORES: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"(?:^|/)\.gitignore$|(?:^|/)info/exclude$|(?:^|/)\.gitattributes$"));

/// New lines of `.gitignore` that hide sources, tests, or what the diff or the repository holds.
fn ignores(diff: &Diff<'_>, file: &Changed<'_>) -> Vec<Finding> {
    let Some(side) = file
        .after
        .as_ref()
        .filter(|_| IGNORES.is_match(file.change.path))
    else {
        return Vec::new();
    };
    if file.change.path.ends_with(".gitattributes") {
        return Vec::new();
    }
    let folder = file
        .change
        .path
        .rsplit_once('/')
        .map_or("", |(folder, _)| folder);
    let mut findings = Vec::new();
    for (at, line) in side.fresh_lines() {
        let line = line.trim();
        if line.is_empty() || line.starts_with(['#', '!']) {
            continue;
        }
        let mut builder = ignore::gitignore::GitignoreBuilder::new("");
        let matcher = builder
            .add_line(None, line)
            .ok()
            .and_then(|b| b.build().ok());
        let Some(matcher) = matcher else { continue };
        let hides = |path: &str| {
            let inside = if folder.is_empty() {
                Some(path)
            } else {
                path.strip_prefix(folder).and_then(|p| p.strip_prefix('/'))
            };
            inside.is_some_and(|p| {
                !p.is_empty()
                    && !p.starts_with('/')
                    && matcher.matched_path_or_any_parents(p, false).is_ignore()
            })
        };
        let in_diff = diff
            .files
            .iter()
            .filter(|f| f.change.after.is_some())
            .map(|f| f.change.path)
            .find(|p| hides(p));
        let tracked = || {
            diff.input
                .tracked
                .iter()
                .map(String::as_str)
                .take(100_000)
                .find(|p| hides(p))
        };
        let hidden = in_diff.or_else(tracked);
        let of_tests = is_test_file(line.trim_start_matches('/'))
            || is_test_file(&format!("{}/x", line.trim_matches('/')));
        if hidden.is_none() && !of_tests {
            continue;
        }
        let what = match hidden {
            Some(hidden) => format!(
                "`{}` hides `{hidden}` from git; take the line out",
                shown(line)
            ),
            None => format!("`{}` hides tests from git; take the line out", shown(line)),
        };
        let named = subject([line]);
        let asked = diff.task.states(line).or_else(|| {
            diff.task
                .asks(SKIP, &named, &["gitignore", "git", "ignore"])
        });
        findings.push(diff.finding(
            Rule::IgnoredFile,
            Grade::Main,
            (file.change.path, Some(side.source.line(at))),
            what,
            asked,
        ));
    }
    findings
}

static ASSET: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"(?i)\.(?:png|jpe?g|gif|ico|webp|avif|woff2?|ttf|otf|icns|bmp)$"));

fn binary(diff: &Diff<'_>, file: &Changed<'_>) -> Option<Finding> {
    let Some(Text::Binary { bytes }) = file.change.after else {
        return None;
    };
    let path = file.change.path;
    let is_asset = ASSET.is_match(path) && bytes < 256 * 1024;
    let grade = if is_asset { Grade::Lesser } else { Grade::Main };
    let what = format!(
        "{bytes} bytes that cannot be read as text; let the build make it, or leave it out"
    );
    let asked = asked(
        diff,
        path,
        &[
            "file", "fixture", "image", "icon", "binary", "sample", "font", "archive", "png",
            "logo",
        ],
    );
    Some(diff.finding(Rule::BinaryBlob, grade, (path, None), what, asked))
}

/// Lock files and the like: their tools write them, and they say what they are.
static WRITTEN: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?:^|/)(?:Cargo\.lock|package-lock\.json|npm-shrinkwrap\.json|yarn\.lock|pnpm-lock\.yaml|bun\.lockb?|poetry\.lock|uv\.lock|pdm\.lock|Pipfile\.lock|go\.sum|Gemfile\.lock|composer\.lock|gradle\.lockfile|flake\.lock|packages\.lock\.json|mix\.lock|Podfile\.lock|deno\.lock)$",
    )
});

fn giant(diff: &Diff<'_>, file: &Changed<'_>) -> Option<Finding> {
    let path = file.change.path;
    if WRITTEN.is_match(path) {
        return None;
    }
    let most = diff.input.policy.max_added_lines;
    let added = match (&file.change.after, &file.after) {
        (_, Some(side)) => side.fresh.iter().filter(|f| **f).count() as u64,
        (Some(Text::TooBig { bytes, lines }), _) => lines.unwrap_or(bytes / 40).max(most + 1),
        (Some(Text::Whole(text)), None) => text.lines().count() as u64,
        _ => 0,
    };
    // One line can be as long as thousands.
    let widest = file.after.as_ref().map_or(0, |s| {
        s.fresh_lines()
            .map(|(_, line)| line.len())
            .max()
            .unwrap_or(0)
    });
    let minified = widest > 20_000;
    if added <= most && !minified {
        return None;
    }
    let what = match added > most {
        true => format!(
            "{added} new lines, which nobody reads; let the build make the file, or leave it out"
        ),
        false => format!(
            "a line of {widest} bytes, which nobody reads; let the build make the file, or leave it out"
        ),
    };
    let asked = asked(
        diff,
        path,
        &[
            "data",
            "fixture",
            "generated",
            "snapshot",
            "file",
            "table",
            "vendor",
            "dump",
        ],
    );
    Some(diff.finding(Rule::GeneratedGiant, Grade::Main, (path, None), what, asked))
}
