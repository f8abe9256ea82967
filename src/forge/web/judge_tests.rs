//! What forges answer, and what is made of it.

use super::*;
use proptest::prelude::*;

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000, 0).unwrap()
}

#[test]
fn what_answers_mean() {
    use ForgeErrorKind::{
        Auth, Forbidden, Limited, NotFound, Protocol, Refused, Transient, Unsupported,
    };
    const SECONDARY: &str =
        "You have exceeded a secondary rate limit. Please wait a few minutes before you try again.";
    const PRIMARY: &str = "API rate limit exceeded for user ID 1.";
    let limited = |s: i64| Limited {
        until: Some(now() + TimeDelta::seconds(s)),
    };
    type Row<'a> = (
        u16,
        &'a [(&'a str, &'a str)],
        &'a str,
        ForgeErrorKind,
        bool,
        bool,
    );
    // Status, headers, words: kind, may pass, perhaps done.
    let rows: &[Row<'_>] = &[
        (401, &[], "Bad credentials", Auth, false, false),
        (
            403,
            &[],
            "Resource not accessible by integration",
            Forbidden,
            false,
            false,
        ),
        (
            403,
            &[
                ("x-ratelimit-remaining", "4990"),
                ("x-ratelimit-reset", "1800003600"),
            ],
            "no",
            Forbidden,
            false,
            false,
        ),
        (404, &[], "Not Found", NotFound, false, false),
        (
            410,
            &[],
            "Issues are disabled for this repo",
            NotFound,
            false,
            false,
        ),
        (400, &[], "", Refused, false, false),
        (405, &[], "", Refused, false, false),
        (409, &[], "", Refused, false, false),
        (422, &[], "Validation Failed", Refused, false, false),
        // GitHub's primary limit, with either status.
        (
            403,
            &[
                ("x-ratelimit-remaining", "0"),
                ("x-ratelimit-reset", "1800000090"),
            ],
            PRIMARY,
            limited(90),
            true,
            false,
        ),
        (
            429,
            &[
                ("x-ratelimit-remaining", "0"),
                ("x-ratelimit-reset", "1800000090"),
            ],
            PRIMARY,
            limited(90),
            true,
            false,
        ),
        (403, &[], PRIMARY, Limited { until: None }, true, false),
        // Its secondary ones: the hour's reset is of another limit.
        (
            403,
            &[
                ("retry-after", "30"),
                ("x-ratelimit-remaining", "4990"),
                ("x-ratelimit-reset", "1800003600"),
            ],
            SECONDARY,
            limited(30),
            true,
            false,
        ),
        (
            403,
            &[
                ("x-ratelimit-remaining", "4990"),
                ("x-ratelimit-reset", "1800003600"),
            ],
            SECONDARY,
            limited(60),
            true,
            false,
        ),
        (429, &[], SECONDARY, limited(60), true, false),
        // GitLab.
        (
            429,
            &[
                ("RateLimit-Remaining", "0"),
                ("RateLimit-Reset", "1800000045"),
                ("Retry-After", "44"),
            ],
            "Retry later",
            limited(45),
            true,
            false,
        ),
        (
            429,
            &[("RateLimit-Reset", "1800000045")],
            "Retry later",
            limited(45),
            true,
            false,
        ),
        // A proxy.
        (429, &[], "", Limited { until: None }, true, false),
        (
            429,
            &[("retry-after", "Fri, 15 Jan 2027 08:00:07 GMT")],
            "",
            limited(7),
            true,
            false,
        ),
        (
            429,
            &[("retry-after", "soon")],
            "",
            Limited { until: None },
            true,
            false,
        ),
        (408, &[], "", Transient, true, false),
        (500, &[], "", Transient, true, true),
        (502, &[], "Server Error", Transient, true, true),
        (
            503,
            &[("retry-after", "600")],
            "maintenance",
            Transient,
            true,
            true,
        ),
        (501, &[], "", Unsupported, false, false),
        (301, &[], "", Protocol, false, false),
        (100, &[], "", Protocol, false, false),
    ];
    for (status, headers, words, kind, is_passing, perhaps_done) in rows {
        let headers = Headers::new(headers.iter().copied());
        let found = judge(*status, &headers, words, now());
        assert_eq!(
            (found.kind, found.is_passing, found.perhaps_done),
            (*kind, *is_passing, *perhaps_done),
            "{status} {words} {headers:?}"
        );
    }
    let maintenance = Headers::new([("retry-after", "600")]);
    let until = judge(503, &maintenance, "", now()).until;
    assert_eq!(until, Some(now() + TimeDelta::seconds(600)));
}

#[test]
fn what_graphql_errors_mean() {
    use ForgeErrorKind::{Forbidden, Limited, NotFound, Refused, Transient};
    for (kind, words, want) in [
        ("NOT_FOUND", "", NotFound),
        ("FORBIDDEN", "", Forbidden),
        ("INSUFFICIENT_SCOPES", "", Forbidden),
        ("RATE_LIMITED", "", Limited { until: None }),
        ("UNPROCESSABLE", "", Refused),
        ("", "", Transient),
        ("undefinedField", "", Refused),
        ("SERVICE_UNAVAILABLE", "", Transient),
        (
            "",
            "You have exceeded a secondary rate limit",
            Limited {
                until: Some(now() + TimeDelta::seconds(60)),
            },
        ),
    ] {
        let found = judge_graphql(kind, &Headers::default(), words, now());
        assert_eq!(found.kind, want, "{kind} {words}");
    }
}

#[test]
fn the_words_of_forges() {
    for (body, want) in [
        (
            r#"{"message":"Bad credentials","documentation_url":"https://docs"}"#,
            "Bad credentials",
        ),
        (
            r#"{"message":"Validation Failed","errors":[{"resource":"PullRequest","code":"custom","message":"A pull request already exists for o:b."}]}"#,
            "Validation Failed; A pull request already exists for o:b.",
        ),
        (
            r#"{"message":"Validation Failed","errors":[{"resource":"PullRequest","field":"base","code":"invalid"}]}"#,
            "Validation Failed; base is invalid",
        ),
        (r#"{"message":"x","errors":["one","two"]}"#, "x; one; two"),
        (
            r#"{"message":["Another open merge request already exists: !3"]}"#,
            "Another open merge request already exists: !3",
        ),
        (
            r#"{"message":{"title":["can't be blank"]}}"#,
            "title: can't be blank",
        ),
        (
            r#"{"error":"invalid_token","error_description":"Token was revoked."}"#,
            "invalid_token; Token was revoked.",
        ),
        (r#"{"message":"","url":"https://gitea"}"#, ""),
        ("<html><title>502</title></html>", ""),
        ("  <!doctype html>", ""),
        ("Retry\r\n  later\u{1b}[31m", "Retry later[31m"),
        ("", ""),
        ("null", ""),
        ("[]", ""),
    ] {
        assert_eq!(words(body.as_bytes()), want, "{body}");
    }
    let long = format!(r#"{{"message":"{}"}}"#, "é".repeat(4000));
    assert!(words(long.as_bytes()).len() <= MAX_WORDS + '…'.len_utf8());
}

proptest! {
    #[test]
    fn no_answer_is_too_strange(status: u16, name in "[a-z-]{0,20}", value in any::<String>(), body in any::<Vec<u8>>()) {
        let headers = Headers::new([(name.as_str(), value.as_str()), ("retry-after", value.as_str()), ("x-ratelimit-reset", value.as_str())]);
        let words = words(&body);
        let found = judge(status, &headers, &words, now());
        prop_assert!(found.until.is_none_or(|until| until > now()));
        prop_assert!(!words.contains(char::is_control));
    }
}
