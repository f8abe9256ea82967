//! Tests that assert less than they did, expect something else, or assert nothing any more.

use super::expected::{BROKEN, compare_rows, recorded, rows, stated, tables};
use super::looser::{TIMEOUT, looser};
use crate::model::Finding;
use crate::verify::audit::assertion::{
    Assertion, Strength, assertions, helpers, is_common, literals, without,
};
use crate::verify::audit::diff::{Diff, Side};
use crate::verify::audit::inventory::{Test, likeness, shown};
use crate::verify::audit::language::pattern;
use crate::verify::audit::matching::{after, before};
use crate::verify::audit::rule::{Grade, Rule};
use crate::verify::audit::task::{CHANGE, REMOVE, subject};
use regex::Regex;
use std::collections::BTreeSet;
use std::sync::LazyLock;

/// One test, before and after.
struct Pair<'d, 'a> {
    diff: &'d Diff<'a>,
    path: &'d str,
    old: &'d Side<'a>,
    new: &'d Side<'a>,
    was: &'d Test,
    is: &'d Test,
    held: Vec<Assertion>,
    holds: Vec<Assertion>,
}

pub(super) fn run(diff: &Diff<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (old_at, new_at) in &diff.tests.pairs {
        let (from, to) = (&diff.files[old_at.file], &diff.files[new_at.file]);
        let (Some(was), Some(is)) = (before(&diff.files, *old_at), after(&diff.files, *new_at))
        else {
            continue;
        };
        let (Some(old), Some(new)) = (&from.before, &to.after) else {
            continue;
        };
        if old.source.text[was.whole.clone()] == new.source.text[is.whole.clone()] {
            continue;
        }
        let held = assertions(
            &old.source,
            &was.body,
            &helpers(&old.source, &old.inventory.others),
        );
        let holds = assertions(
            &new.source,
            &is.body,
            &helpers(&new.source, &new.inventory.others),
        );
        let path = to.change.path;
        let pair = Pair {
            diff,
            path,
            old,
            new,
            was,
            is,
            held,
            holds,
        };
        findings.extend(pair.judge());
    }
    findings.extend(tables(diff));
    findings.extend(recorded(diff));
    findings
}

/// What became of one assertion.
enum Change {
    Gone,
    Weaker(Assertion),
    Values(Assertion, Vec<String>),
}

impl Pair<'_, '_> {
    fn judge(&self) -> Vec<Finding> {
        let real = |all: &[Assertion]| {
            all.iter()
                .filter(|a| a.strength > Strength::Nothing)
                .count()
        };
        let name = &self.is.name;
        if real(&self.held) > 0 && self.holds.is_empty() {
            let line = self.new.source.line(self.is.body.start);
            let what =
                format!("the test `{name}` asserts nothing any more; put its assertions back");
            let asked = self.asked(&[]);
            return vec![self.diff.finding(
                Rule::EmptiedTest,
                Grade::Main,
                (self.path, Some(line)),
                what,
                asked,
            )];
        }
        if self.held.is_empty()
            && is_empty_body(self.new, self.is)
            && !is_empty_body(self.old, self.was)
        {
            let line = self.new.source.line(self.is.body.start);
            let what = format!("the test `{name}` does nothing any more; put its body back");
            return vec![self.diff.finding(
                Rule::EmptiedTest,
                Grade::Main,
                (self.path, Some(line)),
                what,
                None,
            )];
        }
        let mut findings: Vec<Finding> = self
            .changes()
            .into_iter()
            .map(|(a, c)| self.say(&a, c))
            .collect();
        findings.extend(self.swallowed());
        findings.extend(self.fails_well());
        findings.extend(self.expectations());
        findings.extend(self.timeouts());
        findings
    }

