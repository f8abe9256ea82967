//! Spec sync.

use crate::spec::merge_specs;

fn merge(ancestor: Option<&str>, lane: &str, theirs: &str) -> Result<String, Vec<usize>> {
    merge_specs(
        "specs/s.md",
        ancestor.map(str::as_bytes),
        lane.as_bytes(),
        theirs.as_bytes(),
    )
    .map(|bytes| String::from_utf8(bytes).unwrap())
    .map_err(|conflict| conflict.lines)
}

#[test]
fn merges_come_out_right() {
    let base = "# T\n\n- [ ] a\n- [ ] b\n";
    // (what, ancestor, lane, theirs, merged)
    let cases = [
        ("nothing changed", Some(base), base, base, base),
        (
            "lane ticked",
            Some(base),
            "# T\n\n- [x] a\n- [ ] b\n",
            base,
            "# T\n\n- [x] a\n- [ ] b\n",
        ),
        (
            "user ticked",
            Some(base),
            base,
            "# T\n\n- [X] a\n- [ ] b\n",
            "# T\n\n- [X] a\n- [ ] b\n",
        ),
        (
            "appended below a ticked line",
            Some("- [ ] a\n- [ ] b"),
            "- [ ] a\n- [x] b",
            "- [ ] a\n- [ ] b\n- [ ] c",
            "- [ ] a\n- [x] b\n- [ ] c",
        ),
        (
            "both ticked different ones",
            Some(base),
            "# T\n\n- [x] a\n- [ ] b\n",
            "# T\n\n- [ ] a\n- [X] b\n",
            "# T\n\n- [x] a\n- [X] b\n",
        ),
        (
            "a person reopened",
            Some("- [x] a\n- [ ] b\n"),
            "- [x] a\n- [x] b\n",
            "- [ ] a\n- [ ] b\n",
            "- [ ] a\n- [x] b\n",
        ),
        (
            "no ancestor: an open box reopens nothing",
            None,
            "- [x] a\n- [ ] b\n- [ ] c\n",
            "- [ ] a\n- [x] b\n- [ ] c\n",
            "- [x] a\n- [x] b\n- [ ] c\n",
        ),
        (
            "no ancestor: the text is the user's",
            None,
            "- [x] a\n- [ ] gone\n",
            "- [ ] new\n- [ ] a\n",
            "- [ ] new\n- [x] a\n",
        ),
        (
            "text below a task edited while the lane ticked it",
            Some("- [ ] a\n\n  old\n- [ ] b\n"),
            "- [x] a\n\n  old\n- [ ] b\n",
            "- [ ] a\n\n  new\n- [ ] b\n",
            "- [x] a\n\n  new\n- [ ] b\n",
        ),
        (
            "a heading renamed while the lane ticked below it",
            Some("## Old\n- [ ] a\n- [ ] b\n"),
            "## Old\n- [x] a\n- [ ] b\n",
            "## New\n- [ ] a\n- [ ] b\n",
            "## New\n- [x] a\n- [ ] b\n",
        ),
        (
            "a twin with other text inserted above a ticked one",
            Some("- [ ] a\n\n  one\n"),
            "- [x] a\n\n  one\n",
            "- [ ] a\n\n  two\n- [ ] a\n\n  one\n",
            "- [ ] a\n\n  two\n- [x] a\n\n  one\n",
        ),
        (
            "parts landed meanwhile",
            Some("- [ ] a\n- [ ] b\n"),
            "- [ ] a <!-- codelicious: part 1/2 7 -->\n- [ ] b\n",
            "- [ ] a\n- [ ] b\n- [ ] c\n",
            "- [ ] a <!-- codelicious: part 1/2 7 -->\n- [ ] b\n- [ ] c\n",
        ),
        (
            "more parts against done",
            Some("- [ ] a <!-- codelicious: part 1/3 7 -->\n"),
            "- [ ] a <!-- codelicious: part 2/3 7 -->\n",
            "- [x] a\n",
            "- [x] a\n",
        ),
        (
            "a line the user deleted",
            Some("- [ ] a\n- [ ] b\n- [ ] c\n"),
            "- [x] a\n- [x] b\n- [ ] c\n",
            "- [ ] a\n- [ ] c\n",
            "- [x] a\n- [ ] c\n",
        ),
        (
            "only the line ends differ",
            Some("- [ ] a\n- [ ] b\n"),
            "- [x] a\n- [ ] b\n",
            "- [ ] a\r\n- [ ] b\r\n",
            "- [x] a\n- [ ] b\n",
        ),
        (
            "line ends and text differ",
            Some("- [ ] a\r\n- [ ] b\r\n"),
            "- [x] a\r\n- [ ] b\r\n",
            "- [ ] a\n- [ ] b\n- [ ] c\n",
            "- [x] a\r\n- [ ] b\r\n- [ ] c\r\n",
        ),
        (
            "prose",
            Some("# A\n\nx\n\n# B\n\ny\n"),
            "# A <!-- codelicious: done -->\n\nx\n\n# B\n\ny\n",
            "# A\n\nx\n\n# B\n\nother\n",
            "# A <!-- codelicious: done -->\n\nx\n\n# B\n\nother\n",
        ),
        (
            "the last line lost its end",
            Some("- [ ] a\n- [ ] b\n"),
            "- [x] a\n- [ ] b\n",
            "- [ ] a\n- [ ] b",
            "- [x] a\n- [ ] b",
        ),
    ];
    for (what, ancestor, lane, theirs, want) in cases {
        assert_eq!(merge(ancestor, lane, theirs).as_deref(), Ok(want), "{what}");
    }
}

#[test]
fn conflicts_name_the_users_lines() {
    let base = "# T\n\none\n\ntwo\n\nthree\n\nfour\n";
    let lane = "# T\n\nlane one\n\ntwo\n\nthree\n\nlane four\n";
    let theirs = "# T\n\nnew\n\nmy one\n\ntwo\n\nthree\n\nmy four\n";
    assert_eq!(merge(Some(base), lane, theirs), Err(vec![3, 11]));
    let error = merge_specs("specs/s.md", Some(b"a\n"), b"b\n", b"c\n").unwrap_err();
    assert_eq!(
        error.to_string(),
        "the spec was changed in the same place by the user and on its branch (line 1)"
    );
}

#[test]
fn what_cannot_be_parsed_is_a_conflict() {
    let error = merge_specs("specs/s.md", Some(b"a\n"), b"- [x] a\n", b"\n\xff\n").unwrap_err();
    assert_eq!(error.to_string(), "the user's text is not UTF-8, line 2");
}
