//! Whatever ends a run, the next one goes on: nothing lost, nothing twice.

use crate::main_job::dirty_repo;
use crate::support::{Ended, Repo, finish, send, spec_of, wait_until};
use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::{Value, json};
use std::fs;
use std::os::unix::process::CommandExt;
use std::process::Stdio;

const CLAUDE: [&str; 2] = ["--engine", "claude"];
const KILLED: i32 = 137;
const ALL: &str = "codelicious/specs-work-part-2";

/// Twelve chunks stand in order, each once, ticked, delivered, in two pull requests; the user's things are
/// as they were.
#[track_caller]
fn check_twelve(repo: &Repo, before: &str) {
    let commits = repo.commits(ALL);
    let mut wanted = vec![None];
    wanted.extend((1..=12).map(|n| Some(format!("T{n:03}"))));
    let chunks: Vec<_> = commits.iter().map(|(_, chunk)| chunk.clone()).collect();
    assert_eq!(chunks, wanted, "{commits:#?}");
    assert_eq!(repo.commits("codelicious/specs-work").len(), 9);
    for n in 1..=12 {
        let text = repo.git(&["show", &format!("{ALL}:work/T{n:03}.txt")]);
        assert_eq!(text, format!("Build piece {n}"), "built once");
    }
    let spec = repo.git(&["show", &format!("{ALL}:specs/work.md")]);
    assert!(!spec.contains("- [ ]"), "{spec}");
    check_delivered(repo, &["codelicious/specs-work", ALL]);
    assert_eq!(repo.users_things(), before);
}

/// The branches are on the remote as they are here, each with one pull request, and nothing else is.
#[track_caller]
fn check_delivered(repo: &Repo, branches: &[&str]) {
    let list = |dir| {
        repo.git_in(
            dir,
            &[
                "for-each-ref",
                "--format=%(refname) %(objectname)",
                "refs/heads/codelicious",
            ],
        )
    };
    assert_eq!(list(&repo.origin), list(&repo.root));
    assert_eq!(
        list(&repo.root).lines().count(),
        branches.len(),
        "{}",
        list(&repo.root)
    );
    let mut heads: Vec<String> = fs::read_dir(repo.root.join(".codelicious/prs"))
        .unwrap()
        .map(|e| fs::read_to_string(e.unwrap().path()).unwrap())
        .map(|text| {
            text.lines()
                .find_map(|l| l.strip_prefix("head: "))
                .unwrap()
                .to_owned()
        })
        .collect();
    heads.sort();
    let wanted: Vec<String> = branches.iter().map(|b| format!("\"{b}\"")).collect();
    assert_eq!(heads, wanted);
}

/// Four tasks, two a pull request: small enough for a crash at every place.
fn small_repo() -> Repo {
    let repo = Repo::new();
    repo.write("notes.txt", "untracked notes\n");
    repo.write(
        "codelicious.toml",
        "[verify]\ncommands = [\"sh check.sh\"]\n[pr]\nmax_commits = 2\n",
    );
    repo.write("specs/work.md", spec_of(4, 4));
    repo
}

#[track_caller]
fn check_four(repo: &Repo, before: &str) {
    let chunks: Vec<_> = repo
        .commits(ALL)
        .into_iter()
        .map(|(_, chunk)| chunk)
        .collect();
    let wanted = [None, Some("T001"), Some("T002"), Some("T003"), Some("T004")];
    assert_eq!(chunks, wanted.map(|c| c.map(str::to_owned)));
    for n in 1..=4 {
        let text = repo.git(&["show", &format!("{ALL}:work/T{n:03}.txt")]);
        assert_eq!(text, format!("Build piece {n}"), "built once");
    }
    check_delivered(repo, &["codelicious/specs-work", ALL]);
    assert_eq!(repo.users_things(), before);
}

fn nothing_special() -> Value {
    json!({})
}

/// The engine is not there for one chunk, once or for ever.
fn limited_at(chunk: &str) -> Value {
    json!({"rules": [{"chunk": chunk, "steps": [], "end": {"kind": "error", "status": 429, "error": "rate_limit", "text": "slow down"}}]})
}

fn crash_at(repo: &Repo, point: &str) -> Ended {
    repo.run_with(&CLAUDE, &[("CODELICIOUS_CRASH", point)])
}

