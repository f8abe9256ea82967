//! Why something is red, by the words it came with.

use super::Redness;

/// Errors of rustc that say that something is not there:
/// <https://doc.rust-lang.org/error_codes/error-index.html>.
const RUSTC_MISSING: &[&str] = &[
    "E0026", "E0046", "E0061", "E0107", "E0220", "E0405", "E0407", "E0412", "E0422", "E0423",
    "E0424", "E0425", "E0432", "E0433", "E0437", "E0438", "E0463", "E0531", "E0532", "E0559",
    "E0560", "E0573", "E0574", "E0576", "E0583", "E0599", "E0603", "E0609", "E0616", "E0624",
];

/// Types of exceptions, as they stand before a colon.
const TYPES: &[(&str, Redness)] = &[
    ("AssertionError", Redness::Assertion),
    ("AssertionFailedError", Redness::Assertion),
    ("ComparisonFailure", Redness::Assertion),
    ("MultipleFailuresError", Redness::Assertion),
    ("JestAssertionError", Redness::Assertion),
    ("Failed", Redness::Assertion),
    ("NameError", Redness::MissingItem),
    ("UnboundLocalError", Redness::MissingItem),
    ("ImportError", Redness::MissingItem),
    ("ModuleNotFoundError", Redness::MissingItem),
    ("AttributeError", Redness::MissingItem),
    ("NotImplementedError", Redness::MissingItem),
    ("ReferenceError", Redness::MissingItem),
    ("NoSuchMethodError", Redness::MissingItem),
    ("NoClassDefFoundError", Redness::MissingItem),
    ("ClassNotFoundException", Redness::MissingItem),
    ("UnsupportedOperationException", Redness::MissingItem),
    ("SyntaxError", Redness::Syntax),
    ("IndentationError", Redness::Syntax),
    ("TabError", Redness::Syntax),
    ("TimeoutError", Redness::Timeout),
    ("TestTimedOutException", Redness::Timeout),
];

/// Words anywhere in a line. The order is the order of asking.
const WORDS: &[(&str, Redness)] = &[
    ("timed out", Redness::Timeout),
    ("Timeout >", Redness::Timeout),
    ("Timeout of ", Redness::Timeout),
    ("Exceeded timeout", Redness::Timeout),
    ("assertion ", Redness::Assertion),
    ("expect(", Redness::Assertion),
    ("Expected values to be", Redness::Assertion),
    ("did not panic as expected", Redness::Assertion),
    ("panic did not contain expected string", Redness::Assertion),
    ("XPASS(strict)", Redness::Assertion),
    ("DID NOT RAISE", Redness::Assertion),
    ("unexpected success", Redness::Assertion),
    ("not yet implemented", Redness::MissingItem),
    ("not implemented", Redness::MissingItem),
    ("is not a function", Redness::MissingItem),
    ("is not a constructor", Redness::MissingItem),
    ("is not defined", Redness::MissingItem),
    ("does not provide an export", Redness::MissingItem),
    ("unexpected keyword argument", Redness::MissingItem),
    ("positional argument", Redness::MissingItem),
    ("Cannot find module", Redness::MissingItem),
    ("Cannot find package", Redness::MissingItem),
    ("Failed to resolve import", Redness::MissingItem),
    ("Failed to load url", Redness::MissingItem),
    ("No module named", Redness::MissingItem),
    ("cannot find symbol", Redness::MissingItem),
    ("does not exist", Redness::MissingItem),
    ("undefined: ", Redness::MissingItem),
    ("undefined (type ", Redness::MissingItem),
    ("undefined reference", Redness::MissingItem),
    ("undefined symbol", Redness::MissingItem),
    ("is not in GOROOT", Redness::MissingItem),
    ("is not in std", Redness::MissingItem),
    ("no required module provides package", Redness::MissingItem),
    ("cannot find package", Redness::MissingItem),
    ("error TS2304", Redness::MissingItem),
    ("error TS2305", Redness::MissingItem),
    ("error TS2307", Redness::MissingItem),
    ("error TS2339", Redness::MissingItem),
    ("error TS2551", Redness::MissingItem),
    ("error TS2554", Redness::MissingItem),
    ("error TS1", Redness::Syntax),
    ("syntax error", Redness::Syntax),
    ("Unexpected token", Redness::Syntax),
    ("Parse error", Redness::Syntax),
    ("Parsing error", Redness::Syntax),
    ("ParseError", Redness::Syntax),
    ("signal: ", Redness::Crash),
    ("panic: ", Redness::Crash),
    ("panicked at", Redness::Crash),
];

