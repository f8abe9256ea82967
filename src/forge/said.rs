//! Texts as forges keep them: titles of one line, drafts that are words in a title, our comments among others'; and
//! which refusals are a note.
//! Pure.

use super::web::Failure;
use crate::model::PrState;
use crate::ports::ForgeErrorKind;

/// Most characters of a title; GitLab and Gitea take 255.
const MAX_TITLE: usize = 255;

/// How a forge says draft in a title.
#[derive(Clone, Copy, Debug)]
pub(super) struct DraftWords {
    /// What we write.
    pub ours: &'static str,
    /// What the forge takes for it, in small letters.
    pub known: &'static [&'static str],
}

impl DraftWords {
    /// True where a title says draft.
    pub fn are_in(&self, title: &str) -> bool {
        self.stripped(title).is_some()
    }

    /// A title without anything that says draft.
    pub fn bare<'t>(&self, title: &'t str) -> &'t str {
        let mut title = title.trim();
        while let Some(rest) = self.stripped(title) {
            title = rest;
        }
        title
    }

    /// The title that a pull request is to have: one line, bounded, never empty (`head` stands in for nothing), and
    /// draft only where that is wanted.
    pub fn title(&self, wanted: &str, head: &str, draft: bool) -> String {
        let line = one_line(wanted);
        let bare = match self.bare(&line) {
            "" => head,
            bare => bare,
        };
        let prefix = if draft { self.ours } else { "" };
        let room = MAX_TITLE - self.ours.len();
        let cut: String = bare.chars().take(room).collect();
        format!("{prefix}{}", cut.trim_end())
    }

    /// The title to write over `existing`; None where it says what it should.
    pub fn change(&self, existing: &str, wanted: &str, head: &str, draft: bool) -> Option<String> {
        let same = self.bare(existing) == self.title(wanted, head, false)
            && self.are_in(existing) == draft;
        (!same).then(|| self.title(wanted, head, draft))
    }

    fn stripped<'t>(&self, title: &'t str) -> Option<&'t str> {
        let title = title.trim_start();
        self.known.iter().find_map(|word| {
            let start = title.get(..word.len())?;
            start
                .eq_ignore_ascii_case(word)
                .then(|| title[word.len()..].trim_start())
        })
    }
}

/// Words with one space between them.
pub(super) fn one_line(text: &str) -> String {
    let clean = text.replace(|c: char| c.is_control(), " ");
    clean.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// True where two texts differ at most in how their lines end: a form in a browser writes CR LF.
pub(super) fn is_same(a: &str, b: &str) -> bool {
    let lines = |text: &str| text.replace("\r\n", "\n");
    lines(a).trim_end() == lines(b).trim_end()
}

/// First line of our comment with this key. Stays hidden where markdown is shown.
pub(super) fn comment_mark(key: &str) -> String {
    let mut safe = String::new();
    for c in key.chars() {
        match c {
            'A'..='Z' | 'a'..='z' | '0'..='9' | '.' | '_' | '/' => safe.push(c),
            // Whatever could end a comment of HTML, or be changed on its way.
            c => safe.push_str(&format!("~{:x}~", u32::from(c))),
        }
    }
    format!("<!-- codelicious:comment:{safe} -->")
}

/// Our comment with this key, its mark included.
pub(super) fn comment_text(key: &str, body: &str) -> String {
    format!("{}\n{}", comment_mark(key), body.trim())
}

/// True where a comment bears the mark of this key as its first line; a quotation of it does not.
pub(super) fn is_comment(text: &str, key: &str) -> bool {
    let first = text.trim_start().lines().next().unwrap_or_default();
    first.trim_end() == comment_mark(key)
}

/// The state of a pull request that is not over.
pub(super) fn open_state(draft: bool) -> PrState {
    if draft {
        PrState::Draft
    } else {
        PrState::Ready
    }
}

/// True where nothing is to be written any more.
pub(super) fn is_over(state: PrState) -> bool {
    match state {
        PrState::Merged | PrState::Closed => true,
        PrState::Draft | PrState::Ready => false,
    }
}

/// What of `wanted` is not there yet, each once, in order.
pub(super) fn missing<'w>(wanted: &'w [String], there: &[String]) -> Vec<&'w String> {
    let mut found: Vec<&String> = Vec::new();
    for name in wanted {
        if !there.contains(name) && !found.contains(&name) {
            found.push(name);
        }
    }
    found
}

/// True where a label of the scope of `name` is among those that are `there`, of which there can be one: what stands
/// before the last `mark`.
pub(super) fn has_scope<'l>(
    name: &str,
    mark: &str,
    there: impl IntoIterator<Item = &'l str>,
) -> bool {
    let scope = |label: &str| label.rsplit_once(mark).map(|(scope, _)| scope.to_owned());
    let own = scope(name).filter(|s| !s.is_empty());
    own.is_some() && there.into_iter().any(|label| scope(label) == own)
}

