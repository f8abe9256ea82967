//! References of tasks, and the text they stand for.

use super::spec;
use crate::model::{Document, DocumentKind};
use crate::spec::Criteria;

fn document(text: &str) -> Document {
    Document {
        path: "requirements.md".to_owned(),
        kind: DocumentKind::Criteria,
        text: text.into(),
    }
}

fn resolve(document: &Document, reference: &str) -> Option<String> {
    Criteria::read(std::iter::once(document)).resolve(reference)
}

#[test]
fn tasks_name_what_they_are_for() {
    let cases: [(&str, &[&str]); 10] = [
        (
            "a\n  - _Requirements: 1.2, 2.1-2.3, 4_",
            &["1.2", "2.1", "2.2", "2.3", "4"],
        ),
        ("a\n  - _要件: 1.1、3.2_", &["1.1", "3.2"]),
        ("a\n  _需求：2.1，2.2_", &["2.1", "2.2"]),
        (
            "a\n  - **Validates: Requirements 1.1, 1.2**",
            &["1.1", "1.2"],
        ),
        ("a (AC: 1, 3)", &["1", "3"]),
        ("a (AC: #2)", &["2"]),
        (
            "[US1] a for FR-003 and SC-001",
            &["US1", "FR-003", "SC-001"],
        ),
        ("a\n  - _Depends: 1.1_\n  - _Boundary: Store 2.0_", &[]),
        ("a\n  - _Requirements: all of them_", &[]),
        ("Use RFC-2119 and UTF-8 in R2 storage", &[]),
    ];
    for (text, expected) in cases {
        assert_eq!(
            spec(&format!("- [ ] {text}\n")).tasks[0].meets,
            expected,
            "{text}"
        );
    }
}

#[test]
fn other_numbers_are_none() {
    for text in [
        "a\n  - _Effort: 3_",
        "a\n  - _Estimate: 1.5_",
        "a\n  - _Weight: 3_",
        "Drive the ST7735 display",
    ] {
        assert_eq!(
            spec(&format!("- [ ] {text}\n")).tasks[0].meets,
            [""; 0],
            "{text}"
        );
    }
    for text in ["_Exigences : 3_", "_요구사항: 3_", "_Kriterien: 1.2_"] {
        assert_eq!(
            spec(&format!("- [ ] a\n  - {text}\n")).tasks[0].meets.len(),
            1,
            "{text}"
        );
    }
}

#[test]
fn headings_may_bear_whole_numbers() {
    let text = "## 1 Accounts\n\n### 1.1 Sign in\n\nBy name.\n\n### 1.2 Reset\n\nBy mail.\n\n### Requirement 2.1: Sharing\n\nBy link.\n";
    let document = document(text);
    let whole = |reference: &str| resolve(&document, reference).unwrap_or_default();
    assert_eq!(whole("1.2"), "1.2 Reset\nBy mail.");
    assert_eq!(whole("2.1"), "Requirement 2.1: Sharing\nBy link.");
    assert!(whole("1").contains("By name.") && whole("1").contains("By mail."));
    assert_eq!(whole("1.3"), "");
}

#[test]
fn numbers_are_criteria_of_their_requirement() {
    let kiro = document(
        "# Requirements\n\n## Introduction\n\n1. not this\n\n### Requirement 1: Store\n\n**User Story:** As a user.\n\n#### Acceptance Criteria\n\n1. WHEN saved THE SYSTEM SHALL keep it\n2. IF the disk is full\n   THEN it SHALL say so\n\n### Requirement 12\n\n#### Acceptance Criteria\n\n1. Twelve\n",
    );
    let text = |reference: &str| resolve(&kiro, reference);
    assert_eq!(
        text("1.2").as_deref(),
        Some("Requirement 1: Store: IF the disk is full\nTHEN it SHALL say so")
    );
    assert_eq!(text("12.1").as_deref(), Some("Requirement 12: Twelve"));
    assert!(text("1").unwrap().contains("As a user."));
    for unknown in ["1.3", "2.1", "3"] {
        assert_eq!(text(unknown), None, "{unknown}");
    }
    let japanese = document("### 要件1: 保存\n#### 受け入れ基準\n1. 保存できること\n");
    assert_eq!(
        resolve(&japanese, "1.1").as_deref(),
        Some("要件1: 保存: 保存できること")
    );
    let full = document("### 2. Login\n\n- 2.1 It asks\n- **2.2** It refuses\n");
    assert_eq!(resolve(&full, "2.2").as_deref(), Some("It refuses"));
}

#[test]
fn ids_are_items_and_stories_are_sections() {
    let spec = document(
        "# Spec\n\n### User Story 1 - See albums (Priority: P1)\n\nAs a user.\n\n**Acceptance Scenarios**:\n\n1. **Given** one, **When** seen, **Then** shown\n\n### User Story 10 - Other\n\nOther.\n\n## Requirements\n\n- **FR-001**: System MUST show them\n  - sorted\n- **FR-0012**: not this\n",
    );
    let text = |reference: &str| resolve(&spec, reference);
    assert!(text("US1").unwrap().contains("**Given** one"));
    assert!(text("US10").unwrap().ends_with("Other."));
    assert_eq!(
        text("FR-001").as_deref(),
        Some("- **FR-001**: System MUST show them\n- sorted")
    );
    assert_eq!(text("FR-002"), None);
}
