//! Commits as an audit of evidence looks at them: what each changed, in specs and beside them, and its trees.

use super::error::{Context, GitError};
use super::repo::{Repo, from_oid, to_oid};
use crate::core::commit_message::{Trailers, parse_trailers};
use crate::core::evidence_audit::{CommitFacts, SpecChange};
use crate::model::evidence::Trees;
use crate::model::{ChunkId, Oid, SpecId};
use crate::spec;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Bound on the commits of one branch that are looked at.
const MAX_COMMITS: usize = 10_000;

impl Repo {
    /// The commit that somebody means by a branch, a tag or a hash; None where there is no such.
    pub fn commit_called(&self, word: &str) -> Option<Oid> {
        let found = self.git.revparse_single(word).ok()?;
        Some(to_oid(found.peel_to_commit().ok()?.id()))
    }

    /// Where two lines of history part; None where they have nothing in common.
    ///
    /// # Errors
    /// Objects that cannot be read.
    pub fn merge_base(&self, a: &Oid, b: &Oid) -> Result<Option<Oid>, GitError> {
        match self.git.merge_base(from_oid(a)?, from_oid(b)?) {
            Ok(base) => Ok(Some(to_oid(base))),
            Err(e) if e.code() == git2::ErrorCode::NotFound => Ok(None),
            Err(e) => Err(e).doing(|| "finding where the branches part".to_owned()),
        }
    }

    /// A file as it last stood on `base` since `tip` parted from it; None where it never did.
    ///
    /// # Errors
    /// Objects that cannot be read.
    pub fn last_on_base(
        &self,
        base: &Oid,
        tip: &Oid,
        path: &str,
    ) -> Result<Option<Vec<u8>>, GitError> {
        let what = || format!("looking for {path} in what became of {}", base.short());
        let Some(parted) = self.merge_base(base, tip)? else {
            return Ok(None);
        };
        let mut walk = self.git.revwalk().doing(what)?;
        walk.push(from_oid(base)?).doing(what)?;
        walk.hide(from_oid(&parted)?).doing(what)?;
        walk.simplify_first_parent().doing(what)?;
        for oid in walk.take(MAX_COMMITS) {
            let text = self.read_file(&to_oid(oid.doing(what)?), path)?;
            if text.is_some() {
                return Ok(text);
            }
        }
        Ok(None)
    }

    /// True where history is cut off somewhere.
    pub fn is_shallow(&self) -> bool {
        self.git.is_shallow()
    }

    /// Commits of `tip` that `base` lacks, oldest first.
    ///
    /// # Errors
    /// Objects that cannot be read, or more commits than anybody reviews.
    pub fn commits_beyond(&self, tip: &Oid, base: &Oid) -> Result<Vec<Oid>, GitError> {
        let what = || format!("reading the commits of {}", tip.short());
        let mut walk = self.git.revwalk().doing(what)?;
        walk.push(from_oid(tip)?).doing(what)?;
        walk.hide(from_oid(base)?).doing(what)?;
        walk.set_sorting(git2::Sort::TOPOLOGICAL | git2::Sort::REVERSE)
            .doing(what)?;
        let mut commits = Vec::new();
        for oid in walk {
            if commits.len() == MAX_COMMITS {
                return Err(GitError::new(
                    what(),
                    format!("there are more than {MAX_COMMITS} beyond {}", base.short()),
                    "name a nearer base with --base",
                ));
            }
            commits.push(to_oid(oid.doing(what)?));
        }
        Ok(commits)
    }

    /// The newest commit reachable from these that builds a chunk, or this one, with its trailers.
    ///
    /// # Errors
    /// Objects that cannot be read.
    pub fn newest_chunk_commit(
        &self,
        tips: &[Oid],
        wanted: Option<(&SpecId, &ChunkId)>,
    ) -> Result<Option<(Oid, SpecId, ChunkId)>, GitError> {
        let what = || "looking for a chunk's commit".to_owned();
        let mut walk = self.git.revwalk().doing(what)?;
        for tip in tips {
            walk.push(from_oid(tip)?).doing(what)?;
        }
        walk.set_sorting(git2::Sort::TIME | git2::Sort::TOPOLOGICAL)
            .doing(what)?;
        for oid in walk.take(MAX_COMMITS) {
            let commit = oid.and_then(|o| self.git.find_commit(o)).doing(what)?;
            let trailers = parse_trailers(&String::from_utf8_lossy(commit.message_bytes()));
            let (Some(spec), Some(chunk)) = (trailers.spec, trailers.chunk) else {
                continue;
            };
            let is_it = wanted.is_none_or(|it| it == (&spec, &chunk));
            if is_it && commit.parent_count() == 1 {
                return Ok(Some((to_oid(commit.id()), spec, chunk)));
            }
        }
        Ok(None)
    }

