//! Two lists of one change: a plan that was taken from one tool into another, with the older list still there.
//!
//! Built twice, the second would undo or repeat the first. So where all that is open in a list stands in another one,
//! done or to be built, only the other one is built; who names the first one builds that. What stands nowhere else
//! is never held back.

use super::SpecInput;
use crate::model::TaskMark;
use crate::model::spec::SpecStatus;
use crate::spec::normal_title;
use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap, HashSet};

/// So many titles in common, of so many words, are no chance where no other list has them.
const MIN_COMMON: usize = 3;
const MIN_WORDS: usize = 3;

/// Names that say nothing of what a list is about.
const GENERAL: [&str; 15] = [
    "changes",
    "docs",
    "master",
    "plan",
    "plans",
    "prd",
    "ralph",
    "roadmap",
    "spec",
    "specs",
    "task",
    "tasks",
    "taskmaster",
    "todo",
    "todos",
];

/// For every spec the one that is built in its stead. Lists of one format are never twins: repositories of many
/// packages have the same list for each of them; nor are lists whose names speak of different things.
pub(super) fn find(specs: &[SpecInput<'_>]) -> Vec<Option<usize>> {
    let mut twins = vec![None; specs.len()];
    let formats: HashSet<&str> = specs.iter().map(|s| s.spec.format).collect();
    if formats.len() < 2 {
        return twins;
    }
    let lists: Vec<List> = specs.iter().map(List::of).collect();
    let mut holders: HashMap<&str, Vec<usize>> = HashMap::new();
    for (index, list) in lists.iter().enumerate() {
        for title in &list.reached {
            holders.entry(title).or_default().push(index);
        }
    }
    // The longest first, so that what a shorter one lacks is built; of equals, what somebody works with.
    let mut order: Vec<usize> = (0..specs.len()).collect();
    order.sort_by_key(|&i| (Reverse(lists[i].reached.len()), rank(&specs[i])));
    let mut place = vec![0; specs.len()];
    for (at, &index) in order.iter().enumerate() {
        place[index] = at;
    }
    for &index in &order {
        let list = &lists[index];
        // Those that have all that is open in it.
        let mut others: Option<BTreeSet<usize>> = None;
        for title in &list.open {
            let held = holders.get(title.as_str()).into_iter().flatten().copied();
            others = Some(match others {
                None => held.collect(),
                Some(others) => held.filter(|other| others.contains(other)).collect(),
            });
            if others.as_ref().is_some_and(|others| others.len() < 2) {
                break;
            }
        }
        let is_built = |other: &usize| {
            place[*other] < place[index]
                && twins[*other].is_none()
                && specs[*other].spec.format != specs[index].spec.format
                && lists[*other].may_be_about(list)
        };
        let tells = |other: &usize| {
            let common = list.reached.intersection(&lists[*other].reached);
            // What many lists have tells nothing of any two of them.
            let tells =
                |title: &&String| words(title) >= MIN_WORDS && holders[title.as_str()].len() == 2;
            common.filter(tells).count() >= MIN_COMMON
        };
        let others = others.into_iter().flatten();
        twins[index] = others
            .filter(is_built)
            .filter(tells)
            .min_by_key(|other| place[*other]);
    }
    twins
}

/// What a spec holds, by the titles of its tasks.
#[derive(Default)]
struct List {
    /// Tasks that would be built.
    open: BTreeSet<String>,
    /// These, and those that are done.
    reached: BTreeSet<String>,
    /// Words of its name that say what it is about.
    name: BTreeSet<String>,
}

impl List {
    /// Nothing where its author keeps it from being built.
    fn of(input: &SpecInput<'_>) -> Self {
        let spec = input.spec;
        if spec.front.status != SpecStatus::Ready || input.withdrawn {
            return Self::default();
        }
        let mut list = Self::default();
        for task in spec.work() {
            let is_done = task.mark == TaskMark::Done || input.done.contains(&task.id);
            let is_open = !is_done && task.aside.is_none();
            if is_done || is_open {
                list.reached.insert(normal_title(&task.title));
            }
            if is_open {
                list.open.insert(normal_title(&task.title));
            }
        }
        let path = spec.path.to_lowercase();
        let path = path
            .rsplit_once('.')
            .map_or(path.as_str(), |(path, _)| path);
        // Of a list called `tasks` the folder says what it is about.
        let words_of = |name: &str| -> BTreeSet<String> {
            let words = name.split(|c: char| !c.is_alphanumeric());
            let words =
                words.filter(|w| w.chars().any(char::is_alphabetic) && !GENERAL.contains(w));
            words.map(str::to_owned).collect()
        };
        let mut names = path.rsplit('/').map(words_of);
        list.name = names
            .by_ref()
            .take(2)
            .find(|name| !name.is_empty())
            .unwrap_or_default();
        list
    }

    /// False where both have names and these have nothing in common.
    fn may_be_about(&self, other: &Self) -> bool {
        self.name.is_empty() || other.name.is_empty() || !self.name.is_disjoint(&other.name)
    }
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
