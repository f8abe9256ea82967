use super::*;
use proptest::prelude::*;

/// A module of five lines of code, 2 and 5 of which did not run, in every format.
const LCOV: &str = "TN:\nSF:src/a.py\nFN:1,f\nDA:1,3\nDA:2,0\nDA:4,1,abcdef==\nDA:5,0\nDA:7,9\nLF:5\nLH:3\nend_of_record\n";
const COBERTURA: &str = r#"<?xml version="1.0" ?>
<!DOCTYPE coverage SYSTEM "http://cobertura.sourceforge.net/xml/coverage-04.dtd">
<coverage line-rate="0.6" branch-rate="0" version="7.6" timestamp="1">
  <sources><source>/lane/src</source></sources>
  <packages><package name="." line-rate="0.6"><classes>
    <class name="a.py" filename="a.py" line-rate="0.6"><methods>
      <method name="f"><lines><line number="4" hits="1"/></lines></method></methods>
      <lines><line number="1" hits="3"/><line number="2" hits="0"/><line number="4" hits="0"/>
      <line number="5" hits="0" branch="true" condition-coverage="50% (1/2)"/><line number="7" hits="9"/></lines>
    </class></classes></package></packages>
</coverage>"#;
const LLVM: &str = r#"{"data":[{"files":[{"filename":"/lane/src/a.rs","expansions":[],"segments":[
  [1,1,3,true,true,false],[1,9,0,false,false,false],[2,1,0,true,true,false],[2,9,0,false,false,false],
  [4,1,1,true,true,false],[4,9,0,false,false,false],[5,1,0,true,true,false],[5,4,0,false,false,false],
  [7,1,9,true,true,false],[7,9,0,false,false,false]],"summary":{"lines":{"count":5}}}],"totals":{}}],
  "type":"llvm.coverage.json.export","version":"2.0.1"}"#;
const COVERAGE_PY: &str = r#"{"meta":{"format":3,"version":"7.6","branch_coverage":false},
  "files":{"src/a.py":{"executed_lines":[1,4,7],"summary":{"percent_covered":60.0},"missing_lines":[2,5],
  "excluded_lines":[9]}},"totals":{}}"#;
const ISTANBUL: &str = r#"{"/lane/src/a.js":{"path":"/lane/src/a.js","statementMap":{
  "0":{"start":{"line":1,"column":0},"end":{"line":1,"column":9}},"1":{"start":{"line":2,"column":0},"end":{"line":3,"column":9}},
  "2":{"start":{"line":4,"column":0},"end":{"line":4,"column":null}},"3":{"start":{"line":5,"column":0},"end":{"line":5,"column":9}},
  "4":{"start":{"line":7,"column":0},"end":{"line":9,"column":9}},"5":{"start":{"line":7,"column":5},"end":{"line":7,"column":9}}},
  "fnMap":{},"branchMap":{},"s":{"0":3,"1":0,"2":1,"3":0,"4":9,"5":0},"f":{},"b":{}}}"#;
const GO: &str = "mode: set\nexample.org/small/a.go:1.10,1.20 1 3\nexample.org/small/a.go:2.1,2.9 2 0\n\
  example.org/small/a.go:4.1,4.9 1 1\nexample.org/small/a.go:5.1,5.9 1 0\nexample.org/small/a.go:7.1,7.9 1 9\n\
  example.org/small/a.go:8.1,20.1 0 0\n";

const SAMPLES: [(ReportFormat, &str, &str); 6] = [
    (ReportFormat::Lcov, LCOV, "src/a.py"),
    (ReportFormat::Cobertura, COBERTURA, "a.py"),
    (ReportFormat::Llvm, LLVM, "/lane/src/a.rs"),
    (ReportFormat::CoveragePy, COVERAGE_PY, "src/a.py"),
    (ReportFormat::Istanbul, ISTANBUL, "/lane/src/a.js"),
    (ReportFormat::Go, GO, "example.org/small/a.go"),
];

fn lines(of: &[(u32, bool)]) -> Lines {
    of.iter().copied().collect()
}

#[test]
fn every_format_says_the_same() {
    for (format, text, path) in SAMPLES {
        let files = parse(format, text).unwrap();
        assert_eq!(files.len(), 1, "{format:?}");
        assert_eq!(files[0].path, path);
        let expected = lines(&[(1, true), (2, false), (4, true), (5, false), (7, true)]);
        assert_eq!(files[0].lines, expected, "{format:?}");
    }
    let cobertura = parse(ReportFormat::Cobertura, COBERTURA).unwrap();
    assert_eq!(cobertura[0].sources, ["/lane/src"]);
}