    /// What an audit wants to know of a commit. `note` is its evidence.
    ///
    /// # Errors
    /// Objects that cannot be read.
    pub fn commit_facts(&self, oid: &Oid, note: Option<Vec<u8>>) -> Result<CommitFacts, GitError> {
        let what = || format!("reading {}", oid.short());
        let commit = self.git.find_commit(from_oid(oid)?).doing(what)?;
        let message = String::from_utf8_lossy(commit.message_bytes()).into_owned();
        let subject = message.lines().next().unwrap_or_default().to_owned();
        let mut facts = CommitFacts {
            commit: oid.clone(),
            subject,
            parents: commit.parent_count(),
            is_cut_off: self.is_cut_off(&commit),
            specs: Vec::new(),
            others: Vec::new(),
            trees: None,
            note,
            message,
        };
        if facts.is_cut_off {
            return Ok(facts);
        }
        let tree = commit.tree().doing(what)?;
        let parents: Vec<git2::Tree<'_>> = commit
            .parents()
            .map(|parent| parent.tree())
            .collect::<Result<_, _>>()
            .doing(what)?;
        let diff = self
            .git
            .diff_tree_to_tree(parents.first(), Some(&tree), None)
            .doing(what)?;
        let changed: BTreeSet<String> = diff
            .deltas()
            .flat_map(|delta| [delta.old_file().path(), delta.new_file().path()])
            .flatten()
            .map(|path| path.to_string_lossy().into_owned())
            .collect();
        let trailers = parse_trailers(&facts.message);
        let ids = spec_ids(&tree, &changed, &trailers).doing(what)?;
        for path in changed {
            let Some(id) = ids.get(&path) else {
                facts.others.push(path);
                continue;
            };
            let text = |tree: &git2::Tree<'_>| self.bytes_in(tree, &path);
            let before: Vec<Option<Vec<u8>>> = parents
                .iter()
                .map(text)
                .collect::<Result<_, _>>()
                .doing(what)?;
            facts.specs.push(SpecChange {
                id: id.clone(),
                before: before.into_iter().flatten().collect(),
                after: text(&tree).doing(what)?,
                path,
            });
        }
        if let [parent] = parents.as_slice() {
            let paths: Vec<&str> = facts.specs.iter().map(|s| s.path.as_str()).collect();
            facts.trees = Some(Trees {
                before: to_oid(parent.id()),
                after: to_oid(tree.id()),
                verified: self.tree_with_blobs_of(&tree, parent, &paths).doing(what)?,
            });
        }
        Ok(facts)
    }

    /// True for a commit whose parents a shallow clone does not have.
    fn is_cut_off(&self, commit: &git2::Commit<'_>) -> bool {
        if !self.git.is_shallow() {
            return false;
        }
        let listed = std::fs::read_to_string(self.info.common_dir.join("shallow"));
        let id = commit.id().to_string();
        listed.is_ok_and(|text| text.lines().any(|line| line.trim() == id))
    }

    fn bytes_in(&self, tree: &git2::Tree<'_>, path: &str) -> Result<Option<Vec<u8>>, git2::Error> {
        match tree.get_path(Path::new(path)) {
            Ok(entry) if entry.kind() == Some(git2::ObjectType::Blob) => {
                Ok(Some(self.git.find_blob(entry.id())?.content().to_vec()))
            }
            Ok(_) => Ok(None),
            Err(e) if e.code() == git2::ErrorCode::NotFound => Ok(None),
            Err(e) => Err(e),
        }
    }

