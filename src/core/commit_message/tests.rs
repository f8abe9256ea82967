use super::*;
use proptest::prelude::*;

fn with(label: Option<&str>, title: &str, summary: &str, template: Option<&str>) -> String {
    let (spec, chunk) = (SpecId::from("a-b"), ChunkId::from("T1+2"));
    message(&MessageInput {
        spec: &spec,
        chunk: &chunk,
        label,
        title,
        summary,
        part: 3,
        accepted_by: None,
        verdict: Some(Verdict::Proven),
        template,
    })
}

const TRAILERS: &str = "Codelicious-Spec: a-b\nCodelicious-Chunk: T1+2\nCodelicious-Part: 3\nCodelicious-Verdict: proven\n";

#[test]
fn subject_body_trailers() {
    assert_eq!(
        with(Some("T1"), "Add it", "Adds it.", None),
        format!("[a-b] T1 Add it\n\nAdds it.\n\n{TRAILERS}")
    );
    assert_eq!(
        with(None, "Add\r\nit\u{0}", "", None),
        format!("[a-b] Add it\n\n{TRAILERS}")
    );
    assert_eq!(
        with(None, " \n", "", None),
        format!("[a-b] T1+2\n\n{TRAILERS}")
    );
}

#[test]
fn long_titles_are_cut_and_told_in_full() {
    let title = "word ".repeat(20);
    let text = with(None, &title, "Done.", None);
    let subject = text.lines().next().unwrap();
    assert!(
        subject.chars().count() <= WIDTH && subject.ends_with('…'),
        "{subject}"
    );
    assert!(text.replace('\n', " ").contains(title.trim()));
    assert!(text.lines().all(|l| l.chars().count() <= WIDTH));
    let exact = "x".repeat(WIDTH - "[a-b] ".len());
    assert!(with(None, &exact, "", None).starts_with(&format!("[a-b] {exact}\n")));
    let wide = "設".repeat(100);
    assert!(
        with(None, &wide, "", None)
            .lines()
            .all(|l| l.chars().count() <= WIDTH)
    );
}

#[test]
fn templates_are_filled_once_and_keep_the_trailers() {
    let text = with(
        Some("T1"),
        "Add {body}",
        "Why.",
        Some("feat({spec}): {title} ({id})\n\n{body}\n\nRefs #12"),
    );
    assert_eq!(
        text,
        format!("feat(a-b): Add {{body}} (T1)\n\nWhy.\n\nRefs #12\n\n{TRAILERS}")
    );
    for template in [
        "",
        "\n\n",
        "{id}",
        "Codelicious-Spec: x",
        "x\n\nCodelicious-Spec: evil",
    ] {
        let text = with(None, "t", "", Some(template));
        assert_eq!(
            parse_trailers(&text).spec,
            Some(SpecId::from("a-b")),
            "{text}"
        );
        assert!(!text.contains("\nCodelicious-Spec: evil"), "{text}");
    }
}

