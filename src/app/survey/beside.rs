//! What stands beside a spec: requirements, designs, what holds for all work.
//!
//! The user's files count, which are what the spec's author sees; where a file is not among them, the base's.

use super::SpecSurvey;
use crate::fsx::{list_beneath, read_beneath};
use crate::git::{GitError, files_of_tree};
use crate::model::{Document, Place, Spec};
use std::collections::BTreeSet;
use std::path::Path;

/// Most bytes of one document, and most documents of one spec: what is beyond is not shown to engines.
const MAX_BYTES: u64 = 512 << 10;
const MAX_DOCUMENTS: usize = 64;

impl SpecSurvey<'_> {
    /// The documents beside a spec, as it lists them.
    ///
    /// # Errors
    /// Git objects that cannot be read.
    pub(super) fn documents(&self, spec: &Spec) -> Result<Vec<Document>, GitError> {
        let root = &self.repo.info().root;
        let is_elsewhere = self.head != Some(&self.base.commit);
        let mut of_base: Option<BTreeSet<String>> = None;
        let mut found: Vec<Document> = Vec::new();
        for beside in &spec.beside {
            let paths = match &beside.place {
                Place::File(path) => vec![path.clone()],
                Place::Folder { path, ends } => {
                    let mut paths = list_beneath(root, Path::new(path), ends, MAX_DOCUMENTS);
                    if paths.is_empty() && is_elsewhere {
                        if of_base.is_none() {
                            let all = files_of_tree(self.repo, &self.base.commit)?;
                            of_base = Some(all.into_iter().collect());
                        }
                        let below = format!("{path}/");
                        let all = of_base.iter().flatten();
                        let inside = all.filter(|p| p.starts_with(&below) && p.ends_with(ends));
                        paths = inside.take(MAX_DOCUMENTS).cloned().collect();
                    }
                    paths
                }
            };
            for path in paths {
                if found.len() == MAX_DOCUMENTS || path == spec.path {
                    continue;
                }
                if let Some(text) = self.document(root, &path)? {
                    found.push(Document {
                        path,
                        kind: beside.kind,
                        text,
                    });
                }
            }
        }
        Ok(found)
    }

    /// One document's text; None where there is none, or it is no text.
    fn document(&self, root: &Path, path: &str) -> Result<Option<String>, GitError> {
        let here = read_beneath(root, Path::new(path), MAX_BYTES).ok();
        let bytes = match here {
            Some(bytes) => Some(bytes),
            None if self.head != Some(&self.base.commit) => {
                self.repo.read_file(&self.base.commit, path)?
            }
            None => None,
        };
        let text = bytes.filter(|b| b.len() as u64 <= MAX_BYTES);
        Ok(text.and_then(|bytes| String::from_utf8(bytes).ok()))
    }
}
