//! Any text with a secret in it: nothing of it comes through, in one piece or in many; a second pass changes nothing;
//! and what has neither a secret nor the first line of a key comes out of a stream as it comes out whole.

#![no_main]

use codelicious::core::redact::{Redactor, StreamRedactor, secrets_in_file};
use libfuzzer_sys::fuzz_target;
use secrecy::SecretString;
use std::sync::Arc;

const SECRET: &str = "s3cr3t/v4lu3+\"of\"%it";

fuzz_target!(|input: (String, Vec<u8>, bool)| {
    let (text, cuts, has_secret) = input;
    let redactor = Arc::new(Redactor::new([SecretString::from(SECRET)]));
    let at = text.floor_char_boundary(text.len() / 2);
    let text = match has_secret {
        true => format!("{} {SECRET} {}", &text[..at], &text[at..]),
        false => text,
    };
    let mut stream = StreamRedactor::new(Arc::clone(&redactor));
    let (mut out, mut rest) = (Vec::new(), text.as_bytes());
    for cut in cuts {
        let (piece, after) = rest.split_at(usize::from(cut).min(rest.len()));
        stream.push(piece, &mut out);
        rest = after;
    }
    stream.push(rest, &mut out);
    stream.finish(&mut out);
    let out = String::from_utf8(out).expect("text stays text");
    assert!(!out.contains(SECRET));
    let whole = redactor.redact(&text);
    assert!(!whole.contains(SECRET));
    assert_eq!(redactor.redact(&whole), whole);
    if text.len() < 60_000 && !text.contains("PRIVATE KEY") && !text.contains("Private-Lines") {
        assert_eq!(out, by_line(&redactor, &text));
    }
    redactor.scan_diff(text.lines().enumerate().map(|(i, line)| ("a", i + 1, line)));
    secrets_in_file(&text);
});

/// A stream sees a line at a time.
fn by_line(redactor: &Redactor, text: &str) -> String {
    text.split_inclusive('\n').map(|line| redactor.redact(line)).collect()
}