    fn changes(&self) -> Vec<(Assertion, Change)> {
        let mut lost: Vec<&Assertion> = Vec::new();
        let mut gained: Vec<&Assertion> = self.holds.iter().collect();
        for assertion in &self.held {
            match gained.iter().position(|g| g.said == assertion.said) {
                Some(index) => {
                    gained.remove(index);
                }
                None => lost.push(assertion),
            }
        }
        // Moved into another test, word for word.
        lost.retain(|a| !self.moved(a));
        let had = literals(&self.old.source, &self.was.whole);
        let has = literals(&self.new.source, &self.is.whole);
        // What another assertion held before as well does not hold what this one did.
        let fewer: BTreeSet<String> = without(&had, &has).into_iter().collect();
        let values: BTreeSet<String> = has.into_iter().collect();
        let kept: BTreeSet<String> = values.difference(&fewer).cloned().collect();

        let mut changes = Vec::new();
        let mut waiting: Vec<&Assertion> = Vec::new();
        for (rank, assertion) in lost.iter().enumerate() {
            let score = |g: &Assertion| likeness(&assertion.words, &g.words);
            let best = gained
                .iter()
                .enumerate()
                .max_by(|a, b| {
                    score(a.1)
                        .total_cmp(&score(b.1))
                        .then(b.0.abs_diff(rank).cmp(&a.0.abs_diff(rank)))
                })
                .map(|(i, g)| (i, score(g)));
            let Some((index, _)) = best.filter(|(_, score)| *score >= 0.35) else {
                waiting.push(assertion);
                continue;
            };
            let other = gained.remove(index);
            changes.extend(
                self.compared(assertion, other, &kept)
                    .map(|c| ((*assertion).clone(), c)),
            );
        }
        for assertion in waiting {
            let telling: Vec<_> = assertion
                .literals
                .iter()
                .filter(|l| !is_common(l))
                .collect();
            let kept = !telling.is_empty() && telling.iter().all(|l| values.contains(*l));
            let stronger = self.holds.len() >= self.held.len()
                && gained.iter().any(|g| g.strength >= assertion.strength);
            if !kept && !stronger {
                changes.push((assertion.clone(), Change::Gone));
            }
        }
        changes
    }

    fn moved(&self, assertion: &Assertion) -> bool {
        self.diff.afters().any(|(_, side)| {
            side.source.language.row.name == self.new.source.language.row.name
                && side
                    .inventory
                    .tests
                    .iter()
                    .filter(|t| t.skip.is_none() && side.touches(&t.whole))
                    .any(|t| {
                        t.whole != self.is.whole
                            && side.source.text[t.body.clone()].contains(assertion.said.as_str())
                    })
        })
    }

    fn compared(&self, was: &Assertion, is: &Assertion, kept: &BTreeSet<String>) -> Option<Change> {
        if is.strength < was.strength || looser(was, is) {
            return Some(Change::Weaker(is.clone()));
        }
        // An input that says what was expected holds nothing: `f("a b") == "a b"` has its value twice.
        let (gone, come) = (
            without(&was.literals, &is.literals),
            without(&is.literals, &was.literals),
        );
        let within = |l: &String| {
            is.literals
                .iter()
                .any(|n| !n.is_empty() && (l.contains(n.as_str()) || n.contains(l.as_str())))
        };
        if is.is_helper && !was.is_helper && gone.iter().all(|l| is_common(l) || within(l)) {
            return None;
        }
        let grew =
            |old: &String| old.len() > 4 && come.iter().any(|new| new.contains(old.as_str()));
        if gone.iter().all(grew) && self.stated(&was.literals, &is.literals, &come).is_some() {
            return None;
        }
        if gone.iter().all(|l| kept.contains(l) && !is_common(l)) {
            return None;
        }
        if come.is_empty() {
            // The values went into names; where those are kept, they are in the file still.
            let named = gone
                .iter()
                .all(|l| is_common(l) || self.new.source.text.contains(l.as_str()));
            return (!named).then(|| Change::Weaker(is.clone()));
        }
        Some(Change::Values(is.clone(), come))
    }

