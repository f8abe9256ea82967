//! What a measurement says of a change, and whether it is enough.

use super::Measured;
use crate::model::{Coverage, Covered};
use std::collections::BTreeMap;
use std::fmt;
use std::ops::RangeInclusive;

/// Lines that a change added or edited, by path below the root, as they are numbered after it.
pub type Changed = BTreeMap<String, Vec<RangeInclusive<u32>>>;

/// The least that is wanted, and who wants it.
#[derive(Clone, Debug, PartialEq)]
pub struct Bound {
    pub percent: f64,
    /// Where it was set, in words: `--min-coverage`, `codelicious.toml, line 3`.
    pub from: String,
}

/// What coverage is held to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Bounds {
    /// Of all lines.
    pub min: Option<Bound>,
    /// Of the lines that the work changed.
    pub changed_min: Option<Bound>,
    /// Points that coverage may be below the base's.
    pub tolerance: f64,
}

/// Coverage that is not enough. It says so with the number, the bound, and what to do.
#[derive(Clone, Debug, PartialEq)]
pub enum Shortfall {
    /// A bound is set, and nothing was measured.
    NotMeasured {
        bound: Bound,
    },
    /// A bound is set, and the report knows no line that could be run.
    NoLines {
        bound: Bound,
    },
    BelowBound {
        now: Covered,
        bound: Bound,
    },
    ChangedBelowBound {
        changed: Covered,
        bound: Bound,
    },
    BelowBase {
        now: Covered,
        before: Covered,
        tolerance: f64,
    },
}

/// Sums of two measurements, and of the lines that changed between them.
///
/// Changed lines that cannot be run count for nothing, and neither do those of files that the report does not
/// know: [`unmeasured`] names these.
pub fn coverage_of(base: Option<&Measured>, now: &Measured, changed: &Changed) -> Coverage {
    let mut of_changed = Covered::default();
    for (_, ran) in changed_lines(now, changed) {
        add(&mut of_changed, ran);
    }
    Coverage {
        before: base.map(sum),
        after: sum(now),
        changed: of_changed,
    }
}

/// Changed lines that no test ran, as runs of neighbours, in order, at most `most` of them.
pub fn missed(
    now: &Measured,
    changed: &Changed,
    most: usize,
) -> Vec<(String, RangeInclusive<u32>)> {
    let mut runs: Vec<(String, RangeInclusive<u32>)> = Vec::new();
    for ((path, line), ran) in changed_lines(now, changed) {
        if ran {
            continue;
        }
        let is_full = runs.len() >= most;
        let goes_on = runs
            .last()
            .is_some_and(|(last, run)| last == path && run.end() + 1 == line);
        match runs.last_mut() {
            Some((_, run)) if goes_on => *run = *run.start()..=line,
            _ if is_full => break,
            _ => runs.push((path.to_owned(), line..=line)),
        }
    }
    runs
}

/// Changed files of which the measurement knows nothing, of those that `is_code` takes for code: no test loaded
/// them, or the tool was told to leave them out.
pub fn unmeasured<'c>(
    now: &Measured,
    changed: &'c Changed,
    is_code: impl Fn(&str) -> bool,
) -> Vec<&'c str> {
    let paths = changed.iter().filter(|(_, ranges)| !ranges.is_empty());
    paths
        .map(|(path, _)| path.as_str())
        .filter(|path| !now.files.contains_key(*path) && is_code(path))
        .collect()
}

/// Whether coverage is enough: no less than the bounds, and no less than the base had, but for the tolerance.
/// What is not known is no pass where a bound asks for it; an unknown base asks for nothing. A change without
/// lines that could be run has nothing to be tested.
///
/// # Errors
/// The first [`Shortfall`].
pub fn judge(coverage: Option<&Coverage>, bounds: &Bounds) -> Result<(), Shortfall> {
    let Some(coverage) = coverage else {
        let bound = bounds.min.as_ref().or(bounds.changed_min.as_ref());
        return match bound {
            Some(bound) => Err(Shortfall::NotMeasured {
                bound: bound.clone(),
            }),
            None => Ok(()),
        };
    };
    let (now, changed) = (coverage.after, coverage.changed);
    if let Some(bound) = &bounds.min {
        if now.total == 0 {
            return Err(Shortfall::NoLines {
                bound: bound.clone(),
            });
        }
        if is_below(now, bound.percent) {
            let bound = bound.clone();
            return Err(Shortfall::BelowBound { now, bound });
        }
    }
    if let Some(bound) = &bounds.changed_min
        && changed.total > 0
        && is_below(changed, bound.percent)
    {
        let bound = bound.clone();
        return Err(Shortfall::ChangedBelowBound { changed, bound });
    }
    match coverage.before {
        Some(before) if has_fallen(before, now, bounds.tolerance) => Err(Shortfall::BelowBase {
            now,
            before,
            tolerance: bounds.tolerance,
        }),
        Some(_) | None => Ok(()),
    }
}

