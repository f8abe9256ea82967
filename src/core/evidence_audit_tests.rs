use super::*;
use crate::core::evidence::written;
use crate::model::{Finding, Usage};

const SPEC: &str = "# Work\n\n- [ ] T001 One\n- [ ] T002 Two\n- [x] T003 Three\n";

fn oid(digit: char) -> Oid {
    Oid::new(digit.to_string().repeat(40))
}

fn trees() -> Trees {
    Trees {
        before: oid('a'),
        verified: oid('b'),
        after: oid('c'),
    }
}

fn doc() -> EvidenceDoc {
    EvidenceDoc {
        schema: 1,
        codelicious: "0.1.0".to_owned(),
        spec: SpecId::from("specs-work"),
        spec_path: "specs/work.md".to_owned(),
        chunk: ChunkId::from("T001"),
        title: "One".to_owned(),
        fingerprint: "0123456789ab".to_owned(),
        part: Some(1),
        trees: trees(),
        replayed: None,
        verdict: Verdict::Proven,
        unverified: false,
        checks: Vec::new(),
        tests: None,
        proving: Vec::new(),
        idle: Vec::new(),
        coverage: None,
        findings: Vec::new(),
        remarks: None,
        engine: None,
        model: None,
        attempts: 1,
        fixes: 0,
        usage: Usage::default(),
        cost_usd: None,
        started: None,
        ended: None,
        no_change_needed: None,
        accepted_by: None,
        left_out: Vec::new(),
    }
}

fn commit(trailers: &str, after: &str) -> CommitFacts {
    CommitFacts {
        commit: oid('d'),
        subject: "One".to_owned(),
        message: format!("One\n\nDoes it.\n\n{trailers}"),
        parents: 1,
        is_cut_off: false,
        specs: vec![SpecChange {
            path: "specs/work.md".to_owned(),
            id: SpecId::from("specs-work"),
            before: vec![SPEC.as_bytes().to_vec()],
            after: Some(after.as_bytes().to_vec()),
        }],
        others: vec!["src/a.rs".to_owned()],
        trees: Some(trees()),
        note: Some(written(&doc())),
    }
}

const OURS: &str = "Codelicious-Spec: specs-work\nCodelicious-Chunk: T001\nCodelicious-Part: 1\nCodelicious-Verdict: passed\n";

fn ticked(id: &str) -> String {
    SPEC.replace(&format!("[ ] {id}"), &format!("[x] {id}"))
}

fn good() -> CommitFacts {
    commit(OURS, &ticked("T001"))
}

/// What is wrong with it, in one text.
fn failures(facts: &CommitFacts) -> String {
    audit(facts, Rules::default()).failures.join("; ")
}

#[test]
fn a_good_commit_passes() {
    let judged = audit(
        &good(),
        Rules {
            strict: true,
            require_notes: true,
        },
    );
    assert_eq!(judged.failures, Vec::<String>::new());
    assert_eq!(judged.notes, Vec::<String>::new());
    assert_eq!(judged.verdict, Some(Verdict::Proven));
    let kind = Kind::Chunk {
        spec: SpecId::from("specs-work"),
        chunk: ChunkId::from("T001"),
    };
    assert_eq!(judged.kind, kind);
}