#[test]
fn a_run_that_dies_while_failed_work_is_set_aside_goes_on_and_keeps_that_work() {
    for point in ["kill@set_aside.after_intent", "kill@set_aside.after_effect"] {
        let repo = small_repo();
        let before = repo.users_things();
        repo.fake(&json!({"rules": [{"chunk": "T002", "nth": 1,
            "steps": [{"write": {"path": "half.txt", "text": "half"}}], "end": {"kind": "error", "text": "no idea"}}]}));
        assert_eq!(crash_at(&repo, point).code, KILLED, "{point}");
        repo.run(&CLAUDE).expect(0);
        check_four_tasks_in_any_order(&repo);
        assert_eq!(repo.users_things(), before);
        let saved = repo.git(&[
            "for-each-ref",
            "--format=%(refname)",
            "refs/codelicious/attempts/specs-work/T002",
        ]);
        assert_eq!(
            saved, "refs/codelicious/attempts/specs-work/T002/1",
            "{point}"
        );
        assert_eq!(repo.git(&["show", &format!("{saved}:half.txt")]), "half");
        let files = repo.git(&["ls-tree", "-r", "--name-only", ALL]);
        assert!(!files.contains("half.txt"), "{files}");
    }
}

#[track_caller]
fn check_four_tasks_in_any_order(repo: &Repo) {
    let mut chunks: Vec<String> = repo
        .commits(ALL)
        .into_iter()
        .filter_map(|(_, chunk)| chunk)
        .collect();
    chunks.sort();
    assert_eq!(chunks, ["T001", "T002", "T003", "T004"]);
}

#[test]
fn a_run_that_dies_again_while_it_recovers_goes_on() {
    let repo = small_repo();
    let before = repo.users_things();
    for point in [
        "kill@land.after_intent#2",
        "kill@prepare_lane.after_intent",
        "kill@prepare_lane.after_effect",
        "kill@land.after_intent",
        "kill@land.after_effect",
        "kill@push.after_effect",
        "kill@run_engine.after_effect",
        "kill@put_pr.after_effect",
    ] {
        assert_eq!(crash_at(&repo, point).code, KILLED, "{point}");
    }
    repo.run(&CLAUDE).expect(0);
    check_four(&repo, &before);
}

#[test]
fn a_commit_that_landed_before_the_run_died_is_not_built_again() {
    let repo = dirty_repo();
    let before = repo.users_things();
    assert_eq!(crash_at(&repo, "kill@land.after_effect#5").code, KILLED);
    repo.run(&CLAUDE).expect(0);
    check_twelve(&repo, &before);
    assert_eq!(repo.asked_for().len(), 12);
}

#[test]
fn a_run_killed_inside_the_remotes_hook_after_its_push_goes_on() {
    let repo = dirty_repo();
    let before = repo.users_things();
    let lock = repo.root.join(".codelicious/run.lock");
    let hook = format!(
        "#!/bin/sh\n[ -e ../shot ] && exit 0\n: > ../shot\npid=$(sed 's/.*\"pid\":\\([0-9]*\\).*/\\1/' '{}')\nkill -KILL \"$pid\"\n",
        lock.display()
    );
    repo.script(&repo.origin.join("hooks/post-receive"), &hook);
    let ended = repo.run(&CLAUDE);
    assert_eq!(ended.code, KILLED, "{}", ended.stderr);
    repo.run(&CLAUDE).expect(0);
    check_twelve(&repo, &before);
}

/// A push that is cut off may leave a lock on the remote, which nobody here can remove.
#[test]
fn a_push_that_a_killed_run_left_behind_ends_by_itself() {
    let repo = small_repo();
    let before = repo.users_things();
    let sign = |name: &str| repo.base().join(name);
    let hook = format!(
        "#!/bin/sh\necho $$ >> {}\nuntil [ -e {} ]; do sleep 0.01; done\necho $$ >> {}\n",
        sign("began").display(),
        sign("go").display(),
        sign("ended").display()
    );
    repo.script(&repo.origin.join("hooks/pre-receive"), &hook);
    let mut first = repo.start(&CLAUDE);
    wait_until("the push is in the remote's hook", || {
        sign("began").exists()
    });
    first.kill().unwrap();
    first.wait().unwrap();
    let second = repo.start(&CLAUDE);
    let holder = repo.root.join(".codelicious/run.lock");
    let pid = format!("\"pid\":{}", second.id());
    wait_until("the second run holds the lock", || {
        let text = fs::read_to_string(&holder).unwrap_or_default();
        text.replace(' ', "").contains(&pid)
    });
    fs::write(sign("go"), "").unwrap();
    let ended = finish(second).expect(0);
    let pids = |name: &str| fs::read_to_string(sign(name)).unwrap();
    let cut_off = pids("began").lines().next().map(str::to_owned).unwrap();
    assert!(
        pids("ended").lines().any(|l| l == cut_off),
        "{}",
        ended.stderr
    );
    check_four(&repo, &before);
}

