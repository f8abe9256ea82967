//! Progress at a terminal: two moving lines for each lane, finished things scrolled above.

use super::UiOptions;
use super::lines::{Narrator, Weight};
use super::reporter::{Writer, threshold};
use super::text::{cut, money, one_line, tokens};
use crate::model::report::Spent;
use crate::model::{Cost, Event, EventKind, SpecId, Usage};
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle, TermLike};
use std::collections::HashMap;
use std::io::{self, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How often the elapsed time moves.
const TICK: Duration = Duration::from_millis(250);
/// Columns that the spinner and the elapsed time take beside the first line's text.
const FRAME_COLUMNS: usize = 13;

/// The display of [`super::Reporter::Live`].
#[derive(Debug)]
pub struct Live {
    screen: Screen,
    bars: MultiProgress,
    lanes: HashMap<SpecId, Lane>,
    narrator: Narrator,
    /// Engine runs that ended.
    spent: Spent,
    least: Weight,
    color: bool,
    width: usize,
    ticks: bool,
}

#[derive(Debug)]
struct Lane {
    bar: ProgressBar,
    done: usize,
    total: usize,
    /// What is being built: id and title.
    chunk: String,
    /// What is going on with it.
    step: String,
    /// The running engine's usage so far.
    running: Option<(Usage, Cost)>,
}

impl Live {
    pub(super) fn new(options: &UiOptions, out: Writer) -> Self {
        Self::with_ticks(options, out, true)
    }

    /// Without ticks nothing is drawn but on events, which makes the output the same every time.
    pub(super) fn with_ticks(options: &UiOptions, out: Writer, ticks: bool) -> Self {
        let screen = Screen::new(out, options.width);
        let target = if ticks {
            ProgressDrawTarget::term_like_with_hz(Box::new(screen.clone()), 10)
        } else {
            ProgressDrawTarget::term_like(Box::new(screen.clone()))
        };
        Self {
            screen,
            bars: MultiProgress::with_draw_target(target),
            lanes: HashMap::new(),
            narrator: Narrator::default(),
            spent: Spent::default(),
            least: threshold(options, Weight::Normal),
            color: options.color,
            width: options.width,
            ticks,
        }
    }

    pub(super) fn event(&mut self, event: &Event) {
        let line = self.narrator.tell(event);
        if let Some(line) = line.filter(|l| l.weight >= self.least) {
            // A terminal that went away must not end the run.
            let _ = self.bars.println(line.paint.on(self.color, &line.text));
        }
        if let Some(spec) = &event.spec {
            self.update(spec, event);
        }
    }

    fn update(&mut self, spec: &SpecId, event: &Event) {
        if let EventKind::SpecStarted { done, total, .. } = &event.kind {
            let bar = self.bars.add(new_bar());
            if self.ticks {
                bar.enable_steady_tick(TICK);
            }
            let lane = Lane {
                bar,
                done: *done,
                total: *total,
                chunk: String::new(),
                step: "preparing".to_owned(),
                running: None,
            };
            if let Some(old) = self.lanes.insert(spec.clone(), lane) {
                self.bars.remove(&old.bar);
            }
        }
        let Some(lane) = self.lanes.get_mut(spec) else {
            return;
        };
        match &event.kind {
            EventKind::SpecFinished { .. } => {
                lane.bar.finish_and_clear();
                self.bars.remove(&lane.bar);
                self.lanes.remove(spec);
                return;
            }
            EventKind::EngineEnded { usage, cost, .. } => {
                self.spent.add(*usage, *cost);
                lane.running = None;
            }
            kind => lane.note(event, kind),
        }
        self.draw(spec);
    }

    fn draw(&self, spec: &SpecId) {
        let Some(lane) = self.lanes.get(spec) else {
            return;
        };
        let mut spent = self.spent;
        for (usage, cost) in self.lanes.values().filter_map(|l| l.running) {
            spent.add(usage, cost);
        }
        let mut head = self.narrator.path(spec);
        if lane.done < lane.total {
            head.push_str(&format!("  chunk {} of {}", lane.done + 1, lane.total));
        }
        if spent.attempts > 0 {
            head.push_str(&format!("  {}  {}", tokens(spent.usage), money(spent.cost)));
        }
        let body = match (lane.chunk.is_empty(), lane.step.is_empty()) {
            (true, _) => lane.step.clone(),
            (false, true) => lane.chunk.clone(),
            (false, false) => format!("{}: {}", lane.chunk, lane.step),
        };
        lane.bar
            .set_prefix(cut(&head, self.width.saturating_sub(FRAME_COLUMNS)).into_owned());
        lane.bar
            .set_message(cut(&body, self.width.saturating_sub(3)).into_owned());
        lane.bar.tick();
    }

    pub(super) fn finish(&mut self) {
        for (_, lane) in self.lanes.drain() {
            lane.bar.finish_and_clear();
        }
        let _ = self.bars.clear();
        let _ = self.screen.close();
    }
}

impl Lane {
    /// Takes from an event what the two lines show.
    fn note(&mut self, event: &Event, kind: &EventKind) {
        match kind {
            EventKind::ChunkStarted { title, .. } => {
                let id = event.chunk.as_ref().map_or("", |c| c.as_str());
                self.chunk = one_line(&format!("{id} {title}"));
                self.step.clear();
            }
            EventKind::EngineStarted { engine, fixes } => {
                self.step = match fixes {
                    0 => format!("{} works", one_line(engine)),
                    n => format!("{} fixes ({n})", one_line(engine)),
                };
            }
            EventKind::EngineStep { step } => self.step = one_line(step),
            EventKind::EngineUsage { usage, cost } => self.running = Some((*usage, *cost)),
            EventKind::BaselineStarted {} => self.step = "checks on the base".to_owned(),
            EventKind::BaselineFinished { .. } => self.step.clear(),
            EventKind::SuiteStarted { part } => self.step = format!("all checks on part {part}"),
            EventKind::SuiteFinished { .. } => self.step.clear(),
            EventKind::CheckStarted { name } => self.step = format!("checks: {}", one_line(name)),
            EventKind::ChunkCommitted { .. } => {
                self.done += 1;
                self.chunk.clear();
                self.step.clear();
            }
            EventKind::ChunkStopped { .. } => {
                self.chunk.clear();
                self.step.clear();
            }
            EventKind::Waiting { until, .. } => {
                self.step = format!("waits until {} UTC", until.format("%H:%M:%S"))
            }
            _ => {}
        }
    }
}

fn new_bar() -> ProgressBar {
    let style = ProgressStyle::with_template("{spinner} {prefix}  {elapsed_precise}\n  {msg}")
        .expect("the template is a constant and names keys that exist")
        .tick_strings(&["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏", " "]);
    let bar = ProgressBar::no_length();
    bar.set_style(style);
    bar
}

/// A terminal made of the writer that was handed over.
///
/// The library ends lines by filling them with spaces up to the edge, so that they wrap. Here they end with
/// a line feed as soon as something follows: copied text stays clean, and a terminal that has become wider
/// does not run lines together. The library writes each line in two calls, the line and what fills it,
/// and flushes once a frame.
#[derive(Clone)]
struct Screen {
    state: Arc<Mutex<ScreenState>>,
    width: usize,
}

struct ScreenState {
    out: Writer,
    /// What the next flush writes, in one piece.
    frame: String,
    /// The next call brings what fills the line.
    filler_next: bool,
    /// The cursor stands at the end of a finished line.
    line_feed_due: bool,
}

impl std::fmt::Debug for Screen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Screen({} columns)", self.width)
    }
}

