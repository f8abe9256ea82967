//! What a pull request says: title and body from facts, the same for every forge.
//!
//! The body stands between two markers, so that what people write around it survives every update. All
//! foreign text is neutralised and everything is bounded. Redaction is the caller's: whoever sends a
//! body passes it through the redactor first.
//!
//! What it says stands in [`sections`] and [`evidence`]; a repository's own layout is a [`Template`].

mod evidence;
mod sections;

use crate::core::template::Slot;
pub use crate::core::template::{Template, TemplateError};
use crate::markdown::{self, code, plain};
use crate::model::report::BodyInput;
use std::ops::Range;

/// First line of what is ours in a body.
pub const BEGIN: &str = "<!-- codelicious:begin -->";
/// Last line of what is ours in a body.
pub const END: &str = "<!-- codelicious:end -->";

/// Most characters of a rendered body. GitHub takes 65,536; the rest is room for what people add.
pub const MAX_BODY: usize = 60_000;

/// Most characters of a title, well below what any forge takes (GitHub and GitLab: 255).
const MAX_TITLE: usize = 120;

/// The order in which a reviewer wants to know.
const LAYOUT: [Slot; 8] = [
    Slot::What,
    Slot::Series,
    Slot::Closes,
    Slot::Tasks,
    Slot::Verification,
    Slot::Questions,
    Slot::Run,
    Slot::Reproduce,
];

/// Title and body of a part's pull request. The body includes the markers. What is unproven comes first, whatever
/// the template says; a template that would make the body too long is left out.
pub fn render(input: &BodyInput, template: Option<&Template>) -> (String, String) {
    let warnings = section(input, Slot::Warnings);
    let of = |slot| match slot {
        Slot::Warnings => String::new(),
        Slot::Title => plain(&input.title, MAX_TITLE),
        Slot::Spec => code(&input.spec_path, 200),
        other => section(input, other),
    };
    let own = template.map(|t| t.fill(of));
    let room = MAX_BODY.saturating_sub(warnings.chars().count() + 200);
    let text = match own.filter(|text| text.chars().count() <= room) {
        Some(own) => own,
        None => joined(LAYOUT.into_iter().map(of)),
    };
    let body = joined([warnings, text]);
    (title(input), marked(&body))
}

/// What stands in one place.
fn section(input: &BodyInput, slot: Slot) -> String {
    let mut out = String::new();
    match slot {
        Slot::Warnings => sections::warnings(&mut out, input),
        Slot::What => sections::what(&mut out, input),
        Slot::Series => sections::series(&mut out, input),
        Slot::Closes => sections::closes(&mut out, input),
        Slot::Tasks => sections::tasks(&mut out, input),
        Slot::Verification => evidence::verification(&mut out, input),
        Slot::Questions => sections::questions(&mut out, input),
        Slot::Run => sections::run(&mut out, input),
        Slot::Reproduce => sections::reproduce(&mut out, input),
        Slot::Title | Slot::Spec => {}
    }
    out.trim_matches('\n').to_owned()
}

/// Texts that say something, with an empty line between them.
fn joined(texts: impl IntoIterator<Item = String>) -> String {
    let texts = texts.into_iter().map(|t| t.trim_matches('\n').to_owned());
    let texts: Vec<String> = texts.filter(|t| !t.is_empty()).collect();
    texts.join("\n\n")
}

fn title(input: &BodyInput) -> String {
    let name = match markdown::title(&input.title, MAX_TITLE) {
        empty if empty.is_empty() => markdown::title(&input.spec_path, MAX_TITLE),
        name => name,
    };
    if input.part > 1 {
        format!("{name} (part {})", input.part)
    } else {
        name
    }
}

/// Puts `body` in the place of what is ours in `existing` and keeps every other byte. Where nothing is
/// ours yet (a person removed it), ours goes below theirs.
///
/// `body` may come with its markers or without; markers inside it are broken, so that it ends where it
/// ends.
pub fn splice(existing: &str, body: &str) -> String {
    let ours = marked(body);
    match ours_in(existing) {
        Some(block) => format!(
            "{}{ours}{}",
            &existing[..block.start],
            &existing[block.end..]
        ),
        None if existing.trim().is_empty() => format!("{ours}\n"),
        None => format!("{}\n\n{ours}\n", existing.trim_end()),
    }
}

/// Where ours stands in a body, markers included: the last start that has an end, up to the first end after it. What we
/// wrote holds no marker inside, and a person may quote one anywhere.
pub(super) fn ours_in(existing: &str) -> Option<Range<usize>> {
    existing.rmatch_indices(BEGIN).find_map(|(begin, _)| {
        let end = begin + existing[begin..].find(END)? + END.len();
        Some(begin..end)
    })
}

/// The body between its markers.
fn marked(body: &str) -> String {
    let body = body.trim();
    let body = body.strip_prefix(BEGIN).unwrap_or(body);
    let body = body.strip_suffix(END).unwrap_or(body);
    let inner = body.replace("<!-- codelicious:", "<\u{200b}!-- codelicious:");
    format!("{BEGIN}\n{}\n{END}", inner.trim())
}

#[cfg(test)]
#[path = "body_tests.rs"]
mod tests;
