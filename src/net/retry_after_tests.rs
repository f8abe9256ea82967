//! Every way in which a provider names a time, and what is made of garbage.

use super::*;
use proptest::prelude::*;

/// 2027-01-15 08:00:00 UTC.
const NOW: i64 = 1_800_000_000;

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(NOW, 0).unwrap()
}

fn headers(pairs: &[(&str, &str)]) -> Headers {
    Headers::new(pairs.iter().map(|(n, v)| (*n, *v)))
}

/// Seconds until the time that is asked for.
fn asked(pairs: &[(&str, &str)], message: &str) -> Option<f64> {
    #[allow(clippy::cast_precision_loss)]
    until(&headers(pairs), message, true, now())
        .map(|t| (t - now()).num_milliseconds() as f64 / 1000.0)
}

#[test]
fn every_way_to_name_a_time() {
    const FAR_S: f64 = 366.0 * 86_400.0;
    type Row = (
        &'static [(&'static str, &'static str)],
        &'static str,
        Option<f64>,
    );
    let rows: &[Row] = &[
        (&[("Retry-After", "5")], "", Some(5.0)),
        (&[("retry-after", " 1.5 ")], "", Some(1.5)),
        (&[("retry-after", "0")], "", None),
        (
            &[("retry-after", "Fri, 15 Jan 2027 08:00:30 GMT")],
            "",
            Some(30.0),
        ),
        (
            &[("retry-after", "Friday, 15-Jan-27 08:00:30 GMT")],
            "",
            Some(30.0),
        ),
        (
            &[("retry-after", "Fri Jan 15 08:00:30 2027")],
            "",
            Some(30.0),
        ),
        (
            &[("retry-after", "Fri, 15 Jan 2027 07:00:00 GMT")],
            "",
            None,
        ),
        (&[("retry-after", "1800000060")], "", Some(60.0)),
        (&[("retry-after-ms", "250")], "", Some(0.25)),
        (
            &[("retry-after", "1"), ("retry-after-ms", "1500")],
            "",
            Some(1.5),
        ),
        (&[("retry-after", "5"), ("retry-after", "9")], "", Some(9.0)),
        // A server whose clock is ten minutes behind, and one that has none.
        (
            &[
                ("retry-after", "Fri, 15 Jan 2027 07:50:30 GMT"),
                ("date", "Fri, 15 Jan 2027 07:50:00 GMT"),
            ],
            "",
            Some(30.0),
        ),
        (
            &[
                ("retry-after", "Fri, 15 Jan 2027 08:00:30 GMT"),
                ("date", "Thu, 01 Jan 1970 00:00:00 GMT"),
            ],
            "",
            Some(30.0),
        ),
        (
            &[
                ("x-ratelimit-reset-requests", "1s"),
                ("x-ratelimit-reset-tokens", "6m0s"),
            ],
            "",
            Some(360.0),
        ),
        (
            &[("x-ratelimit-reset-tokens", "2m59.56s")],
            "",
            Some(179.56),
        ),
        (&[("x-ratelimit-reset-tokens", "120ms")], "", Some(0.12)),
        (
            &[("x-ratelimit-reset-requests", "1800000007")],
            "",
            Some(7.0),
        ),
        // The limit on requests is not the one that was hit.
        (
            &[
                ("x-ratelimit-reset-requests", "7m12s"),
                ("x-ratelimit-remaining-requests", "150"),
                ("x-ratelimit-reset-tokens", "6s"),
                ("x-ratelimit-remaining-tokens", "0"),
            ],
            "",
            Some(6.0),
        ),
        // Neither is used up, and one of them must be the reason.
        (
            &[
                ("x-ratelimit-reset-requests", "1s"),
                ("x-ratelimit-remaining-requests", "150"),
                ("x-ratelimit-reset-tokens", "6s"),
                ("x-ratelimit-remaining-tokens", "9"),
            ],
            "",
            Some(6.0),
        ),
        (&[("X-RateLimit-Reset", "1800000042000")], "", Some(42.0)),
        (&[("ratelimit", "\"api\";r=0;t=55")], "", Some(55.0)),
        (
            &[("ratelimit", "\"api\";r=3;t=55, \"day\";r=0;t=9")],
            "",
            Some(9.0),
        ),
        (
            &[
                ("anthropic-ratelimit-requests-reset", "2027-01-15T08:01:00Z"),
                ("anthropic-ratelimit-requests-remaining", "0"),
                ("anthropic-ratelimit-tokens-reset", "2027-01-15T09:00:00Z"),
                ("anthropic-ratelimit-tokens-remaining", "1000"),
            ],
            "",
            Some(60.0),
        ),
        (
            &[("anthropic-ratelimit-tokens-reset", "2027-01-15T09:00:00Z")],
            "",
            None,
        ),
        (
            &[],
            "Rate limit reached. Please try again in 6.2s. Visit …",
            Some(6.2),
        ),
        (&[], "You can try again in 5m", Some(300.0)),
        (&[], "please TRY AGAIN in 1h2m3s", Some(3723.0)),
        (&[], "Please retry after 7 seconds.", Some(7.0)),
        (&[], "retry in about 2 minutes", Some(120.0)),
        (&[], "try again in 1 minute and 30 seconds.", Some(90.0)),
        (&[], "try again in 2 hours, 5 minutes", Some(7500.0)),
        (&[], "try again in 1 week", Some(604_800.0)),
        (&[("retry-after", "3")], "try again in 20s", Some(20.0)),
        (&[], "try again in a moment", None),
        (&[], "try again in 30", None),
        (&[], "it took 20s", None),
        (&[("x-ratelimit-remaining-requests", "0")], "", None),
        // Absurd ones come to the bound; garbage beside a sane one changes nothing.
        (
            &[("retry-after", "99999999999999999999999")],
            "",
            Some(FAR_S),
        ),
        (&[("retry-after", "999999999")], "", Some(FAR_S)),
        (
            &[("retry-after", "Fri, 31 Dec 9999 23:59:59 GMT")],
            "",
            Some(FAR_S),
        ),
        (
            &[("x-ratelimit-reset", "9999999999999999999")],
            "",
            Some(FAR_S),
        ),
        (&[("retry-after", "-5")], "", None),
        (&[("retry-after", "NaN")], "", None),
        (&[("retry-after", "inf")], "", None),
        (&[("retry-after", "")], "", None),
        (&[("retry-after", "1.2.3")], "", None),
        (
            &[("retry-after", "soon"), ("retry-after-ms", "4000")],
            "",
            Some(4.0),
        ),
        (
            &[("retry-after", "-1"), ("x-ratelimit-reset-tokens", "8s")],
            "",
            Some(8.0),
        ),
        (&[("x-ratelimit-reset-tokens", "8s later")], "", None),
    ];
    for (pairs, message, want) in rows {
        assert_eq!(asked(pairs, message), *want, "{pairs:?} {message:?}");
    }
}

#[test]
fn how_full_limits_are_is_told_with_other_failures_too() {
    let full = headers(&[("x-ratelimit-reset-tokens", "6m0s"), ("retry-after", "2")]);
    let overloaded = until(&full, "", false, now()).unwrap();
    assert_eq!((overloaded - now()).num_seconds(), 2);
}

proptest! {
    #[test]
    fn garbage_beside_a_sane_value_never_shortens_it(
        sane in 1u32..100_000,
        name in "retry-after(-ms)?|x-ratelimit-reset(-[a-z]{1,6})?|ratelimit|anthropic-ratelimit-a-reset|date",
        garbage in "\\PC{0,24}|[0-9]{1,30}|[0-9.smhd]{0,12}",
        message in "\\PC{0,20}(try again in )?[0-9]{0,20}[smhd]?",
    ) {
        let sane_text = sane.to_string();
        let got = until(&headers(&[("retry-after", &sane_text), (&name, &garbage)]), &message, true, now()).unwrap();
        prop_assert!(got - now() >= TimeDelta::seconds(i64::from(sane)));
        prop_assert!(got - now() <= FAR);
    }
}
