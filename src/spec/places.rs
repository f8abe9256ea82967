//! Where tools keep their files.

use super::format::Confidence;

/// Hidden folders that hold specs; a walk enters no others.
pub(super) const HIDDEN: [&str; 4] = [".agent-os", ".kiro", ".ralph", ".taskmaster"];

/// The names below the last folder called `folder` on the way to a file, the file's own last. None where no such
/// folder is on the way.
pub(super) fn below<'p>(path: &'p str, folder: &str) -> Option<Vec<&'p str>> {
    let names: Vec<&str> = path.split('/').collect();
    let at = names.iter().rposition(|name| *name == folder)?;
    let inside = names[at + 1..].to_vec();
    (!inside.is_empty()).then_some(inside)
}

/// What the folder `.kiro` says of a path, which tools besides Kiro use as well; None outside of it.
pub(super) fn in_kiro(path: &str) -> Option<Confidence> {
    let inside = below(path, ".kiro")?;
    Some(match inside.as_slice() {
        ["specs", "archive", ..] => Confidence::NotWork,
        ["specs", _, .., file] if is(file, "tasks.md") => Confidence::Sure,
        _ => Confidence::NotWork,
    })
}

/// Whether a file has this name, whatever its case.
pub(super) fn is(file: &str, name: &str) -> bool {
    file.eq_ignore_ascii_case(name)
}

/// Whether a path ends in these names.
pub(super) fn ends_with(path: &str, names: &[&str]) -> bool {
    let mut own = path.rsplit('/');
    names.iter().rev().all(|name| own.next() == Some(*name))
}