#[test]
fn formats_are_told_apart_by_their_text() {
    for (format, text, _) in SAMPLES {
        assert_eq!(detect_format("report", text), Some(format));
        assert_eq!(
            detect_format("report", &format!("\u{feff}\n{text}")),
            Some(format)
        );
        assert_eq!(ReportFormat::of(format.word()), Some(format));
    }
    for (path, text, format) in [
        (
            "coverage/coverage-final.json",
            "{}",
            Some(ReportFormat::Istanbul),
        ),
        (
            "lcov.info",
            "# made by hand\nSF:a\n",
            Some(ReportFormat::Lcov),
        ),
        (
            "clover.xml",
            "<coverage generated=\"1\"><project/></coverage>",
            None,
        ),
        ("jacoco.xml", "<report name=\"x\"/>", None),
        ("notes.txt", "all is well", None),
    ] {
        assert_eq!(detect_format(path, text), format, "{path}");
    }
}

#[test]
fn stretches_of_llvm_reach_over_lines() {
    // A function from 10 to 20 that ran, an arm from 12 to 14 that did not, a gap before the one from 15 to 17, and
    // code from 30 to 32 that was skipped.
    let text = r#"{"data":[{"files":[{"filename":"/a.rs","segments":[
      [10,1,5,true,true,false],[12,9,0,true,true,false],[14,6,0,true,false,true],[15,9,5,true,true,false],
      [17,6,5,true,false,false],[20,2,0,false,false,false],[30,1,0,false,true,false],[32,1,0,false,false,false]]}]}]}"#;
    let found = parse(ReportFormat::Llvm, text).unwrap();
    let not_run: Vec<u32> = found[0]
        .lines
        .iter()
        .filter(|(_, ran)| !**ran)
        .map(|(l, _)| *l)
        .collect();
    // Line 12 ran up to the arm; line 14 has nothing but the arm's end.
    assert_eq!(not_run, [13, 14]);
    assert_eq!(
        found[0].lines.keys().copied().collect::<Vec<_>>(),
        (10..=20).collect::<Vec<_>>()
    );
}

#[test]
fn the_five_fields_of_older_llvm_are_read() {
    let text = r#"{"data":[{"files":[{"filename":"/a.c","segments":[[1,1,2,true,true],[3,2,0,false,false]]}]}]}"#;
    let found = parse(ReportFormat::Llvm, text).unwrap();
    assert_eq!(found[0].lines, lines(&[(1, true), (2, true), (3, true)]));
}

#[test]
fn what_is_damaged_is_told_with_its_place() {
    use ReportFormat::{Cobertura, CoveragePy, Go, Istanbul, Lcov, Llvm};
    for (format, text, words) in [
        (
            Lcov,
            "SF:a\nDA:1,1\n",
            "line 1 of the report: the report is cut off",
        ),
        (
            Lcov,
            "DA:1,1\n",
            "line 1 of the report: a line's count stands outside any file",
        ),
        (
            Lcov,
            "SF:a\nDA:one,1\nend_of_record\n",
            "line 2 of the report: it is no `DA:",
        ),
        (
            Lcov,
            "SF:a\nSF:b\nend_of_record\n",
            "line 2 of the report: a file begins inside",
        ),
        (
            Lcov,
            "SF:a\nDA:99999999999,1\nend_of_record\n",
            "beyond the 2000000",
        ),
        (
            Go,
            "a.go:1.1,2.2 1 1\n",
            "line 1 of the report: the profile does not begin",
        ),
        (Go, "mode: set\na.go:3.1,2.2 1 1\n", "line 2 of the report"),
        (
            Go,
            "mode: set\na.go:1.1,4000000000.2 1 1\n",
            "beyond the 2000000",
        ),
        (
            Cobertura,
            "<coverage line-rate=\"1\"><packages><class>",
            "line 1, column",
        ),
        (
            Cobertura,
            "<coverage line-rate=\"1\"/>",
            "no <coverage> with <packages>",
        ),
        (
            Cobertura,
            "<coverage><packages>\n<class filename=\"a\"><line number=\"x\" hits=\"1\"/></class></packages></coverage>",
            "line 2, column 21 of the report: `number` is not a number",
        ),
        (
            Llvm,
            "{\"data\":[{\"files\":[",
            "line 1, column 19 of the report: EOF",
        ),
        (
            Llvm,
            "{\"data\":[{\"files\":[{\"filename\":\"a\",\"summary\":{}}]}]}",
            "without --summary-only",
        ),
        (
            Llvm,
            r#"{"data":[{"files":[{"filename":"a","segments":[[5,1,1,true,true,false],[2,1,1,true,true,false]]}]}]}"#,
            "come after later ones",
        ),
        (CoveragePy, "{\"files\":{\"a\":{}}}", "missing field"),
        (
            Istanbul,
            "{\"total\":{\"lines\":{\"total\":1,\"pct\":5}}}",
            "sums and no lines",
        ),
        (Istanbul, "{\"a\":{\"path\":\"a\"}}", "no `statementMap`"),
        (
            Istanbul,
            "{\"a\":{\"statementMap\":{\"0\":{\"start\":{\"line\":1}}},\"s\":{}}}",
            "has no count",
        ),
        (Lcov, " \n", "it is empty"),
    ] {
        let error = parse(format, text).unwrap_err().to_string();
        assert!(error.contains(words), "{format:?}: {error}");
    }
    let large = "x".repeat(MAX_REPORT + 1);
    assert_eq!(
        parse(ReportFormat::Lcov, &large),
        Err(ReportError::TooLarge {
            bytes: MAX_REPORT + 1
        })
    );
}

