use super::*;
use proptest::prelude::*;
use std::sync::Arc;

// Tokens are put together here, so that this file holds none.
fn token(parts: &[&str]) -> String {
    parts.concat()
}

const BODY: &str = "aB3dE6gH9jK2mN5pQ8sT1vW4yZ7bC0eF3hI6";

fn redactor(secrets: &[&str]) -> Redactor {
    Redactor::new(secrets.iter().map(|s| SecretString::from(*s)))
}

fn samples() -> Vec<(&'static str, String)> {
    vec![
        (
            "an AWS access key id",
            token(&["AK", "IA", "Q3EGRZ7XK2LMNOPT"]),
        ),
        (
            "an AWS access key id",
            token(&["AS", "IA", "Q3EGRZ7XK2LMNOPT"]),
        ),
        ("a GitHub token", token(&["gh", "p_", BODY])),
        ("a GitHub token", token(&["gh", "s_", BODY, BODY])),
        (
            "a GitHub token",
            token(&["github", "_pat_", BODY, "_", BODY]),
        ),
        ("a GitLab token", token(&["gl", "pat-", &BODY[..20]])),
        (
            "a Slack token",
            token(&["xo", "xb-", "123456789012-", &BODY[..24]]),
        ),
        (
            "an Anthropic API key",
            token(&["sk", "-ant-", "api03-", BODY, "-", BODY]),
        ),
        ("an API key", token(&["sk", "-", "proj-", BODY])),
        ("an API key", token(&["sk", "-", &BODY[..20]])),
        ("a Hugging Face token", token(&["hf", "_", &BODY[..34]])),
        (
            "a JSON web token",
            token(&["ey", "JhbGciOiJIUzI1NiJ9.ey", "JzdWIiOiIxMjM0NTYifQ.", BODY]),
        ),
    ]
}

#[test]
fn a_secret_with_a_character_without_width_is_known_in_every_spelling() {
    let secret = "hun\u{200b}ter2\n2-x";
    let redactor = Redactor::new([SecretString::from(secret)]);
    let json = serde_json::Value::from(secret).to_string();
    for text in [secret.to_owned(), json, "hun\u{200b}ter2\\n2-x".to_owned()] {
        let text = format!("a {text} b");
        let out = redactor.redact(&text);
        assert!(!out.contains("ter2"), "{out}");
    }
}

#[test]
fn tokens_go_wherever_they_stand() {
    let redactor = redactor(&[]);
    for (what, secret) in samples() {
        for (before, after) in [
            ("", ""),
            ("key = '", "'"),
            ("{\"k\":\"a\\n", "\\n\"}"),
            ("日", "本"),
            ("X=", ";"),
            ("\t", "\r\n"),
        ] {
            let text = format!("{before}{secret}{after}");
            let expected = format!("{before}{REDACTED}{after}");
            assert_eq!(redactor.redact(&text), expected, "{what} in {text}");
        }
        let findings =
            redactor.scan_diff([("settings.txt", 7, format!("k={secret}").as_str())].into_iter());
        assert_eq!(findings.len(), 1, "{what}: {findings:?}");
        assert_eq!((findings[0].what, findings[0].line), (what, 7));
        assert!(
            !findings[0].to_string().contains(&secret[8..]),
            "{}",
            findings[0]
        );
    }
}

#[test]
fn headers_keep_their_name() {
    let redactor = redactor(&[]);
    for (text, expected) in [
        (
            "Authorization: Bearer abc123.x-y",
            "Authorization: Bearer [redacted]",
        ),
        (
            "authorization: token abc123xyz, next",
            "authorization: token [redacted], next",
        ),
        (
            r#"{\"Authorization\": \"Basic dXNlcjpw\"}"#,
            r#"{\"Authorization\": \"Basic [redacted]\"}"#,
        ),
        (
            "'Authorization': 'Bearer abc123xyz'",
            "'Authorization': 'Bearer [redacted]'",
        ),
        (
            "curl -H bearer\tabcdefgh12345678=",
            "curl -H bearer\t[redacted]",
        ),
        ("the bearer of bad news", "the bearer of bad news"),
        (
            "Authorization: Bearer $TOKEN",
            "Authorization: Bearer $TOKEN",
        ),
    ] {
        assert_eq!(redactor.redact(text), expected);
    }
}