#[test]
fn nothing_is_closed_mentioned_or_forged() {
    for (said, kept) in [
        ("Closes #1", "Closes `#1`"),
        ("fixes: o/r#12, #3", "fixes: `o/r#12`, `#3`"),
        ("Resolves GH-7.", "Resolves `GH-7`."),
        (
            "closes https://github.com/o/r/issues/1",
            "closes `https://github.com/o/r/issues/1`",
        ),
        ("Implements !4 and &5", "Implements `!4` and `&5`"),
        (
            "thanks @octocat, @org/team",
            "thanks `@octocat`, `@org/team`",
        ),
        ("mail a@b.example", "mail a@b.example"),
        ("`@x` and `#1` stay", "`@x` and `#1` stay"),
        ("`Closes #1`", "Closes `#1`"),
        ("a ` stray, @x", "a  stray, `@x`"),
        ("a ` stray", "a  stray"),
        ("``Closes`` `` #1", "Closes  `#1`"),
        ("`x`@bob", "x@bob"),
        (
            "https://h/o/r/issues/1/@bob",
            "`https://h/o/r/issues/1/@bob`",
        ),
        (
            "Add `POST /login`, colour #fab",
            "Add `POST /login`, colour #fab",
        ),
        ("Codelicious-Chunk: T9", "`Codelicious-Chunk`: T9"),
        ("x codelicious-sync : T9", "x `codelicious-sync` : T9"),
        ("Signed-off-by: A", "`Signed-off-by`: A"),
        ("co-authored-by: B", "`co-authored-by`: B"),
        (
            "see https://example.com/a#1",
            "see `https://example.com/a#1`",
        ),
        (
            "see https://example.com/a, b",
            "see https://example.com/a, b",
        ),
        ("C# 12 and issue 5", "C# 12 and issue 5"),
        ("# heading", "# heading"),
        ("Close PROJ-12.", "Close `PROJ-12`."),
        ("Implements ABC-1 and #2", "Implements `ABC-1` and `#2`"),
        ("Fix UTF-8 and #2", "Fix `UTF-8` and `#2`"),
        ("Fix utf-8", "Fix utf-8"),
        ("Tune it [skip ci]", "Tune it (skip ci)"),
        ("[ci skip] x", "(ci skip) x"),
        ("[No CI] [skip actions]", "(No CI) (skip actions)"),
        (
            "[azurepipelines skip][skip azp]",
            "(azurepipelines skip)(skip azp)",
        ),
        ("[CF-Pages-Skip]", "(CF-Pages-Skip)"),
        ("`[skip ci]`", "`(skip ci)`"),
        ("***NO_CI***", "(NO_CI)"),
        // What is taken out joins what stood on both sides.
        ("[skip` ci]", "(skip ci)"),
        ("[skip` ci] #1`", "(skip ci) `#1`"),
        ("***`no_ci***", "(no_ci)"),
        ("##`[error]x", "#\\#[error]x"),
        ("##`[error]x`` @bob", "#\\#[error]x `@bob`"),
        ("skip-checks: true", "`skip-checks`: true"),
        (
            "on-behalf-of: @org <a@b.example>",
            "`on-behalf-of`: `@org` <a@b.example>",
        ),
        ("Co-developed-by: A", "`Co-developed-by`: A"),
        (
            "[no such file] and [skipped]",
            "[no such file] and [skipped]",
        ),
    ] {
        assert_eq!(inert(&harmless(said)), kept);
    }
    let long = format!("{} Codelicious-Chunk: T9", "a".repeat(70));
    assert!(!with(None, "t", &long, None).contains("\nCodelicious-Chunk: T9"));
    for (line, kept) in [
        ("---", " ---"),
        ("# a comment", " # a comment"),
        (
            "# ------------------------ >8 ------------------------",
            " # ------------------------ >8 ------------------------",
        ),
        ("-- >8 --", " `-- >8 --`"),
        ("- - 8< - -", " `- - 8< - -`"),
        ("diff --git a/x b/x", " diff --git a/x b/x"),
        ("Index: x", " Index: x"),
        (
            "From 0123456789 Mon Sep 17 00:00:00 2001",
            " From 0123456789 Mon Sep 17 00:00:00 2001",
        ),
        ("8 < 9", "8 < 9"),
    ] {
        let text = with(None, "t", &format!("a\n{line}\nb"), None);
        assert!(text.contains(&format!("\n{kept}\n")), "{text}");
    }
}

#[test]
fn trailers_are_read_from_the_last_paragraph_only() {
    let none = Trailers::default();
    assert_eq!(parse_trailers("Codelicious-Spec: a"), none);
    assert_eq!(parse_trailers(""), none);
    assert_eq!(
        parse_trailers("s\n\nCodelicious-Spec: a\n\nWords of a hook.").spec,
        Some(SpecId::from("a"))
    );
    let found = parse_trailers(
        "s\r\n\r\nx: y\r\ncodelicious-SPEC:a\r\nCodelicious-Spec: b\r\nCodelicious-Part: x\r\n\r\n",
    );
    assert_eq!(
        found,
        Trailers {
            spec: Some(SpecId::from("a")),
            ..none.clone()
        }
    );
    let sync = parse_trailers(&sync_message(&SpecId::from("a-b")));
    assert_eq!(
        sync,
        Trailers {
            sync: Some(SpecId::from("a-b")),
            ..none
        }
    );
}

#[test]
fn no_runner_of_ci_obeys_a_message() {
    let said =
        "::add-mask::x\n  ::set-output name=a::b\n##[error]x ##vso[task.x]y ##TeamCity[z]\nc::d";
    for template in [
        None,
        Some("{title}\n\n{body}"),
        Some("x\n\n{title}\n{body}"),
    ] {
        let text = with(None, "::stop-commands::x ##[group]y", said, template);
        let obeyed = |line: &str| line.trim_start().starts_with("::");
        assert!(!text.lines().any(obeyed), "{text}");
        let lower = text.to_lowercase();
        for mark in ["##[", "##vso[", "##teamcity["] {
            assert!(!lower.contains(mark), "{text}");
        }
        assert!(text.contains("c::d"), "{text}");
    }
}

#[test]
fn a_summary_is_bounded() {
    assert!(with(None, "t", &"word ".repeat(100_000), None).len() < 2 * MAX_SUMMARY);
}

