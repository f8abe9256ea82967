//! What counts as a review, and what of it is kept.

use super::*;
use crate::core::review::Body;
use proptest::prelude::*;

fn remark(severity: &str, claim: &str) -> Value {
    json!({"path": "src/a.rs", "line": 3, "severity": severity, "claim": claim, "suggestion": ""})
}

fn patch(path: &str, lines: Option<u32>) -> Patch {
    Patch {
        path: path.to_owned(),
        lines,
        body: Body::Text(String::new()),
    }
}

#[test]
fn what_fits_the_schema_is_read_with_the_gravest_first() {
    let read = read(&json!({"remarks": [
        remark("low", "a"), remark("high", "b"), remark("medium", "c"), remark("high", "d"),
    ]}));
    let claims: Vec<String> = read.unwrap().into_iter().map(|r| r.claim).collect();
    assert_eq!(claims, ["b", "d", "c", "a"]);
    assert_eq!(super::read(&json!({"remarks": []})), Ok(Vec::new()));
}

#[test]
fn what_does_not_fit_is_no_review() {
    let mut extra = remark("low", "a");
    extra["commit"] = json!(true);
    let mut nameless = remark("low", "a");
    nameless.as_object_mut().unwrap().remove("path");
    for (bad, why) in [
        (json!([]), "object"),
        (json!("fine"), "object"),
        (json!(null), "object"),
        (json!({}), "remarks"),
        (json!({"remarks": [], "approve": true}), "unknown field"),
        (json!({"remarks": [extra]}), "unknown field"),
        (json!({"remarks": [nameless]}), "path"),
        (json!({"remarks": [remark("fatal", "a")]}), "variant"),
        (
            json!({"remarks": [remark("high", " \u{7}\n")]}),
            "remark 1 claims nothing",
        ),
        (json!({"remarks": "none"}), "sequence"),
        (
            json!({"remarks": [{"path": "a", "line": -1, "severity": "low", "claim": "a"}]}),
            "-1",
        ),
        (
            json!({"kind": "complete_chunk", "summary": "s", "confidence": 1, "rationale": "r"}),
            "unknown field",
        ),
        (
            json!({"remarks": vec![remark("low", "a"); MAX_READ + 1]}),
            "1001 remarks",
        ),
    ] {
        let told = read(&bad).unwrap_err();
        assert!(told.contains(why), "{bad}: {told}");
    }
}

#[test]
fn counts_and_lengths_are_bounded() {
    let many: Vec<Value> = (0..99).map(|n| remark("low", &n.to_string())).collect();
    let mut all = many.clone();
    all.push(remark("high", "the gravest"));
    let kept = read(&json!({"remarks": all})).unwrap();
    assert_eq!(kept.len(), MAX_REMARKS);
    assert_eq!(kept[0].claim, "the gravest");
    let long = json!({"remarks": [{"path": "p".repeat(9_999), "line": 0, "severity": "low",
        "claim": "ä".repeat(9_999), "suggestion": "s\n".repeat(9_999)}]});
    let kept = read(&long).unwrap().remove(0);
    assert_eq!(kept.claim.chars().count(), CLAIM_CHARS + 1);
    assert!(kept.suggestion.chars().count() <= SUGGESTION_CHARS + 1);
    assert_eq!(kept.path.chars().count(), PATH_CHARS + 1);
    assert_eq!(kept.line, None);
}

#[test]
fn controls_and_what_hides_text_are_taken_out() {
    let sly = json!({"remarks": [{"path": "./src/a\u{202e}.rs", "line": 1, "severity": "low",
        "claim": "a\u{1b}[2Jb\u{200b}c\nd", "suggestion": "if x {\r\n\ty()\u{0}\n}"}]});
    let kept = read(&sly).unwrap().remove(0);
    assert_eq!(kept.path, "src/a.rs");
    assert_eq!(kept.claim, "a [2Jbc d");
    assert_eq!(kept.suggestion, "if x {\n    y()\n}");
}

#[test]
fn last_words_count_where_they_are_one_object() {
    let object = r#"{"remarks": []}"#;
    for (words, is_one) in [
        (object.to_owned(), true),
        (format!("  {object}\n"), true),
        (format!("```json\n{object}\n```"), true),
        (format!("```\n{object}\n```\n"), true),
        (
            format!("I looked at it.\n\n```json\n{object}\n```\nThat is all."),
            true,
        ),
        (
            format!("```json\n{object}\n```\nor\n```json\n{object}\n```"),
            false,
        ),
        (format!("```rust\n{object}\n```"), false),
        (format!("It is {object}"), false),
        (format!("[{object}]"), false),
        (format!("```json\n{object}"), false),
        ("looks good".to_owned(), false),
        (String::new(), false),
    ] {
        assert_eq!(object_in(&words).is_some(), is_one, "{words:?}");
    }
}

#[test]
fn places_are_those_of_the_work() {
    let patches = [patch("src/a.rs", Some(9)), patch("gone.rs", None)];
    let at = |path: &str, line| Remark {
        path: path.to_owned(),
        line,
        severity: RemarkSeverity::High,
        claim: "wrong".to_owned(),
        suggestion: String::new(),
    };
    for (given, path, line, claim) in [
        (at("src/a.rs", Some(9)), "src/a.rs", Some(9), "wrong"),
        (at("src/a.rs", Some(10)), "src/a.rs", None, "wrong"),
        (at("/copy/src/a.rs", Some(1)), "src/a.rs", Some(1), "wrong"),
        (at("gone.rs", Some(1)), "gone.rs", None, "wrong"),
        (at("src/b.rs", Some(1)), "", None, "src/b.rs: wrong"),
        (at("", Some(1)), "", None, "wrong"),
        (
            at("../../etc/passwd", Some(1)),
            "",
            None,
            "../../etc/passwd: wrong",
        ),
    ] {
        let placed = placed(vec![given], &patches, "/copy").remove(0);
        assert_eq!(
            (placed.path.as_str(), placed.line, placed.claim.as_str()),
            (path, line, claim)
        );
        assert_eq!(placed.severity, RemarkSeverity::High);
    }
}

proptest! {
    #[test]
    fn any_words_are_survived(words in "\\PC{0,80}", fence in any::<bool>()) {
        let words = if fence { format!("```json\n{words}\n```") } else { words };
        if let Some(object) = object_in(&words) {
            let _ = read(&object);
        }
    }

    /// Whatever is said, what is kept is short and shows on one line.
    #[test]
    fn what_is_kept_is_bounded(claim in "\\PC{1,900}|[\\x00-\\x1f\\u{200b}a]{1,900}", path in "\\PC{0,400}", line in any::<u32>()) {
        let given = json!({"remarks": [{"path": path, "line": line, "severity": "medium", "claim": claim, "suggestion": claim}]});
        if let Ok(kept) = read(&given) {
            for remark in placed(kept, &[patch("a", Some(1))], "/copy") {
                prop_assert!(remark.claim.chars().count() <= CLAIM_CHARS + 1);
                prop_assert!(!remark.claim.chars().any(char::is_control));
                prop_assert!(remark.path.is_empty() || remark.path == "a");
                prop_assert!(remark.line.is_none_or(|l| l == 1));
            }
        }
    }
}
