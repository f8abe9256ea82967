//! What the name of a test says: its own name, the file it stands in. Pure.
//!
//! Runners name tests in their own ways: `tests/test_a.py::TestA::test_b[1]`, `pkg/TestA/sub`,
//! `src/a.test.js > math > adds`, `tests/it.rs::adds`, `com.example.MathTest::adds`.

/// The last segment of a test's name, without its parameters.
pub fn leaf(name: &str) -> &str {
    let bare = name.split(['[', '(']).next().unwrap_or(name).trim_end();
    let bare = if bare.is_empty() { name } else { bare };
    let after =
        |text: &'_ str, separator: &str| text.rfind(separator).map(|at| at + separator.len());
    let from = [" > ", " › ", "::"]
        .iter()
        .filter_map(|separator| after(bare, separator))
        .max();
    match from {
        Some(from) => &bare[from..],
        // Titles hold spaces, dots and slashes of their own.
        None if bare.contains(' ') => bare,
        None => bare.rsplit(['/', '.']).next().unwrap_or(bare),
    }
}

/// The file that a test's name begins with, where it begins with one.
pub fn file(name: &str) -> Option<&str> {
    let first = ["::", " > ", " › "]
        .iter()
        .filter_map(|separator| name.find(separator))
        .min()
        .map_or(name, |at| &name[..at]);
    let base = first.rsplit('/').next().unwrap_or(first);
    let is_file = !first.contains(' ')
        && base
            .rsplit_once('.')
            .is_some_and(|(stem, ending)| !stem.is_empty() && EXTENSIONS.contains(&ending));
    is_file.then_some(first)
}

/// Endings of files that hold tests.
const EXTENSIONS: &[&str] = &[
    "rs", "py", "js", "mjs", "cjs", "jsx", "ts", "mts", "cts", "tsx", "go", "java", "kt", "rb",
    "php", "vue", "svelte",
];

/// True when a task's words name this test: by its own name, or by its file.
pub fn is_named(task: &str, name: &str) -> bool {
    let own = leaf(name);
    // "It works" is no test's name, `works` may be one.
    let is_plain = own.chars().all(|c| c.is_lowercase());
    let own_is_named = match is_plain {
        true => mentions(task, &format!("`{own}`")) || mentions(task, &format!("`{own}()`")),
        false => mentions(task, own),
    };
    let file_is_named = file(name).is_some_and(|path| {
        mentions(task, path) || mentions(task, path.rsplit('/').next().unwrap_or(path))
    });
    own_is_named || file_is_named
}

/// True when the text holds the words by themselves, not as a part of longer ones.
pub fn mentions(text: &str, words: &str) -> bool {
    let joins = |c: char| c.is_alphanumeric() || c == '_';
    !words.is_empty()
        && text.match_indices(words).any(|(at, _)| {
            let before = text[..at].chars().next_back();
            let after = text[at + words.len()..].chars().next();
            let longer_before = words.starts_with(joins) && before.is_some_and(joins);
            let longer_after = words.ends_with(joins) && after.is_some_and(joins);
            !longer_before && !longer_after
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_taken_apart() {
        let table: &[(&str, &str, Option<&str>)] = &[
            (
                "tests/test_a.py::TestA::test_b[1.5]",
                "test_b",
                Some("tests/test_a.py"),
            ),
            ("tests/it.rs::module::adds", "adds", Some("tests/it.rs")),
            ("small::tests::two_is_two", "two_is_two", None),
            ("example.org/small/pkg/TestTwo/sub_case", "sub_case", None),
            ("example.org/small/TestTwo", "TestTwo", None),
            (
                "src/a.test.js > math > adds two numbers",
                "adds two numbers",
                Some("src/a.test.js"),
            ),
            ("com.example.MathTest::addsTwo", "addsTwo", None),
            ("test_app.Two.test_it", "test_it", None),
            ("adds two numbers", "adds two numbers", None),
            ("test_it (test_app.Two)", "test_it", None),
            ("", "", None),
            ("[x]", "[x]", None),
        ];
        for (name, own, path) in table {
            assert_eq!((leaf(name), file(name)), (*own, *path), "{name}");
        }
    }

    #[test]
    fn tasks_name_tests_by_their_own_words() {
        let table: &[(&str, &str, bool)] = &[
            ("Make test_b pass", "tests/test_a.py::test_b[1]", true),
            ("Make `test_b` pass.", "tests/test_a.py::test_b", true),
            ("Make test_bc pass", "tests/test_a.py::test_b", false),
            ("my_test_b", "tests/test_a.py::test_b", false),
            ("Repair tests/test_a.py", "tests/test_a.py::test_b", true),
            ("Repair test_a.py", "tests/test_a.py::test_b", true),
            ("Repair test_a.pyx", "tests/test_a.py::test_b", false),
            ("See that it works", "src/a.test.js > works", false),
            ("See that `works` is green", "src/a.test.js > works", true),
            (
                "It adds two numbers at last",
                "math > adds two numbers",
                true,
            ),
            ("", "math > adds", false),
            ("anything", "", false),
        ];
        for (task, name, expected) in table {
            assert_eq!(is_named(task, name), *expected, "{task}: {name}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_name_and_task_can_be_read(name in ".{0,60}", task in ".{0,60}") {
            leaf(&name);
            file(&name);
            is_named(&task, &name);
            proptest::prop_assert!(name.contains(leaf(&name)));
        }
    }
}
