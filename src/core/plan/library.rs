//! What the documents beside a spec say of one task.

use super::relevance::Index;
use crate::core::tokens::{cut, estimate};
use crate::model::{Document, DocumentKind, Task};
use crate::spec::{self, Criteria};
use std::cell::OnceCell;
use std::fmt::Write as _;

/// Most tokens of the requirements that a task names, of passages it is about, and of what holds for all work.
const MAX_CRITERIA: u64 = 1_500;
const MAX_PASSAGES: u64 = 3_000;
const MAX_CONVENTIONS: u64 = 1_500;
/// Most passages that only their words speak for.
const BEST: usize = 5;

/// The documents of a spec.
pub(super) struct Library<'a> {
    documents: &'a [Document],
    /// Each made when first asked for: most specs have none.
    criteria: OnceCell<Criteria<'a>>,
    shelf: OnceCell<Shelf>,
    conventions: OnceCell<String>,
}

/// Passages of all documents that explain, in their order.
struct Shelf {
    passages: Vec<Passage>,
    index: Index,
}

struct Passage {
    /// Index into the documents.
    document: usize,
    title: String,
    text: String,
}

impl<'a> Library<'a> {
    pub(super) fn new(documents: &'a [Document]) -> Self {
        Self {
            documents,
            criteria: OnceCell::new(),
            shelf: OnceCell::new(),
            conventions: OnceCell::new(),
        }
    }

    /// The requirements that the task and those around it name, as text.
    pub(super) fn criteria(&self, named: &[&str]) -> String {
        let read = || Criteria::read(self.of(DocumentKind::Criteria));
        let mut out = String::new();
        for reference in named {
            if let Some(text) = self.criteria.get_or_init(read).resolve(reference) {
                let _ = writeln!(out, "{reference}: {}", text.trim());
            }
        }
        cut(out.trim_end(), MAX_CRITERIA).into_owned()
    }

    /// Passages the task is about: what it refers to first, then what speaks of its files, then what speaks of the
    /// same things. Without documents of criteria where `has_criteria` are there already.
    pub(super) fn passages(&self, task: &Task, has_criteria: bool) -> String {
        if self.documents.is_empty() {
            return String::new();
        }
        let shelf = self.shelf.get_or_init(|| self.shelve());
        let kind = |p: &Passage| self.documents[p.document].kind;
        let fits = |p: &Passage| !(has_criteria && kind(p) == DocumentKind::Criteria);
        let mut chosen: Vec<usize> = Vec::new();
        let mut choose = |index: usize| {
            if !chosen.contains(&index) && fits(&shelf.passages[index]) {
                chosen.push(index);
            }
        };
        let all = shelf.passages.iter().enumerate();
        let documents = self.documents.iter().map(|d| file_name(&d.path));
        let named: Vec<Option<&str>> = documents
            .map(|file| Some(file).filter(|file| task.text.contains(file)))
            .collect();
        for (index, passage) in all.clone() {
            if named[passage.document].is_some_and(|file| refers(&task.text, file, &passage.title))
            {
                choose(index);
            }
        }
        for (index, passage) in all {
            if task
                .files
                .iter()
                .any(|file| passage.text.contains(file.as_str()))
            {
                choose(index);
            }
        }
        let query = [task.title.as_str(), &task.text].join("\n");
        let ranked = shelf.index.rank(&query, BEST, |i| fits(&shelf.passages[i]));
        ranked.into_iter().for_each(choose);

        let mut out = String::new();
        let mut left = MAX_PASSAGES;
        for index in chosen {
            let passage = &shelf.passages[index];
            let path = &self.documents[passage.document].path;
            let text = format!("[{path}: {}]\n{}\n\n", passage.title, passage.text.trim());
            let kept = cut(&text, left);
            if kept.is_empty() {
                break;
            }
            left = left.saturating_sub(estimate(&kept));
            out.push_str(&kept);
        }
        out
    }

    /// What holds for all work.
    pub(super) fn conventions(&self) -> &str {
        self.conventions.get_or_init(|| {
            let mut out = String::new();
            for document in self.of(DocumentKind::Conventions) {
                let text = body(&document.text).trim();
                let _ = write!(out, "[{}]\n{text}\n\n", document.path);
            }
            cut(out.trim_end(), MAX_CONVENTIONS).into_owned()
        })
    }

    fn of(&self, kind: DocumentKind) -> impl Iterator<Item = &'a Document> {
        let documents = self.documents.iter();
        documents.filter(move |d| d.kind == kind && is_for_all(d))
    }

    fn shelve(&self) -> Shelf {
        let mut passages = Vec::new();
        for (document, read) in self.documents.iter().enumerate() {
            let is_text = match read.kind {
                DocumentKind::Criteria | DocumentKind::Design | DocumentKind::Background => true,
                // What only some work has to know is found by its words.
                DocumentKind::Conventions => !is_for_all(read) && !is_by_hand(read),
                DocumentKind::State => false,
            };
            if !is_text {
                continue;
            }
            for section in spec::sections(&read.text) {
                if !section.own.trim().is_empty() {
                    passages.push(Passage {
                        document,
                        title: section.headings.join(" > "),
                        text: section.own.to_owned(),
                    });
                }
            }
        }
        let texts: Vec<String> = passages
            .iter()
            .map(|p| format!("{}\n{}", p.title, p.text))
            .collect();
        Shelf {
            index: Index::new(texts.iter().map(String::as_str)),
            passages,
        }
    }
}

fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// True where a text that names the document `file` names one of its headings too, or its anchor: `design.md#store`,
/// "see design.md, Store".
fn refers(text: &str, file: &str, title: &str) -> bool {
    let heading = title.rsplit(" > ").next().unwrap_or(title);
    let plain = heading.trim_start_matches(|c: char| !c.is_alphabetic());
    if plain.chars().nth(2).is_none() {
        return false;
    }
    let anchor = plain.to_lowercase().replace(' ', "-");
    text.contains(plain) || text.contains(&format!("{file}#{anchor}"))
}

/// Kiro's steering says in its front matter when it holds: always, where nothing is said.
fn is_for_all(document: &Document) -> bool {
    inclusion(document).is_none_or(|when| when == "always")
}

fn is_by_hand(document: &Document) -> bool {
    inclusion(document) == Some("manual")
}

fn inclusion(document: &Document) -> Option<&str> {
    let front = document.text.strip_prefix("---")?.split("\n---").next()?;
    let lines = front.lines();
    let mut said = lines.filter_map(|line| line.strip_prefix("inclusion:"));
    said.next()
        .map(|when| when.trim().trim_matches(['"', '\'']))
}

/// A document without its front matter.
fn body(text: &str) -> &str {
    let mut at = 0;
    for (number, line) in text.split_inclusive('\n').enumerate() {
        at += line.len();
        let is_rule = line.trim_end() == "---";
        match (number, is_rule) {
            (0, false) => return text,
            (0, true) | (_, false) => {}
            (_, true) => return &text[at..],
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::plan::testkit;

    const MANY: &str = "### Requirement 1: Keep sessions\n\nSessions are kept.\n\n### Requirement 2: End sessions\n\n\
        Sessions end.\n\n### Requirement 3: Count sessions\n\nSessions are counted.\n\n### Requirement 4: List sessions\n\n\
        Sessions are listed.\n\n### Requirement 5: Show sessions\n\nSessions are shown.\n\n### Requirement 6: Move \
        sessions\n\nSessions are moved.\n";
    const DESIGN: &str = "# Design\n\n## Store\n\nOne table, `src/store.rs`, with a lock of its own that every writer has to \
        take before it looks at a row.\n\n## Expiry\n\nA sweep ends each of the sessions that nobody used for an hour, in \
        small steps, so that no request ever waits for it.\n\n## Logs\n\nLines of JSON.\n";

    fn document(path: &str, kind: DocumentKind, text: &str) -> Document {
        Document {
            path: path.to_owned(),
            kind,
            text: text.into(),
        }
    }

    fn passages(documents: &[Document], text: &str, files: &[&str], has_criteria: bool) -> String {
        let made = testkit::Document::new("a.md").open("T1", text).files(files);
        Library::new(documents).passages(&made.spec.tasks[0], has_criteria)
    }

    #[test]
    fn requirements_that_are_there_already_do_not_take_the_place_of_the_design() {
        let documents = [
            document("requirements.md", DocumentKind::Criteria, MANY),
            document("design.md", DocumentKind::Design, DESIGN),
        ];
        let given = passages(&documents, "End sessions", &[], true);
        assert!(given.contains("[design.md: Design > Expiry]"), "{given}");
        assert!(!given.contains("requirements.md"), "{given}");
        // Where nothing names them they are found like everything else.
        let found = passages(&documents, "End sessions", &[], false);
        assert!(found.contains("Requirement 2: End sessions]"), "{found}");
    }

    #[test]
    fn what_a_task_refers_to_comes_before_its_files_and_those_before_its_words() {
        let documents = [document("docs/design.md", DocumentKind::Design, DESIGN)];
        let text = "Sessions that nobody used, as design.md#logs says";
        let given = passages(&documents, text, &["src/store.rs"], false);
        let order: Vec<&str> = given.lines().filter(|l| l.starts_with('[')).collect();
        assert_eq!(
            order,
            [
                "[docs/design.md: Design > Logs]",
                "[docs/design.md: Design > Store]",
                "[docs/design.md: Design > Expiry]"
            ]
        );
        // A heading alone is no reference: the word may mean anything.
        let other = passages(&documents, "Logs", &["src/x.rs"], false);
        assert_eq!(
            other.lines().filter(|l| l.starts_with('[')).count(),
            1,
            "{other}"
        );
        assert_eq!(passages(&documents, "Paint it green", &[], false), "");
    }
}
