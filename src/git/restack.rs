//! Replaying a lane's commits onto the base, and telling earlier versions of our branches from others' work.

use super::error::{Context, GitError};
use super::repo::{Repo, from_oid, to_oid};
use super::{ARCHIVE, BRANCHES};
use crate::core::commit_message::parse_trailers;
use crate::core::recover::Standing;
use crate::core::restack::{Marks, RestackPlan, SpecTexts, is_on_base};
use crate::model::{ChunkId, Oid, SpecId};
use crate::spec::{self, ParseOptions};
use git2::{Commit, Delta, DiffOptions, FileMode, ObjectType, Signature, Tree};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Bound on the commits of one branch that are compared.
const MAX_COMMITS: usize = 10_000;

/// What a restack needs beside its plan.
#[derive(Clone, Debug)]
pub struct RestackRequest {
    pub plan: RestackPlan,
    pub texts: SpecTexts,
    /// The spec's path, and the one it had before it was renamed.
    pub path: String,
    pub renamed_from: Option<String>,
    /// Message of the commit that brings the base's spec up to date, where that is needed.
    pub sync_message: String,
}

/// Commits written by a restack. No ref was moved for them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replayed {
    pub tip: Oid,
    /// Commits before and after, oldest first.
    pub moved: Vec<(Oid, Oid)>,
}

impl Repo {
    /// Writes the commits of a restack and moves nothing. The same request writes the same commits, whenever
    /// it is made: author, committer, message and dates are those of the commits that are replayed. `Ok(Err)`
    /// says in words for people why the work does not fit onto the base.
    ///
    /// # Errors
    /// Objects that cannot be read or written.
    pub fn replay(&self, request: &RestackRequest) -> Result<Result<Replayed, String>, GitError> {
        let what = || "replaying commits".to_owned();
        let plan = &request.plan;
        let find = |oid: &Oid| self.git.find_commit(from_oid(oid)?).doing(what);
        let mut given: Vec<Marks> = Vec::new();
        for step in &plan.replay {
            let commit = find(&step.commit)?;
            let before = commit.parent(0).doing(what)?;
            let before = self.spec_text(request, &before)?;
            let after = self.spec_text(request, &commit)?;
            match request.texts.given(before.as_deref(), after.as_deref()) {
                Ok(marks) => given.push(marks),
                Err(why) => return Ok(Err(why)),
            }
        }
        let mut text = match request.texts.below(&given) {
            Ok(text) => text,
            Err(why) => return Ok(Err(why)),
        };
        let mut at = find(&plan.onto.commit)?;
        let is_moved = request.renamed_from.is_some();
        if is_moved || request.texts.base.as_deref() != Some(&text) {
            let first = plan.replay.first().map(|s| find(&s.commit)).transpose()?;
            let who = first.as_ref().map(|c| (c.author(), c.committer()));
            let tree = self.with_spec(&at.tree().doing(what)?, request, Some(&text))?;
            at = self.child(&at, &tree, &request.sync_message, who)?;
        }
        let mut moved = Vec::new();
        for (step, marks) in plan.replay.iter().zip(&given) {
            let commit = find(&step.commit)?;
            text = match request.texts.after(&text, marks) {
                Ok(text) => text,
                Err(why) => return Ok(Err(why)),
            };
            let tree = match self.carried(request, &commit, &at)? {
                Ok(tree) => self.with_spec(&tree, request, Some(&text))?,
                Err(files) => {
                    let (short, base) = (step.commit.short(), &plan.onto.branch);
                    return Ok(Err(format!(
                        "the commit {short} ({}) conflicts with {base} in {}",
                        step.chunk,
                        files.join(", ")
                    )));
                }
            };
            let Ok(message) = commit.message_raw() else {
                let short = step.commit.short();
                return Ok(Err(format!("the message of {short} is not UTF-8")));
            };
            let who = Some((commit.author(), commit.committer()));
            at = self.child(&at, &tree, message, who)?;
            moved.push((step.commit.clone(), to_oid(at.id())));
        }
        Ok(Ok(Replayed {
            tip: to_oid(at.id()),
            moved,
        }))
    }

