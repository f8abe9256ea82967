//! What our one comment at an issue says: how far its work is, and where.
//!
//! The comment is replaced as a whole with every write. All foreign text is neutralised and everything is bounded, as in
//! [`super::body`].

use crate::markdown::{code, inline, link};
use crate::model::progress::{ProgressInput, ProgressPr, ProgressTask};
use std::fmt::Write as _;

/// Rows of the table at most, and of what waits for a person.
const MAX_TASKS: usize = 100;
const MAX_STOPPED: usize = 20;

/// The comment's text, without the marker by which it is found again.
pub fn render(input: &ProgressInput) -> String {
    let mut out = String::new();
    let _ = writeln!(out, "{}\n", headline(input));
    let _ = writeln!(
        out,
        "The spec made of this issue is {}.\n",
        code(&input.spec_path, 200)
    );
    for pr in &input.prs {
        let shown = match &pr.link.url {
            Some(url) if url.starts_with("http") => link(&pr.link.text, Some(url), 200),
            Some(_) | None => inline(&pr.link.text, 200),
        };
        let _ = writeln!(out, "- Part {}: {shown}, {}", pr.part, pr.state);
    }
    if !input.prs.is_empty() {
        out.push('\n');
    }
    if !input.tasks.is_empty() {
        out.push_str("| task | state | part |\n|---|---|---:|\n");
        for task in input.tasks.iter().take(MAX_TASKS) {
            out.push_str(&row(task));
        }
        let more = input.tasks.len().saturating_sub(MAX_TASKS);
        if more > 0 {
            let _ = writeln!(out, "| … and {more} more | | |");
        }
        out.push('\n');
    }
    stopped(&mut out, input);
    let cost = match input.spent.cost {
        crate::model::Cost::Unknown => "unknown".to_owned(),
        crate::model::Cost::Usd(usd) => format!("${usd:.2}"),
    };
    let _ = writeln!(out, "Attempts {}, cost {cost}.", input.spent.attempts);
    out
}

fn headline(input: &ProgressInput) -> String {
    let (done, total) = (input.done, input.total);
    let is_merged = |p: &ProgressPr| p.state == "merged";
    match &input.halted {
        _ if total > 0 && done == total && input.prs.iter().all(is_merged) => {
            format!("All {total} tasks are built and merged.")
        }
        _ if total > 0 && done == total => {
            format!("All {total} tasks are built: the pull requests wait for review.")
        }
        Some(why) => format!(
            "{done} of {total} tasks are built. It does not go on by itself: {}",
            inline(why, 400)
        ),
        None => format!("{done} of {total} tasks are built."),
    }
}

fn row(task: &ProgressTask) -> String {
    let state = match task.done {
        true => "done".to_owned(),
        false => task.state.word().replace('_', " "),
    };
    let part = task
        .part
        .map_or_else(|| "–".to_owned(), |part| part.to_string());
    format!("| {} | {state} | {part} |\n", inline(&task.title, 120))
}

fn stopped(out: &mut String, input: &ProgressInput) {
    if input.stopped.is_empty() {
        return;
    }
    out.push_str("**Waiting for a person**\n\n");
    for chunk in input.stopped.iter().take(MAX_STOPPED) {
        let _ = writeln!(
            out,
            "- {}: {}",
            inline(&chunk.title, 120),
            inline(&chunk.reason, 600)
        );
        if let Some(needs) = &chunk.needs {
            let _ = writeln!(out, "  - Needs: {}", inline(needs, 600));
        }
        if let Some(next) = chunk.next.first() {
            let _ = writeln!(out, "  - To go on: {}", inline(next, 300));
        }
    }
    let more = input.stopped.len().saturating_sub(MAX_STOPPED);
    if more > 0 {
        let _ = writeln!(out, "- … and {more} more");
    }
    out.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::report::{BodyLink, Spent, StoppedChunk};
    use crate::model::{ChunkId, ChunkState, SpecId};

    fn task(title: &str, done: bool, part: Option<u32>) -> ProgressTask {
        ProgressTask {
            title: title.to_owned(),
            state: ChunkState::Pending,
            done,
            part,
        }
    }

    fn input() -> ProgressInput {
        ProgressInput {
            spec_path: "specs/issue-7.md".to_owned(),
            done: 1,
            total: 2,
            tasks: vec![
                task("Ring it", true, Some(1)),
                task("Hang it | @octocat", false, None),
            ],
            prs: vec![ProgressPr {
                part: 1,
                link: BodyLink {
                    text: "pull request 8".to_owned(),
                    url: Some("https://example.com/o/r/pull/8".to_owned()),
                },
                state: "draft",
            }],
            stopped: vec![StoppedChunk {
                spec: SpecId::new("issue-7"),
                chunk: ChunkId::new("T2"),
                title: "Hang it".to_owned(),
                status: "blocked".to_owned(),
                reason: "How high? Closes #1".to_owned(),
                needs: Some("a height".to_owned()),
                next: vec!["codelicious answer issue-7:T2 TEXT, and run again".to_owned()],
            }],
            halted: None,
            spent: Spent {
                attempts: 2,
                cost: crate::model::Cost::Usd(0.5),
                ..Spent::default()
            },
        }
    }

    #[test]
    fn a_comment() {
        insta::assert_snapshot!(render(&input()).replace('\u{200b}', "<break>"), @r"
        1 of 2 tasks are built.

        The spec made of this issue is `specs/issue-7.md`.

        - Part 1: [pull request 8](https://example.com/o/r/pull/8), draft

        | task | state | part |
        |---|---|---:|
        | Ring it | done | 1 |
        | Hang it \| @<break>octocat | pending | – |

        **Waiting for a person**

        - Hang it: How high? C<break>loses #<break>1
          - Needs: a height
          - To go on: codelicious answer issue-7:T2 TEXT, and run again

        Attempts 2, cost $0.50.
        ");
    }

    #[test]
    fn the_first_line_says_how_it_stands() {
        let merged = |mut i: ProgressInput| {
            i.prs[0].state = "merged";
            i
        };
        let done = ProgressInput { done: 2, ..input() };
        for (input, wanted) in [
            (input(), "1 of 2 tasks are built."),
            (
                ProgressInput {
                    halted: Some("the budget is used up".to_owned()),
                    ..input()
                },
                "1 of 2 tasks are built. It does not go on by itself: the budget is used up",
            ),
            (
                done.clone(),
                "All 2 tasks are built: the pull requests wait for review.",
            ),
            (merged(done), "All 2 tasks are built and merged."),
            (merged(input()), "1 of 2 tasks are built."),
        ] {
            assert_eq!(render(&input).lines().next(), Some(wanted));
        }
    }

    #[test]
    fn it_is_bounded() {
        let long = "x".repeat(10_000);
        let many = ProgressInput {
            tasks: vec![task(&long, false, None); 5000],
            stopped: vec![
                StoppedChunk {
                    reason: long.clone(),
                    ..input().stopped.remove(0)
                };
                500
            ],
            ..input()
        };
        let text = render(&many);
        assert!(text.chars().count() < 40_000, "{}", text.chars().count());
        assert!(text.contains("and 4900 more") && text.contains("and 480 more"));
    }
}
