//! What tasks are called, and that they stay so.

use super::{spec, task};
use crate::model::Spec;

fn id(spec: &Spec, title: &str) -> String {
    task(spec, title).id.as_str().to_owned()
}

#[test]
fn names_are_ids_and_numbers_are_labels() {
    let cases: [(&str, &str, bool); 30] = [
        ("T007 Add it", "T007", true),
        ("T020a Add it", "T020a", true),
        ("**T001** Add it", "T001", true),
        ("**T001**: Add it", "T001", true),
        ("**T001:** Add it", "T001", true),
        ("**T001: Add** it", "T001", true),
        ("[T001] Add it", "T001", true),
        ("T1.2: Add it", "T1.2", true),
        ("US-001: Add it", "US-001", true),
        ("US-001 Add it", "US-001", true),
        ("TASK-12 Add it", "TASK-12", true),
        ("PROJ-123 Add it", "PROJ-123", true),
        ("AUTH_API_07: Add it", "AUTH_API_07", true),
        ("R2: Add it", "R2", true),
        ("A1 - Add it", "A1", true),
        ("2.1 Add it", "2.1", false),
        ("2. Add it", "2", false),
        ("3) Add it", "3", false),
        ("**2.1** Add it", "2.1", false),
        ("Step 3: Add it", "Step 3", false),
        ("H2 headings", "", false),
        ("UTF-8 input", "", false),
        ("UTF-8: input", "", false),
        ("SHA256 digests", "", false),
        ("**S3** upload", "", false),
        ("S3: upload", "", false),
        ("Step 1 of it", "", false),
        ("3 retries", "", false),
        ("K8s: deploy", "", false),
        ("[T001](link) Add it", "", false),
    ];
    for (text, label, named) in cases {
        let parsed = spec(&format!("- [ ] {text}\n"));
        let only = &parsed.tasks[0];
        assert_eq!(only.label.as_deref().unwrap_or(""), label, "{text}");
        assert_eq!(only.named, named, "{text}");
        assert_eq!(only.id.as_str() == label, named, "{text}");
        if !named {
            assert_eq!(only.id.as_str().len(), 12);
        }
    }
}

#[test]
fn a_repeated_id_is_no_id() {
    let parsed = spec("- [ ] T1: a\n- [ ] T1: b\n- [ ] T2: c\n- [ ] T1: a\n");
    let ids: Vec<&str> = parsed.tasks.iter().map(|t| t.id.as_str()).collect();
    assert_eq!(ids[2], "T2");
    assert!(ids.iter().enumerate().all(|(i, a)| !ids[..i].contains(a)));
    assert!(!parsed.tasks[0].named && parsed.tasks[0].label.as_deref() == Some("T1"));
    assert_eq!(parsed.diagnostics.len(), 1);
    assert_eq!(parsed.diagnostics[0].line, 1);
}

#[test]
fn edits_elsewhere_change_no_id() {
    let before = spec(
        "# A\n## 1. Setup\n- [ ] 1.1 Make it\n- [ ] 1.2 Test it\n## 2. Rest\n- [ ] 2.1 Test it\n",
    );
    let after = spec(
        "# A\n## 1. New\n- [x] 1.1 Test it\n## 2. Setup\n\ntext\n- [x] 2.1 Zero\n- [ ] 2.2 Test it\n* [ ] 2.3 Make it <!-- x -->\n## 3. Rest\n1. [x] Test it\n",
    );
    assert_eq!(id(&before, "Make it"), id(&after, "Make it"));
    let last = |s: &Spec| s.tasks.last().unwrap().id.clone();
    assert_eq!(last(&before), last(&after));
    assert_eq!(before.tasks[1].id, after.tasks[2].id);
    assert_eq!(
        before.tasks[0].fingerprint,
        task(&after, "Make it").fingerprint
    );
}

#[test]
fn enclosing_tasks_tell_equal_children_apart() {
    let before = spec("- [ ] Backend\n  - [ ] Verify\n- [ ] Frontend\n  - [ ] Verify\n");
    let after = spec(
        "- [ ] New\n  - [ ] Verify\n- [ ] Frontend\n  - [ ] Verify\n- [ ] Backend\n  - [ ] Verify\n",
    );
    assert_eq!(before.tasks[1].id, after.tasks[5].id);
    assert_eq!(before.tasks[3].id, after.tasks[3].id);
}

#[test]
fn text_below_the_first_paragraph_changes_the_fingerprint_alone() {
    let before = spec("- [ ] Add it\n\n  Some details.\n\n  - [ ] criterion\n");
    let after = spec("- [ ] Add it\n\n  Other details.\n\n  - [ ] criterion\n");
    assert_eq!(before.tasks[0].id, after.tasks[0].id);
    assert_ne!(before.tasks[0].fingerprint, after.tasks[0].fingerprint);
    assert_eq!(before.tasks[1].id, after.tasks[1].id);

    let named = spec("## Old\n- [ ] T1: Add it\n  - [ ] part\n");
    let renamed = spec("## New\n- [ ] T1: Make it\n  - [ ] part\n");
    assert_eq!(named.tasks[0].id, renamed.tasks[0].id);
    assert_ne!(named.tasks[0].fingerprint, renamed.tasks[0].fingerprint);
    assert_eq!(named.tasks[1].id, renamed.tasks[1].id);
}

#[test]
fn ticking_criteria_below_a_task_changes_nothing() {
    let before = spec("- [ ] a\n  Acceptance criteria:\n  - [ ] works\n");
    let after = spec("- [ ] a\n  Acceptance criteria:\n  - [x] works\n");
    assert_eq!(before.tasks.len(), 1);
    assert_eq!(before.tasks[0].id, after.tasks[0].id);
    assert_eq!(before.tasks[0].fingerprint, after.tasks[0].fingerprint);
}