    /// What a commit changed beside the spec, on top of another one; `Err` are the files in which they conflict.
    fn carried(
        &self,
        request: &RestackRequest,
        commit: &Commit<'_>,
        onto: &Commit<'_>,
    ) -> Result<Result<Tree<'_>, Vec<String>>, GitError> {
        let what = || format!("replaying {}", commit.id());
        let tree = |c: &Commit<'_>| -> Result<Tree<'_>, GitError> {
            self.with_spec(&c.tree().doing(what)?, request, None)
        };
        let before = commit.parent(0).doing(what)?;
        let (before, ours, theirs) = (tree(&before)?, tree(onto)?, tree(commit)?);
        let mut merged = self
            .git
            .merge_trees(&before, &ours, &theirs, None)
            .doing(what)?;
        if merged.has_conflicts() {
            let mut files = BTreeSet::new();
            for conflict in merged.conflicts().doing(what)?.flatten() {
                let entry = conflict.our.or(conflict.their).or(conflict.ancestor);
                files.extend(entry.map(|e| String::from_utf8_lossy(&e.path).into_owned()));
            }
            return Ok(Err(files.into_iter().collect()));
        }
        let tree = merged.write_tree_to(&self.git).doing(what)?;
        Ok(Ok(self.git.find_tree(tree).doing(what)?))
    }

    fn spec_text(
        &self,
        request: &RestackRequest,
        commit: &Commit<'_>,
    ) -> Result<Option<Vec<u8>>, GitError> {
        let id = to_oid(commit.id());
        match (self.read_file(&id, &request.path)?, &request.renamed_from) {
            (None, Some(old)) => self.read_file(&id, old),
            (text, _) => Ok(text),
        }
    }

    /// A tree with this text as its spec; without any where none is given.
    fn with_spec(
        &self,
        tree: &Tree<'_>,
        request: &RestackRequest,
        text: Option<&[u8]>,
    ) -> Result<Tree<'_>, GitError> {
        let what = || format!("writing {}", request.path);
        let mut update = git2::build::TreeUpdateBuilder::new();
        let mut mode = FileMode::Blob;
        for path in request.renamed_from.iter().chain([&request.path]) {
            if let Ok(entry) = tree.get_path(Path::new(path))
                && entry.kind() == Some(ObjectType::Blob)
            {
                if entry.filemode() == i32::from(FileMode::BlobExecutable) {
                    mode = FileMode::BlobExecutable;
                }
                if text.is_none() || *path != request.path {
                    update.remove(path.as_str());
                }
            }
        }
        if let Some(text) = text {
            let blob = self.git.blob(text).doing(what)?;
            update.upsert(request.path.as_str(), blob, mode);
        }
        update
            .create_updated(&self.git, tree)
            .and_then(|t| self.git.find_tree(t))
            .doing(what)
    }

    fn child(
        &self,
        parent: &Commit<'_>,
        tree: &Tree<'_>,
        message: &str,
        who: Option<(Signature<'_>, Signature<'_>)>,
    ) -> Result<Commit<'_>, GitError> {
        let what = || "writing a replayed commit".to_owned();
        let written = match &who {
            Some((author, committer)) => {
                self.git
                    .commit(None, author, committer, message, tree, &[parent])
            }
            None => {
                let me = super::repo::signature(&self.git)?;
                self.git.commit(None, &me, &me, message, tree, &[parent])
            }
        };
        written.and_then(|id| self.git.find_commit(id)).doing(what)
    }

    /// Keeps a tip of a lane below [`ARCHIVE`], once, and says under which name. `time` names a new one.
    ///
    /// # Errors
    /// Refs that cannot be read or written.
    pub fn archive(&self, id: &SpecId, tip: &Oid, time: &str) -> Result<String, GitError> {
        let below = format!("{ARCHIVE}{id}/");
        let kept = self.refs_below(&below)?;
        if let Some((name, _)) = kept.iter().find(|(_, oid)| oid == tip) {
            return Ok(name.clone());
        }
        let taken = |name: &String| kept.iter().any(|(n, _)| n == name);
        let names = std::iter::once(format!("{below}{time}"))
            .chain((2u32..).map(|n| format!("{below}{time}-{n}")));
        let name = names
            .into_iter()
            .find(|n| !taken(n))
            .unwrap_or_else(|| format!("{below}{time}"));
        self.set_ref(&name, tip, "codelicious: keep the old lane")?;
        Ok(name)
    }

    /// True for a commit of another spec whose chunk has its mark on the base, or that only synced such a spec.
    /// Which file that spec is, the commit tells: it is among those that it changed.
    pub(super) fn is_elsewhere_on_base(
        &self,
        commit: &Commit<'_>,
        chunk: Option<&ChunkId>,
        base: &Oid,
    ) -> Result<bool, GitError> {
        let name = commit.id().to_string();
        let what = || format!("reading what {name} changed");
        let paths = self
            .with_fetched(&["diff-tree", "-r", "--root", &name], || {
                let new = commit.tree()?;
                let old = commit.parent(0).ok().map(|p| p.tree()).transpose()?;
                let diff = self.git.diff_tree_to_tree(old.as_ref(), Some(&new), None)?;
                let paths = diff
                    .deltas()
                    .map(|d| d.new_file().path().map(Path::to_path_buf));
                Ok(paths.collect::<Vec<_>>())
            })
            .doing(what)?;
        let is_text = |path: &Path| {
            let name = path.file_name().and_then(|name| name.to_str());
            name.is_some_and(spec::may_be_spec)
        };
        let Some(chunk) = chunk else {
            return Ok(paths.iter().all(|p| p.as_deref().is_some_and(is_text)));
        };
        for path in paths.iter().flatten().filter(|p| is_text(p)) {
            let Some(path) = path.to_str() else { continue };
            let Some(text) = self.read_file(base, path)? else {
                continue;
            };
            let options = ParseOptions {
                prose: true,
                ..ParseOptions::default()
            };
            let Ok(spec) = spec::parse(SpecId::new(""), path, &text, options) else {
                continue;
            };
            if is_on_base(&spec.marked_done(), chunk) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// True for a commit of a lane of this spec as it was before something took its place.
    ///
    /// # Errors
    /// Objects that cannot be read.
    pub fn was_archived(&self, id: &SpecId, commit: &Oid) -> Result<bool, GitError> {
        for (_, kept) in self.refs_below(&format!("{ARCHIVE}{id}/"))? {
            if self.is_ancestor(commit, &kept)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Branches below `codelicious/` that some worktree has checked out.
    pub fn checked_out(&self, branches: &BTreeSet<String>) -> BTreeSet<String> {
        let ours = branches.iter().filter(|b| b.starts_with(BRANCHES));
        ours.filter(|b| self.is_checked_out(b)).cloned().collect()
    }
}

/// Comparing versions of one lane.
pub struct Versions<'r> {
    pub repo: &'r Repo,
    pub id: &'r SpecId,
    /// The spec's path, whose changes count for nothing.
    pub path: &'r str,
    pub base: &'r Oid,
    /// Chunks whose mark stands on the base.
    pub on_base: &'r BTreeSet<ChunkId>,
}

impl Versions<'_> {
    /// How a tip that is not in the lane's history stands to the lane.
    ///
    /// # Errors
    /// Objects that cannot be read.
    pub fn standing(&self, lane: &Oid, tip: &Oid) -> Result<Standing, GitError> {
        if self.holds(lane, tip, true)? {
            return Ok(Standing::Earlier);
        }
        let git = &self.repo.git;
        let Ok(shared) = git.merge_base(from_oid(lane)?, from_oid(tip)?) else {
            return Ok(Standing::Foreign);
        };
        let shared = to_oid(shared);
        if self.repo.is_ancestor(&shared, self.base)? {
            return Ok(Standing::Foreign);
        }
        Ok(Standing::Ahead { holds: shared })
    }

    /// True when `new` is to be the lane although `old` is not in its history: it holds what `old` does, and
    /// more, or the same with less that is on the base already.
    ///
    /// # Errors
    /// Objects that cannot be read.
    pub fn supersedes(&self, new: &Oid, old: &Oid) -> Result<bool, GitError> {
        if !self.holds(new, old, false)? {
            return Ok(false);
        }
        let is_same = self.holds(old, new, false)?;
        Ok(!is_same || self.count(new)? < self.count(old)?)
    }

    /// True when everything that `old` has beyond the base is in `new` or on the base: each commit with the
    /// same author, message and change, or a chunk whose mark stands on the base. `only_ours`: and none of it
    /// is somebody else's.
    fn holds(&self, new: &Oid, old: &Oid, only_ours: bool) -> Result<bool, GitError> {
        let mut prints: Option<BTreeSet<String>> = None;
        for commit in self.beyond(old, Some(new))? {
            let trailers = parse_trailers(&String::from_utf8_lossy(commit.message_bytes()));
            let is_single = commit.parent_count() == 1;
            let other = trailers.spec.clone().or(trailers.sync.clone());
            let other_chunk = trailers.chunk.clone();
            let is_sync = trailers.sync.as_ref() == Some(self.id);
            let chunk = trailers
                .chunk
                .filter(|_| is_single && trailers.spec.as_ref() == Some(self.id));
            let is_merged = chunk.as_ref().is_some_and(|c| is_on_base(self.on_base, c));
            if is_merged || (is_single && is_sync && self.changes_only_the_spec(&commit)?) {
                continue;
            }
            let is_elsewhere = is_single && other.is_some_and(|o| o != *self.id);
            if is_elsewhere
                && self
                    .repo
                    .is_elsewhere_on_base(&commit, other_chunk.as_ref(), self.base)?
            {
                continue;
            }
            if !is_single || (only_ours && chunk.is_none()) {
                return Ok(false);
            }
            if prints.is_none() {
                let commits = self.beyond(new, None)?;
                let all: Result<_, GitError> = commits.iter().map(|c| self.print(c)).collect();
                prints = Some(all?);
            }
            if !prints
                .as_ref()
                .is_some_and(|p| p.contains(&self.print(&commit).unwrap_or_default()))
            {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn count(&self, tip: &Oid) -> Result<usize, GitError> {
        Ok(self.beyond(tip, None)?.len())
    }

    /// Commits of `tip` that neither the base nor `without` has.
    fn beyond(&self, tip: &Oid, without: Option<&Oid>) -> Result<Vec<Commit<'_>>, GitError> {
        let what = || format!("reading the commits of {}", self.id);
        let git = &self.repo.git;
        let mut walk = git.revwalk().doing(what)?;
        walk.push(from_oid(tip)?).doing(what)?;
        for hidden in without.into_iter().chain([self.base]) {
            walk.hide(from_oid(hidden)?).doing(what)?;
        }
        walk.take(MAX_COMMITS)
            .map(|oid| oid.and_then(|o| git.find_commit(o)).doing(what))
            .collect()
    }

    fn changes_only_the_spec(&self, commit: &Commit<'_>) -> Result<bool, GitError> {
        let mut only = true;
        self.each_change(commit, &mut |path, _| only &= path == Some(self.path))?;
        Ok(only)
    }

    /// What makes two commits the same work: author, message, and what they change beside the spec. Without
    /// the lines around, which may differ where they stand.
    fn print(&self, commit: &Commit<'_>) -> Result<String, GitError> {
        let mut hash = Sha256::new();
        let mut add = |bytes: &[u8]| {
            hash.update(bytes.len().to_le_bytes());
            hash.update(bytes);
        };
        let author = commit.author();
        add(author.name_bytes());
        add(author.email_bytes());
        add(&author.when().seconds().to_le_bytes());
        add(commit.message_bytes());
        self.each_change(commit, &mut |path, bytes| {
            if path != Some(self.path) {
                add(bytes);
            }
        })?;
        Ok(hash.finalize().iter().map(|b| format!("{b:02x}")).collect())
    }

    /// Calls `see` with path and content of every change of a commit: which file and how, then its lines.
    fn each_change(
        &self,
        commit: &Commit<'_>,
        see: &mut dyn FnMut(Option<&str>, &[u8]),
    ) -> Result<(), GitError> {
        let name = commit.id().to_string();
        let see = std::cell::RefCell::new(see);
        let git = &self.repo.git;
        let path_of = |delta: &git2::DiffDelta<'_>| {
            let file = match delta.status() {
                Delta::Deleted => delta.old_file(),
                _ => delta.new_file(),
            };
            let bytes = file.path_bytes().map(<[u8]>::to_vec);
            bytes.map(|b| String::from_utf8_lossy(&b).into_owned())
        };
        self.repo
            .with_fetched(&["diff-tree", "-p", "-r", "--root", &name], || {
                let new = commit.tree()?;
                let old = commit.parent(0).ok().map(|p| p.tree()).transpose()?;
                let mut options = DiffOptions::new();
                options.context_lines(0);
                let diff = git.diff_tree_to_tree(old.as_ref(), Some(&new), Some(&mut options))?;
                diff.foreach(
                    &mut |delta, _| {
                        let path = path_of(&delta);
                        let how = format!(
                            "{:?} {:?} {:?}",
                            path,
                            delta.status(),
                            delta.new_file().mode()
                        );
                        (see.borrow_mut())(path.as_deref(), how.as_bytes());
                        true
                    },
                    Some(&mut |delta, _| {
                        let path = path_of(&delta);
                        let to = delta.new_file().id().to_string();
                        (see.borrow_mut())(path.as_deref(), to.as_bytes());
                        true
                    }),
                    None,
                    Some(&mut |delta, _, line| {
                        let path = path_of(&delta);
                        (see.borrow_mut())(path.as_deref(), &[line.origin() as u8]);
                        (see.borrow_mut())(path.as_deref(), line.content());
                        true
                    }),
                )
            })
            .doing(|| format!("comparing {name}"))
    }
}

/// Where branches are to stand after a restack.
pub fn branch_tips(plan: &RestackPlan, replayed: &Replayed) -> BTreeMap<u32, Oid> {
    let mut tips: BTreeMap<u32, Oid> = BTreeMap::new();
    for (step, (_, new)) in plan.replay.iter().zip(&replayed.moved) {
        tips.insert(step.part, new.clone());
    }
    tips
}