#[test]
fn a_run_killed_by_its_own_engine_goes_on() {
    let repo = dirty_repo();
    let before = repo.users_things();
    repo.fake(&json!({"rules": [{"chunk": "T005", "nth": 1,
        "steps": [{"write": {"path": "work/T005.txt", "text": "half\n"}}, {"kill_parent": "KILL"}]}]}));
    assert_eq!(repo.run(&CLAUDE).code, KILLED);
    assert_eq!(repo.users_things(), before);
    repo.run(&CLAUDE).expect(0);
    check_twelve(&repo, &before);
}

#[test]
fn a_run_whose_whole_process_group_is_killed_goes_on() {
    let repo = dirty_repo();
    let before = repo.users_things();
    repo.fake(&json!({"rules": [{"chunk": "T009", "nth": 1, "steps": [{"hang": {"touch": repo.sign("hanging")}}]}]}));
    let child = repo
        .command(&CLAUDE)
        .process_group(0)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    repo.wait_for_sign("hanging");
    kill_process_group(
        Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap(),
        Signal::KILL,
    )
    .unwrap();
    assert_eq!(finish(child).code, KILLED);
    repo.run(&CLAUDE).expect(0);
    check_twelve(&repo, &before);
}

#[test]
fn a_run_that_was_told_to_end_is_resumed() {
    for (signal, code) in [(Signal::TERM, 143), (Signal::HUP, 129), (Signal::INT, 130)] {
        let repo = small_repo();
        let before = repo.users_things();
        repo.fake(&json!({"rules": [{"chunk": "T002", "nth": 1,
            "steps": [{"write": {"path": "half.txt", "text": "half"}}, {"hang": {"touch": repo.sign("hanging")}}]}]}));
        let child = repo.start(&CLAUDE);
        repo.wait_for_sign("hanging");
        send(&child, signal);
        finish(child).expect(code);
        assert_eq!(repo.users_things(), before);
        repo.run(&CLAUDE).expect(0);
        check_four(&repo, &before);
    }
}

#[test]
fn an_engine_of_a_killed_run_is_ended_before_the_next_one_works() {
    // In a wall it could not end its run, and would end with it.
    let repo = small_repo().without_wall();
    let before = repo.users_things();
    let held = repo.hold_engines("");
    repo.fake(&json!({"rules": [{"chunk": "T002", "nth": 1,
        "steps": [{"kill_parent": "KILL"}, {"hang": {"ignore_term": true, "touch": repo.sign("hanging")}}]}]}));
    assert_eq!(repo.run(&CLAUDE).code, KILLED);
    repo.wait_for_sign("hanging");
    assert!(held.is_held(), "the engine outlives its run");
    repo.run(&CLAUDE).expect(0);
    assert!(!held.is_held());
    check_four(&repo, &before);
    let events = repo.events();
    let (last_run, from) = (events.last().unwrap()["run"].clone(), |e: &Value| {
        e["run"].clone()
    });
    let kinds: Vec<&Value> = events.iter().filter(|e| from(e) == last_run).collect();
    let is_ending = |e: &&&Value| {
        e["payload"]["what"]
            .as_str()
            .is_some_and(|w| w.starts_with("ended process"))
    };
    assert!(
        kinds.first().is_some_and(|e| is_ending(&e)),
        "first of all: {kinds:#?}"
    );
}

#[test]
fn what_the_engine_of_a_killed_run_planted_is_undone_before_anything_of_it_runs() {
    // In a wall it could plant nothing, and not end its run.
    let repo = small_repo().without_wall();
    repo.git(&["branch", "users-own"]);
    let before = repo.users_things();
    let ran = repo.sign("planted-things-ran");
    let pushed = repo.root.join(".codelicious/events.jsonl");
    let plant = format!(
        "until grep -q '\"pushed\"' '{}'; do sleep 0.02; done; d=$(git rev-parse --git-common-dir) && printf '#!/bin/sh\\n: > {ran}\\n' > $d/hooks/pre-commit && \
         chmod +x $d/hooks/pre-commit && cp $d/hooks/pre-commit $d/hooks/reference-transaction && \
         echo x > x.txt && git add -A && git commit -q --no-verify -m own && rm -f {ran} && \
         git branch planted && git update-ref refs/heads/users-own HEAD && \
         git update-ref refs/codelicious/lanes/specs-work HEAD && rm -f {ran} && \
         git config core.sshCommand 'sh -c \": > {ran}\"' && git config core.fsmonitor 'sh -c \": > {ran}\"'",
        // Nothing of the run's own may be at work beside it: that has the repository as it stands.
        pushed.display()
    );
    repo.fake(&json!({"rules": [{"chunk": "T002", "nth": 1,
        "steps": [{"run": plant}, {"kill_parent": "KILL"}, {"kill_self": true}]}]}));
    assert_eq!(repo.run(&CLAUDE).code, KILLED);
    assert!(
        repo.root.join(".git/hooks/pre-commit").exists(),
        "it was planted"
    );
    let ended = repo.run(&CLAUDE).expect(0);
    check_four(&repo, &before);
    assert!(!repo.base().join("planted-things-ran").exists());
    assert!(!repo.root.join(".git/hooks/pre-commit").exists());
    for said in [
        "removed the hook hooks/pre-commit that the engine planted; as it was it is kept at",
        "restored git's configuration, which the engine had changed; as it was it is kept at",
        "put the branch users-own back",
        "put refs/codelicious/lanes/specs-work back",
    ] {
        assert!(ended.stderr.contains(said), "{said}: {}", ended.stderr);
    }
    let kept = repo.read(".codelicious/aside/git/config");
    assert!(kept.contains("sshCommand"), "{kept}");
    let note = repo
        .root
        .join(".git/worktrees/specs-work/codelicious-around");
    assert!(!note.exists());
}

