//! Lines that begin with a mark: `✔ passes (2ms)`.

use crate::model::TestStatus;

/// A mark's meaning and the text behind it.
pub fn marked(text: &str) -> Option<(TestStatus, &str)> {
    let mut chars = text.chars();
    let status = match chars.next()? {
        '✔' | '✓' | '√' => TestStatus::Passed,
        '✖' | '✕' | '×' | '✗' | '✘' => TestStatus::Failed,
        '﹣' | '○' | '↓' | '□' | '✎' => TestStatus::Skipped,
        _ => return None,
    };
    let rest = chars.as_str().strip_prefix(' ')?;
    (!rest.trim().is_empty()).then_some((status, rest.trim()))
}

/// A name without the time it took: `(2.94ms)`, `(1 s)`, `12ms`, with or without brackets.
pub fn untimed(name: &str) -> &str {
    let name = name.trim_end();
    if let Some((before, inner)) = name.strip_suffix(')').and_then(|n| n.rsplit_once(" ("))
        && is_time(inner)
    {
        return before.trim_end();
    }
    name
}

/// The same for times without brackets.
pub fn untimed_bare(name: &str) -> &str {
    match name.trim_end().rsplit_once(' ') {
        Some((before, time)) if is_time(time) => before.trim_end(),
        _ => name.trim_end(),
    }
}

fn is_time(text: &str) -> bool {
    let text = text.trim();
    let number = text.trim_end_matches(|c: char| c.is_ascii_alphabetic() || c == 'µ');
    let unit = &text[number.len()..];
    matches!(unit, "ms" | "s" | "m" | "µs" | "ns") && number.trim_end().parse::<f64>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_taken_off() {
        let table = [
            ("passes (2.946558ms)", "passes"),
            ("passes (1 s)", "passes"),
            ("passes (twice)", "passes (twice)"),
            ("takes (3 ms) (4 ms)", "takes (3 ms)"),
            ("passes", "passes"),
        ];
        for (name, expected) in table {
            assert_eq!(untimed(name), expected);
        }
        assert_eq!(untimed_bare("a.test.js > passes 4ms"), "a.test.js > passes");
        assert_eq!(untimed_bare("a > 4"), "a > 4");
    }
}
