//! Which paths are specs, and their slugs.

use crate::model::SpecId;
use crate::spec::slug::is_ref_safe;
use crate::spec::{SpecKind, assign_slugs, classify, is_pruned_dir, is_vendored_dir, specs};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

#[test]
fn paths_are_classified() {
    use SpecKind::{InSpecsFolder, Named, OfTool};
    let cases = [
        ("specs/a.md", Some(InSpecsFolder)),
        ("a/b/Specs/c/d.MD", Some(InSpecsFolder)),
        (".kiro/specs/x/tasks.md", Some(OfTool)),
        ("web/.kiro/specs/x/tasks.md", Some(OfTool)),
        (".kiro/specs/x/requirements.md", None),
        (".kiro/specs/x/design.md", None),
        (".kiro/specs/archive/x/tasks.md", None),
        (".kiro/steering/roadmap.md", None),
        ("specs/001-albums/tasks.md", Some(OfTool)),
        ("specs/20260821-143022-albums/tasks.md", Some(OfTool)),
        ("specs/01-albums/tasks.md", Some(InSpecsFolder)),
        (".specify/templates/tasks-template.md", None),
        (".specify/specs/001-x/tasks.md", None),
        ("openspec/changes/add-login/tasks.md", Some(OfTool)),
        (
            "openspec/changes/archive/2026-01-02-add-login/tasks.md",
            None,
        ),
        ("openspec/changes/add-login/specs/auth/spec.md", None),
        ("openspec/specs/auth/spec.md", None),
        ("openspec/AGENTS.md", None),
        (".agent-os/specs/2026-01-02-login/tasks.md", Some(OfTool)),
        ("agent-os/specs/2026-01-02-login/tasks.md", Some(OfTool)),
        (".agent-os/specs/2026-01-02-login/spec.md", None),
        (".agent-os/product/roadmap.md", None),
        (".taskmaster/tasks/tasks.json", Some(OfTool)),
        (".taskmaster/tasks/task_001.md", None),
        (".taskmaster/docs/spec.md", None),
        ("tasks/tasks.json", Some(OfTool)),
        ("prd.json", Some(OfTool)),
        ("scripts/ralph/prd.json", Some(OfTool)),
        ("scripts/ralph/archive/2026-01-02-x/prd.json", None),
        (".vscode/tasks.json", None),
        ("package.json", None),
        (".github/specs/a.md", None),
        ("examples/specs/a.md", None),
        ("packages/cli/templates/.kiro/specs/x/tasks.md", None),
        ("specs/examples/a.md", Some(InSpecsFolder)),
        ("docs/spec-template.md", None),
        ("spec.md", Some(Named)),
        ("docs/SPEC-login.md", Some(Named)),
        ("docs/login.spec.md", Some(Named)),
        ("ROADMAP.md", Some(Named)),
        ("x/Todo.md", Some(Named)),
        ("specs/README.md", None),
        ("specs/Changelog.md", None),
        ("specs/sub/CONTRIBUTING.md", None),
        ("specs/license.md", None),
        ("specs/CLAUDE.md", None),
        ("specs/agents.md", None),
        ("specs/a.txt", None),
        ("specs/.md", None),
        ("specs.md/a.txt", None),
        ("docs/a.md", None),
        ("my-roadmap.md", None),
        (".spec.md", None),
        ("node_modules/x/specs/a.md", None),
        ("vendor/x/spec.md", None),
        (".codelicious/specs/a.md", None),
        ("specs/vendor/a.md", Some(InSpecsFolder)),
        ("build/specs/a.md", Some(InSpecsFolder)),
        ("specs/仕様.md", Some(InSpecsFolder)),
        ("specs/-A.md", Some(InSpecsFolder)),
    ];
    for (path, want) in cases {
        assert_eq!(classify(path), want, "{path}");
    }
    let paths = [
        "specs/001-albums/tasks.md",
        "specs/001-albums/spec.md",
        "specs/001-albums/checklists/ux.md",
        "specs/002-later/spec.md",
        "specs/login/tasks.md",
        "specs/login/plan.md",
        "specs/login/notes.md",
        "specs/tasks.md",
        "specs/plan.md",
    ];
    let found = specs(paths.iter().map(ToString::to_string));
    let expected = [
        "specs/001-albums/tasks.md",
        "specs/002-later/spec.md",
        "specs/login/notes.md",
        "specs/login/tasks.md",
        "specs/plan.md",
        "specs/tasks.md",
    ];
    assert_eq!(found.iter().collect::<Vec<_>>(), expected);
    assert!(is_vendored_dir("node_modules") && !is_vendored_dir("build"));
    assert!(
        is_pruned_dir("a/target") && !is_pruned_dir("specs/target") && is_pruned_dir("specs/.git")
    );
}