fn sum(measured: &Measured) -> Covered {
    let mut sum = Covered::default();
    let files = measured.files.values().chain(measured.elsewhere.values());
    for ran in files.flat_map(BTreeMap::values) {
        add(&mut sum, *ran);
    }
    sum
}

fn add(sum: &mut Covered, ran: bool) {
    sum.total += 1;
    sum.covered += u64::from(ran);
}

/// The changed lines that can be run, each once, in order.
fn changed_lines<'m>(
    now: &'m Measured,
    changed: &'m Changed,
) -> impl Iterator<Item = ((&'m str, u32), bool)> {
    changed.iter().flat_map(|(path, ranges)| {
        let lines = now.files.get(path);
        let lines = lines.into_iter().flatten();
        lines
            .filter(|(line, _)| ranges.iter().any(|range| range.contains(line)))
            .map(|(line, ran)| ((path.as_str(), *line), *ran))
    })
}

/// Percent and points are counted in these, so that no fraction in binary decides.
const PARTS: f64 = 1e6;

fn parts(percent: f64) -> u128 {
    (percent.max(0.0) * PARTS).round() as u128
}

/// `covered / total` is less than so many percent.
fn is_below(lines: Covered, percent: f64) -> bool {
    let (covered, total) = (u128::from(lines.covered), u128::from(lines.total));
    // At most 2^64 times 2^27, and times what a percentage can be.
    covered * 100 * (PARTS as u128) < total * parts(percent)
}

/// `now` is lower than `before` by more than the tolerance. Where nothing can be run any more, nothing is left to
/// be tested; where nothing could be run before, nothing was.
fn has_fallen(before: Covered, now: Covered, tolerance: f64) -> bool {
    if before.total == 0 || now.total == 0 {
        return false;
    }
    let [b, bt, n, nt] = [before.covered, before.total, now.covered, now.total].map(u128::from);
    let exact = || {
        let whole = 100 * (PARTS as u128);
        let had = b.checked_mul(nt)?.checked_mul(whole)?;
        let has = n.checked_mul(bt)?.checked_mul(whole)?;
        let may_lose = bt.checked_mul(nt)?.checked_mul(parts(tolerance))?;
        Some(has.checked_add(may_lose)? < had)
    };
    // Only for numbers of lines that nobody has.
    let rough = || b as f64 / bt as f64 - n as f64 / nt as f64 > tolerance / 100.0;
    exact().unwrap_or_else(rough)
}

/// One decimal, towards nothing: what is below a bound never looks as if it reached it.
fn rounded_down(lines: Covered) -> String {
    let tenths = u128::from(lines.covered) * 1000 / u128::from(lines.total.max(1));
    format!("{}.{} %", tenths / 10, tenths % 10)
}

/// One decimal, away from nothing: the base that was not reached.
fn rounded_up(lines: Covered) -> String {
    let tenths = (u128::from(lines.covered) * 1000).div_ceil(u128::from(lines.total.max(1)));
    format!("{}.{} %", tenths / 10, tenths % 10)
}

/// As it was written.
fn points(percent: f64) -> String {
    let text = format!("{percent:.6}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} % of {}", points(self.percent), self.from)
    }
}

impl fmt::Display for Shortfall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotMeasured { bound } => write!(
                f,
                "coverage was not measured, and the {bound} ask for it: say with `[coverage] command` and `report` \
                 how it is measured, or take the bound away"
            ),
            Self::NoLines { bound } => write!(
                f,
                "the report of coverage has no line that could be run, and the {bound} ask for some: see that \
                 `[coverage] command` measures the code, or take the bound away"
            ),
            Self::BelowBound { now, bound } => write!(
                f,
                "coverage is {} ({} of {} lines), below the {bound}: test more of the code, or lower the bound",
                rounded_down(*now),
                now.covered,
                now.total
            ),
            Self::ChangedBelowBound { changed, bound } => write!(
                f,
                "of the lines that were changed, {} are covered ({} of {}), below the {bound}: test what the \
                 change added, or lower the bound",
                rounded_down(*changed),
                changed.covered,
                changed.total
            ),
            Self::BelowBase {
                now,
                before,
                tolerance,
            } => {
                let most = match *tolerance > 0.0 {
                    true => format!(
                        " by more than {} points (`coverage.tolerance`)",
                        points(*tolerance)
                    ),
                    false => String::new(),
                };
                write!(
                    f,
                    "coverage is {} ({} of {} lines), lower than the {} ({} of {}) of the base{most}: test what the \
                     change added",
                    rounded_down(*now),
                    now.covered,
                    now.total,
                    rounded_up(*before),
                    before.covered,
                    before.total
                )
            }
        }
    }
}

impl std::error::Error for Shortfall {}

#[cfg(test)]
#[path = "judgement_tests.rs"]
mod tests;