    /// The id that `tree` would have if these files were as in `other`. Nothing is written: a tree's id is the hash
    /// of its bytes, and only ids in them change. Files that one of the two lacks stay as they are.
    fn tree_with_blobs_of(
        &self,
        tree: &git2::Tree<'_>,
        other: &git2::Tree<'_>,
        paths: &[&str],
    ) -> Result<Oid, git2::Error> {
        let mut swaps: BTreeMap<&str, git2::Oid> = BTreeMap::new();
        for path in paths {
            if let Ok(entry) = other.get_path(Path::new(path)) {
                swaps.insert(path, entry.id());
            }
        }
        self.swapped(tree.id(), &swaps).map(to_oid)
    }

    fn swapped(
        &self,
        tree: git2::Oid,
        swaps: &BTreeMap<&str, git2::Oid>,
    ) -> Result<git2::Oid, git2::Error> {
        let mut bytes = self.git.odb()?.read(tree)?.data().to_vec();
        let mut below: BTreeMap<&str, BTreeMap<&str, git2::Oid>> = BTreeMap::new();
        let mut here: BTreeMap<&str, git2::Oid> = BTreeMap::new();
        for (path, id) in swaps {
            match path.split_once('/') {
                Some((dir, rest)) => {
                    below.entry(dir).or_default().insert(rest, *id);
                }
                None => {
                    here.insert(path, *id);
                }
            }
        }
        let listed = self.git.find_tree(tree)?;
        for (dir, swaps) in below {
            if let Some(entry) = listed.get_name(dir) {
                here.insert(dir, self.swapped(entry.id(), &swaps)?);
            }
        }
        for (name, id) in here {
            replace_entry(&mut bytes, name.as_bytes(), id.as_bytes());
        }
        git2::Oid::hash_object(git2::ObjectType::Tree, &bytes)
    }
}

/// Puts another id behind a name in a tree's bytes: `mode SP name NUL id`, entry after entry.
fn replace_entry(bytes: &mut [u8], name: &[u8], id: &[u8]) {
    let mut at = 0;
    while let Some(space) = bytes[at..].iter().position(|b| *b == b' ') {
        let from = at + space + 1;
        let Some(len) = bytes[from..].iter().position(|b| *b == 0) else {
            return;
        };
        let (start, end) = (from + len + 1, from + len + 1 + id.len());
        if end > bytes.len() {
            return;
        }
        if &bytes[from..from + len] == name {
            bytes[start..end].copy_from_slice(id);
            return;
        }
        at = end;
    }
}

/// The specs among changed files, with their ids: by path, as everybody names them. The one that trailers name
/// counts in any case, since a person may have named it, or moved it since it was named.
fn spec_ids(
    tree: &git2::Tree<'_>,
    changed: &BTreeSet<String>,
    trailers: &Trailers,
) -> Result<BTreeMap<String, SpecId>, git2::Error> {
    let mut paths: BTreeSet<String> = BTreeSet::new();
    tree.walk(git2::TreeWalkMode::PreOrder, |dir, entry| {
        if let (Ok(dir), Ok(name)) = (std::str::from_utf8(dir.as_ref()), entry.name()) {
            let path = format!("{dir}{name}");
            if spec::classify(&path).is_some() {
                paths.insert(path);
            }
        }
        git2::TreeWalkResult::Ok
    })?;
    paths.extend(
        changed
            .iter()
            .filter(|p| spec::classify(p).is_some())
            .cloned(),
    );
    let all: Vec<String> = paths.into_iter().collect();
    let slugs = spec::assign_slugs(&all, &BTreeMap::new());
    let mut ids: BTreeMap<String, SpecId> = changed
        .iter()
        .filter_map(|path| Some((path.clone(), slugs.get(path)?.clone())))
        .collect();
    let named = trailers.spec.as_ref().or(trailers.sync.as_ref());
    let Some(named) = named.filter(|id| !ids.values().any(|found| found == *id)) else {
        return Ok(ids);
    };
    let alone = |path: &str| spec::assign_slugs(&[path.to_owned()], &BTreeMap::new()).remove(path);
    let by_name = changed
        .iter()
        .find(|path| path.ends_with(".md") && alone(path).as_ref() == Some(named));
    let only = match ids.len() {
        1 if !slugs.values().any(|slug| slug == named) => ids.keys().next(),
        _ => None,
    };
    if let Some(path) = by_name.or(only).cloned() {
        ids.insert(path, named.clone());
    }
    Ok(ids)
}
