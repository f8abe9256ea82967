//! Which files and which parts of files are tests, and what a file would be with only its tests changed.

use super::inventory::inventory;
use super::language;
use super::source::Source;
use std::ops::Range;

/// Longer texts are not looked into for tests.
const MOST_BYTES: usize = 4 * 1024 * 1024;

/// True for a file that belongs to tests by its path: tests, their helpers, fixtures and snapshots.
pub fn is_test_file(path: &str) -> bool {
    language::of(path).test_path.is_match(path)
}

/// The parts of a text that are tests, in order, without overlaps. All of a test file; of a Rust source its test
/// modules and the test functions outside of them.
pub fn test_regions(path: &str, text: &str) -> Vec<Range<usize>> {
    if text.is_empty() {
        return Vec::new();
    }
    if is_test_file(path) {
        return std::iter::once(0..text.len()).collect();
    }
    if text.len() > MOST_BYTES || !language::of(path).has_tests() {
        return Vec::new();
    }
    regions_of(&Source::new(path, text))
}

/// The same, of a source that was read already.
pub(super) fn regions_of(source: &Source<'_>) -> Vec<Range<usize>> {
    if is_test_file(source.path) {
        return std::iter::once(0..source.text.len()).collect();
    }
    let mut regions = test_modules(source);
    let tests = inventory(source).tests;
    regions.extend(tests.into_iter().map(|test| test.whole));
    regions.sort_by_key(|r| (r.start, std::cmp::Reverse(r.end)));
    let mut merged: Vec<Range<usize>> = Vec::new();
    for region in regions {
        match merged.last_mut() {
            Some(last) if last.end >= region.end => {}
            Some(last) if last.end > region.start => last.end = region.end,
            _ => merged.push(region),
        }
    }
    merged
}

/// `#[cfg(test)] mod tests { … }` of Rust, with what stands before it.
fn test_modules(source: &Source<'_>) -> Vec<Range<usize>> {
    if !source.language.is("rust") {
        return Vec::new();
    }
    let code = source.code();
    let mut found = Vec::new();
    for module in MODULE.captures_iter(code).take(1_000) {
        let (Some(whole), Some(end)) = (module.get(0), module.get(1)) else {
            continue;
        };
        let start = whole.start() + (whole.as_str().len() - whole.as_str().trim_start().len());
        let marks = source.marks_range(start);
        if !IS_TEST.is_match(&code[marks.clone()]) {
            continue;
        }
        let close = match code.as_bytes()[end.start()] {
            b'{' => source.mate(end.start()),
            _ => Some(end.start()),
        };
        if let Some(close) = close {
            found.push(marks.start..close + 1);
        }
    }
    found
}

static MODULE: std::sync::LazyLock<regex::Regex> = std::sync::LazyLock::new(|| {
    language::pattern(r"(?m)^[ \t]*(?:pub(?:\([^)]*\))?[ \t]+)?mod[ \t]+\w+\s*([{;])")
});
static IS_TEST: std::sync::LazyLock<regex::Regex> =
    std::sync::LazyLock::new(|| language::pattern(r"#\[\s*cfg\s*\(\s*(?:all\s*\(\s*)?test\b"));

/// The file as it would be if only its tests had changed; None where it would not be there.
///
/// A test file is as it is after the change. Of a Rust source with tests in it the new tests are put in place of the
/// old ones, or behind the old text. Any other file is as it was.
pub fn tests_only(path: &str, before: Option<&str>, after: Option<&str>) -> Option<String> {
    if is_test_file(path) {
        return after.map(str::to_owned);
    }
    let (Some(old), Some(new)) = (before, after) else {
        return before.map(str::to_owned);
    };
    if !path.ends_with(".rs") || old.len().max(new.len()) > MOST_BYTES {
        return Some(old.to_owned());
    }
    let (old_source, new_source) = (Source::new(path, old), Source::new(path, new));
    let (was, is) = (regions_of(&old_source), regions_of(&new_source));
    Some(replaced(&old_source, &was, &new_source, &is))
}

/// The old text with its tests replaced by those of the new one. Tests of the same name take each other's place; what
/// is new goes behind the last old one, or to the end.
fn replaced(
    old: &Source<'_>,
    was: &[Range<usize>],
    new: &Source<'_>,
    is: &[Range<usize>],
) -> String {
    let mut taken = vec![false; is.len()];
    let names: Vec<_> = is.iter().map(|r| declared(new, r)).collect();
    let mut text = String::with_capacity(old.text.len() + new.text.len() / 2);
    let mut at = 0;
    for region in was {
        text.push_str(&old.text[at..region.start]);
        let name = declared(old, region);
        let same = names
            .iter()
            .enumerate()
            .position(|(i, n)| *n == name && !taken[i]);
        if let Some(index) = same {
            taken[index] = true;
            text.push_str(&new.text[is[index].clone()]);
        }
        at = region.end;
    }
    text.push_str(&old.text[at..]);
    for (region, _) in is.iter().zip(&taken).filter(|(_, taken)| !**taken) {
        if !text.ends_with('\n') && !text.is_empty() {
            text.push('\n');
        }
        text.push('\n');
        text.push_str(&new.text[region.clone()]);
        text.push('\n');
    }
    text
}

