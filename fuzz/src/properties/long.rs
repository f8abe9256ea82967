//! Long texts that repeat themselves: whatever reads them takes a number of steps in proportion to their length. One
//! that took their square would be seen as a time-out.
//!
//! An input is a byte that says who reads, what the text begins with, what it repeats and what it ends with.

use super::parts;
use codelicious::core::redact::{Redactor, StreamRedactor, secrets_in_file};
use codelicious::engines::fuzz::{Printed, agents, answer, claude, refusals};
use codelicious::model::{SpecId, TaskMark};
use codelicious::proc::Ended;
use codelicious::verify::coverage::{ReportFormat, parse};
use codelicious::verify::failures::same_failure;
use codelicious::verify::report::{Format, read_file, read_lines};
use codelicious::{markdown, spec, ui};
use secrecy::SecretString;
use std::sync::Arc;

/// Bytes of the text; a test without optimisation reads less.
const BYTES: usize = if cfg!(fuzzing) { 256 << 10 } else { 16 << 10 };

type Reads = fn(&str);

const READERS: [Reads; 15] = [
    specs,
    merges,
    visible,
    redacted,
    streamed,
    secrets,
    printed_by_claude,
    printed_by_agents,
    answered,
    lines,
    compilers,
    files,
    covered,
    failures,
    shown,
];

pub fn check(bytes: &[u8]) {
    let Some((who, rest)) = bytes.split_first() else {
        return;
    };
    let [head, unit, tail] = parts(rest).map(String::from_utf8_lossy);
    if unit.is_empty() {
        return;
    }
    let text = format!("{head}{}{tail}", unit.repeat(BYTES / unit.len()));
    READERS[usize::from(*who) % READERS.len()](&text);
}

fn specs(text: &str) {
    let options = spec::ParseOptions {
        prose: true,
        ..spec::ParseOptions::default()
    };
    if let Ok(parsed) = spec::parse(SpecId::new("s"), "s.md", text.as_bytes(), options) {
        let all = parsed
            .tasks
            .iter()
            .map(|t| (t.id.clone(), TaskMark::Done))
            .collect();
        spec::with_marks(text.as_bytes(), &parsed, &all);
        spec::text_hash(text.as_bytes(), &parsed);
        spec::outline(&parsed);
    }
}

fn merges(text: &str) {
    let lane = format!("{text}\n- [x] Another one\n");
    let _ = spec::merge_specs(
        "s.md",
        Some(text.as_bytes()),
        lane.as_bytes(),
        format!("# New\n\n{text}").as_bytes(),
    );
}

fn visible(text: &str) {
    spec::visible(text);
    spec::injection::suspicions(text);
    let _ = spec::intro(text.as_bytes());
}

fn redactor() -> Redactor {
    let secrets = [
        "hunter2-hunter2",
        "a line\nand another line of it\nand more",
        "aaaaaaaa",
    ];
    Redactor::new(secrets.map(SecretString::from))
}

fn redacted(text: &str) {
    let redactor = redactor();
    redactor.redact(text);
    redactor.scan_diff(
        text.lines()
            .enumerate()
            .map(|(i, line)| ("a.rs", i + 1, line)),
    );
}

fn streamed(text: &str) {
    let mut stream = StreamRedactor::new(Arc::new(redactor()));
    let mut out = Vec::new();
    text.as_bytes()
        .chunks(1000)
        .for_each(|piece| stream.push(piece, &mut out));
    stream.finish(&mut out);
}

fn secrets(text: &str) {
    secrets_in_file(text);
}

fn printed(stdout: &[u8]) -> Printed<'_> {
    let stderr = std::str::from_utf8(stdout).unwrap_or_default();
    Printed {
        stdout,
        stderr,
        ended: Ended::Itself,
        code: 1,
    }
}

fn printed_by_claude(text: &str) {
    claude(printed(text.as_bytes()));
}

fn printed_by_agents(text: &str) {
    agents(printed(text.as_bytes()));
}

fn answered(text: &str) {
    let pieces: Vec<&[u8]> = text.as_bytes().chunks(100).collect();
    answer(&pieces);
    refusals(text.as_bytes(), "hunter2-hunter2");
}

fn lines(text: &str) {
    read_lines(Format::Auto, text);
}

fn compilers(text: &str) {
    read_lines(Format::Compiler, text);
}

fn files(text: &str) {
    for format in [Format::JUnit, Format::JestJson] {
        let _ = read_file(format, text);
    }
}

fn covered(text: &str) {
    for format in ReportFormat::ALL {
        let _ = parse(format, text);
    }
}

fn failures(text: &str) {
    same_failure(text, text);
}

fn shown(text: &str) {
    ui::clean(text);
    markdown::plain(text, 10_000);
    markdown::inline(text, 10_000);
    markdown::block("text", &text.lines().map(str::to_owned).collect::<Vec<_>>());
}
