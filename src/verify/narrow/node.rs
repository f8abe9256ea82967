//! JavaScript: what jest and vitest find by themselves, and for `node --test` a light scan of imports.

use super::cargo::resolve;
use super::graph::Users;
use super::{Look, Part, Picked, count};
use crate::pattern::pattern;
use crate::verify::check::Run;
use crate::verify::languages::{exec, vitest_report};
use crate::verify::view::{extension, join, parent};
use regex::Regex;
use std::collections::BTreeSet;
use std::sync::LazyLock;

/// Sources that the runners follow.
const FOLLOWED: &[&str] = &["js", "mjs", "cjs", "jsx", "ts", "mts", "cts", "tsx"];

static IMPORT: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r#"(?:\bfrom\s*|\bimport\s*\(?\s*|\brequire(?:\.resolve)?\s*\(\s*)["'`]([^"'`\n]+)["'`]"#,
    )
});

pub(super) fn jest(look: &Look<'_>) -> Option<Picked> {
    let files = followed(look)?;
    Some(Picked {
        arguments: format!("--passWithNoTests --findRelatedTests {}", files.join(" ")),
        words: format!("tests related to {}", count(files.len(), "changed file")),
    })
}

pub(super) fn vitest(look: &Look<'_>) -> Option<Part> {
    let files = followed(look)?;
    Some(Part {
        run: Run::Shell {
            start: format!(
                "{} vitest related --run --passWithNoTests {}",
                exec(look.view, &look.project.dir),
                vitest_report()
            ),
            whole: files.join(" "),
        },
        words: format!("tests related to {}", count(files.len(), "changed file")),
    })
}

/// The changed files, where all of them are sources that are there.
fn followed(look: &Look<'_>) -> Option<Vec<String>> {
    let is_source = |path: &&str| FOLLOWED.contains(&extension(path));
    (look.deleted.is_empty() && !look.present.is_empty() && look.present.iter().all(is_source))
        .then(|| look.present.iter().map(|p| look.word_for(p)).collect())
}

pub(super) fn tests(look: &Look<'_>) -> Option<Picked> {
    let language = look.project.language;
    for path in look.all() {
        let is_lost_test = look.deleted.contains(&path) && (language.is_test)(path);
        if !FOLLOWED.contains(&extension(path)) || is_lost_test {
            return None;
        }
    }
    let name = (language.links)(look.view, &look.project.dir).name;
    let known: BTreeSet<&str> = look.project.sources.iter().map(String::as_str).collect();
    let known: BTreeSet<&str> = known
        .into_iter()
        .chain(look.deleted.iter().copied())
        .collect();
    let mut users = Users::default();
    for path in &look.project.sources {
        let text = look.view.read(path)?;
        // Tests that start programs reach what they do not import.
        let is_outside = (language.is_test)(path) && text.contains("child_process");
        if is_outside || text.contains("require(path") {
            return None;
        }
        for found in IMPORT.captures_iter(&text) {
            let module = found.get(1).map_or("", |m| m.as_str());
            let by_another_name = module.starts_with(['#', '~', '/', '$'])
                || module.starts_with("@/")
                || name.as_deref().is_some_and(|n| module.starts_with(n));
            if by_another_name {
                return None;
            }
            if module.starts_with('.') {
                users_of(&known, path, module, &mut users);
            }
        }
    }
    // What `node --test` runs is decided by its own patterns; those that it certainly runs are these.
    let runs =
        |path: &&str| path.contains(".test.") && ["js", "mjs", "cjs"].contains(&extension(path));
    let tests = look.project.tests.iter().map(String::as_str);
    let tests: Vec<&str> = tests.collect();
    if !tests.iter().all(runs) {
        return None;
    }
    let mut picked: BTreeSet<&str> = BTreeSet::new();
    for path in look.all() {
        let reached = users.reached([path]);
        let mine = tests.iter().copied().filter(|test| reached.contains(*test));
        let mine: Vec<&str> = mine.collect();
        if mine.is_empty() {
            return None;
        }
        picked.extend(mine);
    }
    if picked.len() >= tests.len() {
        return None;
    }
    let arguments: Vec<String> = picked.iter().map(|test| look.word_for(test)).collect();
    Some(Picked {
        arguments: arguments.join(" "),
        words: format!(
            "{} of {}: those that import what changed",
            picked.len(),
            count(tests.len(), "test file")
        ),
    })
}

/// The file that a relative import means, by the endings that may be left out.
fn users_of(known: &BTreeSet<&str>, path: &str, module: &str, users: &mut Users) {
    let Some(target) = resolve(parent(path), module) else {
        return;
    };
    let bare = FOLLOWED
        .iter()
        .find_map(|e| target.strip_suffix(&format!(".{e}")));
    let endings = FOLLOWED.iter().chain(&["json", "vue", "svelte"]);
    for ending in endings {
        let index = join(&target, &format!("index.{ending}"));
        // TypeScript imports `./a.js` where `a.ts` is meant.
        let written = bare.map(|bare| format!("{bare}.{ending}"));
        for file in [Some(format!("{target}.{ending}")), Some(index), written]
            .into_iter()
            .flatten()
        {
            if known.contains(file.as_str()) {
                users.add(path, &file);
            }
        }
    }
    if known.contains(target.as_str()) {
        users.add(path, &target);
    }
}
