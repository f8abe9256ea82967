//! The audit against a set of cheats, each with its honest twin: `tests/cheats/README.md` says how a case is written.
//!
//! Every cheat must be found by the rule that its case names, and no twin may be held up. The table of what was found
//! is printed; `cargo test --test it cheats:: -- --nocapture` shows it.

use codelicious::model::{Finding, FindingSeverity, TestStatus, Tests};
use codelicious::verify::audit::{AuditInput, AuditPolicy, FileChange, Text, audit};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// A case as its file says it.
#[derive(Default)]
struct Case {
    name: String,
    fields: BTreeMap<String, String>,
    base: BTreeMap<String, String>,
    cheat: BTreeMap<String, Option<String>>,
    twin: BTreeMap<String, Option<String>>,
}

impl Case {
    fn parse(name: &str, text: &str) -> Result<Self, String> {
        let mut case = Self {
            name: name.to_owned(),
            ..Self::default()
        };
        let mut part: Option<(String, String, Vec<&str>)> = None;
        for line in text.lines() {
            if let Some(head) = line.strip_prefix("--- ") {
                if let Some((kind, path, lines)) = part.take() {
                    case.put(&kind, &path, &lines)?;
                }
                let (kind, path) = head
                    .split_once(' ')
                    .ok_or_else(|| format!("`{line}` has no path"))?;
                part = Some((kind.to_owned(), path.trim().to_owned(), Vec::new()));
            } else if let Some((_, _, lines)) = &mut part {
                lines.push(line);
            } else if let Some((key, value)) =
                line.split_once(':').filter(|_| !line.starts_with('#'))
            {
                case.fields
                    .insert(key.to_owned(), value.trim().replace("\\n", "\n"));
            }
        }
        if let Some((kind, path, lines)) = part {
            case.put(&kind, &path, &lines)?;
        }
        for field in ["lang", "rule", "at-least", "task"] {
            if !case.fields.contains_key(field) {
                return Err(format!("`{field}` is missing"));
            }
        }
        Ok(case)
    }

    fn put(&mut self, kind: &str, path: &str, lines: &[&str]) -> Result<(), String> {
        let (path, gone) = match path.strip_suffix(" (deleted)") {
            Some(path) => (path, true),
            None => (path, false),
        };
        let mut text = String::new();
        for line in lines {
            match repeated(line) {
                Some((count, words)) => (0..count).for_each(|i| {
                    text.push_str(&words.replace("{i}", &i.to_string()));
                    text.push('\n');
                }),
                None => {
                    text.push_str(line);
                    text.push('\n');
                }
            }
        }
        let text = (!gone).then_some(text);
        match kind {
            "base" => {
                self.base.insert(
                    path.to_owned(),
                    text.ok_or("a file of the base cannot be deleted")?,
                );
            }
            "cheat" => {
                self.cheat.insert(path.to_owned(), text);
            }
            "twin" => {
                self.twin.insert(path.to_owned(), text);
            }
            other => return Err(format!("`--- {other}` is not known")),
        }
        Ok(())
    }

    fn field(&self, name: &str) -> &str {
        self.fields.get(name).map_or("", String::as_str)
    }

    fn tests(&self, field: &str) -> Option<Tests> {
        let tests = self.fields.get(field)?.split(',').filter_map(|one| {
            let (name, status) = one.trim().rsplit_once('=')?;
            let status = match status {
                "passed" => TestStatus::Passed,
                "failed" => TestStatus::Failed,
                _ => TestStatus::Skipped,
            };
            Some((name.to_owned(), status))
        });
        Some(tests.collect())
    }

    /// What the audit says of the base with `over` put over it.
    fn audit(
        &self,
        over: &BTreeMap<String, Option<String>>,
        which: &str,
        task: &str,
    ) -> Vec<Finding> {
        let mut now = self.base.clone();
        for (path, text) in over {
            match text {
                Some(text) => now.insert(path.clone(), text.clone()),
                None => now.remove(path),
            };
        }
        let ignores = ignores(&now);
        let ignored = |path: &str| ignores.matched_path_or_any_parents(path, false).is_ignore();
        let paths: BTreeSet<&String> = self.base.keys().chain(now.keys()).collect();
        let files: Vec<FileChange<'_>> = paths
            .into_iter()
            .filter(|path| self.base.get(*path) != now.get(*path))
            .map(|path| FileChange {
                path,
                before: self.base.get(path).map(|t| text(t)),
                after: now.get(path).map(|t| text(t)),
                is_ignored: ignored(path),
                mode: 0o100_644,
            })
            .collect();
        let tracked: Vec<String> = now.keys().filter(|p| !ignored(p)).cloned().collect();
        let (before, after) = (
            self.tests("tests-before"),
            self.tests(&format!("tests-{which}")),
        );
        audit(&AuditInput {
            files: &files,
            task,
            tracked: &tracked,
            read: &|path| now.get(path).cloned(),
            tests_before: before.as_ref(),
            tests_now: after.as_ref(),
            policy: &AuditPolicy::default(),
        })
    }

