//! When a limit ends, by the words of Claude Code. Pure, and the last resort: where a field says it, the field counts.

use crate::engines::command::until;
use chrono::{DateTime, Datelike, Months, NaiveDate, NaiveTime, TimeDelta, Utc};

/// Longest time that words for people are believed: no limit of a provider is longer than a month.
const LONGEST: TimeDelta = TimeDelta::days(35);
/// Above this a number is milliseconds since 1970.
const MILLISECONDS_FROM: f64 = 1e11;

/// The end of the limit that `text` tells of, if it says one in a known form and that lies ahead of `now`:
/// `…|1795204075`, `resets 7:47pm (UTC)`, `resets Nov 24, 3pm (UTC)`, `try again in 5m`, `retry after 30 seconds`.
///
/// A time of day in another zone than UTC is no end: without a table of zones it could be hours off.
pub(super) fn end_in_words(text: &str, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let text = text.to_ascii_lowercase();
    if let Some(end) = after_bar(&text) {
        return (end > now).then_some(end);
    }
    let end =
        reset(&text, now).or_else(|| distance(&text).and_then(|d| now.checked_add_signed(d)))?;
    (end > now && end - now <= LONGEST).then_some(end)
}

/// Seconds since 1970 as a time.
#[allow(
    clippy::cast_possible_truncation,
    reason = "a float to integer cast saturates, and chrono checks the range"
)]
pub(super) fn epoch(seconds: f64) -> Option<DateTime<Utc>> {
    let seconds = Some(seconds).filter(|s| s.is_finite())?;
    DateTime::from_timestamp(seconds as i64, 0)
}

/// Releases before 2.0 put the end of the limit after a bar.
fn after_bar(text: &str) -> Option<DateTime<Utc>> {
    let (_, at) = text.rsplit_once('|')?;
    let at: f64 = at.trim().parse().ok()?;
    epoch(if at >= MILLISECONDS_FROM {
        at / 1000.0
    } else {
        at
    })
}

/// `resets [at] [<month> <day>[,] [at]] <hour>[:<minute>](am|pm) (UTC)`.
fn reset(text: &str, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let (_, rest) = text.split_once("resets ")?;
    let (when, rest) = rest.split_once('(')?;
    let (zone, _) = rest.split_once(')')?;
    if !matches!(zone.trim(), "utc" | "gmt" | "etc/utc") {
        return None;
    }
    let words: Vec<&str> = when
        .split([' ', ','])
        .filter(|w| !matches!(*w, "" | "at" | "on"))
        .collect();
    match words[..] {
        [time] => {
            let today = now.date_naive().and_time(time_of_day(time)?).and_utc();
            Some(if today > now {
                today
            } else {
                today + TimeDelta::days(1)
            })
        }
        [month, day, time] => {
            let month = month_number(month)?;
            let date = NaiveDate::from_ymd_opt(now.year(), month, day.parse().ok()?)?;
            let this_year = date.and_time(time_of_day(time)?).and_utc();
            // In December a limit may end in January.
            if this_year > now {
                Some(this_year)
            } else {
                this_year.checked_add_months(Months::new(12))
            }
        }
        _ => None,
    }
}

/// `7:47pm`, `3pm`, `15:30`.
fn time_of_day(text: &str) -> Option<NaiveTime> {
    let (digits, half) = match (text.strip_suffix("am"), text.strip_suffix("pm")) {
        (Some(digits), _) => (digits, Some(0)),
        (None, Some(digits)) => (digits, Some(12)),
        (None, None) => (text, None),
    };
    let (hour, minute) = match digits.split_once(':') {
        Some((hour, minute)) => (hour.parse::<u32>().ok()?, minute.parse().ok()?),
        None if half.is_some() => (digits.parse().ok()?, 0),
        None => return None,
    };
    let hour = match half {
        None => hour,
        Some(half) if (1..=12).contains(&hour) => hour % 12 + half,
        Some(_) => return None,
    };
    NaiveTime::from_hms_opt(hour, minute, 0)
}

fn month_number(name: &str) -> Option<u32> {
    const MONTHS: [&str; 12] = [
        "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
    ];
    let at = MONTHS.iter().position(|m| name.starts_with(m))?;
    u32::try_from(at + 1).ok()
}

/// `try again in 1h30m`, `retry after 6.2s`, `try again in 5 minutes`.
fn distance(text: &str) -> Option<TimeDelta> {
    let heads = ["try again in ", "retry after ", "retry in "];
    let rest = heads
        .iter()
        .find_map(|head| text.split_once(head).map(|(_, rest)| rest))?;
    until::duration(rest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn ends_in_words() {
        let now = at("2026-12-30T18:00:00Z");
        for (text, want) in [
            (
                "Claude AI usage limit reached|1798700000",
                Some("2026-12-31T06:53:20Z"),
            ),
            (
                "usage limit reached|1798700000000",
                Some("2026-12-31T06:53:20Z"),
            ),
            (
                "You've hit your session limit · resets 7:47pm (UTC)",
                Some("2026-12-30T19:47:00Z"),
            ),
            (
                "You've hit your limit · resets 6pm (UTC)",
                Some("2026-12-31T18:00:00Z"),
            ),
            ("resets 12am (UTC)", Some("2026-12-31T00:00:00Z")),
            ("resets at 12:05pm (GMT)", Some("2026-12-31T12:05:00Z")),
            ("resets 23:15 (UTC)", Some("2026-12-30T23:15:00Z")),
            ("resets Dec 31, 3pm (UTC)", Some("2026-12-31T15:00:00Z")),
            (
                "Weekly limit reached · resets Jan 3 at 3:30pm (UTC)",
                Some("2027-01-03T15:30:00Z"),
            ),
            (
                "rate limited, try again in 5m.",
                Some("2026-12-30T18:05:00Z"),
            ),
            ("Please try again in 1h30m15s", Some("2026-12-30T19:30:15Z")),
            (
                "Please try again in 6.2s. Visit",
                Some("2026-12-30T18:00:06.200Z"),
            ),
            (
                "try again in 2 hours and 5 minutes",
                Some("2026-12-30T20:05:00Z"),
            ),
            ("retry after 30 seconds", Some("2026-12-30T18:00:30Z")),
            ("resets 7:47pm (America/New_York)", None),
            ("resets 7:47pm", None),
            ("resets 13pm (UTC)", None),
            ("resets Foo 3, 3pm (UTC)", None),
            ("resets Feb 31, 3pm (UTC)", None),
            ("resets Jun 3, 3pm (UTC)", None),
            ("limit reached|1598700000", None),
            ("limit reached|NaN", None),
            ("limit reached|9e99", None),
            ("try again in a moment", None),
            ("try again in 5 parsecs", None),
            ("try again in 900 days", None),
            ("try again in 5", None),
            ("slow down", None),
        ] {
            assert_eq!(end_in_words(text, now), want.map(at), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_words_are_survived(head in "(resets |try again in )?", tail in "\\PC{0,40}") {
            let now = at("2026-12-30T18:00:00Z");
            if let Some(end) = end_in_words(&(head + &tail), now) {
                prop_assert!(end > now && (end - now <= LONGEST || tail.contains('|')));
            }
        }

        #[test]
        fn numbers_and_units_are_survived(number in "[0-9.]{1,400}", unit in "(ms|s|m|h|d| days)") {
            let now = at("2026-12-30T18:00:00Z");
            if let Some(end) = end_in_words(&format!("try again in {number}{unit} "), now) {
                prop_assert!(end - now <= LONGEST);
            }
        }
    }
}