#[test]
fn ordinary_text_is_left_alone() {
    let redactor = redactor(&["hunter22"]);
    for text in [
        "password = 'test1234'",
        "tokenizer_x.py",
        "risk-adjusted-returns-on-all-of-it",
        "task-0123456789abcdefghijklmn",
        "shelf_abcdefghijklmnopqrstuvwxyz",
        "AKIA is a prefix; AKIA1234 is too short",
        "ghp_short",
        "eyJ.eyJ.eyJ",
        "-----BEGIN PUBLIC KEY-----\nMIIB\n-----END PUBLIC KEY-----",
        "-----BEGIN CERTIFICATE-----",
        "日本語のテキスト",
        "",
    ] {
        assert!(matches!(redactor.redact(text), Cow::Borrowed(_)), "{text}");
        assert!(
            redactor.scan_diff([("f", 1, text)].into_iter()).is_empty(),
            "{text}"
        );
    }
}

#[test]
fn a_scan_passes_over_examples_and_names() {
    let redactor = redactor(&[]);
    for text in [
        token(&["AK", "IA", "IOSFODNN7EXAMPLE"]),
        token(&["x", "AK", "IA", "Q3EGRZ7XK2LMNOPT"]),
        token(&["AK", "IA", "Q3EGRZ7XK2LMNOPT", "Q"]),
        token(&["gh", "p_", &"x".repeat(36)]),
        token(&["sk", "-", "spinner-double-bounce-child"]),
        token(&["sk", "-ant-", &"x".repeat(40)]),
        token(&["hf", "_", "abcdefghijklmnopqrstuvwxyz"]),
        "Authorization: Bearer your-token-here".to_owned(),
        "headers = {'Authorization': f'Bearer {token}'}".to_owned(),
        format!(
            "let marker = \"{}\";",
            token(&["-----BEGIN ", "PRIVATE KEY-----"])
        ),
    ] {
        let findings = redactor.scan_diff([("f", 1, text.as_str())].into_iter());
        assert!(findings.is_empty(), "{text}: {findings:?}");
    }
}

#[test]
fn private_keys_go_whole() {
    let redactor = redactor(&[]);
    let begin = token(&["-----BEGIN ", "RSA PRIVATE KEY-----"]);
    let end = token(&["-----END ", "RSA PRIVATE KEY-----"]);
    let body = format!("{BODY}{BODY}\n{BODY}+/==");
    for (text, expected) in [
        (
            format!("a {begin}\n{body}\n{end} b"),
            "a [redacted] b".to_owned(),
        ),
        (
            format!("\"{begin}\\n{BODY}\\n{end}\\n\""),
            "\"[redacted]\\n\"".to_owned(),
        ),
        (
            format!("{begin}\nProc-Type: 4,ENCRYPTED\n\n{body}\n{end}"),
            REDACTED.to_owned(),
        ),
        (
            format!("{begin}\n{body}\nsh0rt==\nnext one"),
            format!("{REDACTED}\nnext one"),
        ),
        (
            format!("{begin} {begin}\nProc-Type: 4,ENCRYPTED\n\n{body}\n{end}\n{begin}\n{body}\n"),
            format!("{REDACTED}\n{REDACTED}\n"),
        ),
        (
            format!("`{begin}` begins a key"),
            "`[redacted]` begins a key".to_owned(),
        ),
    ] {
        assert_eq!(redactor.redact(&text), expected, "{text}");
    }
}

#[test]
fn a_scan_finds_keys_by_their_body() {
    let redactor = redactor(&[]);
    let begin = token(&["-----BEGIN ", "EC PRIVATE KEY-----"]);
    let line = format!("{BODY}{BODY}");
    let escaped = format!("k: \"{begin}\\n{line}\"");
    let quoted = format!("\"{begin}\\n\" +");
    let (begin, line, escaped, quoted) = (&*begin, &*line, &*escaped, &*quoted);
    let cases = [
        (vec![("k.pem", 1, begin), ("k.pem", 2, line)], 1),
        (vec![("a.json", 3, escaped)], 1),
        (vec![("a.java", 3, quoted), ("a.java", 4, line)], 1),
        (vec![("a.java", 3, quoted), ("b.java", 4, line)], 0),
        (vec![("a.java", 3, quoted), ("a.java", 40, line)], 0),
    ];
    for (lines, found) in cases {
        let findings = redactor.scan_diff(lines.iter().copied());
        assert_eq!(findings.len(), found, "{lines:?}: {findings:?}");
        assert!(
            findings
                .iter()
                .all(|f| f.what == "a private key" && f.line == lines[0].1)
        );
    }
}