#[test]
fn what_a_chunks_commit_may_not_do() {
    let with = |change: &dyn Fn(&mut CommitFacts)| {
        let mut facts = good();
        change(&mut facts);
        failures(&facts)
    };
    let text = |facts: &mut CommitFacts, text: String| {
        facts.specs[0].after = Some(text.into_bytes());
    };
    let other = SpecChange {
        path: "specs/other.md".to_owned(),
        id: SpecId::from("specs-other"),
        before: vec![SPEC.as_bytes().to_vec()],
        after: Some(ticked("T001").into_bytes()),
    };
    for (change, words) in [
        (
            &(|f: &mut CommitFacts| text(f, SPEC.to_owned())) as &dyn Fn(&mut CommitFacts),
            "it does not set the mark of specs-work:T001",
        ),
        (
            &|f| text(f, ticked("T002")),
            "it marks T002 in specs/work.md, which is not its chunk; it does not set",
        ),
        (
            &|f| text(f, ticked("T001").replace("[ ] T002", "[x] T002")),
            "it marks T002 in specs/work.md",
        ),
        (
            &|f| text(f, ticked("T001").replace("[x] T003", "[ ] T003")),
            "it takes the mark of T003",
        ),
        (
            &|f| text(f, ticked("T001").replace("Two", "Two, but less")),
            "it changes more of specs/work.md than its mark",
        ),
        (
            &|f| text(f, format!("{}- [x] T004 Four\n", ticked("T001"))),
            "it marks T004",
        ),
        (
            &|f| f.specs.push(other.clone()),
            "it marks T001 in specs/other.md, which is not its chunk",
        ),
        (&|f| f.specs.clear(), "it does not set the mark"),
        (
            &|f| f.others.clear(),
            "it sets a mark and changes nothing else",
        ),
        (&|f| f.is_cut_off = true, "git fetch --unshallow"),
        (
            &|f| f.message = f.message.replace("Codelicious-Spec: specs-work\n", ""),
            "its trailers say Codelicious-Chunk and belong to no kind",
        ),
        (
            &|f| f.message.push_str("Codelicious-Sync: specs-work\n"),
            "Codelicious-Spec and Codelicious-Chunk and Codelicious-Sync",
        ),
        (
            &|f| f.message.push_str("Codelicious-Chunk: T002\n"),
            "it has the trailer codelicious-chunk 2 times",
        ),
        (
            &|f| f.message = f.message.replace("passed", "splendid"),
            "its trailer codelicious-verdict is not one",
        ),
        (
            &|f| f.message = f.message.replace("Part: 1", "Part: one"),
            "its trailer codelicious-part is not one",
        ),
    ] {
        let found = with(change);
        assert!(found.contains(words), "{words}: {found}");
    }
}

#[test]
fn what_evidence_may_not_say() {
    let with = |change: &dyn Fn(&mut EvidenceDoc)| {
        let (mut facts, mut doc) = (good(), doc());
        change(&mut doc);
        facts.note = Some(written(&doc));
        failures(&facts)
    };
    let refused = Finding {
        rule: "deleted_test".to_owned(),
        severity: FindingSeverity::Fail,
        path: "tests/a.rs".to_owned(),
        line: Some(3),
        what: "a test was deleted".to_owned(),
        asked_for: None,
    };
    for (change, words) in [
        (
            &(|d: &mut EvidenceDoc| d.trees.before = oid('e')) as &dyn Fn(&mut EvidenceDoc),
            "the parent's tree is aaaaaaaaaa, and the evidence says eeeeeeeeee",
        ),
        (&|d| d.trees.after = oid('e'), "the tree is cccccccccc"),
        (
            &|d| d.trees.verified = oid('e'),
            "the tree without the mark is bbbbbbbbbb",
        ),
        (
            &|d| d.chunk = ChunkId::from("T002"),
            "its evidence is about specs-work:T002, not about specs-work:T001",
        ),
        (
            &|d| d.spec = SpecId::from("b"),
            "its evidence is about b:T001",
        ),
        (&|d| d.verdict = Verdict::Failed, "its verification failed"),
        (
            &|d| d.findings.push(refused.clone()),
            "the audit refused it: a test was deleted (deleted_test, tests/a.rs:3)",
        ),
        (
            &|d| d.schema = 9,
            "its evidence cannot be read: it has schema 9",
        ),
    ] {
        let found = with(change);
        assert!(found.contains(words), "{words}: {found}");
    }
    let mut torn = good();
    torn.note = Some(b"{\"schema\": 1".to_vec());
    assert!(failures(&torn).contains("its evidence cannot be read"));
}

