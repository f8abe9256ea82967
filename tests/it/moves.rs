//! What persons say about single chunks: recorded at once, carried out by whoever holds the lock, once.

use crate::support::{Ended, Repo, finish, program, send, spec_of, wait_until};
use rustix::process::Signal;
use serde_json::{Value, json};
use std::fs;
use std::io::Write;
use std::process::{Child, Stdio};

const BRANCH: &str = "codelicious/specs-work";
const LEDGER: &str = ".codelicious/state/specs-work.json";
const KILLED: i32 = 137;

/// Checks fail on `work/*.bad`, and as the script `gate` outside of the repository says; no attempt is repeated.
fn repo_with(spec: &str, rules: &Value) -> Repo {
    let repo = Repo::new();
    let gate = repo.sign("gate");
    repo.give_sign("gate");
    repo.write(
        "codelicious.toml",
        format!("max_attempts = 1\nmax_fix_attempts = 0\n[verify]\ncommands = [\"sh check.sh && sh {gate}\"]\n"),
    );
    repo.write("specs/work.md", spec);
    repo.fake(&json!({ "rules": rules }));
    repo
}

/// One chunk of every kind: T002 fails, T003 is blocked and T004 waits for it, T005 needs a person.
fn stopped() -> Repo {
    let spec = "# Work\n\n- [ ] T001 One\n- [ ] T002 Two\n- [ ] T003 Three\n- [ ] T004 Four (depends on T003)\n- [ ] T005 Five\n";
    let repo = repo_with(spec, &stops());
    repo.run::<&str>(&[]).expect(1);
    assert_eq!(
        states(&repo),
        ["committed", "failed", "blocked", "skipped", "needs_review"]
    );
    repo
}

fn stops() -> Value {
    json!([
        {"chunk": "T002", "steps": [{"write": {"path": "work/two.bad", "text": "bad\n"}}]},
        {"chunk": "T003", "steps": [], "end": {"kind": "block_chunk", "reason": "unclear", "needs": "which colour?"}},
        {"chunk": "T005", "end": {"kind": "complete_chunk", "confidence": 0.1, "rationale": "half guessed"},
            "steps": [{"write": {"path": "work/five.txt", "text": "five\n"}}]},
    ])
}

fn ledger(repo: &Repo) -> Value {
    serde_json::from_str(&repo.read(LEDGER)).unwrap()
}

fn states(repo: &Repo) -> Vec<String> {
    let ledger = ledger(repo);
    let chunks = ledger["chunks"].as_object().unwrap().values();
    chunks
        .map(|c| c["status"].as_str().unwrap().to_owned())
        .collect()
}

fn chunk(repo: &Repo, id: &str) -> Value {
    ledger(repo)["chunks"][id].clone()
}

fn events(repo: &Repo, kind: &str) -> Vec<Value> {
    let mut events = repo.events();
    events.retain(|e| e["kind"] == kind);
    events
}