#[test]
fn known_values_go_in_every_spelling() {
    let redactor = redactor(&[
        "  p/ss \"wörd\"\n",
        "tiny",
        "hunter22",
        "[redac",
        "hunter22-longer",
    ]);
    assert_eq!(format!("{redactor:?}"), "Redactor(3 secrets)");
    for (text, expected) in [
        ("x p/ss \"wörd\" y", "x [redacted] y"),
        (r#"{"a":"p/ss \"wörd\""}"#, r#"{"a":"[redacted]"}"#),
        ("?q=p%2Fss%20%22w%C3%B6rd%22&r", "?q=[redacted]&r"),
        ("?q=p%2fss+%22w%c3%b6rd%22&r", "?q=[redacted]&r"),
        ("hunter22hunter22", "[redacted][redacted]"),
        ("hunter22-longer", "[redacted]"),
        ("tiny hunter2", "tiny hunter2"),
    ] {
        assert_eq!(redactor.redact(text), expected);
    }
    // base64 of `x-access-token:hunter22`: all but the border characters goes.
    assert_eq!(
        redactor.redact("eC1hY2Nlc3MtdG9rZW46aHVudGVyMjI="),
        "eC1hY2Nlc3MtdG9rZW46[redacted]I="
    );
    let findings = redactor.scan_diff([("f", 1, "a = hunter22")].into_iter());
    assert_eq!(
        findings[0].to_string(),
        "f:1: the value of a secret that codelicious was given (…)"
    );
}

#[test]
fn overlapping_values_leave_nothing_of_either() {
    let redactor = redactor(&["abcdef", "defghi"]);
    assert_eq!(redactor.redact("1abcdefghi2"), "1[redacted]2");
}

#[test]
fn hostile_text_is_read_in_linear_steps() {
    // Each would take hours were a match begun anew at every place.
    let redactor = redactor(&["aaaaaaaa"]);
    for unit in [
        "xsk-",
        "eyJ",
        "-----BEGIN PRIVATE KEY-----!",
        "Bearer ",
        "a",
        "ghp_",
    ] {
        redactor.redact(&unit.repeat(200_000 / unit.len()));
    }
    // Each would take minutes were the text before or behind it read anew for every one.
    for unit in [
        "password=",
        "-----BEGIN PRIVATE KEY-----",
        "-----BEGIN PRIVATE KEY-----AAAABBBBCCCCDDDDEEEEFFFFGGGG",
        "-----BEGIN PRIVATE KEY-----\n-----END ",
        "Private-Lines: 2\n",
    ] {
        redactor.redact(&unit.repeat(40_000 / unit.len()));
    }
}

fn through_a_stream(redactor: &Arc<Redactor>, pieces: &[&[u8]]) -> String {
    let mut stream = StreamRedactor::new(Arc::clone(redactor));
    let mut out = Vec::new();
    for piece in pieces {
        stream.push(piece, &mut out);
    }
    stream.finish(&mut out);
    String::from_utf8(out).unwrap()
}

#[test]
fn a_stream_finds_what_is_cut_in_two() {
    let redactor = Arc::new(redactor(&["hunter22"]));
    let text = "a hunter22 b\nüber hunter22\n\nhunter22";
    for cut in 0..=text.len() {
        let (a, b) = text.as_bytes().split_at(cut);
        assert_eq!(
            through_a_stream(&redactor, &[a, b]),
            "a [redacted] b\nüber [redacted]\n\n[redacted]"
        );
    }
    let mut stream = StreamRedactor::new(redactor);
    let mut out = Vec::new();
    stream.push(b"\xff hunter22\xc3\n\xe2\x82", &mut out);
    stream.finish(&mut out);
    assert_eq!(
        out, b"\xff [redacted]\xc3\n\xe2\x82",
        "bytes that are no text pass"
    );
}

#[test]
fn a_stream_drops_the_body_of_a_key() {
    let redactor = Arc::new(redactor(&[]));
    let begin = token(&["-----BEGIN ", "PRIVATE KEY-----"]);
    let end = token(&["-----END ", "PRIVATE KEY-----"]);
    let log = format!(
        "12:00 DEBUG out: {begin}\n12:01 DEBUG out: {BODY}\n{BODY}\nshort=\n{end}\nafter {BODY}\n"
    );
    let out = through_a_stream(&redactor, &[log.as_bytes()]);
    assert_eq!(
        out,
        format!(
            "12:00 DEBUG out: [redacted]\n12:01 DEBUG out: [redacted]\n[redacted]\n[redacted]\n{end}\nafter {BODY}\n"
        )
    );
}

#[test]
fn an_overlong_line_is_bounded_and_still_redacted() {
    let redactor = Arc::new(redactor(&["hunter22"]));
    let mut stream = StreamRedactor::new(Arc::clone(&redactor));
    let (mut out, mut clean) = (Vec::new(), String::new());
    for n in 0..40_000 {
        stream.push(b"ab\xc3", &mut out);
        stream.push(b"\xbc hunt", &mut out);
        stream.push(b"er22", &mut out);
        clean.push_str("abü [redacted]");
        assert!(
            n < 20_000 || !out.is_empty(),
            "something is let go before the line ends"
        );
    }
    stream.finish(&mut out);
    assert!(String::from_utf8(out).unwrap() == clean);
}

#[test]
fn a_value_and_its_name_stay_together_where_an_overlong_line_is_parted() {
    let redactor = Arc::new(redactor(&["hunter22"]));
    let value = token(&["q7Zx2", "Lm9Pw4", "Rt8Kv3"]);
    for (begin, end) in [
        ("password=", "&a=b"),
        ("\"api_key\":\"", "\","),
        ("Authorization: Bearer ", " "),
    ] {
        assert!(
            !redactor
                .redact(&format!(" {begin}{value}{end}"))
                .contains(&value)
        );
        for filler in ["a=b&", "x y "] {
            // What stays behind is 4 KiB, of 72 KiB and one byte, and begins somewhere in here.
            for at in (68 * 1024 - 40)..(68 * 1024 + 8) {
                let mut line = filler.repeat(at / filler.len());
                line.push_str(&filler[..at % filler.len()]);
                line = format!("{line} {begin}{value}{end}");
                line.push_str(&filler.repeat(3 * 1024));
                let (head, tail) = line.as_bytes().split_at(64 * 1024);
                let (one, rest) = tail.split_at(8 * 1024 + 1);
                let out = through_a_stream(&redactor, &[head, one, rest]);
                assert!(!out.contains(&value), "{begin} {filler} {at}");
                let clean = redactor.redact(&line);
                assert!(out == clean, "{begin} {filler} {at}");
            }
        }
    }
}

#[test]
fn what_reads_like_a_secret_once_another_is_gone_goes_too() {
    // With its escapes the header's value is none yet.
    let redactor = redactor(&["sx-api-3`r3t-of-mine"]);
    let escaped: String = "sx-api-3`r3t-of-mine"
        .encode_utf16()
        .map(|unit| format!("\\u{unit:04x}"))
        .collect();
    let text = format!("X-Api-Key:G{escaped}/ss \"w?1");
    let out = redactor.redact(&text);
    assert_eq!(redactor.redact(&out), out);
    assert!(!out.contains("G["), "{out}");
}

#[test]
fn a_secret_of_two_lines_is_found_behind_an_overlong_one() {
    let redactor = Arc::new(redactor(&["hunter22\nhunter33"]));
    for length in [70_000, 90_000, 300_000] {
        let before = "a".repeat(length);
        // Its lines alone are not the secret; one of them at the end of each line is held back, and let go.
        let log = format!("{before} hunter22\n{before} hunter22\nhunter33 b\n{before} hunter22\n");
        let clean = format!("{before} hunter22\n{before} [redacted] b\n{before} hunter22\n");
        for cut in [0, length, length + 5, 2 * length + 15, log.len() - 1] {
            let (a, b) = log.as_bytes().split_at(cut);
            let out = through_a_stream(&redactor, &[a, b]);
            assert!(out == clean, "{length} {cut}: {}", out.replace('a', ""));
        }
    }
}

proptest! {
    #[test]
    fn no_registered_secret_survives(
        secrets in prop::collection::vec("[A-Za-z0-9/+ \"%ö-]{6,40}", 1..5),
        before in "\\PC{0,20}", after in "\\PC{0,20}", which in 0usize..5, glue in "[A-Za-z0-9\\\\]{0,3}",
    ) {
        let redactor = Redactor::new(secrets.iter().map(|s| SecretString::from(s.as_str())));
        let secret = secrets[which % secrets.len()].trim();
        let counts = |s: &str| s.chars().count() >= MIN_SECRET_CHARS && !REDACTED.contains(s);
        prop_assume!(counts(secret));
        let line = format!("{before}{glue}{secret}{glue}{secret}{after}");
        let out = redactor.redact(&line);
        for secret in secrets.iter().map(|s| s.trim()).filter(|s| counts(s)) {
            prop_assert!(!out.contains(secret), "{out}");
        }
    }

    #[test]
    fn any_text_and_any_cut(text in "(\\PC|\n|sk-|AKIA|-----BEGIN PRIVATE KEY-----|Bearer ){0,60}", cut in 0usize..200) {
        let redactor = Arc::new(redactor(&["hunter22"]));
        let cut = cut.min(text.len());
        let (a, b) = text.as_bytes().split_at(cut);
        let whole = through_a_stream(&redactor, &[text.as_bytes()]);
        prop_assert_eq!(through_a_stream(&redactor, &[a, b]), whole);
        redactor.redact(&text);
    }
}
