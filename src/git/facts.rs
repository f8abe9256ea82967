//! What git knows about specs and lanes: the input of recovery.

use super::error::{Context, GitError};
use super::repo::{Repo, from_oid, to_oid};
use super::{BRANCHES, LANES, PLANS, REMOTE_PLANS, SYNC};
use crate::core::commit_message::parse_trailers;
use crate::core::recover::{Elsewhere, LaneCommit};
use crate::model::{Oid, SpecId};
use std::collections::{BTreeMap, BTreeSet};

/// Bound on the commits of one lane that are read.
const MAX_COMMITS: usize = 10_000;

/// Refs that concern one spec, as they stand after the last fetch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SpecRefs {
    /// The lane's own ref.
    pub lane: Option<Oid>,
    /// The last synced text, as a commit holding the spec's path.
    pub sync: Option<Oid>,
    /// The plan that a model made of the spec, here and on the remote, as commits.
    pub plan: Option<Oid>,
    pub remote_plan: Option<Oid>,
    /// Branches of the series here, by name.
    pub local: BTreeMap<String, Oid>,
    /// Branches of the series on the remote, by name.
    pub remote: BTreeMap<String, Oid>,
}

/// Groups the repository's refs by spec: by lane, sync and plan refs, and by branch names below `codelicious/`.
///
/// # Errors
/// Refs that cannot be listed.
pub fn spec_refs(
    repo: &Repo,
    remote: Option<&str>,
) -> Result<BTreeMap<SpecId, SpecRefs>, GitError> {
    let mut specs: BTreeMap<SpecId, SpecRefs> = BTreeMap::new();
    for (name, oid) in repo.refs_below(LANES)? {
        specs
            .entry(SpecId::new(&name[LANES.len()..]))
            .or_default()
            .lane = Some(oid);
    }
    // What the remote last synced counts where nothing was synced here.
    for prefix in ["refs/codelicious/remote-sync/", SYNC] {
        for (name, oid) in repo.refs_below(prefix)? {
            specs
                .entry(SpecId::new(&name[prefix.len()..]))
                .or_default()
                .sync = Some(oid);
        }
    }
    for (name, oid) in repo.refs_below(PLANS)? {
        let spec = SpecId::new(&name[PLANS.len()..]);
        specs.entry(spec).or_default().plan = Some(oid);
    }
    for (name, oid) in repo.refs_below(REMOTE_PLANS)? {
        let spec = SpecId::new(&name[REMOTE_PLANS.len()..]);
        specs.entry(spec).or_default().remote_plan = Some(oid);
    }
    for (branch, oid) in repo.our_branches()? {
        if let Some((slug, _)) = split_branch(&branch) {
            specs.entry(slug).or_default().local.insert(branch, oid);
        }
    }
    if let Some(remote) = remote {
        let prefix = format!("refs/remotes/{remote}/");
        for (name, oid) in repo.refs_below(&format!("{prefix}{BRANCHES}"))? {
            let branch = name[prefix.len()..].to_owned();
            if let Some((slug, _)) = split_branch(&branch) {
                specs.entry(slug).or_default().remote.insert(branch, oid);
            }
        }
    }
    Ok(specs)
}

/// Spec and part that a branch name of ours stands for.
pub fn split_branch(branch: &str) -> Option<(SpecId, u32)> {
    let slug = branch.strip_prefix(BRANCHES)?;
    let numbered = slug
        .rsplit_once("-part-")
        .and_then(|(s, n)| Some((s, n.parse::<u32>().ok()?)));
    match numbered {
        Some((s, n)) if n >= 2 && !s.is_empty() => Some((SpecId::new(s), n)),
        _ => Some((SpecId::new(slug), 1)),
    }
}