#[test]
fn a_chunk_that_failed_once_is_retried_by_a_rerun() {
    let repo = small_repo();
    let before = repo.users_things();
    repo.fake(&json!({"rules": [{"chunk": "T002", "nth": 1, "steps": [], "end": {"kind": "error", "text": "no idea"}}]}));
    let first = repo.run(&CLAUDE).expect(1);
    assert!(first.stderr.contains("T002"), "{}", first.stderr);
    repo.run(&CLAUDE).expect(0);
    assert_eq!(repo.asked_for(), ["T001", "T002", "T003", "T004", "T002"]);
    check_four_tasks_in_any_order(&repo);
    assert_eq!(repo.users_things(), before);
}

#[test]
fn a_rate_limit_in_the_middle_is_no_failure_and_the_rerun_completes() {
    let repo = dirty_repo();
    let before = repo.users_things();
    repo.fake(&limited_at("T005"));
    repo.run(&CLAUDE).expect(6);
    let pushed = repo.git_in(
        &repo.origin,
        &["rev-list", "--count", "main..codelicious/specs-work"],
    );
    assert_eq!(pushed, "5", "what was built is delivered");
    assert_eq!(repo.users_things(), before);
    repo.fake(&nothing_special());
    repo.run(&CLAUDE).expect(0);
    assert_eq!(repo.asked_for().len(), 13);
    check_twelve(&repo, &before);
}

#[test]
fn a_deadline_cuts_a_long_spec_and_the_rerun_completes() {
    let repo = dirty_repo();
    let before = repo.users_things();
    repo.fake(&json!({"rules": [{"chunk": "T003", "nth": 1, "steps": [{"hang": true}]}]}));
    repo.run(&["--engine", "claude", "--deadline", "2"])
        .expect(4);
    assert_eq!(repo.users_things(), before);
    let list = |dir| {
        repo.git_in(
            dir,
            &[
                "for-each-ref",
                "--format=%(refname) %(objectname)",
                "refs/heads/codelicious",
            ],
        )
    };
    assert_eq!(
        list(&repo.origin),
        list(&repo.root),
        "what was built is delivered"
    );
    repo.fake(&nothing_special());
    repo.run(&CLAUDE).expect(0);
    check_twelve(&repo, &before);
}

#[test]
fn a_task_added_to_a_finished_spec_is_built_alone() {
    let repo = small_repo();
    repo.run(&CLAUDE).expect(0);
    let more = spec_of(5, 5);
    repo.write("specs/work.md", &more);
    repo.run(&CLAUDE).expect(0);
    assert_eq!(repo.asked_for(), ["T001", "T002", "T003", "T004", "T005"]);
    let spec = repo.git(&["show", "codelicious/specs-work-part-3:specs/work.md"]);
    assert_eq!(spec.trim_end(), more.trim_end().replace("[ ]", "[x]"));
    assert_eq!(
        repo.read("specs/work.md"),
        more,
        "the user's copy is left as it is"
    );
}

