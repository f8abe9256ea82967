//! What a builder would trip over in specs, before anything is built.
//!
//! Reading and planning tell what they meet; the rules here look at what tasks say: whether it can be built, checked
//! and reviewed, and whether what it names is there. They look at words, so that they can be wrong: each is told in
//! one place, with what to do, and can be silenced there.

mod references;
mod said;
mod twice;

#[cfg(test)]
mod tests;

use crate::model::spec::SpecStatus;
use crate::model::{
    Diagnostic, Document, Plan, PlanWarning, Role, Rule, Severity, Spec, Task, TaskMark,
};
use std::collections::{BTreeMap, BTreeSet};

/// What is looked at.
#[derive(Clone, Copy)]
pub struct LintInput<'a> {
    pub specs: &'a [LintSpec<'a>],
    /// Of these specs, with what was wrong about reading them.
    pub plan: &'a Plan,
    /// Whether there is a file or folder at a path below the root.
    pub exists: &'a dyn Fn(&str) -> bool,
    /// Takes secrets out of a text. Asked before a text is cut: what is left of a secret looks like none.
    pub redact: &'a dyn Fn(&str) -> String,
    pub levels: &'a Levels,
}

/// One spec with what stands beside it.
#[derive(Clone, Copy, Debug)]
pub struct LintSpec<'a> {
    pub spec: &'a Spec,
    pub text: &'a str,
    pub documents: &'a [Document],
}

/// What somebody makes of rules.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Levels {
    /// Never told.
    pub allow: BTreeSet<Rule>,
    /// Errors, whatever they are else.
    pub deny: BTreeSet<Rule>,
    /// Every warning is an error.
    pub strict: bool,
}

impl Levels {
    fn of(&self, rule: Rule) -> Option<Severity> {
        match rule {
            rule if self.allow.contains(&rule) => None,
            rule if self.deny.contains(&rule) || self.strict => Some(Severity::Error),
            rule => Some(rule.severity()),
        }
    }
}

/// All findings, by path and line.
pub fn lint(input: &LintInput<'_>) -> Vec<Diagnostic> {
    let mut found = input.plan.diagnostics.clone();
    let paths: BTreeMap<_, _> = input
        .specs
        .iter()
        .map(|s| (&s.spec.id, s.spec.path.as_str()))
        .collect();
    let told = input.plan.warnings.iter();
    found.extend(told.filter_map(|w| of_warning(w, paths.get(w.spec.as_ref()?)?)));
    let open = input.specs.iter().map(|s| Open::of(s, input.redact));
    let open: Vec<Open<'_>> = open.collect();
    for spec in &open {
        said::look(spec, &mut found);
        references::look(spec, input.exists, &mut found);
    }
    twice::look(&open, &mut found);

    let mut allowed: BTreeMap<&str, Vec<(usize, &str)>> = BTreeMap::new();
    for spec in input.specs {
        let comments: Vec<_> = comments(spec.text).collect();
        if !comments.is_empty() {
            allowed.insert(&spec.spec.path, comments);
        }
    }
    found.retain_mut(|d| {
        let Some(level) = input.levels.of(d.rule) else {
            return false;
        };
        d.severity = level;
        // What is said of a whole file stands at its first line.
        let at = d.line.max(1);
        let here = allowed.get(d.path.as_str()).into_iter().flatten();
        let mut here = here.filter(|(line, _)| [0, at].contains(line) || line + 1 == at);
        GUARDS.contains(&d.rule)
            || !here.any(|(_, rules)| rules.split([',', ' ']).any(|id| id == d.rule.id()))
    });
    found.sort_by(|a, b| (&a.path, a.line, a.rule).cmp(&(&b.path, b.line, b.rule)));
    found.dedup();
    found
}

/// Rules that a spec cannot silence about itself: they guard who builds it from who wrote it.
const GUARDS: [Rule; 5] = [
    Rule::Unreadable,
    Rule::Secret,
    Rule::Held,
    Rule::Policy,
    Rule::SuspiciousWords,
];

/// What `<!-- lint-allow: vague -->` allows, with its line: there, and in the line below. Line 0 where it is all that
/// stands in the first line: in the whole file.
fn comments(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let lines = text.lines().enumerate();
    lines.filter_map(|(index, line)| {
        let (before, rest) = line.split_once("<!-- lint-allow:")?;
        let (rules, behind) = rest.split_once("-->")?;
        let is_alone = [before.trim_start_matches('\u{feff}'), behind].map(str::trim) == ["", ""];
        let line = if index == 0 && is_alone { 0 } else { index + 1 };
        Some((line, rules.trim()))
    })
}

