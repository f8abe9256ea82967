//! A run of an agent CLI, folded from its lines. It acts on nothing; time comes through the clock it is given.
//!
//! [`Fold::line`] takes standard output line by line and says what it means for people watching and for the bounds;
//! [`Fold::finish`] takes the end of the process and what stood in the answer's file, and gives the report.

use super::config::{CommandConfig, Format};
use super::events::{Meaning, Told};
use super::failures::{Known, Signs};
use super::judge::{self, Evidence};
use super::table::Counts;
use crate::model::{Allowance, Cost, Ends, EngineError, EngineOutcome, EngineReport, Usage};
use crate::ports::Clock;
use crate::proc::Ended;
use chrono::{DateTime, Utc};
use std::time::Duration;

/// Bytes of what the agent says that are kept: enough for any typed ending.
const MAX_WORDS: usize = 256 << 10;

/// What one line meant.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Update {
    /// What it does now, in a few words.
    pub step: Option<String>,
    /// Tokens so far, when they changed.
    pub usage: Option<Usage>,
    /// Nothing good can follow, or a bound was reached: the run is to be ended now.
    pub stop: bool,
}

/// How the process ended, and the bounds it ran under.
#[derive(Clone, Debug)]
pub(super) struct End {
    pub ended: Ended,
    /// Exit code, or 128 + signal.
    pub code: i32,
    pub stderr: String,
    pub timeout: Duration,
    pub stall: Duration,
}

/// Tokens and dollars.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Spent {
    pub usage: Option<Usage>,
    pub usd: Option<f64>,
}

/// A number that is told in parts, or anew each time.
#[derive(Clone, Copy, Debug, Default)]
struct Count<T> {
    /// Sum of the parts.
    parts: Option<T>,
    /// The last one that counts everything, and since when.
    whole: Option<(T, Counts)>,
}

/// A failure that the CLI told of, with what it was as far as that is known.
#[derive(Debug)]
pub(super) struct Trouble {
    pub told: Told,
    pub known: Option<Known>,
    pub at: DateTime<Utc>,
}

/// Everything remembered of a run.
pub(super) struct Fold<'a> {
    config: &'a CommandConfig,
    clock: &'a dyn Clock,
    ends: Ends,
    lane: String,
    allowance: Allowance,
    /// What the session had cost before this run.
    before: Spent,
    session: Option<String>,
    model: Option<String>,
    words: String,
    /// The last line was a part of a text that may go on.
    is_open: bool,
    usage: Count<Usage>,
    usd: Count<f64>,
    trouble: Option<Trouble>,
    done: bool,
    /// It is done and did nothing since.
    is_at_rest: bool,
    exceeded: Option<String>,
    /// Lines that meant something.
    understood: u64,
    foreign: u64,
}

impl<'a> Fold<'a> {
    /// A run that has printed nothing yet. `lane` is left out of the paths that are shown, `before` is what earlier
    /// runs of its session told.
    pub(super) fn new(
        config: &'a CommandConfig,
        clock: &'a dyn Clock,
        lane: &str,
        allowance: Allowance,
        before: Spent,
    ) -> Self {
        Self {
            config,
            clock,
            ends: Ends::Build,
            lane: lane.to_owned(),
            allowance,
            before,
            session: None,
            model: None,
            words: String::new(),
            is_open: false,
            usage: Count::default(),
            usd: Count::default(),
            trouble: None,
            done: false,
            is_at_rest: false,
            exceeded: None,
            understood: 0,
            foreign: 0,
        }
    }

    /// The same of a run that may end in this way.
    #[must_use]
    pub(super) fn ending(mut self, ends: Ends) -> Self {
        self.ends = ends;
        self
    }

    /// Takes one line of standard output, without its line end.
    pub(super) fn line(&mut self, line: &[u8]) -> Update {
        if line.trim_ascii().is_empty() {
            return Update::default();
        }
        let Some(meaning) = self.config.events.read(line, &self.lane) else {
            self.foreign += 1;
            return Update::default();
        };
        if self.config.format == Format::Text && !self.config.events.tells_text() {
            self.say(&format!("{}\n", String::from_utf8_lossy(line)), true);
        }
        if meaning != Meaning::default() {
            self.understood += 1;
        }
        self.take_in(meaning)
    }