#[test]
fn a_task_added_after_everything_was_merged_starts_a_branch_of_its_own() {
    let repo = Repo::new();
    repo.write("specs/work.md", spec_of(2, 2));
    repo.git(&["add", "-A"]);
    repo.git(&["commit", "-qm", "Wanted"]);
    repo.git(&["push", "-q"]);
    repo.run(&CLAUDE).expect(0);

    let merger = repo.fresh_clone("merger");
    merger.git(&[
        "merge",
        "-q",
        "--no-ff",
        "-m",
        "Merge",
        "origin/codelicious/specs-work",
    ]);
    merger.git(&["push", "-q", "origin", "main"]);
    merger.git(&["push", "-q", "origin", "--delete", "codelicious/specs-work"]);
    repo.git(&["pull", "-q", "--ff-only"]);
    let merged = repo.read("specs/work.md");
    assert!(!merged.contains("[ ]"), "{merged}");
    repo.run(&CLAUDE).expect(0);
    assert_eq!(repo.asked_for().len(), 2, "nothing is left");

    repo.write(
        "specs/work.md",
        format!("{merged}- [ ] T003 Build piece 3\n"),
    );
    repo.run(&CLAUDE).expect(0);
    assert_eq!(repo.asked_for(), ["T001", "T002", "T003"]);
    let branches = repo.git_in(
        &repo.origin,
        &[
            "for-each-ref",
            "--format=%(refname:short)",
            "refs/heads/codelicious",
        ],
    );
    assert_eq!(branches, "codelicious/specs-work-part-2");
    let chunks: Vec<_> = repo
        .commits(&branches)
        .into_iter()
        .filter_map(|(_, c)| c)
        .collect();
    assert_eq!(chunks, ["T003"], "only what the base lacks");
    let second = repo.read(".codelicious/prs/2.md");
    assert!(second.contains("base: \"main\"\n"), "{second}");
}

#[test]
fn a_renamed_spec_goes_on_where_it_was() {
    for committed in [false, true] {
        let repo = small_repo();
        if committed {
            repo.git(&["add", "specs"]);
            repo.git(&["commit", "-qm", "Wanted"]);
            repo.git(&["push", "-q"]);
        }
        repo.fake(&limited_at("T003"));
        repo.run(&CLAUDE).expect(6);
        fs::rename(
            repo.root.join("specs/work.md"),
            repo.root.join("specs/piecework.md"),
        )
        .unwrap();
        if committed {
            repo.git(&["add", "-A", "specs"]);
            repo.git(&["commit", "-qm", "Rename"]);
            repo.git(&["push", "-q"]);
        }
        repo.fake(&nothing_special());
        let before = repo.users_things();
        let plan = repo.run(&["plan", "--json"]).expect(0).json();
        assert_eq!(plan["specs"].as_array().map(Vec::len), Some(1), "{plan:#}");
        assert_eq!(plan["specs"][0]["done"], 2, "{plan:#}");
        repo.run(&CLAUDE).expect(0);
        assert_eq!(repo.asked_for(), ["T001", "T002", "T003", "T003", "T004"]);
        let files = repo.git(&["ls-tree", "-r", "--name-only", ALL, "specs"]);
        assert_eq!(files, "specs/piecework.md", "committed: {committed}");
        let spec = repo.git(&["show", &format!("{ALL}:specs/piecework.md")]);
        assert!(!spec.contains("[ ]"), "{spec}");
        assert_eq!(repo.users_things(), before);
    }
}

#[test]
fn a_spec_that_was_only_not_named_is_not_taken_for_a_renamed_one() {
    let repo = half_built();
    let text = fs::read(repo.root.join("specs/work.md")).unwrap();
    fs::write(repo.root.join("specs/copy.md"), text).unwrap();
    repo.run(&["--engine", "claude", "--spec", "specs/copy.md"])
        .expect(0);
    assert_eq!(repo.commits("codelicious/specs-copy-part-2").len(), 5);
    let files = repo.git(&["ls-tree", "--name-only", "codelicious/specs-work", "specs/"]);
    assert_eq!(files, "specs/work.md", "its own lane is as it was");
}

#[test]
fn a_spec_that_a_person_takes_away_is_not_built_further() {
    let repo = half_built();
    let before = repo.users_things();
    let (path, calls) = (repo.root.join("specs/work.md"), repo.calls().len());
    let text = fs::read(&path).unwrap();
    fs::remove_file(&path).unwrap();
    let plan = repo.run(&["plan"]).expect(0);
    assert!(
        plan.stdout.contains("its file was taken away"),
        "{}",
        plan.stdout
    );
    // Nor by a second run.
    for _ in 0..2 {
        repo.run(&CLAUDE).expect(0);
        assert_eq!(repo.calls().len(), calls);
    }
    fs::write(&path, text).unwrap();
    repo.run(&CLAUDE).expect(0);
    check_four(&repo, &before);
}

/// `T001` stands in every other spec: only the same task is the same task.
#[test]
fn a_new_spec_does_not_inherit_the_lane_of_one_that_is_gone() {
    let repo = small_repo();
    repo.run(&CLAUDE).expect(0);
    fs::remove_file(repo.root.join("specs/work.md")).unwrap();
    let text =
        "# Pictures\n\n- [ ] T001 Draw\n- [ ] T002 Paint\n- [ ] T003 Print\n- [ ] T004 Frame\n";
    repo.write("specs/pictures.md", text);
    let plan = repo.run(&["plan", "--json"]).expect(0).json();
    let specs = plan["specs"].as_array().expect("specs");
    let pictures = specs.iter().find(|s| s["path"] == "specs/pictures.md");
    let pictures = pictures.expect("it is planned");
    assert_eq!(pictures["done"], 0, "{plan:#}");
    assert_eq!(pictures["id"], "specs-pictures", "{plan:#}");
    repo.run(&CLAUDE).expect(0);
    assert_eq!(repo.commits("codelicious/specs-pictures-part-2").len(), 5);
    assert_eq!(repo.calls().len(), 8);
}

