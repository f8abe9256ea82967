//! Redaction: of a known secret nothing comes through, in whatever spelling it stands and in however many pieces it
//! comes; a second pass changes nothing; and a stream says what the whole text would.
//!
//! An input is a secret, a text in which the bytes 1 to 12 stand for the secret's spellings and 15 for a long run of one
//! letter, and the lengths of the pieces it comes in. An input of one part is a text alone.

use super::{parts, pieces};
use codelicious::core::redact::{
    MIN_SECRET_CHARS, REDACTED, Redactor, StreamRedactor, secrets_in_file,
};
use secrecy::{ExposeSecret, SecretString};
use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

/// For texts that come alone.
const SECRET: &str = "s3cr3t/v4lu3+\"of\"%it";

/// Letters that byte 15 stands for, and how often it counts: three make a line longer than a stream holds.
const RUN: usize = 30_000;
const RUNS: usize = 4;

pub fn check(bytes: &[u8]) {
    let [secret, text, cuts] = parts(bytes);
    let (secret, text) = match bytes.contains(&0xFF) {
        true => (String::from_utf8_lossy(secret), text),
        false => (SECRET.into(), secret),
    };
    let secret = searchable(&secret).unwrap_or_else(|| SECRET.to_owned());
    let redactor = redactor(&secret);
    let mut gone = BTreeSet::from([secret.clone()]);
    let written = written(text, &secret, &mut gone);

    let streamed = stream(&redactor, &pieces(&written, cuts));
    for core in &gone {
        assert!(
            !contains(&streamed, core.as_bytes()),
            "{core:?} of {secret:?} streams through"
        );
    }
    let Ok(text) = std::str::from_utf8(&written) else {
        return;
    };
    let whole = redactor.redact(text);
    for core in &gone {
        assert!(
            !whole.contains(core.as_str()),
            "{core:?} of {secret:?} comes through: {whole}"
        );
    }
    assert_eq!(
        redactor.redact(&whole),
        whole,
        "a second pass changes nothing"
    );
    // A line that is too long is let go in parts, and a key's lines are not judged alone.
    let is_short = text.lines().all(|line| line.len() < 60_000);
    if is_short && !secret.contains('\n') && !has_key(text) {
        let by_line = text.split_inclusive('\n').map(|line| redactor.redact(line));
        let by_line: String = by_line.collect();
        assert_eq!(
            String::from_utf8_lossy(&streamed),
            by_line,
            "a stream sees a line at a time"
        );
    }
    scan(&redactor, &secret, text);
    files(text);
}

thread_local! {
    /// Making one takes longer than everything else here, and most inputs have the same secret as the one before.
    static KNOWN: RefCell<HashMap<String, Arc<Redactor>>> = RefCell::default();
}

fn redactor(secret: &str) -> Arc<Redactor> {
    KNOWN.with_borrow_mut(|known| {
        if known.len() > 100 {
            known.clear();
        }
        let new = || Arc::new(Redactor::new([SecretString::from(secret)]));
        Arc::clone(known.entry(secret.to_owned()).or_insert_with(new))
    })
}

/// The secret as it is searched for. One of few letters overlaps with itself in every way, and one with a bracket may be
/// made anew by the mark that stands in its place.
fn searchable(secret: &str) -> Option<String> {
    let secret: String = secret
        .chars()
        .filter(|c| !"[]\0".contains(*c))
        .take(200)
        .collect();
    let secret = secret.trim();
    let letters: BTreeSet<char> = secret.chars().collect();
    let counts = secret.chars().count() >= 8 && letters.len() >= 5 && !REDACTED.contains(secret);
    counts.then(|| secret.to_owned())
}

fn has_key(text: &str) -> bool {
    text.contains("PRIVATE KEY") || text.contains("Private-Lines")
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|w| w == part)
}

fn stream(redactor: &Arc<Redactor>, pieces: &[&[u8]]) -> Vec<u8> {
    let mut stream = StreamRedactor::new(Arc::clone(redactor));
    let mut out = Vec::new();
    pieces.iter().for_each(|piece| stream.push(piece, &mut out));
    stream.finish(&mut out);
    out
}