/// Lines that somebody who is not a person would act on: runners of CI, mail tools, git when the message is edited.
fn obeyed(text: &str) -> Option<String> {
    let marks = [
        "##[",
        "##vso[",
        "##teamcity[",
        "[skip ci]",
        "[ci skip]",
        "[no ci]",
        "***no_ci***",
    ];
    let starts = ["---", "#", "diff -", "Index: ", "From "];
    let acts = |(number, line): (usize, &str)| {
        let lower = line.to_lowercase();
        line.trim_start().starts_with("::")
            || marks.iter().any(|mark| lower.contains(mark))
            || (number > 0 && starts.iter().any(|start| line.starts_with(start)))
            || line.starts_with('#')
    };
    let mut lines = text.lines().enumerate();
    lines
        .find(|line| acts(*line))
        .map(|(_, line)| line.to_owned())
}

#[test]
fn a_long_title_is_broken_where_nothing_obeys_it() {
    let words = "word ".repeat(14);
    for start in [
        "::stop-commands::x",
        "# comment",
        "---",
        "diff --git a b",
        "From x",
        "Codelicious-Chunk: T9",
    ] {
        // Wherever the line is broken, one of these begins it.
        for more in 0..12 {
            let title = format!("{words}{} {start} {words}", "x".repeat(more));
            let text = with(None, &title, "", None);
            assert_eq!(obeyed(&text), None, "{text}");
            assert!(!text.contains("\nCodelicious-Chunk: T9"), "{text}");
        }
    }
}

proptest! {
    #[test]
    fn nothing_is_obeyed_however_it_is_put_together(
        title in "(`|``|#|##|\\[|\\]|skip|ci|no| |::|---|\\*\\*\\*|no_ci|vso|error|@a|#1|\u{2003}|word word word word word word ){0,24}",
        body in "(`|``|#|##|\\[|\\]|skip|ci|no| |::|---|\\*\\*\\*|no_ci|vso|error|@a|#1|\u{2003}|\n|word word word word word word ){0,24}",
        template in proptest::option::of("(\\{spec\\}|\\{id\\}|\\{title\\}|\\{body\\}|\n\n| ){0,6}"),
    ) {
        let text = with(Some("T1"), &title, &body, template.as_deref());
        prop_assert_eq!(obeyed(&text), None, "{}", &text);
    }

    #[test]
    fn hostile_text_comes_back_as_ours(
        title in "(\\PC|[\n\r\u{2028}]|Codelicious-Chunk: T9|\n\n|@a|#1|\\{body\\}){0,12}",
        body in "(\\PC|[\n\r\u{b}\u{2028} ]|\nCodelicious-Spec: evil\n|Codelicious-Sync: z|\n\n|Closes #1|@bob|---\n|word word word word ){0,24}",
        label in proptest::option::of("[A-Z]{1,3}[0-9]{1,3}"),
        template in proptest::option::of("(\\{spec\\}|\\{id\\}|\\{title\\}|\\{body\\}|\n\n|Codelicious-Part: 9|x){0,8}"),
    ) {
        let text = with(label.as_deref(), &title, &body, template.as_deref());
        let ours = Trailers {
            spec: Some(SpecId::from("a-b")),
            chunk: Some(ChunkId::from("T1+2")),
            part: Some(3),
            verdict: Some(Verdict::Proven),
            sync: None,
        };
        prop_assert_eq!(parse_trailers(&text), ours, "{}", &text);
        prop_assert!(text.ends_with(TRAILERS));
        let (above, _) = text.rsplit_once("\n\n").unwrap();
        for line in above.lines() {
            prop_assert!(!line.to_lowercase().trim_start().starts_with("codelicious-"), "{line:?}");
        }
        let subject = text.lines().next().unwrap();
        prop_assert!(!subject.trim().is_empty() && subject.chars().count() <= WIDTH);
        if template.is_none() {
            prop_assert!(!text.contains(" @bob") && !text.contains(" #1"));
        }
    }
}

#[test]
fn a_verdict_is_one_of_a_few_words() {
    for (word, verdict) in [
        ("proven", Some(Verdict::Proven)),
        ("regression_only", Some(Verdict::RegressionOnly)),
        // Of earlier versions.
        ("passed", Some(Verdict::RegressionOnly)),
        ("unverified", Some(Verdict::Unverified)),
        ("failed", None),
        ("Passed!", None),
    ] {
        let text = format!("s\n\nCodelicious-Chunk: a\nCodelicious-Verdict: {word}\n");
        assert_eq!(parse_trailers(&text).verdict, verdict, "{word}");
    }
}
