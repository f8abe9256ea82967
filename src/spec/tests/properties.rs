//! What holds for any spec.

use super::{ParseOptions, parse, spec};
use crate::model::{MarkSite, Role, Spec, SpecId, TaskMark};
use crate::spec::{apply, clear, mark_done, mark_partial, merge_specs, tick};
use proptest::prelude::*;

/// One line of markdown, of the kinds that matter here.
fn line() -> impl Strategy<Value = String> {
    let indent = prop_oneof![4 => Just(""), 2 => Just("  "), 1 => Just("    "), 1 => Just("\t"), 1 => Just("> ")];
    let start = prop_oneof![
        6 => Just("- [ ] "), 2 => Just("- [x] "), 1 => Just("* [ ] "), 1 => Just("+ [X] "), 2 => Just("1. [ ] "),
        1 => Just("2) [ ] "), 1 => Just("- "), 2 => Just(""), 1 => Just("## "), 1 => Just("# "), 1 => Just("- [ ]"),
        1 => Just("- [ ]\t"), 1 => Just("- - [ ] "),
    ];
    let words = prop_oneof![
        4 => "[abT12: ]{0,9}", 1 => Just("```".to_owned()), 1 => Just("---".to_owned()), 1 => Just("===".to_owned()),
        1 => Just("<!--".to_owned()), 1 => Just("-->".to_owned()), 1 => Just("`a".to_owned()), 1 => Just("日本 \\".to_owned()),
        1 => Just("[x]: y".to_owned()), 1 => Just("Acceptance criteria".to_owned()), 1 => Just("T007 x".to_owned()),
        1 => Just("a <!-- codelicious: part 1/3 4,5 -->".to_owned()), 1 => Just("a  ".to_owned()),
    ];
    (indent, start, words).prop_map(|(i, s, w)| format!("{i}{s}{w}"))
}

fn markdown() -> impl Strategy<Value = String> {
    let bom =
        prop_oneof![5 => Just(""), 1 => Just("\u{feff}"), 1 => Just("---\nstatus: ready\n---\n")];
    let end = prop_oneof![3 => Just("\n"), 1 => Just("\r\n"), 1 => Just("\r")];
    (
        bom,
        proptest::collection::vec(line(), 0..24),
        end,
        any::<bool>(),
    )
        .prop_map(|(bom, lines, end, last)| {
            format!("{bom}{}{}", lines.join(end), if last { end } else { "" })
        })
}

/// A spec whose lines are all apart: titles that no other task has, in two sections.
fn plain(titles: &[(u8, bool)]) -> String {
    let lines: Vec<String> = titles
        .iter()
        .enumerate()
        .map(|(i, (t, done))| {
            format!(
                "- [{}] {}.{} job {t}\n",
                if *done { 'x' } else { ' ' },
                i,
                t % 3
            )
        })
        .collect();
    format!("# T\n\n{}", lines.concat())
}

fn ids(spec: &Spec) -> Vec<(String, String)> {
    spec.tasks
        .iter()
        .map(|t| (t.id.to_string(), t.fingerprint.clone()))
        .collect()
}