/// The text with the secret's spellings in it; `gone` gets what of each no neighbour changes.
fn written(text: &[u8], secret: &str, gone: &mut BTreeSet<String>) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut runs = 0;
    for (i, byte) in text.iter().enumerate() {
        match byte {
            // Tab, line feed and carriage return are text.
            1..=8 | 11 | 12 => {
                let (spelled, core) = spelling(*byte, secret, i);
                out.extend_from_slice(spelled.as_bytes());
                if core.chars().count() >= 8 {
                    gone.insert(core);
                }
            }
            15 if runs < RUNS => {
                runs += 1;
                out.extend(std::iter::repeat_n(b'a' + (i % 26) as u8, RUN));
            }
            byte => out.push(*byte),
        }
    }
    out
}

/// A spelling, and the part of it that must go.
fn spelling(which: u8, secret: &str, at: usize) -> (String, String) {
    let whole = |text: String| (text.clone(), text);
    match which {
        1 => whole(secret.to_owned()),
        2 | 3 => {
            // With so many other bytes in front of it.
            let before = "ab:"[..at % 3].to_owned();
            let text = base64(format!("{before}{secret}c").as_bytes(), which == 3);
            // Every letter that the secret alone decides: with fewer it would be a part of the secret, which may stand
            // elsewhere and is not searched for.
            let end = before.len() + secret.len();
            let core = text[(before.len() * 8).div_ceil(6)..end * 8 / 6].to_owned();
            (text, core)
        }
        4 => whole(secret.bytes().map(|b| format!("%{b:02X}")).collect()),
        5 => {
            let percent = |b: u8| match b.is_ascii_alphanumeric() {
                true => char::from(b).to_string(),
                false => format!("%{b:02x}"),
            };
            whole(secret.bytes().map(percent).collect())
        }
        6 => whole(secret.bytes().map(|b| format!("{b:02x}")).collect()),
        7 => {
            let json = serde_json::Value::from(secret).to_string();
            let inner = json[1..json.len() - 1].to_owned();
            (json, inner)
        }
        8 => {
            let once = serde_json::Value::from(secret).to_string();
            let twice = serde_json::Value::from(once).to_string();
            let inner = twice[3..twice.len() - 3].to_owned();
            (twice, inner)
        }
        11 => whole(
            secret
                .encode_utf16()
                .map(|u| format!("\\u{u:04x}"))
                .collect(),
        ),
        _ => whole(
            secret
                .replace('&', "&amp;")
                .replace('<', "&lt;")
                .replace('>', "&gt;"),
        ),
    }
}

fn base64(bytes: &[u8], url: bool) -> String {
    let mut letters: Vec<u8> = (b'A'..=b'Z')
        .chain(b'a'..=b'z')
        .chain(b'0'..=b'9')
        .collect();
    letters.extend_from_slice(if url { b"-_" } else { b"+/" });
    let mut out = String::new();
    for group in bytes.chunks(3) {
        let byte = |i| u32::from(*group.get(i).unwrap_or(&0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for i in 0..=group.len() {
            out.push(char::from(letters[(bits >> (18 - 6 * i) & 63) as usize]));
        }
        out.push_str(&"=="[..3 - group.len()]);
    }
    out
}

/// A line that adds the secret stops a commit, and what is said of it does not say it.
fn scan(redactor: &Redactor, secret: &str, text: &str) {
    let findings = redactor.scan_diff(text.lines().enumerate().map(|(i, l)| ("a.txt", i + 1, l)));
    assert!(findings.iter().all(|f| !f.to_string().contains(secret)));
    let mut lines = text.lines().take(100).enumerate();
    if let Some((at, _)) = lines.find(|(_, l)| l.contains(secret)) {
        assert!(!findings.is_empty(), "line {} holds the secret", at + 1);
    }
}

/// What is taken for a secret of a file is gone from it once it is known.
fn files(text: &str) {
    let found = secrets_in_file(text);
    // To search for long values takes long.
    if found.is_empty() || found.iter().any(|s| s.expose_secret().len() > 1000) {
        return;
    }
    let redacted = Redactor::new(found.iter().map(|s| SecretString::from(s.expose_secret())));
    let redacted = redacted.redact(text);
    for secret in &found {
        let secret = secret.expose_secret().trim();
        if secret.chars().count() >= MIN_SECRET_CHARS
            && !secret.contains(['[', ']'])
            && !REDACTED.contains(secret)
        {
            assert!(!redacted.contains(secret), "{secret:?} comes through");
        }
    }
}
