//! The user's copies of specs, read and parsed on all cores before git is asked about any of them.
//!
//! Mostly what the user has is what is built: then this parse is the only one.

use super::{Place, Scope, cores, problem};
use crate::fsx::read_beneath;
use crate::model::{Diagnostic, Spec, SpecId};
use crate::spec::{self};
use std::collections::BTreeMap;
use std::path::Path;

/// Specs that one thread has read and parsed before another one has started.
const WORTH_A_THREAD: usize = 16;

/// What stands at a spec's path in the user's tree.
#[derive(Debug)]
pub(super) struct UserCopy {
    pub text: Vec<u8>,
    /// What `text` says.
    pub spec: Result<Spec, Diagnostic>,
    /// What in it a person should read, where it has open work.
    pub warnings: Vec<Diagnostic>,
}

impl UserCopy {
    fn of(scope: &Scope, id: &SpecId, path: &str, text: Vec<u8>) -> Self {
        let spec = spec::parse(id.clone(), path, &text, scope.options(path, &text));
        let has_work = spec.as_ref().is_ok_and(Spec::has_open_work);
        let warnings = match has_work {
            true => scope.suspicions(path, &String::from_utf8_lossy(&text)),
            false => Vec::new(),
        };
        Self {
            text,
            spec,
            warnings,
        }
    }
}

/// A copy, or that there is none, or why it cannot be read.
pub(super) type Looked = Result<Option<UserCopy>, Diagnostic>;

/// The specs among copies.
pub(super) fn specs_of(looked: &[Looked]) -> impl Iterator<Item = &Spec> {
    let copies = looked.iter().filter_map(|l| l.as_ref().ok()?.as_ref());
    copies.filter_map(|copy| copy.spec.as_ref().ok())
}

/// Reads the copies of all of `places`, in their order.
pub(super) fn look_at_all(
    root: &Path,
    scope: &Scope,
    places: &BTreeMap<SpecId, Place>,
) -> Vec<Looked> {
    let places: Vec<(&SpecId, &Place)> = places.iter().collect();
    cores::each(&places, WORTH_A_THREAD, |(id, place)| {
        look(root, scope, id, &place.path)
    })
}

/// Reads the copy at `path`.
pub(super) fn look(root: &Path, scope: &Scope, id: &SpecId, path: &str) -> Looked {
    if let Some(handed) = scope.handed.get(path) {
        return Ok(Some(UserCopy::of(scope, id, path, handed.text.clone())));
    }
    if let Some(link) = link_above(root, path) {
        // Git has a link there, and what is committed at this path would take its place.
        return Err(problem(
            path,
            &format!("it is reached through the symbolic link {link}, which is not followed"),
            "put the file itself there, or name it where it is with --spec",
        ));
    }
    let file = root.join(path);
    match file.symlink_metadata() {
        Ok(meta) if meta.is_file() => {
            let text = read_beneath(root, Path::new(path), scope.max_spec_bytes).map_err(|e| {
                problem(
                    path,
                    &e.to_string(),
                    "leave it out with `[specs] exclude` if it is no spec",
                )
            })?;
            Ok(Some(UserCopy::of(scope, id, path, text)))
        }
        Ok(meta) if meta.is_symlink() && scope.names(path) => Err(problem(
            path,
            "it is a symbolic link, which is not followed",
            "put the file itself there, or name its target with --spec",
        )),
        Ok(_) if scope.names(path) => Err(problem(
            path,
            "it is not a regular file",
            "name a markdown file with --spec",
        )),
        Ok(_) | Err(_) => Ok(None),
    }
}

/// The first folder on the way to a path that is a link.
fn link_above(root: &Path, path: &str) -> Option<String> {
    let mut above: Vec<&Path> = Path::new(path).ancestors().skip(1).collect();
    above.reverse();
    let is_link = |below: &&Path| {
        let meta = root.join(below).symlink_metadata();
        !below.as_os_str().is_empty() && meta.is_ok_and(|m| m.is_symlink())
    };
    let link = above.into_iter().find(is_link)?;
    Some(link.to_string_lossy().into_owned())
}