fn prose(bytes: &[u8]) -> Spec {
    parse(
        SpecId::new("s"),
        "s.md",
        bytes,
        ParseOptions {
            prose: true,
            ..ParseOptions::default()
        },
    )
    .unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..400), front in any::<bool>()) {
        let mut all = if front { b"---\n".to_vec() } else { Vec::new() };
        all.extend(&bytes);
        let _ = parse(SpecId::new("s"), "s.md", &all, ParseOptions { prose: true, ..ParseOptions::default() });
        let _ = parse(SpecId::new("s"), "s.md", String::from_utf8_lossy(&all).replace('\0', "-").as_bytes(), ParseOptions { prose: true, ..ParseOptions::default() });
    }

    #[test]
    fn a_tick_changes_one_byte_and_one_task(text in markdown()) {
        let before = spec(&text);
        super::formats::every_tick_is_its_own(&before, text.as_bytes(), ParseOptions::default());
        for task in &before.tasks {
            let splice = mark_done(text.as_bytes(), task);
            if task.mark == TaskMark::Open && matches!(task.site, MarkSite::Checkbox { .. }) {
                prop_assert_eq!((splice.range.len(), splice.replacement.len()), (1, 1));
            }
        }
    }

    #[test]
    fn part_marks_round_trip(text in markdown()) {
        let before = prose(text.as_bytes());
        for (index, task) in before.tasks.iter().enumerate() {
            let part = mark_partial(text.as_bytes(), task, 2, 5, "a,9").unwrap();
            let after = apply(text.as_bytes(), &part);
            let again = prose(&after);
            prop_assert_eq!(ids(&again), ids(&before));
            // Steps that are all done say so whatever stands at their heading.
            let all_steps = task.mark == TaskMark::Done && !task.children.is_empty();
            let want = match all_steps && task.role == Role::Work {
                true => TaskMark::Done,
                false => TaskMark::Partial { done: 2, of: 5, bounds: "a,9".to_owned() },
            };
            prop_assert_eq!(&again.tasks[index].mark, &want);
            let cleared = apply(&after, &clear(&after, &again.tasks[index]));
            prop_assert_eq!(cleared, apply(text.as_bytes(), &clear(text.as_bytes(), task)));
        }
    }

    #[test]
    fn spans_and_sections_fit(text in markdown()) {
        let spec = prose(text.as_bytes());
        let mut distinct: Vec<&str> = spec.tasks.iter().map(|t| t.id.as_str()).collect();
        distinct.sort_unstable();
        distinct.dedup();
        prop_assert_eq!(distinct.len(), spec.tasks.len());
        for task in &spec.tasks {
            prop_assert!(text.get(task.span.clone()).is_some() && task.section < spec.sections.len());
            prop_assert!(!task.title.is_empty());
        }
        for pair in spec.sections.windows(2) {
            prop_assert_eq!(pair[0].span.end, pair[1].span.start);
        }
    }

    #[test]
    fn order_and_neighbours_change_no_id(
        titles in proptest::collection::btree_set(any::<u8>(), 1..12),
        extra in any::<u8>(),
        at in any::<prop::sample::Index>(),
        turn in any::<prop::sample::Index>(),
    ) {
        let mut tasks: Vec<(u8, bool)> = titles.iter().map(|t| (*t, false)).collect();
        let before: std::collections::BTreeMap<String, String> =
            spec(&plain(&tasks)).tasks.iter().map(|t| (t.title.clone(), t.id.to_string())).collect();
        let turn = turn.index(tasks.len());
        tasks.rotate_left(turn);
        if !titles.contains(&extra) {
            tasks.insert(at.index(tasks.len() + 1), (extra, true));
        }
        for task in spec(&plain(&tasks)).tasks {
            if let Some(id) = before.get(&task.title) {
                prop_assert_eq!(id, task.id.as_str());
            }
        }
    }

    #[test]
    fn a_side_that_changed_nothing_changes_nothing(a in markdown(), b in markdown()) {
        // Other line ends alone are no change: compare texts with the same ones.
        let a = a.replace("\r\n", "\n").replace('\r', "\n") + "\n";
        let b = b.replace("\r\n", "\n").replace('\r', "\n") + "\n";
        let (a, b) = (a.as_bytes(), b.as_bytes());
        prop_assert_eq!(merge_specs("specs/s.md", Some(a), a, b).unwrap(), b);
        prop_assert_eq!(merge_specs("specs/s.md", Some(a), b, a).unwrap(), b);
        prop_assert_eq!(merge_specs("specs/s.md", Some(a), b, b).unwrap(), b);
        prop_assert_eq!(merge_specs("specs/s.md", None, b, b).unwrap(), b);
    }

    #[test]
    fn ticks_of_both_sides_add_up(text in markdown(), lane in any::<prop::sample::Index>(), user in any::<prop::sample::Index>()) {
        let before = spec(&text);
        prop_assume!(!before.tasks.is_empty());
        let (lane, user) = (lane.index(before.tasks.len()), user.index(before.tasks.len()));
        let by_lane = tick(text.as_bytes(), &before, lane);
        let by_user = tick(text.as_bytes(), &before, user);
        for ancestor in [Some(text.as_bytes()), None] {
            let merged = merge_specs("specs/s.md", ancestor, &by_lane, &by_user).unwrap();
            let merged = spec(std::str::from_utf8(&merged).unwrap());
            prop_assert_eq!(ids(&merged), ids(&before));
            let sides = [&by_lane, &by_user].map(|side| spec(std::str::from_utf8(side).unwrap()));
            for (i, task) in merged.tasks.iter().enumerate() {
                // A group that one side completed is done as well.
                let by_a_side = sides.iter().any(|side| side.tasks[i].mark == TaskMark::Done);
                // Steps of both sides may make a whole.
                let steps = &task.children;
                if task.role == Role::Work && !steps.is_empty() {
                    continue;
                }
                prop_assert!(by_a_side || (i != lane && i != user));
                let want = if by_a_side { &TaskMark::Done } else { &before.tasks[i].mark };
                prop_assert_eq!(&task.mark, want);
            }
        }
    }

    #[test]
    fn what_the_user_adds_meets_what_the_lane_ticked(
        titles in proptest::collection::btree_set(any::<u8>(), 1..10),
        extra in proptest::collection::vec(any::<u8>(), 1..4),
        ticks in proptest::collection::vec(any::<bool>(), 10),
        at in any::<prop::sample::Index>(),
    ) {
        let base: Vec<(u8, bool)> = titles.iter().map(|t| (*t, false)).collect();
        let lane: Vec<(u8, bool)> = titles.iter().zip(&ticks).map(|(t, d)| (*t, *d)).collect();
        // Lines are numbered by position in `plain`, so add at the end to leave the others as they are.
        let mut user = base.clone();
        user.extend(extra.iter().map(|t| (*t, false)));
        let mut reopened = user.clone();
        let one = at.index(base.len());
        reopened[one].1 = true;
        let merged = merge_specs("specs/s.md", Some(plain(&base).as_bytes()), plain(&lane).as_bytes(), plain(&reopened).as_bytes()).unwrap();
        let mut want = user;
        for (i, task) in want.iter_mut().enumerate() {
            task.1 = i == one || lane.get(i).is_some_and(|t| t.1);
        }
        prop_assert_eq!(String::from_utf8(merged).unwrap(), plain(&want));
    }
}