    fn take_in(&mut self, meaning: Meaning) -> Update {
        self.session = self.session.take().or(meaning.session);
        self.model = meaning.model.or(self.model.take());
        let goes_on = meaning.delta && self.is_open;
        self.is_open = meaning.delta;
        let acts = meaning.step.is_some() && meaning.error.is_none();
        let has_progress = acts || meaning.text.is_some() || !meaning.usage.is_empty();
        if let Some(text) = &meaning.text {
            self.say(text, goes_on);
        }
        let mut changed = false;
        for (usage, counts) in meaning.usage {
            self.usage.add(usage, counts, Usage::plus);
            changed = true;
        }
        for (usd, counts) in meaning.usd.into_iter().filter(|(usd, _)| *usd >= 0.0) {
            self.usd.add(usd, counts, |a, b| a + b);
            changed = true;
        }
        // It got over what it told of before.
        if meaning.done || (has_progress && self.trouble.as_ref().is_some_and(|t| !t.told.is_final))
        {
            self.trouble = None;
        }
        let fails = meaning.error.as_ref().is_some_and(|e| e.is_final);
        self.done = meaning.done || (self.done && !fails);
        self.is_at_rest = meaning.done || (self.is_at_rest && !fails && !has_progress);
        let mut stop = false;
        if let Some(told) = meaning.error {
            stop = self.told(told);
        }
        if changed && !meaning.done && self.exceeded.is_none() {
            self.exceeded = self.over_allowance();
            stop |= self.exceeded.is_some();
        }
        Update {
            step: meaning.step.filter(|s| !s.is_empty()),
            usage: changed.then(|| self.spent().usage).flatten(),
            stop,
        }
    }

    /// True when it is hopeless to wait for the CLI to get over it.
    fn told(&mut self, told: Told) -> bool {
        let at = self.clock.now();
        let known = self.config.failures.explain(Signs {
            told: Some(&told),
            code: None,
            stderr: "",
            now: at,
        });
        let is_hopeless = !told.is_final && known.as_ref().is_some_and(Known::is_hopeless);
        self.trouble = Some(Trouble { told, known, at });
        is_hopeless
    }

    fn say(&mut self, text: &str, goes_on: bool) {
        if !goes_on {
            self.words.clear();
        }
        self.words.push_str(text);
        if self.words.len() > MAX_WORDS {
            let from = self
                .words
                .ceil_char_boundary(self.words.len() - MAX_WORDS / 2);
            self.words.drain(..from);
        }
    }

    /// Lines that were not of the protocol.
    pub(super) fn foreign_lines(&self) -> u64 {
        self.foreign
    }

    /// What the session counts by now, for a later run of it.
    pub(super) fn counted(&self) -> Option<(&str, Spent)> {
        let of_session = |counts| counts == Counts::Session;
        let usage = self
            .usage
            .whole
            .filter(|(_, c)| of_session(*c))
            .map(|(u, _)| u);
        let usd = self
            .usd
            .whole
            .filter(|(_, c)| of_session(*c))
            .map(|(u, _)| u);
        let spent = Spent { usage, usd };
        (spent != Spent::default()).then_some((self.session.as_deref()?, spent))
    }

    /// What this run spent, as told.
    fn spent(&self) -> Spent {
        let usage = match self.usage.whole {
            Some((whole, Counts::Session)) => {
                Some(less(whole, self.before.usage.unwrap_or_default()))
            }
            Some((whole, Counts::Run | Counts::Event)) => Some(whole),
            None => None,
        };
        let usd = match self.usd.whole {
            Some((whole, Counts::Session)) => {
                Some((whole - self.before.usd.unwrap_or(0.0)).max(0.0))
            }
            Some((whole, Counts::Run | Counts::Event)) => Some(whole),
            None => None,
        };
        let both = |a: Option<Usage>, b: Option<Usage>| match (a, b) {
            (Some(a), Some(b)) => Some(a.plus(b)),
            (a, b) => a.or(b),
        };
        Spent {
            usage: both(usage, self.usage.parts),
            usd: match (usd, self.usd.parts) {
                (Some(a), Some(b)) => Some(a + b),
                (a, b) => a.or(b),
            },
        }
    }

