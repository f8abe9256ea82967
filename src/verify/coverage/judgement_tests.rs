use super::*;
use crate::verify::coverage::Lines;
use proptest::prelude::*;

fn covered(covered: u64, total: u64) -> Covered {
    Covered { covered, total }
}

fn bound(percent: f64) -> Option<Bound> {
    Some(Bound {
        percent,
        from: "`coverage.min` (--min-coverage)".to_owned(),
    })
}

fn of(before: Option<Covered>, after: Covered, changed: Covered) -> Coverage {
    Coverage {
        before,
        after,
        changed,
    }
}

fn said(coverage: Option<Coverage>, bounds: &Bounds) -> String {
    match judge(coverage.as_ref(), bounds) {
        Ok(()) => "enough".to_owned(),
        Err(shortfall) => shortfall.to_string(),
    }
}

#[test]
fn what_is_enough() {
    let none = covered(0, 0);
    let at = |min: Option<f64>, changed: Option<f64>, tolerance| Bounds {
        min: min.and_then(bound),
        changed_min: changed.and_then(bound),
        tolerance,
    };
    let of = |b: Option<Covered>, n, c| Some(of(b, n, c));
    for (coverage, bounds, starts) in [
        (None, at(None, None, 0.1), "enough"),
        (
            None,
            at(Some(80.0), None, 0.1),
            "coverage was not measured, and the 80 % of `coverage.min`",
        ),
        (None, at(None, Some(50.0), 0.1), "coverage was not measured"),
        (None, at(Some(0.0), None, 0.1), "coverage was not measured"),
        (of(None, none, none), at(None, None, 0.1), "enough"),
        (
            of(None, none, none),
            at(Some(80.0), None, 0.1),
            "the report of coverage has no line",
        ),
        (
            of(None, covered(80, 100), none),
            at(Some(80.0), None, 0.1),
            "enough",
        ),
        (
            of(None, covered(799, 1000), none),
            at(Some(80.0), None, 0.1),
            "coverage is 79.9 % (799 of 1000 lines), below the 80 %",
        ),
        // So near that it would be rounded up to the bound.
        (
            of(None, covered(79_999, 100_000), none),
            at(Some(80.0), None, 0.1),
            "coverage is 79.9 % (79999 of 100000 lines), below the 80 %",
        ),
        // A fraction that binary numbers do not have.
        (
            of(None, covered(1, 10), none),
            at(Some(10.0), None, 0.1),
            "enough",
        ),
        (
            of(None, covered(571, 1000), none),
            at(Some(57.1), None, 0.1),
            "enough",
        ),
        (
            of(None, covered(2, 3), none),
            at(Some(66.67), None, 0.1),
            "coverage is 66.6 %",
        ),
        (
            of(None, covered(2, 3), none),
            at(Some(66.66), None, 0.1),
            "enough",
        ),
        (
            of(None, covered(5, 5), none),
            at(Some(100.0), None, 0.0),
            "enough",
        ),
        // The base.
        (
            of(Some(covered(800, 1000)), covered(799, 1000), none),
            at(None, None, 0.1),
            "enough",
        ),
        (
            of(Some(covered(800, 1000)), covered(798, 1000), none),
            at(None, None, 0.1),
            "coverage is 79.8 % (798 of 1000 lines), lower than the 80.0 % (800 of 1000) of the base by more than 0.1 points",
        ),
        (
            of(Some(covered(800, 1000)), covered(799, 1000), none),
            at(None, None, 0.0),
            "coverage is 79.9 % (799 of 1000 lines), lower than the 80.0 % (800 of 1000) of the base: test",
        ),
        (
            of(Some(covered(1, 3)), covered(100, 300), none),
            at(None, None, 0.0),
            "enough",
        ),
        (
            of(Some(none), covered(0, 7), none),
            at(None, None, 0.0),
            "enough",
        ),
        (
            of(Some(covered(3, 3)), none, none),
            at(None, None, 0.0),
            "enough",
        ),
        // The change.
        (
            of(None, covered(9, 10), covered(1, 2)),
            at(None, Some(50.0), 0.1),
            "enough",
        ),
        (
            of(None, covered(9, 10), covered(1, 3)),
            at(None, Some(50.0), 0.1),
            "of the lines that were changed, 33.3 % are covered (1 of 3), below the 50 %",
        ),
        (
            of(None, covered(9, 10), none),
            at(None, Some(50.0), 0.1),
            "enough",
        ),
    ] {
        let words = said(coverage, &bounds);
        assert!(
            words.starts_with(starts),
            "{coverage:?} {bounds:?}: {words}"
        );
    }
}

fn measured(files: &[(&str, &[(u32, bool)])]) -> Measured {
    let files = files
        .iter()
        .map(|(path, lines)| ((*path).to_owned(), lines.iter().copied().collect()));
    Measured {
        files: files.collect(),
        elsewhere: [("gone.py".to_owned(), Lines::from([(1, false)]))].into(),
    }
}

#[test]
fn changed_lines_are_held_against_the_report() {
    let base = measured(&[("a", &[(1, true)])]);
    let now = measured(&[
        (
            "a",
            &[(1, true), (2, false), (3, false), (5, false), (9, true)],
        ),
        ("b", &[(1, false)]),
    ]);
    let changed = Changed::from([
        ("a".to_owned(), vec![2..=4, 3..=3, 5..=5, 9..=u32::MAX]),
        ("b".to_owned(), vec![]),
        ("gone.py".to_owned(), vec![1..=1]),
        ("new.py".to_owned(), vec![1..=9]),
        ("notes.md".to_owned(), vec![1..=2]),
    ]);
    let coverage = coverage_of(Some(&base), &now, &changed);
    assert_eq!(coverage.before, Some(covered(1, 2)));
    assert_eq!(coverage.after, covered(2, 7));
    assert_eq!(coverage.changed, covered(1, 4));
    assert_eq!(coverage_of(None, &now, &changed).before, None);
    let runs = |most| missed(&now, &changed, most);
    assert_eq!(runs(9), [("a".to_owned(), 2..=3), ("a".to_owned(), 5..=5)]);
    assert_eq!(runs(1), [("a".to_owned(), 2..=3)]);
    let is_code = |path: &str| path.ends_with(".py");
    assert_eq!(unmeasured(&now, &changed, is_code), ["gone.py", "new.py"]);
}

proptest! {
    /// What is said to be below a bound never looks as if it were not.
    #[test]
    fn a_shortfall_looks_like_one(covered in 0u64..2000, total in 1u64..2000, tenths in 0u32..=1000) {
        let now = Covered { covered: covered.min(total), total };
        let bounds = Bounds { min: bound(f64::from(tenths) / 10.0), ..Bounds::default() };
        let exact = u128::from(now.covered) * 1000 >= u128::from(total) * u128::from(tenths);
        let verdict = judge(Some(&of(None, now, Covered::default())), &bounds);
        prop_assert_eq!(verdict.is_ok(), exact);
        let shown: f64 = rounded_down(now).trim_end_matches(" %").parse().unwrap();
        prop_assert_eq!(shown * 10.0 < f64::from(tenths), !exact);
    }

    #[test]
    fn no_number_makes_it_panic(b in any::<(u64, u64)>(), n in any::<(u64, u64)>(), min in any::<f64>(), tolerance in any::<f64>()) {
        let coverage = of(Some(covered(b.0, b.1)), covered(n.0, n.1), covered(n.1, n.0));
        let bounds = Bounds { min: bound(min % 100.0), changed_min: bound(min % 7.0), tolerance: tolerance % 50.0 };
        let _ = said(Some(coverage), &bounds);
    }
}