fn slugs(paths: &[&str], owners: &[(&str, &str)]) -> Vec<String> {
    let paths: Vec<String> = paths.iter().map(ToString::to_string).collect();
    let owners: BTreeMap<String, SpecId> = owners
        .iter()
        .map(|(p, s)| (p.to_string(), SpecId::new(*s)))
        .collect();
    let found = assign_slugs(&paths, &owners);
    paths.iter().map(|p| found[p].as_str().to_owned()).collect()
}

#[test]
fn slugs_are_plain_where_they_can_be() {
    assert_eq!(
        slugs(
            &[
                "specs/01_api.md",
                "backend/specs/01_api.md",
                ".kiro/specs/a b/tasks.md",
                "x.spec.md"
            ],
            &[]
        ),
        [
            "specs-01_api",
            "backend-specs-01_api",
            "kiro-specs-a-b-tasks",
            "x.spec"
        ]
    );
    let odd = slugs(
        &[
            "specs/仕様.md",
            "specs/計画.md",
            "specs/a-part-2.md",
            "specs/a.lock.md",
            "-A.md",
        ],
        &[],
    );
    assert_ne!(odd[0], odd[1]);
    assert!(odd[2].starts_with("specs-a-part-2-x"), "{odd:?}");
    assert_eq!(odd[3], "specs-a.lock-file");
    assert_eq!(odd[4], "A");
}

#[test]
fn colliding_slugs_get_a_hash_and_owners_keep_theirs() {
    let free = slugs(&["a-b.md", "a/b.md", "A/B.md"], &[]);
    assert_eq!(free[2], "A-B");
    assert!(free[0].starts_with("a-b-x") && free[1].starts_with("a-b-x") && free[0] != free[1]);

    let owned = slugs(&["a-b.md", "a/b.md"], &[("a/b.md", "a-b")]);
    assert_eq!(owned[1], "a-b");
    assert!(owned[0].starts_with("a-b-x"));
    // What had a hash keeps it when the other is gone; what is gone keeps others off its slug.
    assert_eq!(
        slugs(&["a/b.md"], &[("a/b.md", "a-b-x12345678")]),
        ["a-b-x12345678"]
    );
    assert!(slugs(&["a/b.md"], &[("a-b.md", "a-b")])[0].starts_with("a-b-x"));
    // An owner's slug that could not be a ref is not kept.
    assert_eq!(slugs(&["a.md"], &[("a.md", "../a")]), ["a"]);
}

proptest! {
    #[test]
    fn slugs_are_injective_and_safe(
        paths in proptest::collection::btree_set("([aAbé./_ @{~-]|part|-part-|[0-9]|\\.lock|\n){1,90}(\\.md)?", 1..24),
        owned in proptest::collection::vec(("[aAb/.-]{1,4}\\.md", "[aAb.-]{1,4}"), 0..4),
    ) {
        let paths: Vec<String> = paths.into_iter().collect();
        let owners: BTreeMap<String, SpecId> =
            owned.into_iter().map(|(p, s)| (p, SpecId::new(s))).collect();
        let found = assign_slugs(&paths, &owners);
        prop_assert_eq!(found.len(), paths.len());
        let distinct: BTreeSet<String> = found.values().map(|s| s.as_str().to_ascii_lowercase()).collect();
        prop_assert_eq!(distinct.len(), paths.len());
        for (path, slug) in &found {
            prop_assert!(is_ref_safe(slug.as_str()), "{:?}", slug);
            let part = slug.as_str().rsplit_once("-part-");
            let part = part.is_some_and(|(_, n)| n.bytes().all(|b| b.is_ascii_digit()));
            prop_assert!(!part || owners.get(path) == Some(slug), "{:?}", slug);
        }
        let mut reversed = paths;
        reversed.reverse();
        prop_assert_eq!(&assign_slugs(&reversed, &owners), &found);
        // Assigning again with what was assigned changes nothing.
        prop_assert_eq!(assign_slugs(&reversed, &found), found);
    }
}
