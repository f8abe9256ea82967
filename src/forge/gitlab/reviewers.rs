//! Who is asked to review: everybody once.
//!
//! GitLab keeps no record of that for programs: whoever a person takes off the list is gone from it, and whoever it does
//! not keep (its free plan has one reviewer for each merge request) never was on it. So the last line of our part of the
//! text says whom we asked, where readers do not see it.

use super::Gitlab;
use super::wire::{Change, MergeRequest, User};
use crate::forge::body::{END, ours_in};
use crate::forge::said::Reviewer;
use crate::forge::web::Failure;
use crate::ports::PrRequest;
use std::collections::BTreeSet;

const BEFORE: &str = "<!-- asked to review: ";
const AFTER: &str = " -->";

impl Gitlab {
    /// Everybody who is to review, if somebody new is among them; and all who were ever asked, as ids.
    pub(super) async fn reviewers(
        &self,
        found: &MergeRequest,
        request: &PrRequest,
        notes: &mut Vec<String>,
    ) -> Result<(Option<Vec<u64>>, BTreeSet<u64>), Failure> {
        let mut ids: Vec<u64> = found.reviewers.iter().map(|u| u.id).collect();
        let mut asked = asked_in(found.description.as_deref().unwrap_or_default());
        let before = ids.len();
        for name in &request.reviewers {
            let Reviewer::User(user) = Reviewer::of(name) else {
                notes.push(format!(
                    "`{name}` was not asked to review: GitLab asks users only"
                ));
                continue;
            };
            let there = |u: &User| u.username.eq_ignore_ascii_case(user);
            if found.reviewers.iter().any(there) {
                continue;
            }
            match self.user_id(user).await? {
                None => notes.push(format!(
                    "`{user}` was not asked to review: GitLab knows no such user"
                )),
                Some(id) if ids.contains(&id) => {}
                Some(id) => {
                    if asked.insert(id) {
                        ids.push(id);
                    }
                }
            }
        }
        Ok(((ids.len() > before).then_some(ids), asked))
    }

    /// GitLab leaves out, without a word, whom it does not take.
    pub(super) fn look_at_reviewers(
        &self,
        change: &Change,
        now: &MergeRequest,
        notes: &mut Vec<String>,
    ) {
        let wanted = change.reviewer_ids.as_deref().unwrap_or_default();
        let is_kept = |id: &u64| now.reviewers.iter().any(|u| u.id == *id);
        if wanted.iter().all(is_kept) {
            return;
        }
        notes.push(format!(
            "GitLab kept {} of {} reviewers of !{}: its free plan has one for each merge request, and who cannot \
             see the project is left out",
            now.reviewers.len(),
            wanted.len(),
            now.iid
        ));
    }
}

/// Whom our part of a text says to have been asked.
fn asked_in(text: &str) -> BTreeSet<u64> {
    let ours = ours_in(text).map(|range| text[range].trim_end_matches(END).trim_end());
    let line = ours
        .and_then(|ours| ours.lines().last())
        .unwrap_or_default();
    let ids = line
        .trim()
        .strip_prefix(BEFORE)
        .and_then(|rest| rest.strip_suffix(AFTER));
    let ids = ids.unwrap_or_default().split_ascii_whitespace();
    ids.filter_map(|id| id.parse().ok()).collect()
}

/// Our part of a text with the line that says who was asked.
pub(super) fn with_asked(body: &str, asked: &BTreeSet<u64>) -> String {
    if asked.is_empty() {
        return body.to_owned();
    }
    let body = body.trim();
    let body = body.strip_suffix(END).unwrap_or(body).trim_end();
    let ids: Vec<String> = asked.iter().map(u64::to_string).collect();
    format!("{body}\n\n{BEFORE}{}{AFTER}", ids.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::forge::body::{BEGIN, splice};

    #[test]
    fn whom_we_asked_is_read_where_we_wrote_it() {
        let asked = BTreeSet::from([2, 30]);
        for body in ["text", "", &format!("{BEGIN}\ntext\n{END}\n")] {
            let text = splice("", &with_asked(body, &asked));
            assert_eq!(asked_in(&text), asked, "{text}");
            assert_eq!(splice(&text, &with_asked(body, &asked)), text);
            let around = format!("above\n{text}\nbelow").replace('\n', "\r\n");
            assert_eq!(asked_in(&around), asked, "{around}");
            assert_eq!(text.matches(END).count(), 1, "{text}");
        }
        let none = BTreeSet::new();
        assert_eq!(with_asked("text", &none), "text");
        for text in [
            "<!-- asked to review: 2 -->".to_owned(),
            splice("", "<!-- asked to review: 2 -->\n\ntext"),
            splice("", "<!-- asked to review: two -->"),
        ] {
            assert_eq!(asked_in(&text), none, "{text}");
        }
    }
}
