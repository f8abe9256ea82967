//! Which test of the old sources is which of the new ones: by name where it stood, by name elsewhere, by its body.

use super::diff::Changed;
use super::inventory::{Test, likeness, words};
use std::collections::{BTreeSet, HashMap};

/// Bodies are compared with bodies only up to here.
const MOST_PAIRS: usize = 40_000;
/// From this on, two bodies are one test with two names.
const ALIKE: f64 = 0.6;

/// A test by file and place in its inventory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct At {
    pub file: usize,
    pub test: usize,
}

pub(super) struct Matched {
    pub pairs: Vec<(At, At)>,
    pub lost: Vec<At>,
    pub new: Vec<At>,
}

pub(super) fn before<'f>(files: &'f [Changed<'_>], at: At) -> Option<&'f Test> {
    files
        .get(at.file)?
        .before
        .as_ref()?
        .inventory
        .tests
        .get(at.test)
}

pub(super) fn after<'f>(files: &'f [Changed<'_>], at: At) -> Option<&'f Test> {
    files
        .get(at.file)?
        .after
        .as_ref()?
        .inventory
        .tests
        .get(at.test)
}

pub(super) fn matched(files: &[Changed<'_>]) -> Matched {
    let mut lost: Vec<At> = Vec::new();
    let mut new: Vec<At> = Vec::new();
    for (file, changed) in files.iter().enumerate() {
        let count = |side: &Option<super::diff::Side<'_>>| {
            side.as_ref().map_or(0, |s| s.inventory.tests.len())
        };
        lost.extend((0..count(&changed.before)).map(|test| At { file, test }));
        new.extend((0..count(&changed.after)).map(|test| At { file, test }));
    }
    let mut pairs = Vec::new();
    let language = |at: At| {
        let file = &files[at.file];
        let side = file.before.as_ref().or(file.after.as_ref());
        side.map_or("", |s| s.source.language.row.name)
    };
    let key = |at: At, test: Option<&Test>, with_path: bool, with_group: bool| {
        let test = test?;
        let path = if with_path {
            files[at.file].change.path
        } else {
            language(at)
        };
        let group = if with_group { test.group.as_str() } else { "" };
        Some((path.to_owned(), group.to_owned(), test.name.clone()))
    };
    for (with_path, with_group) in [(true, true), (true, false), (false, true), (false, false)] {
        let mut waiting: HashMap<_, std::collections::VecDeque<At>> = HashMap::new();
        for at in &new {
            if let Some(key) = key(*at, after(files, *at), with_path, with_group) {
                waiting.entry(key).or_default().push_back(*at);
            }
        }
        let mut taken = BTreeSet::new();
        lost.retain(|at| {
            let key = key(*at, before(files, *at), with_path, with_group);
            let other = key.and_then(|key| waiting.get_mut(&key)?.pop_front());
            if let Some(other) = other {
                pairs.push((*at, other));
                taken.insert(other);
            }
            other.is_none()
        });
        new.retain(|at| !taken.contains(at));
    }
    by_body(files, &mut pairs, &mut lost, &mut new);
    pairs.sort();
    Matched { pairs, lost, new }
}

fn by_body(
    files: &[Changed<'_>],
    pairs: &mut Vec<(At, At)>,
    lost: &mut Vec<At>,
    new: &mut Vec<At>,
) {
    if lost.is_empty() || new.is_empty() || lost.len() * new.len() > MOST_PAIRS {
        return;
    }
    let old_words: Vec<_> = lost.iter().map(|at| test_words(files, *at, true)).collect();
    let new_words: Vec<_> = new.iter().map(|at| test_words(files, *at, false)).collect();
    let functions = fresh_functions(files);
    let mut scores: Vec<(f64, usize, usize)> = Vec::new();
    for (i, a) in old_words.iter().enumerate() {
        // What became a plain function did not become another test.
        let plain = functions.iter().map(|f| likeness(a, f)).fold(0.0, f64::max);
        for (j, b) in new_words.iter().enumerate() {
            let same_file = files[lost[i].file].change.path == files[new[j].file].change.path;
            let score = likeness(a, b) + if same_file { 0.02 } else { 0.0 };
            if score >= ALIKE && score > plain {
                scores.push((score, i, j));
            }
        }
    }
    scores.sort_by(|a, b| b.0.total_cmp(&a.0).then((a.1, a.2).cmp(&(b.1, b.2))));
    let (mut gone, mut come) = (BTreeSet::new(), BTreeSet::new());
    for (_, i, j) in scores {
        if !gone.contains(&i) && !come.contains(&j) {
            pairs.push((lost[i], new[j]));
            gone.insert(i);
            come.insert(j);
        }
    }
    let mut index = 0;
    lost.retain(|_| {
        index += 1;
        !gone.contains(&(index - 1))
    });
    index = 0;
    new.retain(|_| {
        index += 1;
        !come.contains(&(index - 1))
    });
}

fn test_words(files: &[Changed<'_>], at: At, is_before: bool) -> BTreeSet<String> {
    let file = &files[at.file];
    let side = if is_before { &file.before } else { &file.after };
    let Some(side) = side else {
        return BTreeSet::new();
    };
    let Some(test) = side.inventory.tests.get(at.test) else {
        return BTreeSet::new();
    };
    words(&side.source, &test.body)
}

/// The words of new functions that are no tests, in files that hold tests.
fn fresh_functions(files: &[Changed<'_>]) -> Vec<BTreeSet<String>> {
    let mut found = Vec::new();
    for side in files.iter().filter_map(|f| f.after.as_ref()) {
        for index in side.inventory.others.iter().take(200) {
            let function = &side.source.functions[*index];
            if side.is_test(function.head.start)
                && side.is_fresh(function.head.start)
                && found.len() < 200
            {
                found.push(words(&side.source, &function.body));
            }
        }
    }
    found
}