#[test]
fn specs_of_the_same_name_in_different_folders_have_lanes_of_their_own() {
    let repo = Repo::new();
    for side in ["backend", "frontend"] {
        repo.write(
            &format!("{side}/specs/01_api.md"),
            format!("# The {side}\n\n- [ ] T001 Build the {side}\n- [ ] T002 Test the {side}\n"),
        );
    }
    repo.fake(&json!({"rules": [{"chunk": "T002", "match": "Test the backend", "nth": 1, "steps": [], "end": {"kind": "error", "text": "no idea"}}],
        "default": {"steps": [{"write": {"path": "{spec}-{chunk}.txt", "text": "{title}\n"}}]}}));
    repo.run(&CLAUDE).expect(1);
    repo.run(&CLAUDE).expect(0);
    for side in ["backend", "frontend"] {
        let branch = format!("codelicious/{side}-specs-01_api");
        let chunks: Vec<_> = repo
            .commits(&branch)
            .into_iter()
            .filter_map(|(_, c)| c)
            .collect();
        assert_eq!(chunks, ["T001", "T002"], "{side}");
        let files = repo.git(&["diff", "--name-only", "main", &branch]);
        let wanted = format!(
            "{side}-specs-01_api-T001.txt\n{side}-specs-01_api-T002.txt\n{side}/specs/01_api.md"
        );
        assert_eq!(files, wanted);
    }
    assert_eq!(repo.calls().len(), 5);
}

#[test]
fn a_fresh_clone_reports_what_is_done_and_builds_only_the_rest() {
    let repo = dirty_repo();
    repo.fake(&limited_at("T007"));
    repo.run(&CLAUDE).expect(6);
    repo.fake(&nothing_special());
    let clone = repo.fresh_clone("elsewhere");
    let plan = clone.run(&["plan", "--json"]).expect(0).json();
    assert_eq!(
        (&plan["specs"][0]["done"], &plan["specs"][0]["total"]),
        (&json!(6), &json!(12)),
        "{plan:#}"
    );
    let status = clone.run(&["status", "--json"]).json();
    assert_eq!(status["specs"][0]["done"], 6, "{status:#}");
    clone.run(&CLAUDE).expect(0);
    assert_eq!(
        repo.asked_for()[7..],
        ["T007", "T008", "T009", "T010", "T011", "T012"]
    );
    let chunks = repo.git_in(
        &repo.origin,
        &[
            "log",
            "--reverse",
            "--format=%(trailers:key=Codelicious-Chunk,valueonly,separator=)",
            &format!("main..{ALL}"),
        ],
    );
    let wanted: Vec<String> = (1..=12).map(|n| format!("T{n:03}")).collect();
    assert_eq!(chunks.split_whitespace().collect::<Vec<_>>(), wanted);

    // The first machine sees it as well.
    let ended = repo.run(&CLAUDE).expect(0);
    assert!(ended.stderr.contains("12/12"), "{}", ended.stderr);
    assert_eq!(repo.calls().len(), 13);
}

/// Two of four chunks are built, and the engine is there again.
fn half_built() -> Repo {
    let repo = small_repo();
    repo.fake(&limited_at("T003"));
    repo.run(&CLAUDE).expect(6);
    repo.fake(&nothing_special());
    repo
}

const LEDGER: &str = ".codelicious/state/specs-work.json";

#[test]
fn a_ledger_that_was_deleted_is_rebuilt_from_git() {
    for gone in [LEDGER, ".codelicious"] {
        let repo = half_built();
        let before = repo.users_things();
        let path = repo.root.join(gone);
        if path.is_dir() {
            fs::remove_dir_all(path).unwrap()
        } else {
            fs::remove_file(path).unwrap()
        }
        repo.run(&CLAUDE).expect(0);
        check_four(&repo, &before);
        assert_eq!(
            repo.asked_for(),
            ["T001", "T002", "T003", "T003", "T004"],
            "{gone}"
        );
    }
}

#[test]
fn a_damaged_ledger_is_moved_aside_and_rebuilt_from_git() {
    for damage in ["", "{", "{\"schema\": 1}", "\0\0\0\0"] {
        let repo = half_built();
        let before = repo.users_things();
        repo.write(LEDGER, damage);
        let ended = repo.run(&CLAUDE).expect(0);
        assert!(
            ended.stderr.contains("moved to"),
            "{damage:?}: {}",
            ended.stderr
        );
        check_four(&repo, &before);
        assert_eq!(repo.calls().len(), 5, "{damage:?}");
        let kept = repo.our_files().iter().any(|(p, bytes)| {
            p.starts_with(repo.root.join(".codelicious/state")) && bytes == damage.as_bytes()
        });
        assert!(kept, "{damage:?}: the damaged ledger is kept");
    }
}

