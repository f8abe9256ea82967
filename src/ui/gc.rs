//! What `gc` found, removed and kept.

use super::UiOptions;
use super::status::value;
use super::text::{Paint, one_line, plural};
use crate::model::gc::{GcKind, GcReport, GcThing};
use serde_json::Value;

/// The documented JSON of [`GcReport`], with every field present.
pub fn json(report: &GcReport) -> Value {
    value(report)
}

/// The report for people. What stays is counted, and with `--verbose` named; with `--quiet` there is only what
/// could not be removed.
pub fn render(report: &GcReport, options: &UiOptions) -> String {
    let mut out = String::new();
    if options.quiet > 0 {
        let amiss = report.things.iter().filter(|t| t.error.is_some());
        amiss.for_each(|thing| out.push_str(&line(thing, options)));
        return out;
    }
    let (gone, kept): (Vec<&GcThing>, Vec<&GcThing>) = report.things.iter().partition(|t| t.remove);
    for (kind, things) in by_kind(&gone) {
        let verb = if report.acted {
            "removed"
        } else {
            "would remove"
        };
        let bytes: u64 = things.iter().map(|t| t.bytes).sum();
        let room = if bytes > 0 {
            format!(", {}", size(bytes))
        } else {
            String::new()
        };
        let head = format!("{verb} {}{room}", plural(things.len(), word(kind)));
        out.push_str(&format!("{}\n", Paint::Strong.on(options.color, &head)));
        for thing in things {
            out.push_str(&line(thing, options));
        }
    }
    if options.verbose > 0 {
        for (kind, things) in by_kind(&kept) {
            out.push_str(&format!("kept {}\n", plural(things.len(), word(kind))));
            for thing in things {
                out.push_str(&line(thing, options));
            }
        }
    } else if !kept.is_empty() {
        let counts: Vec<String> = by_kind(&kept)
            .into_iter()
            .map(|(kind, things)| plural(things.len(), word(kind)))
            .collect();
        out.push_str(&format!("kept {} (-v says why)\n", counts.join(", ")));
    }
    let refs = gone
        .iter()
        .any(|t| matches!(t.kind, GcKind::Attempt | GcKind::Archive));
    match (gone.is_empty(), report.acted) {
        (true, _) => out.push_str("nothing to remove\n"),
        (false, true) => out.push_str(&format!("freed {}\n", size(report.bytes))),
        (false, false) => out.push_str(&format!(
            "would free {}; nothing was changed: `codelicious gc --yes` does it\n",
            size(report.bytes)
        )),
    }
    if refs {
        out.push_str("what refs held, git frees in its own time (git gc)\n");
    }
    out
}

fn line(thing: &GcThing, options: &UiOptions) -> String {
    let name = one_line(&thing.name);
    match &thing.error {
        None => format!("  {name}: {}\n", one_line(&thing.why)),
        Some(error) => format!(
            "  {name}: {}\n",
            Paint::Bad.on(options.color, &format!("not removed: {}", one_line(error)))
        ),
    }
}

/// Things of each kind, in the order of kinds.
fn by_kind<'t>(things: &[&'t GcThing]) -> Vec<(GcKind, Vec<&'t GcThing>)> {
    let mut kinds: Vec<(GcKind, Vec<&GcThing>)> = Vec::new();
    for thing in things {
        match kinds.iter_mut().find(|(kind, _)| *kind == thing.kind) {
            Some((_, of_kind)) => of_kind.push(thing),
            None => kinds.push((thing.kind, vec![thing])),
        }
    }
    kinds.sort_by_key(|(kind, _)| *kind);
    kinds
}

/// The kind as a noun that takes an `s`.
fn word(kind: GcKind) -> &'static str {
    match kind {
        GcKind::Lane => "lane",
        GcKind::LostLane => "lost lane",
        GcKind::Rest => "half-removed lane",
        GcKind::Orphan => "orphaned folder",
        GcKind::Attempt => "attempt",
        GcKind::Archive => "archived lane",
        GcKind::Log => "log",
        GcKind::Events => "old event log",
        GcKind::Ledger => "old ledger",
        GcKind::Postmortem => "postmortem",
    }
}