/// A reviewer as requests name them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reviewer<'a> {
    User(&'a str),
    Team(&'a str),
}

impl<'a> Reviewer<'a> {
    pub fn of(name: &'a str) -> Self {
        match name.strip_prefix("team:") {
            Some(team) => Self::Team(team),
            None => Self::User(name.strip_prefix('@').unwrap_or(name)),
        }
    }
}

/// True for a refusal that asking again does not change.
pub(super) fn is_final(failure: &Failure) -> bool {
    match failure.error.kind {
        ForgeErrorKind::Forbidden | ForgeErrorKind::NotFound | ForgeErrorKind::Refused => true,
        ForgeErrorKind::Auth
        | ForgeErrorKind::Limited { .. }
        | ForgeErrorKind::Transient
        | ForgeErrorKind::Protocol
        | ForgeErrorKind::Unsupported => false,
    }
}

/// A pull request without its labels or reviewers is delivered all the same: what is refused for good becomes a note.
pub(super) fn noted(
    done: Result<(), Failure>,
    what: &str,
    notes: &mut Vec<String>,
) -> Result<(), Failure> {
    match done {
        Err(failure) if is_final(&failure) => {
            notes.push(format!("{what}: {}", failure.error.message));
            Ok(())
        }
        done => done,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const DRAFT: DraftWords = DraftWords {
        ours: "Draft: ",
        known: &["draft:", "[draft]", "(draft)"],
    };

    #[test]
    fn titles_and_drafts() {
        for (existing, wanted, draft, want) in [
            ("Draft: Todo", "Todo", true, None),
            ("[DRAFT] Todo", "Todo", true, None),
            ("draft:Todo", "Todo", true, None),
            ("Draft: Todo", "Todo", false, Some("Todo")),
            ("Draft: Draft: Todo", "Todo", false, Some("Todo")),
            ("Todo", "Todo", false, None),
            ("Todo", "Todo", true, Some("Draft: Todo")),
            ("Drafty: Todo", "Todo", false, Some("Todo")),
            ("Todo", "Draft: Todo", false, None),
            ("Todo", "two\n lines\u{7}", false, Some("two lines")),
            ("Todo", "", false, Some("codelicious/todo")),
            ("codelicious/todo", " draft: ", false, None),
            ("Tödö", "Tödö", false, None),
        ] {
            let found = DRAFT.change(existing, wanted, "codelicious/todo", draft);
            assert_eq!(found.as_deref(), want, "{existing:?} {wanted:?} {draft}");
        }
    }

    #[test]
    fn scopes_of_labels() {
        for (name, mark, there, want) in [
            ("state::ready", "::", "state::draft", true),
            ("state::ready", "::", "bug", false),
            ("a::b::c", "::", "a::b::d", true),
            ("a::b::c", "::", "a::d", false),
            ("bug", "::", "feature", false),
            ("::x", "::", "::y", false),
            ("kind/bug", "/", "kind/docs", true),
            ("kind/bug", "/", "kinds/docs", false),
        ] {
            assert_eq!(has_scope(name, mark, [there]), want, "{name} {there}");
        }
    }

    #[test]
    fn comments_are_known_by_their_first_line() {
        let text = comment_text("spec:todo-list", "body\n");
        assert!(text.ends_with("-->\nbody"), "{text}");
        assert!(is_comment(&text, "spec:todo-list"));
        assert!(is_comment(&text.replace('\n', "\r\n"), "spec:todo-list"));
        assert!(!is_comment(&text, "spec:todo"));
        assert!(!is_comment(&format!("> {text}"), "spec:todo-list"));
        assert!(!is_comment(&format!("see\n{text}"), "spec:todo-list"));
        assert_ne!(comment_mark("a-b"), comment_mark("a~2d~b"));
    }

    proptest! {
        #[test]
        fn a_title_written_is_a_title_kept(wanted in any::<String>(), draft: bool) {
            let title = DRAFT.title(&wanted, "head", draft);
            prop_assert_eq!(DRAFT.are_in(&title), draft);
            prop_assert_eq!(DRAFT.change(&title, &wanted, "head", draft), None);
            prop_assert!(title.chars().count() <= MAX_TITLE);
            prop_assert!(!title.contains('\n') && !DRAFT.bare(&title).is_empty());
        }

        #[test]
        fn a_mark_is_one_line_that_ends_once(key in any::<String>(), other in any::<String>()) {
            let mark = comment_mark(&key);
            prop_assert_eq!(mark.matches("-->").count(), 1);
            prop_assert_eq!(mark.lines().count(), 1);
            prop_assert!(is_comment(&comment_text(&key, &other), &key));
            prop_assert_eq!(key == other, mark == comment_mark(&other));
        }
    }
}
