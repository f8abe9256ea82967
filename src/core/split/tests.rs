use super::*;
use proptest::prelude::*;

fn names(files: &[&str]) -> Vec<String> {
    files.iter().map(|f| (*f).to_owned()).collect()
}

fn room(limit: u64, files: &[u64]) -> Room<'_> {
    Room {
        fixed: 10,
        limit,
        files,
    }
}

fn texts(text: &str, pieces: &[Piece]) -> Vec<String> {
    pieces.iter().map(|p| piece_text(text, p)).collect()
}

#[test]
fn sub_items_come_first_and_keep_the_head() {
    let text = "Build it\n\nIntro.\n- one aaaaaaaaaaaaaaaaaaaa\n  more\n- two bbbbbbbbbbbbbbbbbbbb\n- three ccccccccccccccc";
    let pieces = split(text, &[], room(24, &[])).unwrap();
    assert_eq!(
        texts(text, &pieces),
        [
            "Build it\n\nIntro.\n- one aaaaaaaaaaaaaaaaaaaa\n  more",
            "- two bbbbbbbbbbbbbbbbbbbb\n- three ccccccccccccccc",
        ]
    );
}

#[test]
fn files_are_shared_out_under_the_same_text() {
    let text = "Rename in `a.rs`, `b.rs` and `c.rs`";
    let files = names(&["a.rs", "b.rs", "c.rs"]);
    let pieces = split(text, &files, room(98, &[40, 40, 60])).unwrap();
    assert_eq!(
        pieces
            .iter()
            .map(|p| p.files.clone().unwrap())
            .collect::<Vec<_>>(),
        [vec![0], vec![1], vec![2]]
    );
    let pieces = split(text, &files, room(110, &[40, 40, 60])).unwrap();
    assert_eq!(
        pieces
            .iter()
            .map(|p| p.files.clone().unwrap())
            .collect::<Vec<_>>(),
        [vec![0, 1], vec![2]]
    );
    assert_eq!(
        bounds(text, &pieces).split_once(':').unwrap().1,
        "0-1.0.1;0-1.2"
    );
}

#[test]
fn paragraphs_come_last_and_fences_hold() {
    let text =
        "First paragraph here.\n\n```\ncode\n\n- no item\n\n- no item\n```\n\nLast paragraph here.";
    let pieces = split(text, &[], room(18, &[])).unwrap();
    assert_eq!(pieces.len(), 3);
    assert!(piece_text(text, &pieces[1]).starts_with("```\ncode\n\n- no item"));
}

#[test]
fn one_line_and_too_many_parts_are_not_split() {
    assert_eq!(split(&"word ".repeat(500), &[], room(50, &[])), None);
    let text = "- item aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n".repeat(MAX_PARTS + 1);
    assert_eq!(split(&text, &[], room(12, &[])), None);
    assert_eq!(split("", &[], room(0, &[])), None);
}

#[test]
fn bounds_survive_marks_and_line_ends_but_not_edits() {
    let text = "Do it\n- a aaaaaaaaaaaaaaaa\n- b bbbbbbbbbbbbbbbb";
    let pieces = split(text, &[], room(16, &[])).unwrap();
    let noted = bounds(text, &pieces);
    let crlf = text.replace('\n', "  \r\n");
    let marked = text.replacen("Do it", "Do it <!-- codelicious: 1/2 x -->", 1);
    for same in [text, crlf.as_str(), marked.as_str()] {
        assert_eq!(
            restore(same, 0, &noted, pieces.len()).as_ref(),
            Ok(&pieces),
            "{same:?}"
        );
    }
    assert_eq!(
        restore(&text.replace("a a", "a b"), 0, &noted, pieces.len()),
        Err(BoundsError::Changed)
    );
}

#[test]
fn damaged_bounds_are_refused() {
    let text = "a\nb\nc";
    let hash = text_hash(text);
    for (parts, of) in [
        ("0-1;1-3", 3),
        ("0-1;2-3", 2),
        ("0-2;1-3", 2),
        ("0-1;1-2", 2),
        ("0-1;1-4", 2),
        ("0-0;0-3", 2),
        ("0-3;0-3", 2),
        ("0-3.0;0-3.7", 2),
        ("x-1;1-3", 2),
        ("", 1),
        ("0-1;;1-3", 3),
        ("0-99999999999999999999", 1),
    ] {
        assert_eq!(
            restore(text, 1, &format!("{hash}:{parts}"), of),
            Err(BoundsError::Malformed),
            "{parts}"
        );
    }
    assert_eq!(restore(text, 1, "", 1), Err(BoundsError::Malformed));
    assert!(restore(text, 1, &format!("{hash}:0-1;1-3"), 2).is_ok());
    assert!(restore(text, 2, &format!("{hash}:0-3.0;0-3.1"), 2).is_ok());
}

proptest! {
    #[test]
    fn parts_hold_everything_and_come_back(
        lines in proptest::collection::vec("(- |  - |1\\. |```|)[a-z日 ]{0,24}(f1|f2|)", 1..30),
        limit in 5u64..80,
        costs in proptest::collection::vec(0u64..60, 2),
    ) {
        let text = lines.join("\n");
        let files = names(&["f1", "f2"]);
        if let Some(pieces) = split(&text, &files, room(limit, &costs)) {
            let mut seen = String::new();
            let mut last: Option<&Piece> = None;
            for piece in &pieces {
                if last.is_none_or(|l| l.lines != piece.lines) {
                    if last.is_some() {
                        seen.push('\n');
                    }
                    seen.push_str(&piece_text(&text, piece));
                }
                last = Some(piece);
            }
            prop_assert_eq!(seen, text.lines().collect::<Vec<_>>().join("\n"));
            let covered: BTreeSet<usize> = pieces.iter().flat_map(|p| piece_files(&text, &files, p)).collect();
            prop_assert_eq!(covered.len(), 2);
            let noted = bounds(&text, &pieces);
            prop_assert!(noted.chars().all(|c| c.is_ascii_alphanumeric() || ",.;:-".contains(c)));
            prop_assert!(!noted.contains("--"));
            prop_assert_eq!(restore(&text, 2, &noted, pieces.len()), Ok(pieces));
        }
    }

    #[test]
    fn hostile_bounds_never_panic(text in "\\PC{0,40}", noted in "[0-9a-f]{0,12}:?[0-9.;-]{0,20}", of in 0usize..5) {
        let _ = restore(&text, 2, &noted, of);
        let own = format!("{}:{noted}", text_hash(&text));
        let _ = restore(&text, 2, &own, of);
    }
}
