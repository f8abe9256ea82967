//! What stands beside specs: requirements, designs, what holds for all work, what says whether they may be built.
//!
//! The user's files count, which are what the spec's author sees; where a file is not among them, the base's.

use super::{Scope, cores, problem};
use crate::fsx::{Listing, list_beneath, read_beneath};
use crate::git::{GitError, Repo, files_of_tree};
use crate::model::{Beside, Diagnostic, Document, DocumentKind, Oid, Place, Rule, Severity, Spec};
use crate::spec;
use std::cell::{OnceCell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;

/// Most bytes of one document, and most documents of one spec: what is beyond is not shown to engines.
const MAX_BYTES: u64 = 512 << 10;
const MAX_DOCUMENTS: usize = 64;
/// Most files that say whether a spec may be built: with more of them it is not.
const MAX_STATES: usize = 1024;

/// Documents that one thread has read before another one has started.
const WORTH_A_THREAD: usize = 8;

/// The documents of one look at a repository, each read once for all specs.
pub(super) struct Documents<'a> {
    repo: &'a Repo,
    scope: &'a Scope,
    /// The base, where the user's HEAD is another commit: it may have what the user's files lack.
    elsewhere: Option<&'a Oid>,
    of_base: OnceCell<Vec<String>>,
    /// By folder and how names end.
    listed: RefCell<BTreeMap<(String, &'static str), Rc<Listing>>>,
    /// Folders of which it was told that engines do not see all of them.
    cut: RefCell<BTreeSet<String>>,
    read: RefCell<BTreeMap<String, Known>>,
}

/// What is at a path.
#[derive(Clone)]
enum Read {
    Nothing,
    Text(Arc<str>),
    /// Why it is not read.
    Unread(String),
}

/// A path that was looked at.
struct Known {
    read: Read,
    /// What a person is told of it, until somebody is.
    said: Vec<Diagnostic>,
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
    pub(super) fn new(repo: &'a Repo, elsewhere: Option<&'a Oid>, scope: &'a Scope) -> Self {
        Self {
            repo,
            scope,
            elsewhere,
            of_base: OnceCell::new(),
            listed: RefCell::default(),
            cut: RefCell::default(),
            read: RefCell::default(),
        }
    }

    /// Reads the user's files beside `specs` on all cores, so that [`Self::of`] has them at hand.
    ///
    /// # Errors
    /// Git objects that cannot be read.
    pub(super) fn fetch<'s>(&self, specs: impl Iterator<Item = &'s Spec>) -> Result<(), GitError> {
        let mut wanted = BTreeMap::new();
        for beside in specs.flat_map(|s| &s.beside) {
            for path in &self.paths(beside)?.paths {
                wanted.insert(path.clone(), beside.kind);
            }
        }
        let wanted: Vec<(String, DocumentKind)> = wanted.into_iter().collect();
        let (root, scope) = (self.repo.info().root.as_path(), self.scope);
        let known = cores::each(&wanted, WORTH_A_THREAD, |(path, kind)| {
            Some(known(scope, path, *kind, of_user(root, path)?))
        });
        let paths = wanted.into_iter().map(|(path, _)| path);
        let known = paths
            .zip(known)
            .filter_map(|(path, known)| Some((path, known?)));
        self.read.borrow_mut().extend(known);
        Ok(())
    }

    /// The documents beside a spec, as it lists them.
    ///
    /// # Errors
    /// Git objects that cannot be read.
    pub(super) fn of(&self, spec: &Spec) -> Result<Found, GitError> {
        let mut found = Found::default();
        let (mut count, mut is_full) = (0, false);
        for beside in &spec.beside {
            let is_state = beside.kind == DocumentKind::State;
            let listing = self.paths(beside)?;
            if let Place::Folder { path, .. } = &beside.place
                && listing.skipped
            {
                match is_state {
                    true => {
                        found.held = Some(format!(
                            "not all of {path} can be read, which says whether it may be built: no links, at most \
                             {MAX_STATES} files, names in UTF-8"
                        ));
                    }
                    false if self.cut.borrow_mut().insert(path.clone()) => {
                        found.diagnostics.push(unshown(
                            path,
                            &format!(
                                "engines are not shown all of this folder: no links, at most {MAX_DOCUMENTS} files, names \
                                 in UTF-8"
                            ),
                        ));
                    }
                    false => {}
                }
            }
            for path in listing.paths.iter().filter(|p| **p != spec.path) {
                if count == MAX_DOCUMENTS && !is_state {
                    if std::mem::replace(&mut is_full, true) {
                        break;
                    }
                    let more = format!(
                        "engines are shown {MAX_DOCUMENTS} documents beside this spec, and neither {path} nor what \
                         comes after it"
                    );
                    found.diagnostics.push(unshown(&spec.path, &more));
                    break;
                }
                let (read, said) = self.read(path, beside.kind)?;
                found.diagnostics.extend(said);
                match read {
                    Read::Nothing => {}
                    Read::Text(text) => {
                        // Many call one text by two names.
                        if !is_state && found.documents.iter().any(|d| d.text == text) {
                            continue;
                        }
                        count += usize::from(!is_state);
                        found.documents.push(Document {
                            path: path.clone(),
                            kind: beside.kind,
                            text,
                        });
                    }
                    Read::Unread(why) if is_state => {
                        found.held = Some(format!(
                            "{path}, which says whether it may be built, cannot be read: {why}"
                        ));
                    }
                    Read::Unread(_) => {}
                }
            }
        }
        Ok(found)
    }

    fn paths(&self, beside: &Beside) -> Result<Rc<Listing>, GitError> {
        let (folder, ends) = match &beside.place {
            Place::File(path) => {
                return Ok(Rc::new(Listing {
                    paths: vec![path.clone()],
                    skipped: false,
                }));
            }
            Place::Folder { path, ends } => (path, *ends),
        };
        let asked = (folder.clone(), ends);
        if let Some(listing) = self.listed.borrow().get(&asked) {
            return Ok(Rc::clone(listing));
        }
        let most = match beside.kind {
            DocumentKind::State => MAX_STATES,
            _ => MAX_DOCUMENTS,
        };
        let mut listing = list_beneath(&self.repo.info().root, Path::new(folder), ends, most);
        if let Some(base) = self.elsewhere.filter(|_| listing == Listing::default()) {
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
            listing.paths = inside.cloned().collect();
            listing.skipped = listing.paths.len() > most;
            listing.paths.truncate(most);
        }
        let listing = Rc::new(listing);
        let mut listed = self.listed.borrow_mut();
        listed.insert(asked, Rc::clone(&listing));
        Ok(listing)
    }

    /// What is at a path, and what is to be told of it, once.
    fn read(&self, path: &str, kind: DocumentKind) -> Result<(Read, Vec<Diagnostic>), GitError> {
        let mut all = self.read.borrow_mut();
        if let Some(known) = all.get_mut(path) {
            return Ok((known.read.clone(), std::mem::take(&mut known.said)));
        }
        let read = match (of_user(&self.repo.info().root, path), self.elsewhere) {
            (Some(read), _) => read,
            (None, None) => Read::Nothing,
            (None, Some(base)) => {
                let of_base = self.repo.read_file(base, path)?;
                of_base.map_or(Read::Nothing, |bytes| text(path, bytes))
            }
        };
        let mut known = known(self.scope, path, kind, read);
        let said = std::mem::take(&mut known.said);
        let read = known.read.clone();
        all.insert(path.to_owned(), known);
        Ok((read, said))
    }
}

/// What the user has at a path; None where that is nothing.
fn of_user(root: &Path, path: &str) -> Option<Read> {
    match read_beneath(root, Path::new(path), MAX_BYTES) {
        Ok(bytes) => Some(text(path, bytes)),
        Err(e) if e.kind() == ErrorKind::NotFound => None,
        Err(e) => Some(Read::Unread(e.to_string())),
    }
}

fn known(scope: &Scope, path: &str, kind: DocumentKind, read: Read) -> Known {
    let said = match &read {
        _ if kind == DocumentKind::State => Vec::new(),
        Read::Nothing => Vec::new(),
        Read::Text(text) => scope.suspicions(path, text),
        Read::Unread(why) => {
            let message = format!("engines are not shown this document: {why}");
            vec![unshown(path, &message)]
        }
    };
    Known { read, said }
}

fn unshown(path: &str, message: &str) -> Diagnostic {
    Diagnostic {
        rule: Rule::UnreadDocument,
        severity: Severity::Warning,
        ..problem(
            path,
            message,
            "put what tasks need of it into a file of its own beside the spec",
        )
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