/// Files that wait in the mailbox.
fn waiting(repo: &Repo) -> Vec<String> {
    let files = fs::read_dir(repo.root.join(".codelicious/moves"));
    let mut names: Vec<String> = files
        .into_iter()
        .flatten()
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[track_caller]
fn says(ended: &Ended, words: &[&str]) {
    let all = format!("{}{}", ended.stdout, ended.stderr);
    let all = all.split_whitespace().collect::<Vec<_>>().join(" ");
    for word in words {
        assert!(all.contains(word), "no {word:?} in\n{all}");
    }
}

fn prompt(repo: &Repo, call: usize) -> String {
    repo.calls()[call]["prompt"].as_str().unwrap().to_owned()
}

#[test]
fn retry_opens_what_stopped_whatever_its_attempts_came_to() {
    let repo = stopped();
    let before = repo.users_things();
    repo.run::<&str>(&[]).expect(1);
    assert_eq!(repo.calls().len(), 4, "nothing is tried again by itself");
    repo.fake(&json!({}));
    for id in ["T002", "specs-work:T003", "specs/work.md:T005"] {
        let ended = repo.run(&["retry", id]).expect(0);
        says(&ended, &["retry by Ada: open again", "next: codelicious"]);
    }
    assert_eq!(states(&repo)[1..], ["pending"; 4]);
    let moved = &chunk(&repo, "T002")["moves"][0];
    assert_eq!(
        (&moved["kind"], &moved["who"]),
        (&json!("retry"), &json!("Ada"))
    );
    assert!(
        moved["when"].is_string() && moved["run"].is_null(),
        "{moved}"
    );
    let told = events(&repo, "moved");
    assert_eq!(told.len(), 3);
    assert_eq!(
        told[0]["payload"],
        json!({"verb": "retry", "who": "Ada", "status": "pending"})
    );
    assert!(waiting(&repo).is_empty());
    repo.run::<&str>(&[]).expect(0);
    assert_eq!(states(&repo), ["committed"; 5]);
    assert_eq!(repo.users_things(), before);
}

#[test]
fn all_that_failed_is_opened_at_once_and_counted() {
    let repo = repo_with(
        &spec_of(3, 3),
        &json!([{"match": "", "steps": [{"write": {"path": "work/{chunk}.bad", "text": "bad\n"}}]}]),
    );
    says(
        &repo.run(&["retry", "--all-failed"]).expect(0),
        &["no chunk has failed"],
    );
    repo.run::<&str>(&[]).expect(1);
    let ended = repo.run(&["retry", "--all-failed"]).expect(0);
    says(&ended, &["3 chunks: 3 done"]);
    assert_eq!(states(&repo), ["pending"; 3]);
    let none = repo
        .run(&["retry", "--all-failed", "--json"])
        .expect(0)
        .json();
    assert_eq!(none["moves"], json!([]));
    repo.fake(&json!({}));
    repo.run::<&str>(&[]).expect(0);
}

#[test]
fn answers_stand_in_the_prompts_that_follow() {
    let repo = repo_with(
        "# Work\n\n- [ ] T001 Paint it\n",
        &json!([{"chunk": "T001", "nth": 1, "steps": [], "end": {"kind": "block_chunk", "reason": "unclear", "needs": "which colour?"}},
            {"chunk": "T001", "nth": 2, "steps": [], "end": {"kind": "block_chunk", "reason": "unclear", "needs": "light or dark?"}}]),
    );
    let ended = repo.run::<&str>(&[]).expect(3);
    says(&ended, &["codelicious answer specs-work:T001 TEXT"]);
    says(
        &repo.run(&["answer", "T001", "In green."]).expect(0),
        &["answer by Ada: open again: the next run builds it with the answer"],
    );
    repo.run::<&str>(&[]).expect(3);
    // The second one comes through a pipe, with a secret that must not travel.
    let mut child = repo
        .command(&["answer", "T001", "-"])
        .env("CANARY_TOKEN", "squeamish-ossifrage")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin
        .write_all("Dark. Not squeamish-ossifrage.\n```\n".as_bytes())
        .unwrap();
    drop(stdin);
    finish(child).expect(0);
    repo.run::<&str>(&[]).expect(0);
    assert!(!prompt(&repo, 0).contains("A person answered"));
    assert!(prompt(&repo, 1).contains("the answer holds:\n```\nIn green.\n```"));
    let last = prompt(&repo, 2);
    assert!(
        last.contains("the answer holds:\n````\nIn green.\n\nDark. Not "),
        "{last}"
    );
    for (path, bytes) in repo.our_files() {
        let text = String::from_utf8_lossy(&bytes);
        assert!(!text.contains("ossifrage"), "{}", path.display());
    }
    assert!(!last.contains("ossifrage"), "{last}");
    assert_eq!(chunk(&repo, "T001")["moves"].as_array().unwrap().len(), 2);
}

#[test]
fn an_answer_has_a_size_and_says_something() {
    let repo = stopped();
    let long = "x".repeat(16 * 1024 + 1);
    for (text, words) in [
        (long.as_str(), "longer than 16384 bytes"),
        (" \n", "is empty"),
    ] {
        says(&repo.run(&["answer", "T003", text]).expect(2), &[words]);
    }
    assert!(waiting(&repo).is_empty());
}

/// The commit of T005, which was accepted.
#[track_caller]
fn check_accepted(repo: &Repo) {
    assert_eq!(chunk(repo, "T005")["status"], "committed");
    assert_eq!(
        repo.git(&["show", &format!("{BRANCH}:work/five.txt")]),
        "five"
    );
    let spec = repo.git(&["show", &format!("{BRANCH}:specs/work.md")]);
    assert!(spec.contains("- [x] T005"), "{spec}");
    let message = repo.git(&["log", "-1", "--format=%B", BRANCH]);
    assert!(
        message.ends_with(
            "Codelicious-Chunk: T005\nCodelicious-Part: 1\nCodelicious-Accepted-By: Ada\nCodelicious-Verdict: regression_only"
        ),
        "{message}"
    );
    let chunks = repo.commits(BRANCH).into_iter().filter_map(|(_, c)| c);
    assert_eq!(chunks.collect::<Vec<_>>(), ["T001", "T005"]);
    assert_eq!(
        repo.asked_for().iter().filter(|c| *c == "T005").count(),
        1,
        "no engine is paid for it again"
    );
    let pull_request = repo.read(".codelicious/prs/1.md");
    assert!(
        pull_request.contains(", accepted by Ada |"),
        "{pull_request}"
    );
}

#[test]
fn accepted_work_is_verified_and_committed_as_it_was_saved() {
    let repo = stopped();
    let before = repo.users_things();
    let ended = repo.run(&["accept", "T005"]).expect(0);
    says(
        &ended,
        &["accepted: the next run verifies and commits the saved work"],
    );
    assert_eq!(chunk(&repo, "T005")["status"], "verifying");
    says(
        &repo.run(&["retry", "T005"]).expect(2),
        &["T005 was accepted by Ada, and is verified next"],
    );
    let ended = repo.run::<&str>(&[]).expect(1);
    says(&ended, &["1 chunk committed"]);
    check_accepted(&repo);
    let checked = chunk(&repo, "T005")["evidence"]["checks"][0]["result"].clone();
    assert_eq!(checked, "passed", "its checks ran");
    assert_eq!(repo.users_things(), before);
}

#[test]
fn accepted_work_is_committed_whatever_a_kill_falls_between() {
    for point in [
        "kill@take_up.after_intent",
        "kill@take_up.after_effect",
        "kill@verify.after_intent",
        "kill@verify.after_effect",
        "kill@seal.after_effect",
        "kill@land.after_intent",
        "kill@land.after_effect",
    ] {
        let repo = stopped();
        let before = repo.users_things();
        repo.run(&["accept", "T005"]).expect(0);
        let ended = repo.run_with::<&str>(&[], &[("CODELICIOUS_CRASH", point)]);
        assert_eq!(ended.code, KILLED, "{point}: {}", ended.stderr);
        // And once more while the next one recovers.
        repo.run_with::<&str>(
            &[],
            &[("CODELICIOUS_CRASH", "kill@prepare_lane.after_effect")],
        );
        repo.run::<&str>(&[]).expect(1);
        check_accepted(&repo);
        let stray = repo.git(&[
            "for-each-ref",
            "refs/codelicious/attempts/specs-work/unknown",
        ]);
        assert_eq!(stray, "", "{point}: a copy is not saved once more");
        assert_eq!(repo.users_things(), before, "{point}");
    }
}

#[test]
fn accepted_work_that_fails_its_checks_goes_back_to_the_person() {
    let repo = stopped();
    repo.run(&["accept", "T005"]).expect(0);
    fs::write(repo.sign("gate"), "exit 1\n").unwrap();
    repo.run::<&str>(&[]).expect(1);
    let now = chunk(&repo, "T005");
    assert_eq!(now["status"], "needs_review");
    assert!(
        now["reason"].as_str().unwrap().starts_with("checks fail: "),
        "{now}"
    );
    assert_eq!(repo.calls().len(), 4, "no engine is paid");
    // It can be accepted once more.
    repo.give_sign("gate");
    repo.run(&["accept", "T005"]).expect(0);
    repo.run::<&str>(&[]).expect(1);
    check_accepted(&repo);
}

#[test]
fn a_signal_while_accepted_work_is_verified_leaves_it_accepted() {
    let repo = stopped();
    let before = repo.users_things();
    repo.run(&["accept", "T005"]).expect(0);
    let hang = format!("touch {}\nexec tail -f /dev/null\n", repo.sign("at-check"));
    fs::write(repo.sign("gate"), hang).unwrap();
    let run = repo.start::<&str>(&[]);
    repo.wait_for_sign("at-check");
    send(&run, Signal::TERM);
    finish(run).expect(143);
    assert_eq!(chunk(&repo, "T005")["status"], "verifying");
    repo.give_sign("gate");
    repo.run::<&str>(&[]).expect(1);
    check_accepted(&repo);
    assert_eq!(repo.users_things(), before);
}

#[test]
fn a_spec_that_was_named_once_is_found_and_named_again() {
    let repo = repo_with(
        "# Work\n",
        &json!([{"nth": 1, "steps": [], "end": {"kind": "block_chunk", "reason": "unclear", "needs": "which?"}}]),
    );
    repo.write(
        "docs/design.md",
        "# Design\n\n## Paint it\n\nIn a good colour.\n",
    );
    repo.run(&["--spec", "docs/design.md"]).expect(3);
    let path = ".codelicious/state/docs-design.json";
    let ledger: Value = serde_json::from_str(&repo.read(path)).unwrap();
    let id = ledger["chunks"]
        .as_object()
        .unwrap()
        .keys()
        .next()
        .unwrap()
        .clone();
    let ended = repo.run(&["answer", &id, "Green."]).expect(0);
    let design = repo.root.join("docs/design.md");
    says(
        &ended,
        &[&format!("next: codelicious --spec {}", design.display())],
    );
    repo.run(&["--spec", "docs/design.md"]).expect(0);
    assert!(prompt(&repo, 1).contains("Green."));
}

#[test]
fn accepted_work_that_no_longer_fits_or_was_not_saved_stays_with_the_person() {
    let both = |text: &str| json!([{"write": {"path": "work/shared.txt", "text": text}}]);
    let repo = repo_with(
        &spec_of(2, 2),
        &json!([{"chunk": "T001", "steps": both("mine\n"), "end": {"kind": "complete_chunk", "confidence": 0.1}},
            {"chunk": "T002", "steps": both("theirs\n")}]),
    );
    repo.run::<&str>(&[]).expect(3);
    repo.run(&["accept", "T001"]).expect(0);
    let ended = repo.run::<&str>(&[]).expect(3);
    let why = "the accepted work no longer fits: work/shared.txt changed on both sides";
    says(&ended, &[why]);
    assert_eq!(chunk(&repo, "T001")["reason"], why);
    let saved = "refs/codelicious/attempts/specs-work/T001/1";
    assert_eq!(
        repo.git(&["show", &format!("{saved}:work/shared.txt")]),
        "mine"
    );
    repo.git(&["update-ref", "-d", saved]);
    repo.run(&["accept", "T001"]).expect(0);
    says(
        &repo.run::<&str>(&[]).expect(3),
        &["attempt 1 was not saved"],
    );
    assert_eq!(repo.calls().len(), 2);
    // What remains is to have it built anew.
    repo.run(&["retry", "T001"]).expect(0);
    repo.fake(&json!({}));
    repo.run::<&str>(&[]).expect(0);
}

#[test]
fn a_person_can_accept_that_nothing_was_to_be_done() {
    for steps in [
        json!([{"say": "it is there already"}]),
        // What an engine committed by itself and took back is no work.
        json!([{"write": {"path": "work/one.txt", "text": "one\n"}}, {"commit": "mine"}, {"delete": "work/one.txt"}]),
    ] {
        let repo = repo_with(
            &spec_of(1, 1),
            &json!([{"chunk": "T001", "steps": steps, "end": "none"}]),
        );
        repo.run::<&str>(&[]).expect(3);
        repo.run(&["accept", "T001"]).expect(0);
        repo.run::<&str>(&[]).expect(0);
        assert_eq!(states(&repo), ["committed"]);
        let files = repo.git(&["show", "--format=", "--name-only", BRANCH]);
        assert_eq!(files, "specs/work.md");
        assert_eq!(repo.calls().len(), 1);
    }
}

#[test]
fn a_skipped_chunk_counts_no_more_and_what_needs_it_says_so() {
    let repo = stopped();
    repo.run(&["accept", "T005"]).expect(0);
    repo.run(&["skip", "T002"]).expect(0);
    says(
        &repo.run(&["skip", "T003"]).expect(0),
        &["left out, until `codelicious retry` takes it back"],
    );
    assert_eq!(chunk(&repo, "T004")["reason"], "T003 is skipped");
    let ended = repo.run::<&str>(&[]).expect(3);
    says(
        &ended,
        &[
            "skipped T003 Three Ada said so to go on: codelicious retry specs-work:T003",
            "T003 is skipped",
        ],
    );
    let pull_request = repo.read(".codelicious/prs/1.md");
    assert!(
        pull_request.contains("| skipped: Ada said so |"),
        "{pull_request}"
    );
    // With nothing left that waits for it, everything asked for is done; other words change nothing.
    repo.run(&["skip", "T004"]).expect(0);
    repo.run::<&str>(&[]).expect(0);
    repo.run(&["--no-resume"]).expect(0);
    repo.write(
        "specs/work.md",
        repo.read("specs/work.md").replace("Three", "Number three"),
    );
    repo.run::<&str>(&[]).expect(0);
    assert_eq!(chunk(&repo, "T003")["status"], "skipped");
    assert_eq!(repo.calls().len(), 4);
    repo.fake(&json!({}));
    repo.run(&["retry", "T003"]).expect(0);
    repo.run::<&str>(&[]).expect(0);
    assert_eq!(chunk(&repo, "T003")["status"], "committed");
}

#[test]
fn what_nobody_built_yet_can_be_left_out() {
    let repo = repo_with("# Work\n\n- [ ] T001 One\n- [ ] T002 Two\n", &json!([]));
    let before = repo.users_things();
    repo.run(&["skip", "T001"]).expect(0);
    assert_eq!(repo.users_things(), before);
    repo.run::<&str>(&[]).expect(0);
    assert_eq!(repo.asked_for(), ["T002"]);
}

/// A run whose engine waits at T003 until the sign `go`; T001 stopped as `end` says.
fn beside(end: &Value) -> (Repo, Child) {
    let repo = repo_with(&spec_of(4, 4), &json!([]));
    let rules = json!([
        {"match": "the answer holds", "steps": [{"write": {"path": "work/answered.txt", "text": "yes\n"}}]},
        {"chunk": "T001", "nth": 1, "steps": [{"write": {"path": "work/one.txt", "text": "one\n"}}], "end": end},
        {"chunk": "T003", "steps": [{"touch": repo.sign("at-work")}, {"wait_for": repo.sign("go")},
            {"write": {"path": "work/three.txt", "text": "three\n"}}]},
    ]);
    repo.fake(&json!({ "rules": rules }));
    let run = repo.start::<&str>(&[]);
    repo.wait_for_sign("at-work");
    // Until the engine ends, nothing comes back that would make the run look into the mailbox.
    wait_until("what was committed is delivered", || {
        let tip = repo.git(&["rev-parse", BRANCH]);
        let is_pushed = |e: &Value| e["payload"]["tip"] == *tip;
        events(&repo, "pushed").iter().any(is_pushed) && !events(&repo, "pr_put").is_empty()
    });
    (repo, run)
}

fn blocked() -> Value {
    json!({"kind": "block_chunk", "reason": "unclear", "needs": "which?"})
}

fn unsure() -> Value {
    json!({"kind": "complete_chunk", "confidence": 0.1})
}

/// Makes a move beside the run, lets it go on, and waits for its end.
#[track_caller]
fn moves_beside(repo: &Repo, run: Child, words: &[&str], code: i32) -> Ended {
    let id = repo.events()[0]["run"].as_str().unwrap().to_owned();
    let ended = repo.run(words).expect(0);
    says(
        &ended,
        &[&format!(
            "recorded: run {id} carries it out, or the next one"
        )],
    );
    assert_eq!(waiting(repo).len(), 1, "it waits for the run");
    repo.give_sign("go");
    let ended = finish(run).expect(code);
    assert!(waiting(repo).is_empty());
    let told = events(repo, "moved");
    assert_eq!(told.len(), 1, "{told:#?}");
    assert_eq!(told[0]["run"], id, "by the run");
    let verb = words[0];
    assert_eq!(told[0]["payload"]["verb"], verb);
    says(&ended, &[&format!("{verb} by Ada")]);
    ended
}

#[test]
fn a_retry_beside_a_run_is_carried_out_by_it() {
    let (repo, run) = beside(&blocked());
    moves_beside(&repo, run, &["retry", "T001"], 0);
    assert_eq!(repo.asked_for(), ["T001", "T002", "T003", "T001", "T004"]);
    assert_eq!(states(&repo), ["committed"; 4]);
}

#[test]
fn an_answer_beside_a_run_is_carried_out_by_it() {
    let (repo, run) = beside(&blocked());
    moves_beside(&repo, run, &["answer", "T001", "This one."], 0);
    assert_eq!(
        repo.git(&["show", &format!("{BRANCH}:work/answered.txt")]),
        "yes"
    );
    let moved = &chunk(&repo, "T001")["moves"][0];
    assert!(moved["run"].is_string(), "{moved}");
}

#[test]
fn an_acceptance_beside_a_run_is_carried_out_by_it() {
    let (repo, run) = beside(&unsure());
    let ended = moves_beside(&repo, run, &["accept", "T001"], 0);
    says(&ended, &["4 chunks committed"]);
    assert_eq!(repo.asked_for(), ["T001", "T002", "T003", "T004"]);
    assert_eq!(
        repo.git(&["show", &format!("{BRANCH}:work/one.txt")]),
        "one"
    );
}

#[test]
fn a_skip_beside_a_run_is_carried_out_by_it() {
    let (repo, run) = beside(&unsure());
    moves_beside(&repo, run, &["skip", "T004"], 3);
    assert_eq!(repo.asked_for(), ["T001", "T002", "T003"]);
}

#[test]
fn what_a_run_works_at_cannot_be_moved() {
    let (repo, run) = beside(&blocked());
    for verb in [
        &["retry", "T003"][..],
        &["skip", "T003"],
        &["accept", "T003"],
    ] {
        says(
            &repo.run(verb).expect(2),
            &["T003 is being built", "wait until it is, or stop the run"],
        );
    }
    says(&repo.run(&["retry", "T002"]).expect(2), &["T002 is done"]);
    repo.give_sign("go");
    finish(run).expect(3);
}

#[test]
fn a_move_that_came_too_late_is_refused_by_the_run() {
    // T004 is open when the person looks, and being built when the run looks again.
    let (repo, run) = beside(&blocked());
    repo.run(&["skip", "T004"]).expect(0);
    let file = repo.root.join(".codelicious/moves/specs-work--T004.1.json");
    let text = fs::read_to_string(&file).unwrap();
    let late = text.replace("\"state\": \"pending\"", "\"state\": \"failed\"");
    assert_ne!(late, text);
    fs::write(&file, late).unwrap();
    repo.give_sign("go");
    let ended = finish(run).expect(3);
    says(
        &ended,
        &["skip by Ada was refused: T004 is pending now; it was failed when Ada looked at it"],
    );
    assert_eq!(events(&repo, "move_refused").len(), 1);
    assert_eq!(chunk(&repo, "T004")["status"], "committed");
    assert!(waiting(&repo).is_empty());
}

#[test]
fn a_move_in_a_lane_that_is_done_gets_another_look_and_nothing_else_does() {
    let repo = Repo::new();
    repo.write("specs/a.md", spec_of(2, 2));
    repo.write("specs/b.md", "# B\n\n- [ ] B001 Wait\n");
    let bad = |n| json!({"chunk": n, "nth": 1, "steps": [{"write": {"path": "work/{chunk}.bad", "text": "bad\n"}}]});
    repo.fake(&json!({"rules": [bad("T001"), bad("T002"),
        {"chunk": "B001", "steps": [{"touch": repo.sign("at-work")}, {"wait_for": repo.sign("go")}, {"write": {"path": "work/b.txt", "text": "b\n"}}]}]}));
    let run = repo.start(&["--max-fix-attempts", "0"]);
    repo.wait_for_sign("at-work");
    says(&repo.run(&["retry", "T001"]).expect(0), &["recorded: run"]);
    repo.give_sign("go");
    finish(run).expect(1);
    assert_eq!(
        repo.asked_for(),
        ["T001", "T002", "B001", "T001"],
        "T002 has attempts left, but nobody asked for another one in this run"
    );
    assert!(waiting(&repo).is_empty());
}

#[test]
fn of_eight_at_once_one_wins_and_the_others_are_told_who() {
    let (repo, run) = beside(&blocked());
    let children: Vec<Child> = (0..8)
        .map(|i| match i % 2 {
            0 => repo.start(&["answer", "T001", &format!("number {i}")]),
            _ => repo.start(&["skip", "T001"]),
        })
        .collect();
    let ended: Vec<Ended> = children.into_iter().map(finish).collect();
    let (won, lost): (Vec<_>, Vec<_>) = ended.iter().partition(|e| e.code == 0);
    assert_eq!((won.len(), lost.len()), (1, 7));
    for loser in lost {
        assert_eq!(loser.code, 2);
        says(
            loser,
            &[
                "Ada asked for",
                "of T001 at",
                "not carried out yet",
                "codelicious status",
            ],
        );
    }
    assert_eq!(waiting(&repo), ["specs-work--T001.1.json"]);
    repo.give_sign("go");
    let code = finish(run).code;
    assert!([0, 3].contains(&code), "{code}");
    assert_eq!(chunk(&repo, "T001")["moves"].as_array().unwrap().len(), 1);
}

#[test]
fn of_eight_at_once_without_a_run_one_wins() {
    let repo = stopped();
    let children: Vec<Child> = (0..8).map(|_| repo.start(&["skip", "T002"])).collect();
    let ended: Vec<Ended> = children.into_iter().map(finish).collect();
    let won = ended.iter().filter(|e| e.code == 0).count();
    assert_eq!(won, 1, "{ended:#?}");
    assert!(ended.iter().all(|e| [0, 2].contains(&e.code)), "{ended:#?}");
    assert_eq!(chunk(&repo, "T002")["moves"].as_array().unwrap().len(), 1);
    assert!(waiting(&repo).is_empty());
}

#[test]
fn a_move_whose_run_is_killed_is_carried_out_by_the_next_one_once() {
    let (repo, mut run) = beside(&blocked());
    repo.run(&["skip", "T004"]).expect(0);
    let file = repo.root.join(".codelicious/moves/specs-work--T004.1.json");
    let left = fs::read(&file).unwrap();
    send(&run, Signal::KILL);
    run.wait().unwrap();
    says(
        &repo.run(&["skip", "T004"]).expect(2),
        &["Ada asked for skip of T004"],
    );
    repo.give_sign("go");
    repo.run::<&str>(&[]).expect(3);
    assert_eq!(chunk(&repo, "T004")["status"], "skipped");
    // As a crash leaves it between the ledger's write and the file's end.
    fs::write(&file, left).unwrap();
    repo.run::<&str>(&[]).expect(3);
    assert!(waiting(&repo).is_empty());
    assert_eq!(events(&repo, "moved").len(), 1);
    assert_eq!(events(&repo, "move_refused").len(), 0);
    assert_eq!(chunk(&repo, "T004")["moves"].as_array().unwrap().len(), 1);
}

#[test]
fn a_move_file_that_is_damaged_is_kept_aside_and_asked_for_again() {
    let repo = stopped();
    repo.write(
        ".codelicious/moves/specs-work--T002.1.json",
        "{\"schema\": 1",
    );
    repo.write(
        ".codelicious/moves/specs-work--T003.1.json",
        "{\"schema\": 2}",
    );
    let ended = repo.run::<&str>(&[]).expect(1);
    says(
        &ended,
        &["a person's move was damaged", "upgrade codelicious"],
    );
    let names = waiting(&repo);
    assert_eq!(names.len(), 2, "{names:?}");
    assert!(
        names[0].starts_with("specs-work--T002.1.json.corrupt-"),
        "{names:?}"
    );
    assert_eq!(names[1], "specs-work--T003.1.json");
    says(
        &repo.run(&["skip", "T003"]).expect(2),
        &["upgrade codelicious"],
    );
    // The verb itself gets a damaged one out of its way.
    repo.write(".codelicious/moves/specs-work--T002.1.json", "");
    repo.run(&["skip", "T002"]).expect(0);
    assert_eq!(chunk(&repo, "T002")["status"], "skipped");
}

#[test]
fn what_does_not_apply_is_refused_with_what_does() {
    let repo = stopped();
    let before = (repo.users_things(), repo.read(LEDGER));
    repo.write(
        "specs/other.md",
        "# Other\n\n- [ ] T001 One\n- [ ] X001 Only here\n",
    );
    let mut out = String::new();
    for words in [
        &["accept", "T002"][..],
        &["answer", "T002", "text"],
        &["accept", "T003"],
        &["retry", "T004"],
        &["answer", "T005", "text"],
        &["retry", "X001"],
        &["accept", "X001"],
        &["retry", "specs-work:T001"],
        &["retry", "T001"],
        &["retry", "T099"],
        &["skip", "specs-other:T009"],
        &["skip", "elsewhere:T001"],
        &["retry", "--all-failed", "nowhere"],
        &["retry", "T002", "--all-failed", "."],
    ] {
        let ended = repo.run(words).expect(2);
        out.push_str(&format!(
            "$ codelicious {}\n{}\n",
            words.join(" "),
            repo.shown(&ended)
        ));
    }
    insta::assert_snapshot!("refused", out);
    assert!(waiting(&repo).is_empty());
    fs::remove_file(repo.root.join("specs/other.md")).unwrap();
    assert_eq!((repo.users_things(), repo.read(LEDGER)), before);
}

#[test]
fn what_is_carried_out_reads_well() {
    let repo = stopped();
    let mut out = String::new();
    for words in [
        &["retry", "T002"][..],
        &["answer", "T003", "Green."],
        &["accept", "T005"],
        &["skip", "T004"],
        &["status"],
    ] {
        let ended = repo.run(words).expect(0);
        out.push_str(&format!(
            "$ codelicious {}\n{}\n",
            words.join(" "),
            repo.shown(&ended)
        ));
    }
    insta::assert_snapshot!("carried_out", out);
}

#[test]
fn an_engine_makes_no_moves_for_a_person() {
    let repo = repo_with(&spec_of(2, 2), &json!([]));
    let program = program();
    let line = format!(
        "cd '{}' && '{}' skip T002 > '{}' 2>&1; true",
        repo.root.display(),
        program.display(),
        repo.sign("said")
    );
    repo.fake(&json!({"rules": [{"chunk": "T001", "steps": [{"run": line}, {"write": {"path": "work/one.txt", "text": "one\n"}}]}]}));
    repo.run::<&str>(&[]).expect(0);
    assert_eq!(repo.asked_for(), ["T001", "T002"]);
    let said = fs::read_to_string(repo.sign("said")).unwrap();
    assert!(
        said.contains("what a run started cannot make a person's moves"),
        "{said}"
    );
}

#[test]
fn the_person_is_the_one_who_is_logged_in_where_git_knows_nobody() {
    let repo = stopped();
    repo.git(&["config", "--unset", "user.name"]);
    repo.run_with(&["skip", "T002"], &[("USER", "grace")])
        .expect(0);
    repo.run(&["skip", "T003"]).expect(0);
    assert_eq!(chunk(&repo, "T002")["moves"][0]["who"], "grace");
    assert_eq!(chunk(&repo, "T003")["moves"][0]["who"], "unknown");
}

#[test]
fn a_ledger_of_a_newer_version_is_left_alone_and_no_move_stays_behind() {
    let repo = stopped();
    let mut newer = ledger(&repo);
    newer["schema"] = 999.into();
    repo.write(LEDGER, newer.to_string());
    says(
        &repo.run(&["skip", "T002"]).expect(2),
        &["upgrade codelicious"],
    );
    assert_eq!(repo.read(LEDGER), newer.to_string());
    assert!(waiting(&repo).is_empty());
}

#[test]
fn a_run_that_was_asked_for_another_spec_leaves_the_moves_of_this_one() {
    let repo = stopped();
    repo.write("specs/other.md", "# Other\n\n- [ ] X001 Elsewhere\n");
    let moved = json!({"schema": 1, "spec": "specs-work", "chunk": "T002", "n": 1, "kind": "skip", "who": "Ada",
        "when": "2026-01-02T03:04:05Z", "seen": {"state": "failed", "attempts": 1}});
    repo.write(
        ".codelicious/moves/specs-work--T002.1.json",
        moved.to_string(),
    );
    let mut gone = moved;
    gone["spec"] = "specs-gone".into();
    repo.write(
        ".codelicious/moves/specs-gone--T002.1.json",
        gone.to_string(),
    );
    repo.run(&["--spec", "specs/other.md"]).expect(0);
    assert_eq!(waiting(&repo).len(), 2);
    // A run over everything carries out what it can, and refuses what nobody knows.
    let ended = repo.run::<&str>(&[]).expect(3);
    says(
        &ended,
        &["skip by Ada was refused: there is no spec specs-gone any more"],
    );
    assert_eq!(chunk(&repo, "T002")["status"], "skipped");
    assert!(waiting(&repo).is_empty());
}

#[test]
fn accepted_work_that_restores_what_was_before_is_work() {
    let repo = repo_with(
        "# Work\n\n- [ ] T001 Turn it off again\n",
        &json!([
            {"chunk": "T001", "steps": [{"write": {"path": "switch.txt", "text": "off\n"}}],
                "end": {"kind": "complete_chunk", "confidence": 0.1, "rationale": "half guessed"}},
        ]),
    );
    for state in ["off\n", "on\n"] {
        repo.write("switch.txt", state);
        repo.git(&["add", "-A"]);
        repo.git(&["commit", "-qm", state.trim()]);
    }
    repo.git(&["push", "-q"]);
    repo.run::<&str>(&[]).expect(3);
    repo.run(&["accept", "T001"]).expect(0);
    repo.run::<&str>(&[]).expect(0);
    assert_eq!(repo.git(&["show", &format!("{BRANCH}:switch.txt")]), "off");
}