/// What a region declares: `mod tests`, `fn adds`.
fn declared(source: &Source<'_>, region: &Range<usize>) -> String {
    let code = &source.code()[region.clone()];
    let found = NAME.captures(code);
    found.map_or_else(String::new, |c| format!("{} {}", &c[1], &c[2]))
}

static NAME: std::sync::LazyLock<regex::Regex> =
    std::sync::LazyLock::new(|| language::pattern(r"\b(mod|fn)\s+(\w+)"));

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_tests_are_known_by_their_paths() {
        for path in [
            "tests/it/main.rs",
            "src/config/tests.rs",
            "src/lane_tests.rs",
            "tests/test_a.py",
            "pkg/a_test.py",
            "conftest.py",
            "pkg/a_test.go",
            "pkg/testdata/x.txt",
            "src/a.test.ts",
            "src/__tests__/a.js",
            "test/a.js",
            "src/test/java/a/Helper.java",
            "app/AdderTest.java",
            "tests/data/x.json",
        ] {
            assert!(is_test_file(path), "{path}");
        }
        for path in [
            "src/contest.rs",
            "src/latest.py",
            "src/attest/x.rs",
            "lib/testimony.js",
            "pkg/a.go",
            "src/main/java/a/Contest.java",
            "README.md",
            "src/testing_tools.ts",
        ] {
            assert!(!is_test_file(path), "{path}");
        }
    }

    const OLD: &str = "pub fn add(a: i32, b: i32) -> i32 {\n    a - b\n}\n\n#[cfg(test)]\nmod tests {\n    use super::*;\n    #[test]\n    fn adds() {\n        assert_eq!(add(0, 0), 0);\n    }\n}\n";
    const NEW: &str = "pub fn add(a: i32, b: i32) -> i32 {\n    a + b\n}\n\n#[cfg(test)]\nmod tests {\n    use super::*;\n    #[test]\n    fn adds() {\n        assert_eq!(add(2, 1), 3);\n    }\n}\n";

    #[test]
    fn only_the_tests_of_a_source_change() {
        let mixed = tests_only("src/a.rs", Some(OLD), Some(NEW)).unwrap();
        assert_eq!(mixed, NEW.replace("a + b", "a - b"));
        let bare = "pub fn add(a: i32, b: i32) -> i32 {\n    a - b\n}\n";
        let appended = tests_only("src/a.rs", Some(bare), Some(NEW)).unwrap();
        assert_eq!(appended, NEW.replace("a + b", "a - b"));
        let removed = tests_only("src/a.rs", Some(OLD), Some(bare)).unwrap();
        assert!(!removed.contains("mod tests") && removed.contains("a - b"));
        assert_eq!(tests_only("src/a.rs", None, Some(NEW)), None);
        assert_eq!(
            tests_only("src/a.rs", Some(OLD), None).as_deref(),
            Some(OLD)
        );
        assert_eq!(
            tests_only("tests/a.py", None, Some("x")).as_deref(),
            Some("x")
        );
        assert_eq!(tests_only("tests/a.py", Some("x"), None), None);
        assert_eq!(
            tests_only("a.py", Some("x"), Some("y")).as_deref(),
            Some("x")
        );
    }

    #[test]
    fn a_module_declared_for_tests_is_a_region_and_a_mentioned_one_is_not() {
        let text = "// #[cfg(test)] mod no {}\nconst A: &str = \"#[cfg(test)]\\nmod no {}\";\n#[cfg(test)]\n#[path = \"x.rs\"]\nmod x;\nmod y { fn a() {} }\n";
        let regions = test_regions("src/a.rs", text);
        assert_eq!(regions.len(), 1);
        assert_eq!(
            &text[regions[0].clone()],
            "#[cfg(test)]\n#[path = \"x.rs\"]\nmod x;"
        );
    }

    #[test]
    fn tests_outside_of_modules_are_regions() {
        let text =
            "fn a() {}\n\n/// Doc.\n#[test]\nfn b() { let x = '{'; }\n\nfn c<'a>(x: &'a str) {}\n";
        let regions = test_regions("src/a.rs", text);
        assert_eq!(regions.len(), 1);
        assert_eq!(
            &text[regions[0].clone()],
            "#[test]\nfn b() { let x = '{'; }"
        );
    }
}
