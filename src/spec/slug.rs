//! Slugs: a spec's name in branches, refs, ledgers and on the command line.

use super::text::short_hash;
use crate::model::SpecId;
use std::collections::{BTreeMap, BTreeSet};

/// Longest slug, in bytes; leaves room for `codelicious/` and `-part-<n>` in file systems that store refs.
pub const MAX_SLUG: usize = 80;

/// Gives every path its slug: the path without `.md` or `.json`, with everything but `[A-Za-z0-9._-]` folded to `-`.
///
/// `owners` holds slugs that are in use already (a ledger, a lane). A path keeps the slug it owns, and
/// the slug of an owner that is not among `paths` is not given to another. Else the first path in sorted
/// order gets the plain slug and the others one with a short hash of their path. So do paths with
/// letters outside ASCII, too long ones, and those that end like a part branch (`-part-2`).
///
/// No two slugs differ by case alone, and each is a valid component of a git ref
/// (rules: `git help check-ref-format`).
pub fn assign_slugs(
    paths: &[String],
    owners: &BTreeMap<String, SpecId>,
) -> BTreeMap<String, SpecId> {
    let paths: BTreeSet<&String> = paths.iter().collect();
    let mut taken = BTreeSet::new();
    let mut slugs = BTreeMap::new();
    for (path, id) in owners {
        if is_ref_safe(id.as_str())
            && taken.insert(id.as_str().to_ascii_lowercase())
            && paths.contains(path)
        {
            slugs.insert(path.clone(), id.clone());
        }
    }
    for path in paths {
        if slugs.contains_key(path) {
            continue;
        }
        let (plain, exact) = fold(path);
        let mut slug = plain.clone();
        let mut digits = if exact { 0 } else { 8 };
        loop {
            if digits > 0 {
                slug = with_hash(&plain, path, digits);
            }
            if taken.insert(slug.to_ascii_lowercase()) {
                break;
            }
            digits += 8;
        }
        slugs.insert(path.clone(), SpecId::new(slug));
    }
    slugs
}

/// True when `slug` can be one component of a git ref, a file name and a command line argument.
pub fn is_ref_safe(slug: &str) -> bool {
    !slug.is_empty()
        && slug.len() <= MAX_SLUG
        && slug
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
        && !slug.starts_with(['.', '-'])
        && !slug.ends_with(['.', '-'])
        && !slug.contains("..")
        && !slug.to_ascii_lowercase().ends_with(".lock")
}

/// The plain slug, and whether it may stand without a hash.
fn fold(path: &str) -> (String, bool) {
    let endings = [".md", ".json"].into_iter();
    let mut stems = endings.filter_map(|ending| {
        let (stem, ext) = path.split_at_checked(path.len().checked_sub(ending.len())?)?;
        ext.eq_ignore_ascii_case(ending).then_some(stem)
    });
    let stem = stems.next().unwrap_or(path);
    let mut slug = String::with_capacity(stem.len());
    for c in stem.chars() {
        let c = if c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-') {
            c
        } else {
            '-'
        };
        if !(matches!(c, '.' | '-') && slug.ends_with(c)) {
            slug.push(c);
        }
    }
    let mut slug = slug.trim_matches(['.', '-']).to_owned();
    if slug.to_ascii_lowercase().ends_with(".lock") {
        slug.push_str("-file");
    }
    let exact =
        stem.is_ascii() && !slug.is_empty() && slug.len() <= MAX_SLUG && !looks_like_part(&slug);
    if slug.is_empty() {
        slug.push_str("spec");
    }
    (slug, exact)
}

/// True for `…-part-<digits>`: the branch of part n of another spec may be called so.
fn looks_like_part(slug: &str) -> bool {
    let lower = slug.to_ascii_lowercase();
    lower
        .rsplit_once("-part-")
        .is_some_and(|(_, n)| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()))
}

/// `<slug>-x<hash>`; the `x` keeps a hash of digits alone from looking like a part number.
fn with_hash(plain: &str, path: &str, digits: usize) -> String {
    let hash = short_hash(path.as_bytes(), digits.min(64));
    let room = MAX_SLUG - hash.len().min(MAX_SLUG - 2) - 2;
    let head = plain[..plain.len().min(room)].trim_end_matches(['.', '-']);
    if head.is_empty() {
        format!("x{hash}")
    } else {
        format!("{head}-x{hash}")
    }
}
