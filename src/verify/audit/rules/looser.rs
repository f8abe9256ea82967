//! Two assertions of one kind, of which the second lets more pass.

use crate::verify::audit::assertion::{Assertion, Strength};
use crate::verify::audit::language::pattern;
use regex::Regex;
use std::sync::LazyLock;

/// How long something may take.
pub(super) static TIMEOUT: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?i)(?:timeout|deadline|within|time_?limit|budget)\w*\s*[\(:=,]*\s*(?:\w+(?:::|\.))*(?:from_\w+|of\w+|\w*)\(?\s*(\d[\d_]*(?:\.\d+)?)",
    )
});

static TOLERANCE: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?i)(?:abs|rel|abs_tol|rel_tol|atol|rtol|delta|epsilon|tolerance)\s*=\s*([\d.e+-]+)|<=?\s*([\d.e+-]+)\s*\)?$|,\s*([\d.e+-]+)\s*\)$",
    )
});
static DIGITS: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?i)(?:toBeCloseTo\([^()]*,|places\s*=|decimal\s*=|AlmostEqual\([^()]*,[^()]*,)\s*(\d+)",
    )
});
static RAISES: LazyLock<Regex> = LazyLock::new(|| {
    pattern(r"(?:raises|assertRaises\w*|assertThrows\w*|toThrow\w*|throws)(?:\(|<)\s*\(?([\w.]+)")
});
static BROAD: &[&str] = &[
    "Exception",
    "BaseException",
    "Throwable",
    "RuntimeException",
    "Error",
    "Exception.class",
    "RuntimeException.class",
    "Throwable.class",
];

/// As strong in kind, and yet it lets more pass: a wider tolerance, a broader error, a condition more.
pub(super) fn looser(was: &Assertion, is: &Assertion) -> bool {
    let number = |pattern: &Regex, text: &str| -> Option<f64> {
        let found = pattern.captures(text)?;
        let value = found.iter().skip(1).flatten().next()?;
        value.as_str().parse().ok()
    };
    if was.strength == Strength::Part && is.strength == Strength::Part {
        if let (Some(old), Some(new)) = (number(&DIGITS, &was.said), number(&DIGITS, &is.said)) {
            return new < old;
        }
        let tolerant = |text: &str| {
            text.contains("abs")
                || text.contains("approx")
                || text.contains("lose")
                || text.contains("elta")
                || text.contains("psilon")
                || text.contains("tol")
        };
        if tolerant(&was.said)
            && let (Some(old), Some(new)) =
                (number(&TOLERANCE, &was.said), number(&TOLERANCE, &is.said))
        {
            return new > old;
        }
    }
    let error = |text: &str| RAISES.captures(text).map(|c| c[1].to_owned());
    let broader = match (error(&was.said), error(&is.said)) {
        (Some(old), Some(new)) => {
            old != new && BROAD.contains(&new.as_str()) && !BROAD.contains(&old.as_str())
        }
        _ => false,
    };
    let or = |text: &str| text.matches(" or ").count() + text.matches("||").count();
    let is_go = was.said.starts_with("if ");
    let and = |text: &str| text.matches("&&").count();
    broader
        || (!is_go && or(&is.said) > or(&was.said))
        || (is_go && (and(&is.said) > and(&was.said) || or(&is.said) < or(&was.said)))
}
