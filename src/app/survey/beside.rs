//! What stands beside specs: requirements, designs, what holds for all work, what says whether they may be built.
//!
//! The user's files count, which are what the spec's author sees; where a file is not among them, the base's.

use super::problem;
use crate::fsx::{Listing, list_beneath, read_beneath};
use crate::git::{GitError, Repo, files_of_tree};
use crate::model::{Beside, Diagnostic, Document, DocumentKind, Oid, Place, Rule, Severity, Spec};
use crate::spec;
use std::cell::{OnceCell, RefCell};
use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;

/// Most bytes of one document, and most documents of one spec: what is beyond is not shown to engines.
const MAX_BYTES: u64 = 512 << 10;
const MAX_DOCUMENTS: usize = 64;
/// Most files that say whether a spec may be built: with more of them it is not.
const MAX_STATES: usize = 1024;

/// The documents of one look at a repository, each read once for all specs.
pub(super) struct Documents<'a> {
    repo: &'a Repo,
    /// The base, where the user's HEAD is another commit: it may have what the user's files lack.
    elsewhere: Option<&'a Oid>,
    of_base: OnceCell<Vec<String>>,
    read: RefCell<BTreeMap<String, Read>>,
}

/// What is at a path.
#[derive(Clone)]
enum Read {
    Nothing,
    Text(Arc<str>),
    /// Why it is not read.
    Unread(String),
}

/// What stands beside one spec.
#[derive(Default)]
pub(super) struct Found {
    pub documents: Vec<Document>,
    /// About documents that no spec had before this one.
    pub diagnostics: Vec<Diagnostic>,
    /// Why the spec may not be built: what says so cannot be read.
    pub held: Option<String>,
}

impl<'a> Documents<'a> {
    pub(super) fn new(repo: &'a Repo, elsewhere: Option<&'a Oid>) -> Self {
        Self {
            repo,
            elsewhere,
            of_base: OnceCell::new(),
            read: RefCell::default(),
        }
    }

    /// The documents beside a spec, as it lists them.
    ///
    /// # Errors
    /// Git objects that cannot be read.
    pub(super) fn of(&self, spec: &Spec) -> Result<Found, GitError> {
        let mut found = Found::default();
        let mut count = 0;
        for beside in &spec.beside {
            let is_state = beside.kind == DocumentKind::State;
            let Listing { paths, skipped } = self.paths(beside)?;
            if let Place::Folder { path, .. } = &beside.place
                && is_state
                && skipped
            {
                found.held = Some(format!(
                    "not all of {path} can be read, which says whether it may be built: no links, at most {MAX_STATES} \
                     files, names in UTF-8"
                ));
            }
            for path in paths {
                if path == spec.path || (count == MAX_DOCUMENTS && !is_state) {
                    continue;
                }
                let is_first = !self.read.borrow().contains_key(&path);
                match self.read(&path)? {
                    Read::Nothing => {}
                    Read::Text(text) => {
                        if is_first && !is_state {
                            let warnings = spec::injection::warnings(&path, &text);
                            found.diagnostics.extend(warnings);
                        }
                        // Many call one text by two names.
                        if !is_state && found.documents.iter().any(|d| d.text == text) {
                            continue;
                        }
                        count += usize::from(!is_state);
                        found.documents.push(Document {
                            path,
                            kind: beside.kind,
                            text,
                        });
                    }
                    Read::Unread(why) if is_state => {
                        found.held = Some(format!(
                            "{path}, which says whether it may be built, cannot be read: {why}"
                        ));
                    }
                    Read::Unread(why) if is_first => found.diagnostics.push(Diagnostic {
                        rule: Rule::UnreadDocument,
                        severity: Severity::Warning,
                        ..problem(
                            &path,
                            &format!("engines are not shown this document: {why}"),
                            "put what tasks need of it into a file of its own beside the spec",
                        )
                    }),
                    Read::Unread(_) => {}
                }
            }
        }
        Ok(found)
    }

    fn paths(&self, beside: &Beside) -> Result<Listing, GitError> {
        let most = match beside.kind {
            DocumentKind::State => MAX_STATES,
            _ => MAX_DOCUMENTS,
        };
        let (folder, ends) = match &beside.place {
            Place::File(path) => {
                return Ok(Listing {
                    paths: vec![path.clone()],
                    skipped: false,
                });
            }
            Place::Folder { path, ends } => (path, ends),
        };
        let here = list_beneath(&self.repo.info().root, Path::new(folder), ends, most);
        let Some(base) = self.elsewhere.filter(|_| here == Listing::default()) else {
            return Ok(here);
        };
        let all = match self.of_base.get() {
            Some(all) => all,
            None => {
                let all = files_of_tree(self.repo, base)?;
                self.of_base.get_or_init(|| all)
            }
        };
        let below = format!("{folder}/");
        let inside = all
            .iter()
            .filter(|p| p.starts_with(&below) && p.to_lowercase().ends_with(ends));
        let mut paths: Vec<String> = inside.cloned().collect();
        let skipped = paths.len() > most;
        paths.truncate(most);
        Ok(Listing { paths, skipped })
    }

    fn read(&self, path: &str) -> Result<Read, GitError> {
        if let Some(read) = self.read.borrow().get(path) {
            return Ok(read.clone());
        }
        let root = &self.repo.info().root;
        let read = match read_beneath(root, Path::new(path), MAX_BYTES) {
            Ok(bytes) => text(path, bytes),
            Err(e) if e.kind() == ErrorKind::NotFound => {
                let of_base = match self.elsewhere {
                    Some(base) => self.repo.read_file(base, path)?,
                    None => None,
                };
                of_base.map_or(Read::Nothing, |bytes| text(path, bytes))
            }
            Err(e) => Read::Unread(e.to_string()),
        };
        let mut all = self.read.borrow_mut();
        all.insert(path.to_owned(), read.clone());
        Ok(read)
    }
}

/// What people see of it: generators leave notes to themselves in comments, and a text for a person must not say more
/// to an engine. Lines keep their numbers.
fn text(path: &str, bytes: Vec<u8>) -> Read {
    if bytes.len() as u64 > MAX_BYTES {
        return Read::Unread(format!("it is larger than {} KiB", MAX_BYTES >> 10));
    }
    String::from_utf8(bytes).map_or_else(
        |_| Read::Unread("it is not text in UTF-8".to_owned()),
        |text| match path.ends_with(".md") && text.contains('<') {
            true => Read::Text(spec::visible_in_place(&text).into()),
            false => Read::Text(text.into()),
        },
    )
}