#[test]
fn a_ledger_of_a_newer_version_is_refused_and_not_rewritten() {
    let repo = half_built();
    let mut ledger: Value = serde_json::from_str(&repo.read(LEDGER)).unwrap();
    ledger["schema"] = json!(99);
    ledger["from_the_future"] = json!({"a": 1});
    let text = ledger.to_string();
    repo.write(LEDGER, &text);
    for restart in [None, Some("--no-resume")] {
        let args: Vec<&str> = CLAUDE.into_iter().chain(restart).collect();
        let ended = repo.run(&args).expect(2);
        assert!(
            ended.stderr.contains("upgrade codelicious"),
            "{}",
            ended.stderr
        );
        assert_eq!(repo.read(LEDGER), text);
        assert_eq!(repo.calls().len(), 3, "nobody was paid");
    }
}

#[test]
fn no_resume_brings_back_what_waits_for_a_person_but_not_what_is_done() {
    let repo = small_repo();
    repo.fake(&json!({"rules": [{"chunk": "T002", "steps": [], "end": "block_chunk"}]}));
    repo.run(&CLAUDE).expect(3);
    repo.fake(&nothing_special());
    repo.run(&CLAUDE).expect(3);
    assert_eq!(
        repo.calls().len(),
        4,
        "a plain rerun leaves it to the person"
    );
    repo.run(&["--engine", "claude", "--no-resume"]).expect(0);
    assert_eq!(repo.asked_for()[4..], ["T002"]);
    check_four_tasks_in_any_order(&repo);
}

#[test]
fn work_that_was_kept_is_not_lost_when_attempts_are_counted_anew() {
    let repo = small_repo();
    let fails_with = |file: &str| {
        let write = json!({"write": {"path": file, "text": file}});
        repo.fake(
            &json!({"rules": [{"chunk": "T002", "steps": [write, {"commit": "my own"}],
            "end": {"kind": "error", "text": "no idea"}}]}),
        );
    };
    fails_with("first.txt");
    repo.run(&CLAUDE).expect(1);
    fails_with("second.txt");
    repo.run(&["--engine", "claude", "--reset-ledger"])
        .expect(1);
    let kept = "refs/codelicious/attempts/specs-work/T002/1";
    let holds = |rev: &str| repo.git(&["ls-tree", "--name-only", rev]);
    assert!(holds(kept).contains("second.txt"));
    let all = repo.git(&["rev-list", kept, "--not", "main", ALL]);
    let first = all.lines().filter(|c| holds(c).contains("first.txt"));
    assert!(first.count() > 0, "the work of the first attempt 1: {all}");
}

#[test]
fn reset_ledger_keeps_the_old_one_aside_and_loses_nothing() {
    let repo = half_built();
    let before = repo.users_things();
    let old = repo.read(LEDGER);
    repo.run(&["--engine", "claude", "--reset-ledger"])
        .expect(0);
    check_four(&repo, &before);
    assert_eq!(repo.asked_for(), ["T001", "T002", "T003", "T003", "T004"]);
    let aside = repo
        .our_files()
        .into_iter()
        .any(|(_, bytes)| bytes == old.as_bytes());
    assert!(aside, "the old ledger is kept");
}

#[test]
fn fresh_starts_again_from_the_base_and_archives_the_old_lane() {
    let repo = half_built();
    let before = repo.users_things();
    let old = repo.git(&["rev-parse", "refs/codelicious/lanes/specs-work"]);
    repo.run(&["--engine", "claude", "--fresh"]).expect(0);
    assert_eq!(
        repo.asked_for(),
        ["T001", "T002", "T003", "T001", "T002", "T003", "T004"]
    );
    let archived = repo.git(&[
        "for-each-ref",
        "--format=%(objectname)",
        "refs/codelicious/archive/specs-work",
    ]);
    assert_eq!(archived, old);
    let chunks: Vec<_> = repo
        .commits("refs/codelicious/lanes/specs-work")
        .into_iter()
        .filter_map(|(_, c)| c)
        .collect();
    assert_eq!(chunks, ["T001", "T002", "T003", "T004"]);
    assert_eq!(repo.users_things(), before);
    let again = repo.run(&CLAUDE).expect(0);
    assert!(again.stderr.contains("4/4"), "{}", again.stderr);
    assert_eq!(repo.calls().len(), 7);
}