/// Reads a message. A type of exception at the beginning of a line goes before words anywhere: the text
/// of an assertion may quote anything.
pub fn kind_of(message: &str) -> Redness {
    for line in message.lines() {
        let line = line.trim_start();
        if let Some(kind) = by_type(line).or_else(|| by_code(line)) {
            return kind;
        }
    }
    if message.trim_start().starts_with("assert ") {
        return Redness::Assertion;
    }
    // A line goes before the next one: the first says it, the others explain.
    for line in message.lines() {
        if let Some((_, kind)) = WORDS.iter().find(|(word, _)| line.contains(word)) {
            return *kind;
        }
    }
    // `OtherError: …`, `java.lang.IllegalStateException: …`.
    let raised = message.lines().any(|l| {
        type_before_colon(l.trim_start())
            .is_some_and(|t| t.ends_with("Error") || t.ends_with("Exception"))
    });
    if raised {
        Redness::Crash
    } else {
        Redness::Unknown
    }
}

/// [`kind_of`], or `otherwise` where the words say nothing.
pub fn kind_or(message: &str, otherwise: Redness) -> Redness {
    match kind_of(message) {
        Redness::Unknown => otherwise,
        kind => kind,
    }
}

fn by_type(line: &str) -> Option<Redness> {
    let name = type_before_colon(line)?;
    let (_, kind) = TYPES.iter().find(|(known, _)| *known == name)?;
    if *kind == Redness::Assertion && line.contains("Timeout >") {
        return Some(Redness::Timeout);
    }
    Some(*kind)
}

/// The last segment of a dotted type before a colon, a bracket or the end: `a.b.NameError: x` gives `NameError`.
fn type_before_colon(line: &str) -> Option<&str> {
    let end = line
        .find(|c: char| !(c.is_alphanumeric() || matches!(c, '.' | '_' | '$')))
        .unwrap_or(line.len());
    let (path, rest) = line.split_at(end);
    let ends_type = rest.is_empty() || rest.starts_with(':') || rest.starts_with(" [");
    let name = path.rsplit(['.', '$']).next().unwrap_or(path);
    (ends_type && name.starts_with(|c: char| c.is_ascii_uppercase())).then_some(name)
}

fn by_code(line: &str) -> Option<Redness> {
    let Some(rest) = line.strip_prefix("error[") else {
        let rest = line.strip_prefix("error: ")?;
        let missing = ["unresolved import", "cannot find", "no rules expected"];
        // What the parser says has no code of its own.
        let syntax = [
            "expected ",
            "unexpected ",
            "mismatched closing",
            "this file contains an unclosed",
            "unknown start of token",
            "unterminated",
            "missing ",
            "unmatched",
            "expected",
        ];
        return if missing.iter().any(|m| rest.starts_with(m)) {
            Some(Redness::MissingItem)
        } else if syntax.iter().any(|s| rest.starts_with(s)) {
            Some(Redness::Syntax)
        } else {
            None
        };
    };
    let (code, _) = rest.split_once(']')?;
    if RUSTC_MISSING.contains(&code) {
        Some(Redness::MissingItem)
    } else {
        // The compiler refuses: nothing was asserted.
        Some(Redness::Unknown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_read_from_messages() {
        use Redness::{Assertion, Crash, MissingItem, Syntax, Timeout, Unknown};
        let table: &[(&str, Redness)] = &[
            (
                "assertion `left == right` failed\n  left: 1\n right: 2",
                Assertion,
            ),
            ("AssertionError: name 'x' is not defined", Assertion),
            ("AssertionError [ERR_ASSERTION]: a", Assertion),
            (
                "org.opentest4j.AssertionFailedError: a ==> expected: <3> but was: <2>",
                Assertion,
            ),
            ("assert 2 == 3", Assertion),
            ("Failed: DID NOT RAISE <class 'ValueError'>", Assertion),
            (
                "expect(received).toBe(expected) // Object.is equality",
                Assertion,
            ),
            ("called `Option::unwrap()` on a `None` value", Unknown),
            ("not yet implemented: later", MissingItem),
            ("NameError: name 'add' is not defined", MissingItem),
            (
                "AttributeError: 'list' object has no attribute 'push'",
                MissingItem,
            ),
            ("TypeError: x.add is not a function", MissingItem),
            (
                "TypeError: f() got an unexpected keyword argument 'a'",
                MissingItem,
            ),
            ("TypeError: unsupported operand", Crash),
            ("ReferenceError [Error]: f is not defined", MissingItem),
            (
                "error[E0425]: cannot find function `mul` in crate `small`",
                MissingItem,
            ),
            ("error[E0308]: mismatched types", Unknown),
            ("error: expected expression, found `;`", Syntax),
            ("a_test.go:5:28: undefined: missing", MissingItem),
            ("a.go:5:1: syntax error: unexpected }", Syntax),
            ("SyntaxError: Unexpected token (2:0)", Syntax),
            ("KeyError: 'key'", Crash),
            ("panic: assignment to entry in nil map", Crash),
            ("Error: Timeout of 50ms exceeded.", Timeout),
            ("Error: Test timed out in 50ms.", Timeout),
            ("panic: test timed out after 1s", Timeout),
            ("Failed: Timeout >1.0s", Timeout),
            ("", Unknown),
            ("whatever", Unknown),
        ];
        for (message, kind) in table {
            assert_eq!(kind_of(message), *kind, "{message}");
        }
    }
}
