//! Durations as programs and servers write them: `1h30m`, `6m0s`, `1 minute and 30 seconds`. Pure.

/// The duration at the beginning of a text, in seconds, with the text behind it. A number without a unit is none.
pub fn leading(text: &str) -> Option<(f64, &str)> {
    let (mut seconds, mut behind) = part(text)?;
    loop {
        let joint = behind.trim_start_matches([' ', ',']);
        let next = joint.strip_prefix("and ").unwrap_or(joint);
        let Some((more, rest)) = part(next) else {
            return Some((seconds, behind.trim_start()));
        };
        seconds += more;
        behind = rest;
    }
}

/// One number with its unit.
fn part(text: &str) -> Option<(f64, &str)> {
    let text = text.trim_start();
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.');
    let (number, rest) = text.split_at(digits.unwrap_or(text.len()));
    let number: f64 = number
        .starts_with(|c: char| c.is_ascii_digit())
        .then(|| number.trim_end_matches('.').parse().ok())
        .flatten()?;
    let rest = rest.trim_start();
    let letters = rest.find(|c: char| !c.is_ascii_alphabetic());
    let (unit, behind) = rest.split_at(letters.unwrap_or(rest.len()));
    Some((number * unit_of(unit)?, behind))
}

fn unit_of(word: &str) -> Option<f64> {
    Some(match word.to_ascii_lowercase().as_str() {
        "ms" | "millisecond" | "milliseconds" => 0.001,
        "s" | "sec" | "secs" | "second" | "seconds" => 1.0,
        "m" | "min" | "mins" | "minute" | "minutes" => 60.0,
        "h" | "hr" | "hrs" | "hour" | "hours" => 3_600.0,
        "d" | "day" | "days" => 86_400.0,
        "w" | "week" | "weeks" => 604_800.0,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_and_what_is_behind_them() {
        for (text, want) in [
            ("6m0s", Some((360.0, ""))),
            ("1.5 hours.", Some((5400.0, "."))),
            ("1 minute and 30 seconds", Some((90.0, ""))),
            ("2 hours, 5 minutes", Some((7500.0, ""))),
            ("3 days, 1 hour, and 2 minutes", Some((262_920.0, ""))),
            ("1 week", Some((604_800.0, ""))),
            ("250ms or so", Some((0.25, "or so"))),
            ("5s, and then more", Some((5.0, ", and then more"))),
            ("5m 30", Some((300.0, "30"))),
            ("30", None),
            (".5s", None),
            ("1.2.3s", None),
            ("and 5s", None),
            ("", None),
        ] {
            assert_eq!(leading(text), want, "{text}");
        }
    }
}
