use super::*;
use crate::model::report::REPORT_SCHEMA;

fn report() -> LintReport {
    let finding = |rule: Rule, path: &str, line, message: &str| Diagnostic {
        rule,
        severity: rule.severity(),
        path: path.to_owned(),
        line,
        message: message.to_owned(),
        remedy: "name what is to change, where, and how one sees that it works".to_owned(),
    };
    LintReport {
        schema: REPORT_SCHEMA,
        specs: 2,
        errors: 1,
        warnings: 3,
        findings: vec![
            finding(
                Rule::Vague,
                "specs/a b.md",
                12,
                "\u{201c}Fix\x1b[31m\u{201d} says too little to be built",
            ),
            finding(
                Rule::Vague,
                "specs/a b.md",
                19,
                "\u{201c}Fix\x1b[31m\u{201d} says too little to be built",
            ),
            finding(
                Rule::UnknownDependency,
                "specs/a b.md",
                14,
                "T4 depends on \"T9\"",
            ),
            finding(Rule::Held, "specs/ä.md", 0, "nothing of it is built"),
        ],
    }
}

#[test]
fn lines_for_people() {
    let options = UiOptions::default();
    insta::assert_snapshot!(text(&report(), false, &options));
    let quiet = text(&report(), true, &options);
    assert!(
        quiet.contains("error[unknown-dependency]") && !quiet.contains("warning["),
        "{quiet}"
    );
    let none = LintReport {
        errors: 0,
        warnings: 0,
        findings: Vec::new(),
        ..report()
    };
    assert_eq!(text(&none, false, &options), "2 specs: nothing to say\n");
    assert_eq!(text(&none, true, &options), "");
    let nowhere = LintReport { specs: 0, ..none };
    assert!(text(&nowhere, false, &options).contains("codelicious init"));
}

/// What GitHub's code scanning wants of a file, and what keeps alerts from coming back.
#[test]
fn sarif_has_rules_places_and_fingerprints() {
    let sarif: Value = serde_json::from_str(&sarif(&report())).unwrap();
    assert_eq!(sarif["version"], "2.1.0");
    let run = &sarif["runs"][0];
    let rules = run["tool"]["driver"]["rules"].as_array().unwrap();
    let results = run["results"].as_array().unwrap();
    assert_eq!((rules.len(), results.len()), (Rule::ALL.len(), 4));
    let mut prints = std::collections::BTreeSet::new();
    for result in results {
        let index = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
        assert_eq!(rules[index]["id"], result["ruleId"]);
        let place = &result["locations"][0]["physicalLocation"];
        assert!(place["region"]["startLine"].as_u64().unwrap() >= 1);
        assert!(!result["message"]["text"].as_str().unwrap().contains('\x1b'));
        prints.insert(result["partialFingerprints"]["primaryLocationLineHash"].to_string());
    }
    assert_eq!(prints.len(), 4, "twins have prints of their own");
    let uri = |n: usize| {
        results[n]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"].clone()
    };
    assert_eq!(
        (uri(0), uri(3)),
        ("specs/a%20b.md".into(), "specs/%C3%A4.md".into())
    );
    let moved = |line: usize| {
        let mut report = report();
        report.findings[2].line = line;
        report.findings[2].message = format!("T4 (line {line}) depends on \"T9\"");
        let sarif: Value = serde_json::from_str(&super::sarif(&report)).unwrap();
        sarif["runs"][0]["results"][2]["partialFingerprints"].clone()
    };
    assert_eq!(moved(14), moved(99));
}

/// A folder is read as no spec, whoever names it.
#[test]
fn what_is_no_spec_is_told_with_what_can_be_done() {
    let options = UiOptions::default();
    let paths = ["notes/a b.md".to_owned(), "notes".to_owned()];
    let said = no_specs(&paths, &|path| path.contains('.'), &options);
    assert!(
        said.contains("`--spec 'notes/a b.md'` reads it as one"),
        "{said}"
    );
    assert!(
        said.contains("no spec is in notes, and it is a part of none"),
        "{said}"
    );
}
