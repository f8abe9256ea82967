//! Running just some tests of a check, by the names that its report has for them. Pure.
//!
//! A line may run more than what was asked for, where a runner knows no better; never less.

use super::check::{Check, Only, Run, quoted};
use super::languages::open_line;
use super::names;
use std::collections::BTreeSet;

/// Bytes of a command line that names tests; beyond it the whole check runs. A shell takes 128 KiB in one
/// argument (execve(2): MAX_ARG_STRLEN).
const MAX_LINE: usize = 32 << 10;

/// The check with only these tests in it; the whole check where that cannot be said.
pub fn only(check: &Check, tests: &[&str]) -> Check {
    let check = check.widened();
    let (Some(how), Run::Shell { start, .. }) = (&check.only, &check.run) else {
        return check;
    };
    let Some((start, whole)) =
        line(how, start, tests).filter(|(s, p)| s.len() + p.len() < MAX_LINE)
    else {
        return check;
    };
    let words = match tests {
        [one] => format!("the test `{one}`"),
        several => format!("{} tests", several.len()),
    };
    check.narrowed_to(Run::Shell { start, whole }, words)
}

/// What stands in the line before the selection, and the selection.
fn line(how: &Only, start: &str, tests: &[&str]) -> Option<(String, String)> {
    if tests.is_empty() {
        return None;
    }
    let part = match how {
        Only::Libtest => libtest(tests),
        Only::Nextest => nextest(tests),
        Only::Pytest => words(tests.iter().copied()),
        Only::Unittest => return unittest(start, tests),
        Only::Go => return go(start, tests),
        Only::Jest | Only::Vitest => return by_title(start, tests, "-t"),
        Only::NodeTest => return by_title(start, tests, "--test-name-pattern"),
        Only::Mocha => return by_title(start, tests, "--grep"),
        Only::Maven => Some(format!(
            "-Dsurefire.failIfNoSpecifiedTests=false {}",
            quoted(&format!("-Dtest={}", classes(tests, '#')?.join(",")))
        )),
        Only::Gradle => Some(
            classes(tests, '.')?
                .iter()
                .map(|test| format!("--tests {}", quoted(test)))
                .collect::<Vec<_>>()
                .join(" "),
        ),
        Only::Line(line) => {
            return Some((
                line.replace("{tests}", &words(tests.iter().copied())?),
                String::new(),
            ));
        }
    }?;
    Some((start.to_owned(), part))
}

/// Quoted and in a row. A name that begins like an option could mean anything: then there is no line.
fn words<'t>(tests: impl IntoIterator<Item = &'t str>) -> Option<String> {
    let quoted: Option<Vec<String>> = tests
        .into_iter()
        .map(|test| (!test.starts_with('-') && !test.contains(['\n', '\0'])).then(|| quoted(test)))
        .collect();
    quoted.map(|words| words.join(" "))
}

/// The name that libtest itself has for a test, and whether it stands in the documentation.
fn libtest_name(test: &str) -> (&str, bool) {
    // `doc crate::src/lib.rs - item #2`
    if let Some((_, item)) = test.strip_prefix("doc ").and_then(|t| t.split_once("::")) {
        let numbered = |n: &&str| n.bytes().all(|b| b.is_ascii_digit());
        let plain = item.rsplit_once(" #").filter(|(_, n)| numbered(n));
        return (plain.map_or(item, |(name, _)| name), true);
    }
    let own = match test.split_once("::") {
        // `tests/it.rs::adds`, and of unit tests `src/lib.rs::small::tests::adds`.
        Some((file, own)) if file.contains(['/', '.']) => {
            let whole_crate = ["tests/", "benches/", "examples/"];
            match whole_crate.iter().any(|folder| file.contains(folder)) {
                true => own,
                false => own.split_once("::").map_or(own, |(_, own)| own),
            }
        }
        _ => test,
    };
    (own, false)
}

fn libtest(tests: &[&str]) -> Option<String> {
    let names: BTreeSet<(&str, bool)> = tests.iter().map(|test| libtest_name(test)).collect();
    // The line number that belongs to an example's name is not in the report: its beginning is.
    let exact = match names.iter().any(|(_, is_example)| *is_example) {
        true => "",
        false => "--exact ",
    };
    Some(format!(
        "-- {exact}{}",
        words(names.iter().map(|(n, _)| *n))?
    ))
}

