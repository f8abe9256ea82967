//! Two lists of one change: a plan that was taken from one tool into another, with the older list still there.
//!
//! Built twice, the second would undo or repeat the first. So only one is built, and who names the other one builds it.

use super::SpecInput;
use crate::model::TaskMark;
use crate::model::spec::SpecStatus;
use crate::spec::normal_title;
use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap, HashSet};

/// So many titles in common, of so many words, are no chance; and so much of the shorter list, in percent.
const MIN_COMMON: usize = 3;
const MIN_WORDS: usize = 3;
const MIN_SHARE: usize = 80;

/// For every spec with open work the one that is built in its stead: that has most of its tasks, done or not. Lists of
/// one format are never twins: repositories of many packages have the same list for each of them.
pub(super) fn find(specs: &[SpecInput<'_>]) -> Vec<Option<usize>> {
    let mut twins = vec![None; specs.len()];
    let formats: HashSet<&str> = specs.iter().map(|s| s.spec.format).collect();
    if formats.len() < 2 {
        return twins;
    }
    let titles: Vec<HashSet<String>> = specs.iter().map(titles).collect();
    let mut holders: HashMap<&str, Vec<usize>> = HashMap::new();
    for (index, titles) in titles.iter().enumerate() {
        for title in titles.iter().filter(|t| words(t) >= MIN_WORDS) {
            holders.entry(title).or_default().push(index);
        }
    }
    let mut common: BTreeMap<(usize, usize), usize> = BTreeMap::new();
    for held in holders.values() {
        for (at, &a) in held.iter().enumerate() {
            for &b in &held[at + 1..] {
                if specs[a].spec.format != specs[b].spec.format {
                    *common.entry((a, b)).or_default() += 1;
                }
            }
        }
    }
    for ((a, b), count) in common {
        let is_in =
            |list: usize| count >= MIN_COMMON && count * 100 >= titles[list].len() * MIN_SHARE;
        let a_first = rank(&specs[a]) <= rank(&specs[b]);
        let (held, built) = match (is_in(a), is_in(b)) {
            (true, true) if a_first => (b, a),
            (true, _) => (a, b),
            (false, true) => (b, a),
            (false, false) => continue,
        };
        if specs[held].spec.has_open_work() && twins[built].is_none() {
            twins[held] = Some(built);
        }
    }
    twins
}

/// What the tasks of a spec are called; nothing where its author keeps it from being built.
fn titles(input: &SpecInput<'_>) -> HashSet<String> {
    if input.spec.front.status != SpecStatus::Ready || input.withdrawn {
        return HashSet::new();
    }
    let work = input.spec.work();
    work.map(|t| normal_title(&t.title)).collect()
}

fn words(title: &str) -> usize {
    match title.is_ascii() {
        true => title.split_whitespace().count(),
        // Some scripts have no blanks between words.
        false => title.chars().count() / 3,
    }
}

/// What is built of two comes first: what somebody works with, then what a tool wrote, then by path.
fn rank<'a>(input: &SpecInput<'a>) -> (Reverse<usize>, bool, &'a str) {
    let done = input
        .spec
        .work()
        .filter(|t| t.mark == TaskMark::Done || input.done.contains(&t.id));
    let spec = input.spec;
    (Reverse(done.count()), spec.format == "Markdown", &spec.path)
}