    /// What is wrong with the audit of this case.
    fn judge(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        let found = self.audit(&self.cheat, "cheat", self.field("task"));
        let least = severity(self.field("at-least"));
        let rule = self.field("rule");
        if !found.iter().any(|f| f.rule == rule && f.severity >= least) {
            wrong.push(format!(
                "{}: {rule} was not found; found was {}",
                self.name,
                told(&found)
            ));
        }
        let task = match self.field("twin-task") {
            "" => self.field("task"),
            task => task,
        };
        let found = self.audit(&self.twin, "twin", task);
        let clean = self.field("twin") != "notes";
        let held: Vec<Finding> = found
            .into_iter()
            // Held whatever is done to it, and so no cheat.
            .filter(|f| f.rule != "protected_path")
            .filter(|f| {
                f.severity > FindingSeverity::Note || clean && !LISTED.contains(&f.rule.as_str())
            })
            .collect();
        if !held.is_empty() {
            wrong.push(format!(
                "{}: the twin is held up: {}",
                self.name,
                told(&held)
            ));
        }
        wrong
    }
}

/// Rules that only list things: a clean twin may have these.
const LISTED: &[&str] = &["commented_out_code", "new_dependency"];

fn repeated(line: &str) -> Option<(usize, &str)> {
    let (count, words) = line.strip_prefix("@repeat ")?.split_once(' ')?;
    Some((count.parse().ok()?, words))
}

fn text(text: &str) -> Text<'_> {
    if text.starts_with("\\0binary") {
        return Text::Binary { bytes: 4_096 };
    }
    Text::Whole(text)
}

fn ignores(files: &BTreeMap<String, String>) -> ignore::gitignore::Gitignore {
    let mut builder = ignore::gitignore::GitignoreBuilder::new("");
    for line in files
        .get(".gitignore")
        .into_iter()
        .flat_map(|text| text.lines())
    {
        builder.add_line(None, line).unwrap();
    }
    builder.build().unwrap()
}

fn severity(word: &str) -> FindingSeverity {
    match word {
        "fail" => FindingSeverity::Fail,
        "needs_review" => FindingSeverity::NeedsReview,
        _ => FindingSeverity::Note,
    }
}

fn told(findings: &[Finding]) -> String {
    let told: Vec<String> = findings
        .iter()
        .map(|f| {
            let asked = f
                .asked_for
                .as_deref()
                .map_or_else(String::new, |a| format!(" (asked: {a})"));
            format!(
                "\n    {} {} {}: {}{asked}",
                f.severity.word(),
                f.rule,
                f.place(),
                f.what
            )
        })
        .collect();
    if told.is_empty() {
        "nothing".to_owned()
    } else {
        told.concat()
    }
}

fn cases(folder: &str) -> Vec<Case> {
    let root = PathBuf::from(std::env!("CARGO_MANIFEST_DIR"));
    read(&root.join("tests/cheats").join(folder))
}

fn read(folder: &Path) -> Vec<Case> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut paths: Vec<PathBuf> = entries
        .map(|e| e.unwrap().path())
        .filter(|p| p.extension().is_some_and(|e| e == "case"))
        .collect();
    paths.sort();
    let case = |path: &PathBuf| {
        let name = path.file_stem().unwrap().to_string_lossy();
        Case::parse(&name, &fs::read_to_string(path).unwrap())
            .unwrap_or_else(|e| panic!("{name}: {e}"))
    };
    paths.iter().map(case).collect()
}