#[test]
fn what_is_told_and_passes() {
    let judge = |facts: &CommitFacts, rules| audit(facts, rules);
    let mut bare = good();
    bare.note = None;
    let judged = judge(&bare, Rules::default());
    assert!(judged.passed() && judged.notes == ["no evidence here"]);
    let required = Rules {
        require_notes: true,
        ..Rules::default()
    };
    assert_eq!(judge(&bare, required).failures, ["no evidence here"]);
    // Nothing had to be changed, and the evidence says so.
    let mut idle = good();
    idle.others.clear();
    let said = EvidenceDoc {
        no_change_needed: Some("it is there already".to_owned()),
        ..doc()
    };
    idle.note = Some(written(&said));
    assert_eq!(failures(&idle), "");
    // A person's.
    let person = commit("", &ticked("T002"));
    let judged = judge(&person, Rules::default());
    assert!(judged.passed() && judged.kind == Kind::Foreign);
    assert_eq!(
        judged.notes[0],
        "T002 in specs/work.md was ticked by a person"
    );
    let strict = Rules {
        strict: true,
        ..Rules::default()
    };
    assert_eq!(
        judge(&person, strict).failures,
        ["T002 in specs/work.md was ticked by a person"]
    );
    let reverted = commit("", &SPEC.replace("[x] T003", "[ ] T003"));
    let judged = judge(&reverted, strict);
    assert!(judged.passed());
    assert_eq!(
        judged.notes[0],
        "the mark of T003 in specs/work.md was taken away"
    );
}

#[test]
fn a_sync_brings_the_spec_and_nothing_else() {
    let sync = "Codelicious-Sync: specs-work\n";
    let mut facts = commit(sync, &SPEC.replace("Two", "Two and a half"));
    assert!(failures(&facts).contains("only brings specs-work up to date, and changes src/a.rs"));
    facts.others.clear();
    assert_eq!(failures(&facts), "");
    facts.specs[0].after = Some(ticked("T001").into_bytes());
    let judged = audit(&facts, Rules::default());
    assert_eq!(
        judged.notes,
        ["T001 in specs/work.md was ticked by a person"]
    );
}

#[test]
fn a_merge_sets_no_marks_that_a_parent_has() {
    let mut merge = commit(OURS, &ticked("T001"));
    merge.parents = 2;
    merge.specs[0].before.push(ticked("T001").into_bytes());
    let judged = audit(&merge, Rules::default());
    assert!(judged.passed() && judged.kind == Kind::Foreign);
    assert!(
        !judged.notes.iter().any(|n| n.contains("ticked")),
        "{:?}",
        judged.notes
    );
}

#[test]
fn parts_of_a_task_set_their_part() {
    let trailers = OURS.replace("T001", "T001+2");
    let part = |n: usize| {
        SPEC.replace(
            "T001 One",
            &format!("T001 One <!-- codelicious: part {n}/3 a-b -->"),
        )
    };
    let fails = |before: String, after: String| {
        let mut facts = commit(&trailers, &after);
        facts.specs[0].before = vec![before.into_bytes()];
        facts.note = None;
        failures(&facts)
    };
    assert_eq!(fails(part(1), part(2)), "");
    assert_eq!(fails(part(1), ticked("T001")), "", "the last part");
    assert!(fails(SPEC.to_owned(), part(1)).contains("it marks T001"));
    let mut whole = commit(OURS, &part(1));
    whole.note = None;
    assert!(failures(&whole).contains("does not set the mark"));
}

#[test]
fn evidence_of_replayed_work_is_about_the_commit_that_a_restack_made() {
    let new = Trees {
        before: oid('1'),
        verified: oid('2'),
        after: oid('3'),
    };
    let mut facts = good();
    facts.trees = Some(new.clone());
    assert!(failures(&facts).contains("about another commit"));
    let said = EvidenceDoc {
        replayed: Some(new),
        ..doc()
    };
    facts.note = Some(written(&said));
    let judged = audit(&facts, Rules::default());
    assert_eq!(judged.failures, Vec::<String>::new());
    assert!(judged.notes[0].contains("a restack replayed it"));
    facts.trees = Some(trees());
    assert!(failures(&facts).contains("about another commit"));
}