    /// What it cost so far. Nothing beside tokens is a price that the CLI does not know.
    fn cost(&self) -> Cost {
        let spent = self.spent();
        let tokens = spent.usage.and_then(|u| u.total()).unwrap_or(0);
        match spent.usd {
            Some(usd) if usd > 0.0 || tokens == 0 => Cost::told(usd),
            Some(_) | None => match (&self.config.price, spent.usage) {
                (Some(price), Some(usage)) => price.of(usage),
                _ => Cost::Unknown,
            },
        }
    }

    fn over_allowance(&self) -> Option<String> {
        let tokens = self.spent().usage.and_then(|u| u.total());
        if let (Some(most), Some(tokens)) = (self.allowance.tokens, tokens)
            && tokens >= most
        {
            return Some(format!("{tokens} tokens are used, and {most} were left"));
        }
        let most = self.allowance.usd?;
        match self.cost() {
            Cost::Usd(usd) if usd < most => None,
            Cost::Usd(usd) => Some(format!(
                "{usd:.4} US dollars are spent, and {most:.4} were left"
            )),
            Cost::Unknown => Some(format!(
                "a bound in dollars is set and it does not tell what this model costs; give its tokens a price below [engine.{}]",
                self.config.name
            )),
        }
    }

    fn signs<'b>(&'b self, end: &'b End) -> Evidence<'b> {
        Evidence {
            ends: self.ends,
            trouble: self.trouble.as_ref(),
            done: self.done,
            is_at_rest: self.is_at_rest,
            exceeded: self.exceeded.as_deref(),
            words: &self.words,
            understood: self.understood,
            foreign: self.foreign,
            now: self.clock.now(),
            end,
        }
    }

    /// True when the session that was to be resumed is not there, so that nothing was done in it.
    pub(super) fn session_is_lost(&self, end: &End) -> bool {
        self.session.is_none()
            && self.words.is_empty()
            && self.spent() == Spent::default()
            && judge::lost(self.config, &self.signs(end))
    }

    /// The report of the run. `answer` is the content of the answer's file, where there is one, `session` the id that
    /// the run was started with.
    pub(super) fn finish(
        self,
        end: &End,
        answer: Option<&[u8]>,
        session: Option<&str>,
    ) -> EngineReport {
        let outcome = judge::outcome(self.config, &self.signs(end), answer);
        let mut spent = self.spent();
        let was_idle = spent == Spent::default() && self.words.is_empty();
        let cost = match (&outcome, end.ended) {
            // A refused key is not charged for, nor is a program that never started to work.
            (
                EngineOutcome::Failed(EngineError::Auth { .. } | EngineError::NotStarted { .. }),
                _,
            ) if was_idle => Cost::Usd(0.0),
            (_, Ended::Itself) => self.cost(),
            (
                _,
                Ended::TimedOut
                | Ended::Stalled
                | Ended::Stopped
                | Ended::ByCaller
                | Ended::DiskSpent,
            ) if self.done => self.cost(),
            // The answer that was on its way may be charged all the same.
            (
                _,
                Ended::TimedOut
                | Ended::Stalled
                | Ended::Stopped
                | Ended::ByCaller
                | Ended::DiskSpent,
            ) => {
                spent.usage = spent.usage.map(|usage| Usage {
                    output: None,
                    ..usage
                });
                Cost::Unknown
            }
        };
        EngineReport {
            outcome,
            usage: spent.usage.unwrap_or_default(),
            cost,
            session: self.session.or_else(|| session.map(str::to_owned)),
            model: self.model,
        }
    }
}

impl<T: Copy> Count<T> {
    fn add(&mut self, value: T, counts: Counts, plus: impl Fn(T, T) -> T) {
        match counts {
            Counts::Event => self.parts = Some(self.parts.map_or(value, |sum| plus(sum, value))),
            Counts::Run | Counts::Session => self.whole = Some((value, counts)),
        }
    }
}

fn less(whole: Usage, before: Usage) -> Usage {
    let less = |a: Option<u64>, b: Option<u64>| a.map(|a| a.saturating_sub(b.unwrap_or(0)));
    Usage {
        input: less(whole.input, before.input),
        cached: less(whole.cached, before.cached),
        output: less(whole.output, before.output),
    }
}
