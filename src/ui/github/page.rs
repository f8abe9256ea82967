//! The summary of a step, in Markdown.

use crate::markdown::{cell_code, code, inline, link};
use crate::model::policy::WallState;
use crate::model::report::{PrReport, StoppedChunk, SummaryReport, SummarySpec};
use crate::model::{ExitCode, PrState, Severity};
use crate::ui::text::{duration, plural, spent};
use std::fmt::Write;

/// The step's summary in Markdown, of at most `room` bytes: what does not fit is counted. `ended` is the error that
/// ended the run, where one did.
pub fn step_summary(report: &SummaryReport, ended: Option<&str>, room: usize) -> String {
    let mut page = Page::of(room);
    let exit = report.exit;
    page.add(&format!("## codelicious: {}\n\n", exit.meaning()));
    if let Some(why) = ended {
        page.add(&format!("{}\n\n", inline(why, 1_000)));
    }
    if !report.specs.is_empty() {
        page.add("| spec | | done | pull requests |\n|---|---|---:|---|\n");
    }
    for spec in &report.specs {
        page.add(&row(spec));
    }
    if !report.specs.is_empty() {
        page.add("\n");
    }
    page.add(&format!(
        "{} committed in {}; {}. Exit code {} (`{}`).\n",
        plural(report.committed, "chunk"),
        duration(report.millis),
        inline(&spent(&report.spent), 200),
        exit.code(),
        exit.word()
    ));
    match report.sandbox {
        WallState::Up => {}
        WallState::NetworkOpen => page.add(
            "\n**Sandboxed, network open**: some of what was run could reach every host.\n",
        ),
        WallState::Off => page.add("\n**Unsandboxed**: what the engine and the checks ran could reach everything the job can.\n"),
    }
    let mut heading = Some("\n### Stopped\n\n");
    for chunk in report.specs.iter().flat_map(|s| &s.stopped) {
        page.add(heading.take().unwrap_or_default());
        page.add(&stopped_item(chunk));
    }
    let mut heading = Some("\n### Not delivered, or not looked at\n\n");
    for spec in &report.specs {
        for item in doubtful_items(spec) {
            page.add(heading.take().unwrap_or_default());
            page.add(&item);
        }
    }
    let mut heading = Some("\n### Specs\n\n");
    for d in &report.diagnostics {
        page.add(heading.take().unwrap_or_default());
        let word = match d.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        let line = match d.line {
            0 => String::new(),
            n => format!(":{n}"),
        };
        page.add(&format!(
            "- {word}: {} {}; {}\n",
            code(&format!("{}{line}", d.path), 200),
            inline(&d.message, 500),
            inline(&d.remedy, 300)
        ));
    }
    let mut foot = String::new();
    if let Some(next) = &report.next {
        let _ = write!(foot, "\nTo go on: {}\n", code(next, 1_000));
    }
    if let Some(path) = &report.postmortem {
        let _ = write!(foot, "\nPostmortem: {}\n", code(path, 200));
    }
    page.add(&foot);
    page.end()
}

/// The same of a run that ended before it had looked at anything.
pub fn broken_off(exit: ExitCode, ended: Option<&str>, room: usize) -> String {
    let mut page = Page::of(room);
    page.add(&format!("## codelicious: {}\n\n", exit.meaning()));
    if let Some(why) = ended {
        page.add(&format!("{}\n\n", inline(why, 1_000)));
    }
    page.add(&format!("Exit code {} (`{}`).\n", exit.code(), exit.word()));
    page.end()
}

fn row(spec: &SummarySpec) -> String {
    let prs: Vec<String> = spec.prs.iter().map(pull_request).collect();
    format!(
        "| {} | {} | {}/{} | {} |\n",
        cell_code(&spec.path, 200),
        inline(&spec.title, 120),
        spec.done,
        spec.total,
        if prs.is_empty() {
            "–".to_owned()
        } else {
            prs.join(", ")
        }
    )
}

fn pull_request(pr: &PrReport) -> String {
    let state = match pr.state {
        PrState::Draft => "draft",
        PrState::Ready => "ready",
        PrState::Merged => "merged",
        PrState::Closed => "closed",
    };
    let name = match pr.number {
        Some(number) => format!("#{number}"),
        None => format!("part {}", pr.part),
    };
    let name = link(&name, pr.url.as_deref(), 40);
    // Pull requests of the local forge are files.
    match pr.url.as_deref().filter(|u| !u.contains("://")) {
        Some(path) => format!("{name} {state} {}", cell_code(path, 200)),
        None => format!("{name} {state}"),
    }
}

fn stopped_item(chunk: &StoppedChunk) -> String {
    let mut out = format!(
        "- **{}** {} {}: {}\n",
        chunk.status.replace('_', " "),
        code(&format!("{}:{}", chunk.spec, chunk.chunk), 200),
        inline(&chunk.title, 200),
        inline(&chunk.reason, 800)
    );
    if let Some(needs) = &chunk.needs {
        let _ = writeln!(out, "  - needs: {}", inline(needs, 800));
    }
    for advice in &chunk.next {
        let _ = writeln!(out, "  - {}", inline(advice, 300));
    }
    out
}

fn doubtful_items(spec: &SummarySpec) -> Vec<String> {
    let mut out = Vec::new();
    if let Some(work) = &spec.undelivered {
        out.push(format!(
            "- not pushed: {}: {}\n",
            code(&work.branch, 200),
            inline(&work.message, 500)
        ));
        if let Some(remedy) = &work.remedy {
            out.push(format!("  - {}\n", inline(remedy, 300)));
        }
    }
    if spec.unverified > 0 {
        out.push(format!(
            "- unverified: no check looked at {} of the commits of {}\n",
            spec.unverified,
            code(&spec.path, 200)
        ));
    }
    out
}

/// Markdown in pieces, of which each stands or is left out whole.
struct Page {
    text: String,
    room: usize,
    left_out: usize,
}

/// What the last line of a page that was too long may take.
const LAST_LINE: usize = 100;

impl Page {
    fn of(room: usize) -> Self {
        Self {
            text: String::new(),
            room,
            left_out: 0,
        }
    }

    fn add(&mut self, piece: &str) {
        // Once something is left out, what follows would stand in the wrong place.
        if self.left_out > 0 || self.text.len() + piece.len() + LAST_LINE > self.room {
            self.left_out += piece.lines().filter(|l| !l.is_empty()).count();
        } else {
            self.text.push_str(piece);
        }
    }

    fn end(mut self) -> String {
        if self.left_out > 0 {
            let more = format!(
                "\n…and {}: there is no room for more here.\n\n",
                plural(self.left_out, "more line")
            );
            if self.text.len() + more.len() <= self.room {
                self.text.push_str(&more);
            }
        } else if self.text.len() < self.room {
            self.text.push('\n');
        }
        self.text
    }
}
