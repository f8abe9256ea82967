//! Who uses whom, and who is reached by a change.

use std::collections::{BTreeMap, BTreeSet};

/// Edges from what is used to what uses it.
#[derive(Debug, Default)]
pub(super) struct Users(BTreeMap<String, BTreeSet<String>>);

impl Users {
    pub(super) fn add(&mut self, user: &str, used: &str) {
        let users = self.0.entry(used.to_owned()).or_default();
        users.insert(user.to_owned());
    }

    /// These, and everything that uses one of them, or something that does.
    pub(super) fn reached<'n>(&self, from: impl IntoIterator<Item = &'n str>) -> BTreeSet<String> {
        let mut reached: BTreeSet<String> = BTreeSet::new();
        let mut open: Vec<String> = from.into_iter().map(str::to_owned).collect();
        while let Some(name) = open.pop() {
            let users = self.0.get(&name);
            if reached.insert(name) {
                open.extend(users.into_iter().flatten().cloned());
            }
        }
        reached
    }
}