#[test]
fn locks_that_a_killed_run_left_on_our_refs_are_cleared() {
    let repo = half_built();
    let before = repo.users_things();
    let git = repo.root.join(".git");
    let stale = [
        "refs/codelicious/lanes/specs-work.lock",
        "refs/codelicious/sync/specs-work.lock",
        "refs/heads/codelicious/specs-work-part-2.lock",
        "refs/remotes/origin/codelicious/specs-work-part-2.lock",
    ];
    for name in stale {
        fs::write(git.join(name), "").unwrap();
    }
    let ended = repo.run(&CLAUDE).expect(0);
    assert!(
        ended.stderr.contains("lanes/specs-work.lock"),
        "{}",
        ended.stderr
    );
    check_four(&repo, &before);
}

#[test]
fn a_branch_that_lags_behind_its_lane_catches_up() {
    let repo = small_repo();
    repo.run(&CLAUDE).expect(0);
    let at = repo.git(&["rev-parse", ALL]);
    // As a kill between the lane's move and the branch's leaves it.
    repo.git(&[
        "update-ref",
        &format!("refs/heads/{ALL}"),
        &format!("{ALL}~1"),
    ]);
    repo.run(&CLAUDE).expect(0);
    assert_eq!(repo.git(&["rev-parse", ALL]), at);
    repo.git(&["update-ref", "-d", &format!("refs/heads/{ALL}")]);
    repo.run(&CLAUDE).expect(0);
    assert_eq!(repo.git(&["rev-parse", ALL]), at);
}

/// A lane's branch, HEAD and indexes are not synced, because each is repaired from the lane's tip: as a file
/// system may leave them when the power goes, short of their content.
#[test]
fn files_that_a_power_cut_left_empty_are_repaired_from_the_lane() {
    let repo = half_built();
    let before = repo.users_things();
    let admin = repo.root.join(".git/worktrees/specs-work");
    let branch = repo.root.join(".git/refs/heads/codelicious/specs-work");
    for file in [
        branch,
        admin.join("HEAD"),
        admin.join("index"),
        admin.join("codelicious-index"),
    ] {
        assert!(file.is_file(), "{}", file.display());
        fs::write(&file, "").unwrap();
    }
    repo.run(&CLAUDE).expect(0);
    check_four(&repo, &before);
}

/// The first line on stderr that is about the spec.
#[track_caller]
fn first_line(ended: &Ended) -> &str {
    let line = ended
        .stderr
        .lines()
        .find(|l| l.starts_with("specs/work.md"));
    line.unwrap_or_else(|| panic!("{}", ended.stderr))
}

#[test]
fn the_first_line_about_a_spec_says_where_it_goes_on() {
    let repo = dirty_repo();
    let killed = crash_at(&repo, "kill@run_engine.after_effect#6");
    assert_eq!(killed.code, KILLED);
    let line = first_line(&killed);
    assert!(
        line.contains(": 12 tasks, starting with T001 Build piece 1; on codelicious/specs-work"),
        "{line}"
    );
    let ended = repo.run(&CLAUDE).expect(0);
    let line = first_line(&ended);
    assert!(
        line.contains(": 5 of 12 done, 1 interrupted, continuing with T006 Build piece 6; on"),
        "{line}"
    );
    let started = |e: &&Value| e["kind"] == "spec_started";
    let events = repo.events();
    let last = events.iter().rfind(started).expect("it started again");
    let payload = &last["payload"];
    assert_eq!(
        (&payload["done"], &payload["interrupted"], &payload["next"]),
        (&json!(5), &json!(1), &json!("T006"))
    );
}

#[test]
fn the_first_line_tells_what_failed_and_what_waits() {
    let repo = small_repo();
    repo.fake(&json!({"rules": [
        {"chunk": "T002", "nth": 1, "steps": [], "end": {"kind": "error", "text": "no idea"}},
        {"chunk": "T003", "steps": [], "end": {"kind": "block_chunk", "reason": "unclear", "needs": "which?"}},
    ]}));
    repo.run(&CLAUDE).expect(1);
    let ended = repo.run(&CLAUDE).expect(3);
    let line = first_line(&ended);
    let wanted = ": 2 of 4 done, 1 tried again, 1 waiting for a person, continuing with T002";
    assert!(line.contains(wanted), "{line}");
}

#[test]
fn a_fresh_start_that_was_interrupted_goes_on_from_the_base() {
    let repo = half_built();
    repo.fake(&limited_at("T001"));
    repo.run(&["--engine", "claude", "--fresh"]).expect(6);
    repo.fake(&nothing_special());
    repo.run(&CLAUDE);
    assert_eq!(
        repo.asked_for(),
        [
            "T001", "T002", "T003", "T001", "T001", "T002", "T003", "T004"
        ]
    );
}
