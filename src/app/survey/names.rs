//! Which spec is at which path, and where specs are whose path vanished.

use super::Scope;
use crate::core::rename::renamed_to;
use crate::fsx::read_beneath;
use crate::git::{GitError, Repo, SpecRefs, files_of_tree};
use crate::model::ledger::SpecBase;
use crate::model::{Ledger, Oid, Spec, SpecId};
use crate::spec::{self, MAX_SPEC_BYTES, ParseOptions};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Paths by the spec that has them, from ledgers and from what was synced.
pub(super) fn known_paths(
    repo: &Repo,
    refs: &BTreeMap<SpecId, SpecRefs>,
    ledgers: &BTreeMap<SpecId, Ledger>,
) -> Result<BTreeMap<SpecId, String>, GitError> {
    let mut known: BTreeMap<SpecId, String> = BTreeMap::new();
    for (id, found) in refs {
        if let Some(sync) = &found.sync {
            let file = files_of_tree(repo, sync)?.into_iter().next();
            if let Some(path) = file
                .as_deref()
                .and_then(|f| f.split_once('/'))
                .map(|(_, path)| path.to_owned())
            {
                known.insert(id.clone(), path);
            }
        }
    }
    for (id, ledger) in ledgers {
        known.insert(id.clone(), ledger.path.clone());
    }
    Ok(known)
}

/// Where a spec is, and where it was.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) path: String,
    pub(super) renamed_from: Option<String>,
}

/// Gives every path its spec. A lane whose path vanished is found again by the ids of its tasks, or kept
/// under its old path while it has work that is not merged.
pub(super) fn name_specs(
    repo: &Repo,
    base: &SpecBase,
    paths: &[String],
    known: &BTreeMap<SpecId, String>,
    refs: &BTreeMap<SpecId, SpecRefs>,
    scope: &Scope,
) -> Result<BTreeMap<SpecId, Place>, GitError> {
    let present: BTreeSet<&String> = paths.iter().collect();
    let owned: BTreeSet<&String> = known.values().collect();
    // Parsed when the first spec turns out to have vanished.
    let mut unowned: Option<Vec<(String, Spec)>> = None;
    let mut owners: BTreeMap<String, SpecId> = known
        .iter()
        .map(|(id, p)| (p.clone(), id.clone()))
        .collect();
    let mut renamed: BTreeMap<String, String> = BTreeMap::new();
    let mut orphans: BTreeMap<SpecId, String> = BTreeMap::new();
    // What was only not named or is left out is still there.
    let vanished = known
        .iter()
        .filter(|(_, p)| !present.contains(p) && !repo.info().root.join(p).is_file());
    for (id, path) in vanished {
        let tip = refs
            .get(id)
            .and_then(|r| best_tip(repo, id, r, base).transpose())
            .transpose()?;
        let Some(tip) = tip else { continue };
        let Some(text) = repo.read_file(&tip, path)? else {
            continue;
        };
        let candidates = unowned.get_or_insert_with(|| {
            let unowned = paths.iter().filter(|p| !owned.contains(p));
            parsed(&repo.info().root, unowned.cloned().collect())
        });
        let new = spec::parse(id.clone(), path, &text, ParseOptions::default())
            .ok()
            .and_then(|old| renamed_to(&old, candidates).map(str::to_owned));
        let Some(new) = new else {
            orphans.insert(id.clone(), path.clone());
            continue;
        };
        candidates.retain(|(p, _)| *p != new);
        owners.remove(path);
        owners.insert(new.clone(), id.clone());
        renamed.insert(new, path.clone());
    }
    // Lanes that only the remote or git knows: a fresh clone.
    if scope.named.is_empty() {
        for (id, found) in refs.iter().filter(|(id, _)| !known.contains_key(*id)) {
            let Some(tip) = best_tip(repo, id, found, base)? else {
                continue;
            };
            let candidates: Vec<String> = files_of_tree(repo, &tip)?
                .into_iter()
                .filter(|p| spec::classify(p).is_some())
                .collect();
            let slugs = spec::assign_slugs(&candidates, &owners);
            if let Some((path, _)) = slugs
                .into_iter()
                .find(|(p, slug)| slug == id && !present.contains(p))
            {
                orphans.insert(id.clone(), path);
            }
        }
    } else {
        orphans.clear();
    }
    let mut specs: BTreeMap<SpecId, Place> = spec::assign_slugs(paths, &owners)
        .into_iter()
        .map(|(path, id)| {
            let renamed_from = renamed.get(&path).cloned();
            (id, Place { path, renamed_from })
        })
        .collect();
    for (id, path) in orphans {
        specs.entry(id).or_insert(Place {
            path,
            renamed_from: None,
        });
    }
    Ok(specs)
}

/// Specs among the user's files, parsed. What cannot be read is told where it is surveyed.
fn parsed(root: &Path, paths: Vec<String>) -> Vec<(String, Spec)> {
    paths
        .into_iter()
        .filter_map(|path| {
            let bytes = read_beneath(root, Path::new(&path), MAX_SPEC_BYTES as u64).ok()?;
            let spec = spec::parse(SpecId::new(""), &path, &bytes, ParseOptions::default());
            Some((path, spec.ok()?))
        })
        .collect()
}

/// The furthest tip that is known for a spec and is its own: the lane, or branches that others pushed.
pub(super) fn best_tip(
    repo: &Repo,
    id: &SpecId,
    refs: &SpecRefs,
    base: &SpecBase,
) -> Result<Option<Oid>, GitError> {
    let mut best = refs.lane.clone();
    for tip in refs.remote.values().chain(refs.local.values()) {
        if best.as_ref() == Some(tip)
            || !repo.is_ours(id, &base.commit, tip)?
            || (best.is_some() && repo.was_archived(id, tip)?)
        {
            continue;
        }
        let is_further = match &best {
            None => true,
            Some(b) => repo.is_ancestor(b, tip)?,
        };
        if is_further {
            best = Some(tip.clone());
        }
    }
    Ok(best)
}
