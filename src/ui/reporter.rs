//! Where events go while a run goes on.

use super::UiOptions;
use super::lines::{Narrator, Weight};
use super::live::Live;
use super::text::escape_unsafe;
use crate::model::Event;
use std::io::Write;

/// Where output goes, handed over by `app`.
pub type Writer = Box<dyn Write + Send>;

/// Shows events. Never fails: what cannot be written (a closed pipe) is dropped, and a run goes on.
#[derive(Debug)]
pub enum Reporter {
    /// Progress at a terminal.
    Live(Live),
    /// A line for each event that matters.
    Plain(Plain),
    /// Every event as one JSON object a line: the line of `events.jsonl`.
    Json(Json),
    Quiet,
}

impl Reporter {
    /// Chooses how to show a run to a person. `out` is usually stderr.
    pub fn human(options: &UiOptions, out: Writer) -> Self {
        match (options.quiet, options.terminal) {
            (2.., _) => Self::Quiet,
            (1, _) => Self::Plain(Plain::new(options, out)),
            (0, true) => Self::Live(Live::new(options, out)),
            (0, false) => Self::Plain(Plain::new(options, out)),
        }
    }

    /// JSON lines for programs. `out` is usually stdout.
    pub fn json(out: Writer) -> Self {
        Self::Json(Json { out: Out::new(out) })
    }

    /// Shows one event. The first event of a run says version, engine, forge and whether there is a
    /// sandbox.
    pub fn event(&mut self, event: &Event) {
        match self {
            Self::Live(live) => live.event(event),
            Self::Plain(plain) => plain.event(event),
            Self::Json(json) => json.event(event),
            Self::Quiet => {}
        }
    }

    /// Takes down what moves, so that what follows starts on a clean line. Harmless when repeated.
    pub fn finish(&mut self) {
        match self {
            Self::Live(live) => live.finish(),
            Self::Plain(Plain { out, .. }) | Self::Json(Json { out }) => out.flush(),
            Self::Quiet => {}
        }
    }
}

/// Which lines are wanted at least.
pub(super) fn threshold(options: &UiOptions, usual: Weight) -> Weight {
    match (options.quiet, options.verbose) {
        (1.., _) => Weight::Problem,
        (0, 0) => usual,
        (0, 1) => Weight::Detail,
        (0, 2..) => Weight::Step,
    }
}

/// The log of [`Reporter::Plain`].
#[derive(Debug)]
pub struct Plain {
    out: Out,
    narrator: Narrator,
    least: Weight,
    color: bool,
}

impl Plain {
    fn new(options: &UiOptions, out: Writer) -> Self {
        Self {
            out: Out::new(out),
            narrator: Narrator::default(),
            least: threshold(options, Weight::Progress),
            color: options.color,
        }
    }

    fn event(&mut self, event: &Event) {
        if let Some(line) = self.narrator.tell(event).filter(|l| l.weight >= self.least) {
            self.out.line(&line.paint.on(self.color, &line.text));
        }
    }
}

/// The stream of [`Reporter::Json`].
#[derive(Debug)]
pub struct Json {
    out: Out,
}

impl Json {
    fn event(&mut self, event: &Event) {
        // Every event is made of strings and numbers; one that cannot be written has nothing to say.
        if let Ok(line) = serde_json::to_string(event) {
            self.out.line(&escape_unsafe(line));
        }
    }
}

/// A writer that falls silent after its first error.
struct Out {
    writer: Option<Writer>,
}

impl std::fmt::Debug for Out {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.writer.is_some() {
            "Out(open)"
        } else {
            "Out(closed)"
        })
    }
}

impl Out {
    fn new(writer: Writer) -> Self {
        Self {
            writer: Some(writer),
        }
    }

    /// One line, in one write, so that lines of several writers do not mix.
    fn line(&mut self, text: &str) {
        let line = format!("{text}\n");
        if let Some(w) = &mut self.writer
            && w.write_all(line.as_bytes())
                .and_then(|()| w.flush())
                .is_err()
        {
            self.writer = None;
        }
    }

    fn flush(&mut self) {
        if let Some(w) = &mut self.writer
            && w.flush().is_err()
        {
            self.writer = None;
        }
    }
}

#[cfg(test)]
#[path = "reporter_tests.rs"]
mod tests;