fn nextest(tests: &[&str]) -> Option<String> {
    let plain = |c: char| c.is_alphanumeric() || c == '_' || c == ':' || c == '#';
    let names: Option<BTreeSet<&str>> = tests
        .iter()
        .map(|test| {
            // `package::binary module::name`
            let own = test.rsplit([' ', '$']).next().unwrap_or(test);
            own.chars().all(plain).then_some(own)
        })
        .collect();
    let filters: Vec<String> = names?.iter().map(|n| format!("test(={n})")).collect();
    Some(format!("-E {}", quoted(&filters.join(" | "))))
}

/// `discover` takes no names; the dotted ones are looked up from the start folder.
fn unittest(start: &str, tests: &[&str]) -> Option<(String, String)> {
    let (python, rest) = start.split_once(" discover -v")?;
    let top_is_here = rest.is_empty() || rest.ends_with(" -t .");
    let names: Option<Vec<String>> = tests
        .iter()
        .map(|test| {
            // `test_it (test_app.Two.test_it)` and, before Python 3.11, `test_it (test_app.Two)`.
            let dotted = match test.split_once(" (") {
                Some((own, class)) => {
                    let class = class.strip_suffix(')')?;
                    match class.rsplit('.').next() == Some(own) {
                        true => class.to_owned(),
                        false => format!("{class}.{own}"),
                    }
                }
                None => (*test).to_owned(),
            };
            let plain = |c: char| c.is_alphanumeric() || "._".contains(c);
            (dotted.chars().all(plain) && !dotted.contains("_FailedTest")).then_some(dotted)
        })
        .collect();
    let names = names?.join(" ");
    let python = format!("{python} -v");
    // Without a package above them the modules are found from the folder they stand in.
    let start = match rest.strip_prefix(" -s ") {
        Some(folder) if !top_is_here => format!("PYTHONPATH={folder}:. {python}"),
        _ => python,
    };
    Some((start, names))
}

/// Whole top-level tests, by the packages they are in.
fn go(start: &str, tests: &[&str]) -> Option<(String, String)> {
    let (mut packages, mut names) = (BTreeSet::new(), BTreeSet::new());
    for test in tests {
        let (package, name) = go_parts(test)?;
        packages.insert(package);
        names.insert(name);
    }
    let names: Vec<&str> = names.into_iter().collect();
    let run = quoted(&format!("^({})$", names.join("|")));
    Some((start.to_owned(), format!("-run {run} {}", words(packages)?)))
}

/// Package and top-level test of `example.org/small/pkg/TestTwo/sub`.
fn go_parts(test: &str) -> Option<(&str, &str)> {
    let starts = ["/Test", "/Example", "/Fuzz", "/Benchmark"];
    let at = starts.iter().filter_map(|s| test.find(s)).min()?;
    let (package, rest) = (&test[..at], &test[at + 1..]);
    let name = rest.split('/').next().unwrap_or(rest);
    let plain = |c: char| c.is_alphanumeric() || c == '_';
    (!package.is_empty() && name.chars().all(plain)).then_some((package, name))
}

/// The titles as one pattern. A title that is a part of another one runs that as well.
fn by_title(start: &str, tests: &[&str], flag: &str) -> Option<(String, String)> {
    let titles: BTreeSet<String> = tests.iter().map(|t| escaped(names::leaf(t))).collect();
    let pattern = titles.into_iter().collect::<Vec<_>>().join("|");
    (!pattern.is_empty() && !pattern.contains(['\n', '\0']))
        .then(|| (open_line(start), format!("{flag} {}", quoted(&pattern))))
}

/// A text as a pattern of JavaScript.
fn escaped(text: &str) -> String {
    let mut pattern = String::with_capacity(text.len());
    for c in text.chars() {
        if r"\^$.|?*+()[]{}/".contains(c) {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern
}

/// Classes with their methods, of `com.example.MathTest::addsTwo`.
fn classes(tests: &[&str], between: char) -> Option<Vec<String>> {
    let each: Option<BTreeSet<String>> = tests
        .iter()
        .map(|test| {
            let (class, method) = test.rsplit_once("::")?;
            let method = method.split(['(', '[', '{']).next().unwrap_or(method);
            let plain = |c: char| c.is_alphanumeric() || "._$".contains(c);
            let usable = !class.is_empty() && class.chars().all(plain);
            usable.then(|| match !method.is_empty() && method.chars().all(plain) {
                true => format!("{class}{between}{method}"),
                // A display name: the whole class.
                false => class.to_owned(),
            })
        })
        .collect();
    each.map(|set| set.into_iter().collect())
}

#[cfg(test)]
#[path = "only_tests.rs"]
mod tests;
