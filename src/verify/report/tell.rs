//! Lines that an output must keep for its failures to be read again.

/// Beginnings of lines that say what failed, or whose failure follows, with how many lines belong to them.
const BEGINNINGS: &[(&str, u8)] = &[
    // cargo and libtest.
    ("running ", 0),
    ("test result: ", 0),
    ("     Running ", 0),
    ("   Doc-tests ", 0),
    ("failures:", 0),
    ("successes:", 0),
    ("---- ", 3),
    ("thread '", 5),
    ("error: ", 2),
    ("error[", 3),
    ("note: test did not panic", 0),
    // pytest.
    ("E  ", 0),
    ("> ", 0),
    ("FAILED ", 0),
    ("ERROR ", 0),
    ("____", 0),
    ("=====", 1),
    // unittest.
    ("FAIL: ", 1),
    ("ERROR: ", 1),
    ("  File \"", 1),
    ("----------", 0),
    ("Ran ", 0),
    // go.
    ("--- FAIL: ", 1),
    ("panic: ", 1),
    ("# ", 1),
    ("ok  \t", 0),
    // TAP: the block of a test that failed.
    ("not ok ", 12),
    ("TAP version ", 0),
    ("# Subtest: ", 0),
    // jest, vitest, mocha.
    ("  ● ", 8),
    ("FAIL ", 6),
    ("PASS ", 0),
    (" FAIL ", 8),
    ("Tests: ", 0),
    ("⎯⎯", 0),
];

/// Words anywhere in a line.
const WORDS: &[(&str, u8)] = &[
    ("Error: ", 2),
    ("Error [", 2),
    ("Exception: ", 1),
    ("process didn't exit successfully", 0),
    ("_test.go:", 0),
    (" passing (", 0),
];

/// How many of the lines that follow belong to this one; None where it tells nothing of failures.
pub fn telling(line: &str) -> Option<u8> {
    if line.starts_with('{') {
        // Of go's events the ends and what a test that fails says.
        let told = [
            "\"Action\":\"fail\"",
            "_test.go:",
            "\"Output\":\"panic: ",
            "[build failed]",
            "[recovered]",
        ];
        return told.iter().any(|t| line.contains(t)).then_some(0);
    }
    // Documentation tests are numbered by all of their lines.
    if line.starts_with("test ") && line.contains(" (line ") {
        return Some(0);
    }
    let text = line.trim_start();
    let begins = |list: &[(&str, u8)], line: &str| {
        list.iter()
            .find(|(start, _)| line.starts_with(start))
            .map(|(_, follow)| *follow)
    };
    begins(BEGINNINGS, line)
        .or_else(|| {
            let nested = ["not ok ", "--- FAIL: ", "# Subtest: "];
            nested
                .iter()
                .any(|n| text.starts_with(n))
                .then(|| begins(BEGINNINGS, text))?
        })
        .or_else(|| mocha(line, text))
        .or_else(|| {
            WORDS
                .iter()
                .find(|(word, _)| line.contains(word))
                .map(|(_, follow)| *follow)
        })
}

/// `  3) a group`, in the tree and in the list of failures.
fn mocha(line: &str, text: &str) -> Option<u8> {
    let (number, _) = text.split_once(") ")?;
    (line.starts_with("  ") && number.parse::<u16>().is_ok()).then_some(10)
}
