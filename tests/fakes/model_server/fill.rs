//! Placeholders in the texts of an answer.

use crate::ask::Ask;
use serde_json::Value;

/// The value with placeholders replaced in all its texts.
pub fn fill(value: &Value, ask: &Ask) -> Value {
    match value {
        Value::String(text) if text.contains('{') => Value::String(fill_text(text, ask)),
        Value::Array(items) => items.iter().map(|v| fill(v, ask)).collect(),
        Value::Object(map) => map.iter().map(|(k, v)| (k.clone(), fill(v, ask))).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.clone(),
    }
}

fn fill_text(text: &str, ask: &Ask) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find('{') {
        out.push_str(&rest[..start]);
        rest = &rest[start..];
        let known = rest
            .find('}')
            .and_then(|end| Some((word(&rest[1..end], ask)?, end)));
        match known {
            Some((with, end)) => {
                out.push_str(&with);
                rest = &rest[end + 1..];
            }
            None => {
                out.push('{');
                rest = &rest[1..];
            }
        }
    }
    out + rest
}

/// What stands for a placeholder; None when it is none.
fn word(name: &str, ask: &Ask) -> Option<String> {
    Some(match name {
        "chunk" => ask.chunk.clone(),
        "spec" => ask.spec.clone(),
        "title" => ask.title.clone(),
        "model" => ask.model.clone(),
        "cwd" => ask.cwd.clone(),
        "n" => ask.n.unwrap_or(0).to_string(),
        "nth_of_chunk" => ask.nth_of_chunk.to_string(),
        _ => return time(name, i64::try_from(crate::now_ms()).unwrap_or(0)),
    })
}

/// A time at a distance from `now`, in ms since 1970.
fn time(name: &str, now: i64) -> Option<String> {
    let (form, distance) = match name.find(['+', '-']) {
        Some(at) => (&name[..at], milliseconds(&name[at..])?),
        None => (name, 0),
    };
    let ms = now.checked_add(distance)?;
    let seconds = ms.div_euclid(1000);
    Some(match form {
        // Rounded up: who waits until then has waited long enough.
        "epoch" => (ms + 999).div_euclid(1000).to_string(),
        "epoch_ms" => ms.to_string(),
        "date" => http_date((ms + 999).div_euclid(1000)),
        "rfc3339" => {
            let c = Civil::of(seconds);
            format!(
                "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z",
                c.year,
                c.month,
                c.day,
                c.hour,
                c.minute,
                c.second,
                ms.rem_euclid(1000)
            )
        }
        _ => return None,
    })
}

/// `+5s`, `-1h`, `+250ms`.
fn milliseconds(text: &str) -> Option<i64> {
    let (sign, rest) = match text.split_at_checked(1)? {
        ("+", rest) => (1, rest),
        ("-", rest) => (-1, rest),
        _ => return None,
    };
    let unit_at = rest.find(|c: char| !c.is_ascii_digit())?;
    let number: i64 = rest[..unit_at].parse().ok()?;
    let unit = match &rest[unit_at..] {
        "ms" => 1,
        "s" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    number.checked_mul(unit)?.checked_mul(sign)
}

struct Civil {
    year: i64,
    month: i64,
    day: i64,
    hour: i64,
    minute: i64,
    second: i64,
    /// 0 is Sunday.
    weekday: i64,
}

impl Civil {
    /// The proleptic Gregorian calendar, counted in eras of 400 years that begin in March.
    fn of(seconds: i64) -> Self {
        let (days, time) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
        let shifted = days + 719_468;
        let (era, day_of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
        let year_of_era =
            (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let from_march = (5 * day_of_year + 2) / 153;
        let month = if from_march < 10 {
            from_march + 3
        } else {
            from_march - 9
        };
        Self {
            year: era * 400 + year_of_era + i64::from(month <= 2),
            month,
            day: day_of_year - (153 * from_march + 2) / 5 + 1,
            hour: time / 3600,
            minute: time / 60 % 60,
            second: time % 60,
            weekday: (days + 4).rem_euclid(7),
        }
    }
}

fn http_date(seconds: i64) -> String {
    const DAYS: [&str; 7] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let c = Civil::of(seconds);
    let name = |names: &[&'static str], at: i64| {
        usize::try_from(at)
            .ok()
            .and_then(|at| names.get(at).copied())
            .unwrap_or("?")
    };
    format!(
        "{}, {:02} {} {:04} {:02}:{:02}:{:02} GMT",
        name(&DAYS, c.weekday),
        c.day,
        name(&MONTHS, c.month - 1),
        c.year,
        c.hour,
        c.minute,
        c.second
    )
}