/// Commits of `tip` that `base` does not have, oldest first, with their trailers. Only commits of this
/// spec carry a chunk.
///
/// # Errors
/// Objects that cannot be read.
pub fn lane_facts(
    repo: &Repo,
    id: &SpecId,
    spec: &str,
    base: &Oid,
    tip: &Oid,
) -> Result<Vec<LaneCommit>, GitError> {
    let what = || format!("reading the commits of {id}");
    let mut walk = repo.git.revwalk().doing(what)?;
    walk.push(from_oid(tip)?).doing(what)?;
    walk.hide(from_oid(base)?).doing(what)?;
    walk.set_sorting(git2::Sort::TOPOLOGICAL | git2::Sort::REVERSE)
        .doing(what)?;
    let mut commits = Vec::new();
    for oid in walk.take(MAX_COMMITS) {
        let commit = oid.and_then(|o| repo.git.find_commit(o)).doing(what)?;
        let trailers = parse_trailers(&String::from_utf8_lossy(commit.message_bytes()));
        // A merge is somebody's, whatever words of ours it repeats.
        let is_single = commit.parent_count() == 1;
        let ours = is_single && trailers.spec.as_ref() == Some(id);
        let chunk = trailers.chunk.filter(|_| ours);
        let lines = if chunk.is_some() {
            repo.lines_of(&to_oid(commit.id()), spec)?.counted()
        } else {
            0
        };
        commits.push(LaneCommit {
            oid: to_oid(commit.id()),
            chunk,
            part: trailers.part.filter(|_| ours),
            verdict: trailers.verdict.filter(|_| ours),
            lines,
            sync: is_single && trailers.sync.as_ref() == Some(id),
            other: elsewhere(repo, id, base, &commit)?,
        });
    }
    Ok(commits)
}

/// Says of a commit that another spec's lane made whether the base has what it brought.
fn elsewhere(
    repo: &Repo,
    id: &SpecId,
    base: &Oid,
    commit: &git2::Commit<'_>,
) -> Result<Option<Elsewhere>, GitError> {
    let trailers = parse_trailers(&String::from_utf8_lossy(commit.message_bytes()));
    let spec = trailers.spec.or(trailers.sync);
    let Some(spec) = spec.filter(|s| s != id && commit.parent_count() == 1) else {
        return Ok(None);
    };
    let is_on_base = repo.is_elsewhere_on_base(commit, trailers.chunk.as_ref(), base)?;
    Ok(Some(Elsewhere { spec, is_on_base }))
}

impl Repo {
    /// True when history between `base` and `tip` carries a trailer of this spec.
    ///
    /// # Errors
    /// Objects that cannot be read.
    pub fn is_ours(&self, id: &SpecId, base: &Oid, tip: &Oid) -> Result<bool, GitError> {
        let what = || format!("reading the commits of {id}");
        let mut walk = self.git.revwalk().doing(what)?;
        walk.push(from_oid(tip)?).doing(what)?;
        walk.hide(from_oid(base)?).doing(what)?;
        for oid in walk.take(MAX_COMMITS) {
            let commit = oid.and_then(|o| self.git.find_commit(o)).doing(what)?;
            let trailers = parse_trailers(&String::from_utf8_lossy(commit.message_bytes()));
            if trailers.spec.as_ref() == Some(id) || trailers.sync.as_ref() == Some(id) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Which of these commits exist.
    pub fn existing(&self, oids: impl IntoIterator<Item = Oid>) -> BTreeSet<Oid> {
        oids.into_iter()
            .filter(|o| from_oid(o).is_ok_and(|id| self.git.find_commit(id).is_ok()))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn branches_and_specs() {
        for (branch, slug, part) in [
            ("codelicious/specs-todo", "specs-todo", 1),
            ("codelicious/specs-todo-part-2", "specs-todo", 2),
            ("codelicious/specs-todo-part-1", "specs-todo-part-1", 1),
            ("codelicious/a-part-x", "a-part-x", 1),
        ] {
            assert_eq!(
                split_branch(branch),
                Some((SpecId::from(slug), part)),
                "{branch}"
            );
        }
        assert_eq!(split_branch("main"), None);
    }
}