    fn say(&self, was: &Assertion, change: Change) -> Finding {
        let name = &self.is.name;
        match change {
            Change::Gone => {
                let line = self.old.source.line(was.at);
                let what = format!("the test `{name}` lost `{}`; put it back", was.shown());
                let asked = self.asked(&was.literals);
                self.diff.finding(
                    Rule::WeakenedTest,
                    Grade::Main,
                    (self.path, Some(line)),
                    what,
                    asked,
                )
            }
            Change::Weaker(is) => {
                let line = self.new.source.line(is.at);
                let what = format!(
                    "in the test `{name}`, `{}` became `{}`, which says less; assert as much as before",
                    was.shown(),
                    is.shown()
                );
                let asked = self.asked_looser();
                self.diff.finding(
                    Rule::WeakenedTest,
                    Grade::Main,
                    (self.path, Some(line)),
                    what,
                    asked,
                )
            }
            Change::Values(is, come) => {
                let line = self.new.source.line(is.at);
                let what = format!(
                    "in the test `{name}`, `{}` became `{}`, and the task does not state these values; mend the code, not what is expected of it",
                    was.shown(),
                    is.shown()
                );
                let asked = self.stated(&was.literals, &is.literals, &come);
                let what = if asked.is_some() {
                    what.replace(", and the task does not state these values; mend the code, not what is expected of it", "")
                } else {
                    what
                };
                // A recorded output changes with the code; what a bug writes is no output.
                let recorded =
                    RECORDS.is_match(&is.said) && !come.iter().any(|l| BROKEN.is_match(l));
                let grade = if recorded { Grade::Least } else { Grade::Main };
                self.diff.finding(
                    Rule::WeakenedTest,
                    grade,
                    (self.path, Some(line)),
                    what,
                    asked,
                )
            }
        }
    }

    /// The task states the new values, or asks for the change of just this.
    fn stated(&self, was: &[String], all: &[String], come: &[String]) -> Option<String> {
        // A text that holds the old one says more; what it says more is for the task to state.
        let more: Vec<String> = come
            .iter()
            .flat_map(|new| {
                match was
                    .iter()
                    .find(|old| old.len() > 2 && new.contains(old.as_str()))
                {
                    Some(old) => new
                        .replace(old.as_str(), " ")
                        .split(|c: char| !c.is_alphabetic())
                        .filter(|w| w.len() > 2)
                        .map(str::to_owned)
                        .collect(),
                    None => vec![new.clone()],
                }
            })
            .collect();
        stated(&self.diff.task, all, &more).or_else(|| self.asked(come))
    }

    fn asked(&self, come: &[String]) -> Option<String> {
        let named = subject([self.is.name.as_str()]);
        let wide = subject([self.is.name.as_str(), self.is.group.as_str(), self.path]);
        let about = [
            "test",
            "tests",
            "expect",
            "assert",
            "expectation",
            "snapshot",
        ];
        let by_tests = self.diff.task.asks(CHANGE, &named, &about);
        let by_words = (named.len() >= 2 && come.iter().all(|l| is_common(l)) && !come.is_empty())
            .then(|| self.diff.task.asks(CHANGE, &named, &[]))
            .flatten();
        let removed = self
            .diff
            .task
            .asks(REMOVE, &wide, &["test", "tests", "assert", "expect"]);
        by_tests.or(by_words).or(removed)
    }

    fn asked_looser(&self) -> Option<String> {
        let named = subject([self.is.name.as_str(), self.is.group.as_str(), self.path]);
        let about = [
            "tolerance",
            "approximately",
            "relax",
            "loosen",
            "epsilon",
            "precision",
            "test",
            "tests",
            "assert",
            "expect",
            "message",
            "wording",
            "rounding",
        ];
        self.diff.task.asks(CHANGE, &named, &about)
    }