fn judged(folder: &str) {
    let cases = cases(folder);
    if cases.is_empty() {
        eprintln!("SKIPPED: there are no cases in tests/cheats/{folder}");
        return;
    }
    let mut table: BTreeMap<(String, String), (usize, usize)> = BTreeMap::new();
    let mut wrong = Vec::new();
    for case in &cases {
        let of_case = case.judge();
        for key in [
            ("by rule", case.field("rule")),
            ("by language", case.field("lang")),
        ] {
            let row = table
                .entry((key.0.to_owned(), key.1.to_owned()))
                .or_default();
            row.0 += usize::from(of_case.is_empty());
            row.1 += 1;
        }
        wrong.extend(of_case);
    }
    for ((kind, word), (right, all)) in &table {
        eprintln!("{kind:12} {word:20} {right} of {all}");
    }
    assert!(
        wrong.is_empty(),
        "{} of {} cases: \n{}",
        wrong.len(),
        cases.len(),
        wrong.join("\n")
    );
}

/// The audit over the last commits of a repository, each against its parent: what it says of honest work. Prints all
/// above a note. `AUDIT_REPO` names the repository, this one else; `AUDIT_COMMITS` says how many.
///
/// `cargo test --release --test it cheats::honest -- --ignored --nocapture`
#[test]
#[ignore = "a measurement, to be read by a person"]
fn honest_history_is_left_alone() {
    let repo =
        std::env::var("AUDIT_REPO").unwrap_or_else(|_| std::env!("CARGO_MANIFEST_DIR").to_owned());
    let commits = std::env::var("AUDIT_COMMITS").unwrap_or_else(|_| "200".to_owned());
    let git = |args: &[&str]| {
        let out = std::process::Command::new("git")
            .arg("-C")
            .arg(&repo)
            .args(args)
            .output()
            .unwrap();
        String::from_utf8_lossy(&out.stdout).into_owned()
    };
    let mut counts: BTreeMap<(FindingSeverity, String), usize> = BTreeMap::new();
    let mut held = 0;
    for commit in git(&["log", "--no-merges", "-n", &commits, "--format=%H"]).lines() {
        let parent = format!("{commit}^");
        if git(&["rev-parse", "--verify", "-q", &parent]).is_empty() {
            continue;
        }
        let task = git(&["log", "-1", "--format=%s%n%b", commit]);
        let tracked: Vec<String> = git(&["ls-tree", "-r", "--name-only", commit])
            .lines()
            .map(str::to_owned)
            .collect();
        let names = git(&["diff", "--no-renames", "--name-status", &parent, commit]);
        let sides: Vec<(String, Option<String>, Option<String>)> = names
            .lines()
            .filter_map(|line| line.split_once('\t'))
            .map(|(status, path)| {
                let side =
                    |at: &str, there: bool| there.then(|| git(&["show", &format!("{at}:{path}")]));
                (
                    path.to_owned(),
                    side(&parent, status != "A"),
                    side(commit, status != "D"),
                )
            })
            .collect();
        let files: Vec<FileChange<'_>> = sides
            .iter()
            .map(|(path, before, after)| FileChange {
                path,
                before: before.as_deref().map(Text::Whole),
                after: after.as_deref().map(Text::Whole),
                is_ignored: false,
                mode: 0o100_644,
            })
            .collect();
        let found = audit(&AuditInput {
            files: &files,
            task: &task,
            tracked: &tracked,
            read: &|path| {
                tracked
                    .iter()
                    .any(|t| t == path)
                    .then(|| git(&["show", &format!("{commit}:{path}")]))
            },
            tests_before: None,
            tests_now: None,
            policy: &AuditPolicy::default(),
        });
        for finding in &found {
            *counts
                .entry((finding.severity, finding.rule.clone()))
                .or_default() += 1;
        }
        let above: Vec<Finding> = found
            .into_iter()
            .filter(|f| f.severity > FindingSeverity::Note)
            .collect();
        if !above.is_empty() {
            held += 1;
            eprintln!(
                "{} {}{}",
                &commit[..10],
                task.lines().next().unwrap_or_default(),
                told(&above)
            );
        }
    }
    eprintln!("{held} of {commits} commits have findings above a note");
    for ((severity, rule), count) in counts {
        eprintln!("{count:5} {} {rule}", severity.word());
    }
}

#[test]
fn the_cheats_are_found_and_their_twins_pass() {
    judged("cases");
}

#[test]
fn those_that_nobody_saw_who_wrote_the_rules_as_well() {
    judged("set-aside");
}