/// `123 bytes`, `1.2 KiB`, …
fn size(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    if bytes < 1024 {
        return plural(usize::try_from(bytes).unwrap_or(usize::MAX), "byte");
    }
    // Precise enough for people: a tenth of the unit.
    let mut tenths = bytes.saturating_mul(10) / 1024;
    let mut unit = 0;
    while tenths >= 10_240 && unit + 1 < UNITS.len() {
        tenths /= 1024;
        unit += 1;
    }
    format!("{}.{} {}", tenths / 10, tenths % 10, UNITS[unit])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::report::REPORT_SCHEMA;

    fn thing(kind: GcKind, name: &str, bytes: u64, remove: bool, why: &str) -> GcThing {
        GcThing {
            kind,
            name: name.to_owned(),
            age_s: Some(7),
            bytes,
            remove,
            why: why.to_owned(),
            error: None,
        }
    }

    fn sample(acted: bool) -> GcReport {
        GcReport {
            schema: REPORT_SCHEMA,
            acted,
            things: vec![
                thing(
                    GcKind::Lane,
                    "/c/specs-a",
                    3 << 20,
                    true,
                    "all of it is on main",
                ),
                thing(
                    GcKind::Lane,
                    "/c/specs-b",
                    9,
                    false,
                    "1 commit is not on main",
                ),
                thing(
                    GcKind::Attempt,
                    "refs/codelicious/attempts/a/T001/1",
                    0,
                    true,
                    "its chunk is done; older than 7 days",
                ),
                thing(
                    GcKind::Attempt,
                    "refs/codelicious/attempts/a/T002/1",
                    0,
                    false,
                    "its chunk is not done",
                ),
                thing(
                    GcKind::Log,
                    ".codelicious/logs/a\u{1b}.log",
                    1500,
                    true,
                    "older than 30 days",
                ),
                thing(
                    GcKind::Log,
                    ".codelicious/logs/b.log",
                    20,
                    true,
                    "older than 30 days",
                ),
            ],
            bytes: (3 << 20) + 1520,
        }
    }

    #[test]
    fn a_dry_run_says_what_why_and_how_much() {
        insta::assert_snapshot!(render(&sample(false), &UiOptions::default()), @"
        would remove 1 lane, 3.0 MiB
          /c/specs-a: all of it is on main
        would remove 1 attempt
          refs/codelicious/attempts/a/T001/1: its chunk is done; older than 7 days
        would remove 2 logs, 1.4 KiB
          .codelicious/logs/a␛.log: older than 30 days
          .codelicious/logs/b.log: older than 30 days
        kept 1 lane, 1 attempt (-v says why)
        would free 3.0 MiB; nothing was changed: `codelicious gc --yes` does it
        what refs held, git frees in its own time (git gc)
        ");
    }

    #[test]
    fn what_was_done_and_what_failed() {
        let mut report = sample(true);
        report.things[4].error = Some("cannot remove it: no".to_owned());
        report.bytes = 20;
        let options = UiOptions {
            verbose: 1,
            ..UiOptions::default()
        };
        insta::assert_snapshot!(render(&report, &options), @"
        removed 1 lane, 3.0 MiB
          /c/specs-a: all of it is on main
        removed 1 attempt
          refs/codelicious/attempts/a/T001/1: its chunk is done; older than 7 days
        removed 2 logs, 1.4 KiB
          .codelicious/logs/a␛.log: not removed: cannot remove it: no
          .codelicious/logs/b.log: older than 30 days
        kept 1 lane
          /c/specs-b: 1 commit is not on main
        kept 1 attempt
          refs/codelicious/attempts/a/T002/1: its chunk is not done
        freed 20 bytes
        what refs held, git frees in its own time (git gc)
        ");
    }

    #[test]
    fn quiet_says_only_what_is_amiss() {
        let options = UiOptions {
            quiet: 1,
            ..UiOptions::default()
        };
        let mut report = sample(true);
        assert_eq!(render(&report, &options), "");
        report.things[5].error = Some("no".to_owned());
        let said = render(&report, &options);
        assert_eq!(said, "  .codelicious/logs/b.log: not removed: no\n");
    }

    #[test]
    fn nothing_to_do() {
        let report = GcReport {
            schema: REPORT_SCHEMA,
            acted: true,
            things: Vec::new(),
            bytes: 0,
        };
        assert_eq!(
            render(&report, &UiOptions::default()),
            "nothing to remove\n"
        );
    }

    #[test]
    fn sizes() {
        for (bytes, words) in [
            (0, "0 bytes"),
            (1, "1 byte"),
            (1023, "1,023 bytes"),
            (1024, "1.0 KiB"),
            (1 << 20, "1.0 MiB"),
            (u64::MAX, "1677721.5 TiB"),
        ] {
            assert_eq!(size(bytes), words);
        }
    }
}