#[test]
fn a_document_that_expands_without_end_is_refused() {
    let mut text = String::from("<!DOCTYPE coverage [<!ENTITY a \"xxxxxxxxxx\">");
    for (from, to) in ('a'..'k').zip('b'..'l') {
        text.push_str(&format!(
            "<!ENTITY {to} \"{}\">",
            format!("&{from};").repeat(10)
        ));
    }
    text.push_str("]><coverage line-rate=\"1\"><packages>&k;</packages></coverage>");
    assert!(parse(ReportFormat::Cobertura, &text).is_err());
}

#[test]
fn reports_add_up() {
    let mut all = Measured::default();
    for (a, b) in [
        ((1, true), (2, false)),
        ((1, false), (2, true)),
        ((3, false), (3, false)),
    ] {
        let files = [("a".to_owned(), lines(&[a, b]))].into();
        all.merge(Measured {
            files,
            elsewhere: BTreeMap::new(),
        });
    }
    assert_eq!(all.files["a"], lines(&[(1, true), (2, true), (3, false)]));
}

proptest! {
    #[test]
    fn no_text_makes_a_reader_panic(text in "(?s).{0,300}", format in 0usize..6) {
        let _ = parse(ReportFormat::ALL[format], &text);
        let _ = detect_format("coverage.json", &text);
    }

    /// A good report with a piece cut out, doubled, or replaced.
    #[test]
    fn no_damage_makes_a_reader_panic(sample in 0usize..6, at in 0usize..2000, len in 0usize..40, with in "[-0-9.,:\"{}\\[\\]<>/a-z\n]{0,8}") {
        let (format, text, _) = SAMPLES[sample];
        let clamp = |n: usize| (0..=n.min(text.len())).rev().find(|n| text.is_char_boundary(*n)).unwrap_or(0);
        let (from, to) = (clamp(at % text.len()), clamp(at % text.len() + len));
        let damaged = format!("{}{with}{}", &text[..from], &text[to..]);
        for format in [format, ReportFormat::ALL[at % 6]] {
            if let Ok(files) = parse(format, &damaged) {
                prop_assert!(files.iter().all(|f| f.lines.keys().all(|l| *l > 0)));
            }
        }
    }

    #[test]
    fn lines_written_as_lcov_are_read_back(wanted in proptest::collection::btree_map(1u32..5000, any::<bool>(), 0..50)) {
        let mut text = String::from("SF:a b/ü.rs\n");
        for (line, ran) in &wanted {
            text.push_str(&format!("DA:{line},{}\n", u8::from(*ran)));
        }
        text.push_str("end_of_record\n");
        let found = parse(ReportFormat::Lcov, &text).unwrap();
        prop_assert_eq!(&found[0].lines, &wanted);
        prop_assert_eq!(&found[0].path, "a b/ü.rs");
    }
}