impl Screen {
    fn new(out: Writer, width: usize) -> Self {
        let state = ScreenState {
            out,
            frame: String::new(),
            filler_next: false,
            line_feed_due: false,
        };
        Self {
            state: Arc::new(Mutex::new(state)),
            width,
        }
    }

    fn state(&self) -> MutexGuard<'_, ScreenState> {
        // A frame that a panic left half made is drawn again by the next one.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Leaves the cursor at the start of a line.
    fn close(&self) -> io::Result<()> {
        let mut state = self.state();
        if state.line_feed_due {
            state.frame.push('\n');
            state.line_feed_due = false;
        }
        state.flush()
    }

    fn moved(&self, n: usize, letter: char) -> io::Result<()> {
        if n > 0 {
            self.state().control(&format!("\x1b[{n}{letter}"));
        }
        Ok(())
    }
}

impl ScreenState {
    fn control(&mut self, sequence: &str) {
        self.frame.push_str(sequence);
        self.filler_next = false;
        self.line_feed_due = false;
    }

    fn flush(&mut self) -> io::Result<()> {
        let frame = std::mem::take(&mut self.frame);
        self.out.write_all(frame.as_bytes())?;
        self.out.flush()
    }
}

impl TermLike for Screen {
    fn width(&self) -> u16 {
        u16::try_from(self.width).unwrap_or(u16::MAX)
    }

    fn move_cursor_up(&self, n: usize) -> io::Result<()> {
        self.moved(n, 'A')
    }

    fn move_cursor_down(&self, n: usize) -> io::Result<()> {
        self.moved(n, 'B')
    }

    fn move_cursor_right(&self, n: usize) -> io::Result<()> {
        self.moved(n, 'C')
    }

    fn move_cursor_left(&self, n: usize) -> io::Result<()> {
        self.moved(n, 'D')
    }

    fn write_line(&self, s: &str) -> io::Result<()> {
        self.state().control(&format!("{s}\n"));
        Ok(())
    }

    fn write_str(&self, s: &str) -> io::Result<()> {
        let mut state = self.state();
        if state.filler_next {
            state.line_feed_due = true;
        } else {
            if state.line_feed_due {
                state.frame.push_str("\r\n");
                state.line_feed_due = false;
            }
            state.frame.push_str(s.trim_end());
        }
        state.filler_next = !state.filler_next;
        Ok(())
    }

    fn clear_line(&self) -> io::Result<()> {
        self.state().control("\r\x1b[2K");
        Ok(())
    }

    fn flush(&self) -> io::Result<()> {
        let mut state = self.state();
        state.filler_next = false;
        state.flush()
    }
}
