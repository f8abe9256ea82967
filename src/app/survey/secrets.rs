//! Secrets in what a run would commit of a spec.

use super::{SpecSurvey, Texts, problem};
use crate::model::{Diagnostic, Rule};
use std::collections::BTreeSet;

impl SpecSurvey<'_> {
    /// The first line of a spec that holds a secret and that nobody committed yet: syncing the spec would, and push
    /// it. What stands on the base or in the lane already is no news to who reads those.
    pub(super) fn secret(
        &self,
        text: &[u8],
        users_text: &[u8],
        texts: &Texts,
    ) -> Option<Diagnostic> {
        let redactor = self.scope.redactor.as_ref()?;
        let path = self.place.path.as_str();
        let read = |text: &[u8]| String::from_utf8_lossy(text).into_owned();
        let known = [&texts.base, &texts.lane].map(Option::as_deref);
        // Line numbers are those of the user's copy, where there is one.
        let mut scanned = vec![users_text, text];
        scanned.retain(|text| !known.contains(&Some(*text)));
        if scanned.is_empty() {
            return None;
        }
        let known = known.map(|text| text.map(read).unwrap_or_default());
        let known: BTreeSet<&str> = known
            .iter()
            .flat_map(|t| t.lines())
            .map(str::trim)
            .collect();
        let found = scanned.into_iter().find_map(|text| {
            let text = read(text);
            let lines = text.lines().enumerate();
            let new = lines.filter(|(_, line)| !known.contains(line.trim()));
            let new = new.map(|(n, line)| (path, n + 1, line));
            redactor.scan_diff(new).into_iter().next()
        })?;
        let what = format!(
            "the spec holds {} ({}), and building it would commit that and push it",
            found.what, found.masked
        );
        let remedy = match self.scope.handed.contains_key(path) {
            true => {
                "take it out of the issue, and make the secret void: whoever reads the issue has it"
            }
            false => {
                "take it out, and name a variable in its place; where it is none, commit the spec yourself and \
                 bring it to the base"
            }
        };
        Some(Diagnostic {
            rule: Rule::Secret,
            line: found.line,
            ..problem(path, &what, remedy)
        })
    }
}
