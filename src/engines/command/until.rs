//! Times in the sentences of foreign programs: `try again at 3:05 PM`, `try again in 2 hours 5 minutes`. Pure.
//!
//! Only the time is read here; that there is a limit at all was known before, from the rule that the sentence fits.

use super::fields::Scalar;
use super::words;
use crate::net::duration;
use chrono::{
    DateTime, Days, Months, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, TimeZone, Utc,
};

/// No limit ends later than this; what says so is not believed.
const LONGEST_DAYS: u64 = 62;

/// The time that stands in `text` behind one of these phrases. Clock times are of `zone`, in which the program
/// that wrote them runs too.
pub(super) fn in_words<Z: TimeZone>(
    phrases: &[String],
    text: &str,
    now: DateTime<Utc>,
    zone: &Z,
) -> Option<DateTime<Utc>> {
    phrases.iter().find_map(|phrase| {
        let rest = text[words::position(text, phrase)? + phrase.len()..].trim_start();
        let found = clock(rest, now, zone).or_else(|| Some(now + duration(rest)?))?;
        believable(found, now)
    })
}

/// The time that a field holds: seconds or milliseconds since 1970, RFC 3339, or seconds from now.
#[allow(
    clippy::cast_possible_truncation,
    reason = "a float to integer cast saturates, and chrono checks the range"
)]
pub(super) fn in_field(value: &Scalar, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let found = match value {
        // Header fields come as texts.
        Scalar::Text(text) => match (
            text.trim().parse::<f64>(),
            DateTime::parse_from_rfc3339(text.trim()),
        ) {
            (Ok(number), _) => return in_field(&Scalar::Number(number), now),
            (Err(_), Ok(at)) => at.with_timezone(&Utc),
            (Err(_), Err(_)) => now + duration(text)?,
        },
        Scalar::Flag(_) => return None,
        Scalar::Whole(_) | Scalar::Number(_) => match value.number()? {
            n if n < 0.0 => return None,
            n if n < 1e9 => now + TimeDelta::try_milliseconds((n * 1e3).ceil() as i64)?,
            n if n < 1e11 => DateTime::from_timestamp(n as i64, 0)?,
            n => DateTime::from_timestamp_millis(n as i64)?,
        },
    };
    believable(found, now)
}

fn believable(at: DateTime<Utc>, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let latest = now.checked_add_days(Days::new(LONGEST_DAYS))?;
    (at <= latest && at >= now.checked_sub_months(Months::new(1))?).then_some(at)
}

/// `3:05 PM`, of today, or `Nov 21st, 2026 3:05 PM`.
fn clock<Z: TimeZone>(text: &str, now: DateTime<Utc>, zone: &Z) -> Option<DateTime<Utc>> {
    let words: Vec<&str> = text
        .split([' ', ',', '\u{202f}', '\u{a0}'])
        .filter(|w| !w.is_empty())
        .take(5)
        .collect();
    let here = now.with_timezone(zone).naive_local();
    let at = match words.as_slice() {
        [month, day, year, time, half, ..]
            if month.starts_with(|c: char| c.is_ascii_alphabetic()) =>
        {
            let day = day.trim_end_matches(|c: char| c.is_ascii_alphabetic());
            let date =
                NaiveDate::parse_from_str(&format!("{month} {day} {year}"), "%b %d %Y").ok()?;
            date.and_time(time_of_day(time, half)?)
        }
        [time, half, ..] => today(time_of_day(time, half)?, here),
        _ => return None,
    };
    // In the hour that an autumn repeats the later one counts: a wait in vain is worse than a long one.
    Some(zone.from_local_datetime(&at).latest()?.with_timezone(&Utc))
}

/// A clock time without a date is the next such time; one that is gone by for less than an hour was read late.
fn today(time: NaiveTime, here: NaiveDateTime) -> NaiveDateTime {
    let at = here.date().and_time(time);
    match here - at > TimeDelta::hours(1) {
        true => at.checked_add_days(Days::new(1)).unwrap_or(at),
        false => at,
    }
}

fn time_of_day(time: &str, half: &str) -> Option<NaiveTime> {
    let half: String = half.chars().take_while(char::is_ascii_alphabetic).collect();
    NaiveTime::parse_from_str(&format!("{time} {half}"), "%I:%M %p").ok()
}