/// Doubts about the plan that the text of a spec is the cause of.
fn of_warning(warning: &PlanWarning, path: &str) -> Option<Diagnostic> {
    let rule = warning.rule?;
    let remedy = match rule {
        Rule::UnknownDependency => "name a task of the same spec, or take the dependency out",
        Rule::CircularDependency => "take one of the dependencies out",
        Rule::TooLarge => "cut it into smaller tasks, or name fewer files",
        Rule::DuplicateId => "give every task an id of its own",
        _ => "look at the task and what was built of it",
    };
    // What to do is said once.
    let message = match rule {
        Rule::TooLarge => warning.message.split(": cut it").next(),
        _ => None,
    };
    Some(Diagnostic {
        rule,
        severity: Severity::Warning,
        path: path.to_owned(),
        line: warning.line,
        message: message.unwrap_or(&warning.message).to_owned(),
        remedy: remedy.to_owned(),
    })
}

/// A spec with the tasks that are to be built.
struct Open<'a> {
    from: LintSpec<'a>,
    redact: &'a dyn Fn(&str) -> String,
    /// Indexes of its tasks.
    tasks: Vec<usize>,
    /// Where each line begins.
    starts: Vec<usize>,
}

impl<'a> Open<'a> {
    fn of(from: &LintSpec<'a>, redact: &'a dyn Fn(&str) -> String) -> Self {
        let spec = from.spec;
        let is_open = |task: &Task| {
            task.role == Role::Work && task.mark != TaskMark::Done && task.aside.is_none()
        };
        let open = (0..spec.tasks.len()).filter(|&t| is_open(&spec.tasks[t]));
        let is_done = spec.front.status == SpecStatus::Done;
        let line_ends = from.text.bytes().enumerate().filter(|(_, b)| *b == b'\n');
        Self {
            from: *from,
            redact,
            tasks: open.filter(|_| !is_done).collect(),
            starts: std::iter::once(0)
                .chain(line_ends.map(|(at, _)| at + 1))
                .collect(),
        }
    }

    fn spec(&self) -> &'a Spec {
        self.from.spec
    }

    fn tasks(&self) -> impl Iterator<Item = (usize, &'a Task)> {
        let spec = self.from.spec;
        self.tasks.iter().map(|&index| (index, &spec.tasks[index]))
    }

    /// The lines of a task and its steps with their numbers, without those of tasks inside it.
    fn lines(&self, index: usize) -> impl Iterator<Item = (usize, &'a str)> {
        let spec = self.from.spec;
        let task = &spec.tasks[index];
        let others = spec.inside(index).filter(|t| t.role != Role::Step);
        let others: Vec<_> = others.map(|t| t.span.clone()).collect();
        let text = self.from.text;
        let first = self
            .starts
            .partition_point(|start| *start <= task.span.start);
        let from_first = self.starts[first - 1..].iter().enumerate();
        let inside = from_first.take_while(move |(_, start)| **start < task.span.end);
        inside
            .filter(move |(_, start)| !others.iter().any(|o| o.contains(start)))
            .map(move |(n, start)| (first + n, text[*start..].lines().next().unwrap_or("")))
    }

    fn finding(&self, rule: Rule, line: usize, message: String, remedy: &str) -> Diagnostic {
        Diagnostic {
            rule,
            severity: rule.severity(),
            path: self.from.spec.path.clone(),
            line,
            message,
            remedy: remedy.to_owned(),
        }
    }

    /// Words of the spec, fit for a message.
    fn quoted(&self, words: &str, most: usize) -> String {
        let words = (self.redact)(words);
        match words.char_indices().nth(most) {
            Some((end, _)) => format!("\u{201c}{}…\u{201d}", &words[..end]),
            None => format!("\u{201c}{words}\u{201d}"),
        }
    }

    /// What people call a task in a message.
    fn name(&self, task: &Task) -> String {
        let title = self.quoted(&task.title, 60);
        match &task.label {
            Some(label) => format!("{label} {title}"),
            None => title,
        }
    }
}