    /// What swallows failures and was not there.
    fn swallowed(&self) -> Option<Finding> {
        let count = |side: &Side<'_>, test: &Test| {
            side.source
                .language
                .swallows
                .find_iter(&side.source.code()[test.body.clone()])
                .count()
        };
        if count(self.new, self.is) <= count(self.old, self.was) {
            return None;
        }
        let code = &self.new.source.code()[self.is.body.clone()];
        let found = self.new.source.language.swallows.find_iter(code);
        // What is caught and then asserted upon is no swallowing.
        let at = found.map(|m| m.start()).find(|at| {
            let near = code[*at..]
                .char_indices()
                .nth(200)
                .map_or(code.len(), |(i, _)| at + i);
            let next = &code[*at..near];
            let throws = next.contains("raise") || next.contains("throw") || next.contains("panic");
            !throws && !self.new.source.language.assertion.is_match(next)
        })?;
        let at = self.is.body.start + at;
        let shown = shown(self.new.source.text[self.new.source.line_range(at)].trim());
        let what = format!(
            "the test `{}` swallows its own failures with `{shown}`; take that out",
            self.is.name
        );
        Some(self.diff.finding(
            Rule::WeakenedTest,
            Grade::Main,
            (self.path, Some(self.new.source.line(at))),
            what,
            None,
        ))
    }

    fn fails_well(&self) -> Option<Finding> {
        let has = |side: &Side<'_>, test: &Test| {
            let marks = side
                .source
                .bare()
                .get(test.marks.clone())
                .unwrap_or_default();
            side.source.language.fails_well.is_match(marks)
        };
        if !has(self.new, self.is) || has(self.old, self.was) || self.is.skip.is_some() {
            return None;
        }
        let line = self.new.source.line(self.is.marks.start);
        let what = format!(
            "the test `{}` passes now when it fails; let it fail",
            self.is.name
        );
        Some(self.diff.finding(
            Rule::WeakenedTest,
            Grade::Main,
            (self.path, Some(line)),
            what,
            self.asked(&[]),
        ))
    }

    /// What is expected stands in a name of its own, or in a row of a table.
    fn expectations(&self) -> Vec<Finding> {
        let (old, new) = (
            rows(self.old, &self.was.whole),
            rows(self.new, &self.is.whole),
        );
        compare_rows(
            self.diff,
            self.path,
            &self.is.name,
            (self.old, &old),
            (self.new, &new),
        )
    }

    fn timeouts(&self) -> Option<Finding> {
        let most = |side: &Side<'_>, test: &Test| {
            let text = &side.source.bare()[test.whole.clone()];
            TIMEOUT
                .captures_iter(text)
                .filter_map(|c| c.get(1)?.as_str().replace('_', "").parse::<f64>().ok())
                .fold(0.0, f64::max)
        };
        let (old, new) = (most(self.old, self.was), most(self.new, self.is));
        if old <= 0.0 || new <= old {
            return None;
        }
        let line = self.new.source.line(self.is.whole.start);
        let what = format!(
            "the test `{}` waits {new} now where it waited {old}; make the code as fast as it was",
            self.is.name
        );
        let asked = self.diff.task.asks(
            CHANGE,
            &subject([self.is.name.as_str(), "timeout"]),
            &["timeout", "slow", "wait"],
        );
        Some(self.diff.finding(
            Rule::WeakenedTest,
            Grade::Main,
            (self.path, Some(line)),
            what,
            asked,
        ))
    }
}

/// Nothing stands in it that could fail.
pub(super) fn is_empty_body(side: &Side<'_>, test: &Test) -> bool {
    let code = side.source.code()[test.body.clone()]
        .trim()
        .trim_matches('"')
        .trim();
    code.is_empty()
        || matches!(code, "pass" | "..." | "return" | "return;" | "pass\n")
        || code.ends_with("=> {")
        || code
            .lines()
            .all(|l| matches!(l.trim(), "" | "pass" | "\"" | "..."))
}

static RECORDS: LazyLock<Regex> = LazyLock::new(|| pattern(r"(?i)snapshot"));