/// `2 days 3 hours 5 minutes`, `1h30m`, `20s`, `1.5 seconds`.
pub(in crate::engines) fn duration(text: &str) -> Option<TimeDelta> {
    let (seconds, _) = duration::leading(text)?;
    let in_bounds = seconds <= 86_400.0 * 366.0;
    #[allow(clippy::cast_possible_truncation, reason = "bounded in the line above")]
    in_bounds.then(|| TimeDelta::milliseconds((seconds * 1e3).ceil() as i64))
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::{FixedOffset, MappedLocalTime};

    fn now() -> DateTime<Utc> {
        "2026-11-20T17:30:00Z".parse().unwrap()
    }

    fn read(text: &str) -> Option<String> {
        let phrases = ["try again at".to_owned(), "try again in".to_owned()];
        let east = FixedOffset::east_opt(3_600).unwrap();
        in_words(&phrases, text, now(), &east).map(|t| t.to_rfc3339())
    }

    #[test]
    fn sentences() {
        for (text, at) in [
            // Clock times are local: one hour east of Greenwich here.
            (
                "You've hit your usage limit. Try again at 7:05 PM.",
                "2026-11-20T18:05:00+00:00",
            ),
            ("or try again at 6:29 pm", "2026-11-20T17:29:00+00:00"),
            ("try again at 12:10 AM.", "2026-11-20T23:10:00+00:00"),
            ("try again at 5:30 PM", "2026-11-20T16:30:00+00:00"),
            ("try again at 5:29 PM", "2026-11-21T16:29:00+00:00"),
            ("try again at 9:00 AM", "2026-11-21T08:00:00+00:00"),
            (
                "Try again at Nov 21st, 2026 1:00 AM.",
                "2026-11-21T00:00:00+00:00",
            ),
            (
                "try again at Dec 2nd, 2026 11:15 PM.",
                "2026-12-02T22:15:00+00:00",
            ),
            (
                "try again in 2 hours 5 minutes.",
                "2026-11-20T19:35:00+00:00",
            ),
            (
                "Try again in 3 days, 1 hour and 2 minutes",
                "2026-11-23T18:32:00+00:00",
            ),
            ("try again in 1h30m", "2026-11-20T19:00:00+00:00"),
            ("try again in 1.5s", "2026-11-20T17:30:01.500+00:00"),
        ] {
            assert_eq!(read(text).as_deref(), Some(at), "{text}");
        }
        for text in [
            "Try again later.",
            "try again at",
            "try again at noon",
            "try again at 25:00 PM",
            "try again at Foo 21st, 2026 1:00 AM",
            "try again in",
            "try again in a while",
            "try again in 5 fortnights",
            "try again in 400 days",
            "try again in 99999999999999999999999 days",
            "wait 5 minutes",
            "",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    /// A zone that is in the hour which it repeats, all the time.
    #[derive(Clone)]
    struct Autumn;

    impl TimeZone for Autumn {
        type Offset = FixedOffset;

        fn from_offset(_: &FixedOffset) -> Self {
            Self
        }
        fn offset_from_local_date(&self, _: &NaiveDate) -> MappedLocalTime<FixedOffset> {
            MappedLocalTime::Ambiguous(hours_east(2), hours_east(1))
        }
        fn offset_from_local_datetime(&self, _: &NaiveDateTime) -> MappedLocalTime<FixedOffset> {
            MappedLocalTime::Ambiguous(hours_east(2), hours_east(1))
        }
        fn offset_from_utc_date(&self, _: &NaiveDate) -> FixedOffset {
            hours_east(2)
        }
        fn offset_from_utc_datetime(&self, _: &NaiveDateTime) -> FixedOffset {
            hours_east(2)
        }
    }

    fn hours_east(hours: i32) -> FixedOffset {
        FixedOffset::east_opt(hours * 3_600).unwrap()
    }

    #[test]
    fn of_a_repeated_hour_the_later_one_counts() {
        let at = in_words(&["at".to_owned()], "at 7:45 PM", now(), &Autumn);
        assert_eq!(at.unwrap().to_rfc3339(), "2026-11-20T18:45:00+00:00");
    }

    #[test]
    fn fields() {
        let at = |value: Scalar| in_field(&value, now()).map(|t| t.to_rfc3339());
        let text = |t: &str| at(Scalar::Text(t.to_owned()));
        assert_eq!(
            at(Scalar::Whole(90)).as_deref(),
            Some("2026-11-20T17:31:30+00:00")
        );
        assert_eq!(
            at(Scalar::Whole(1_795_204_075)).as_deref(),
            Some("2026-11-20T19:47:55+00:00")
        );
        assert_eq!(
            at(Scalar::Whole(1_795_204_075_000)).as_deref(),
            Some("2026-11-20T19:47:55+00:00")
        );
        assert_eq!(
            text("2026-11-20T20:00:00+01:00").as_deref(),
            Some("2026-11-20T19:00:00+00:00")
        );
        assert_eq!(text("30").as_deref(), Some("2026-11-20T17:30:30+00:00"));
        assert_eq!(text("20s").as_deref(), Some("2026-11-20T17:30:20+00:00"));
        for absent in [
            Scalar::Flag(true),
            Scalar::Number(-5.0),
            Scalar::Number(f64::NAN),
            Scalar::Whole(u64::MAX),
            Scalar::Whole(9_000_000_000),
        ] {
            assert_eq!(at(absent.clone()), None, "{absent:?}");
        }
        assert_eq!(text("soon"), None);
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics(text in ".{0,60}") {
            read(&format!("try again at {text}"));
            read(&format!("try again in {text}"));
            in_field(&Scalar::Text(text), now());
        }
    }
}
