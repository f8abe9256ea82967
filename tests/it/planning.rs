//! Prose that a model plans: asked once, built chunk by chunk, and known by every run and every clone after that.

use crate::model_server::ModelServer;
use crate::support::{Ended, Repo, finish, send, wait_until};
use serde_json::{Value, json};
use std::fs;

const SPEC: &str = "notes/shop.md";
const TEXT: &str = "# Shop\n\nWe sell.\n\n## Cart\n\nOne can put things in and see them.\n\n## Till\n\nOne can pay.\n";

fn chunk(title: &str, section: &str, needs: &[usize]) -> Value {
    json!({"title": title, "description": format!("Build: {title}."), "section": section, "files": [],
           "depends_on": needs, "acceptance": ["It works."]})
}

/// The three chunks of [`TEXT`].
fn shop() -> Value {
    json!([
        chunk("Add a cart", "Cart", &[]),
        chunk("Show the cart", "Cart", &[0]),
        chunk("Take money", "Till", &[1]),
    ])
}

/// A cassette line that answers with these chunks.
fn plan(chunks: &Value) -> Value {
    json!({"chunk": "plan", "usage": {"input": 1000, "output": 100}, "cost_usd": 0.5,
           "calls": [{"name": "propose_chunks", "arguments": {"chunks": chunks}}]})
}

/// Lines that build every chunk: `work/<chunk>.txt` with the title in it.
fn builds() -> [Value; 2] {
    let write = json!({"name": "write_file", "arguments": {"path": "work/{chunk}.txt", "content": "{title}\n"}});
    let done = json!({"name": "complete_chunk", "arguments": {"summary": "wrote {chunk}", "confidence": 0.9, "rationale": "it is there"}});
    [
        json!({"chunk": "*", "calls": [write]}),
        json!({"chunk": "*", "calls": [done]}),
    ]
}

/// Writes a recording; the engine's name for it.
fn tape(repo: &Repo, name: &str, lines: &[Value]) -> String {
    let at = repo.base().join(name);
    let text: Vec<String> = lines.iter().map(ToString::to_string).collect();
    fs::write(&at, text.join("\n")).unwrap();
    format!("replay:{}", at.display())
}

/// A recording that plans so and builds.
fn planner(repo: &Repo, name: &str, answers: &[Value]) -> String {
    tape(repo, name, &[answers, &builds()].concat())
}

/// One that builds and was never asked to plan.
fn builder(repo: &Repo) -> String {
    let never = json!({"chunk": "plan", "error": {"kind": "auth", "message": "nobody was to ask"}});
    planner(repo, "builder.jsonl", &[never])
}

fn shop_repo() -> Repo {
    let repo = Repo::new();
    repo.write(SPEC, TEXT);
    repo
}

fn build(repo: &Repo, engine: &str) -> Ended {
    repo.run(&["--engine", engine, "--spec", SPEC])
}

const BRANCH: &str = "codelicious/notes-shop";
const PLAN: &str = "refs/codelicious/plans/notes-shop";

fn subjects(repo: &Repo) -> Vec<String> {
    let commits = repo.commits(BRANCH).into_iter();
    commits
        .filter(|(_, chunk)| chunk.is_some())
        .map(|(s, _)| s)
        .collect()
}

fn kept(repo: &Repo) -> Value {
    serde_json::from_str(&repo.git(&["show", &format!("{PLAN}:plan.json")])).unwrap()
}

fn id_of(repo: &Repo, title: &str) -> String {
    let plan = kept(repo);
    let chunks = plan["chunks"].as_array().unwrap();
    let found = chunks.iter().find(|c| c["title"] == title);
    found.unwrap()["id"].as_str().unwrap().to_owned()
}

fn events(repo: &Repo, kind: &str) -> Vec<Value> {
    let events = repo.events().into_iter();
    events
        .filter(|e| e["kind"] == kind)
        .map(|e| e["payload"].clone())
        .collect()
}

const THREE: [&str; 3] = [
    "[notes-shop] Add a cart",
    "[notes-shop] Show the cart",
    "[notes-shop] Take money",
];

#[test]
fn a_model_plans_prose_and_each_chunk_is_a_commit() {
    let repo = shop_repo();
    let before = repo.users_things();
    let engine = planner(&repo, "tape.jsonl", &[plan(&shop())]);
    let ended = build(&repo, &engine).expect(0);
    assert_eq!(subjects(&repo), THREE, "{}", ended.stderr);
    assert!(
        ended.stderr.contains("planned: 3 chunks"),
        "{}",
        ended.stderr
    );
    assert_eq!(repo.users_things(), before);

    // Each mark is in its work's commit, behind the text, and the text is as it was.
    let spec = repo.git(&["show", &format!("{BRANCH}:{SPEC}")]);
    let ids = ["Add a cart", "Show the cart", "Take money"].map(|t| id_of(&repo, t));
    let marks = ids
        .clone()
        .map(|id| format!("<!-- codelicious: chunk {id} done -->"));
    assert_eq!(spec, format!("{TEXT}{}", marks.join("\n")));
    let second = repo.git(&[
        "show",
        "-U0",
        "--format=",
        &format!("{BRANCH}~1"),
        "--",
        SPEC,
    ]);
    assert!(second.ends_with(&format!("+{}", marks[1])), "{second}");

    let [finished] = events(&repo, "planning_finished").try_into().unwrap();
    assert_eq!(
        (&finished["outcome"], &finished["chunks"], &finished["cost"]),
        (&json!("planned"), &json!(3), &json!({"usd": 0.5}))
    );
    // Nothing is left, and nobody is asked for that.
    let again = build(&repo, &builder(&repo)).expect(0);
    assert!(!again.stderr.contains("warning"), "{}", again.stderr);
    assert_eq!(subjects(&repo).len(), 3);
}

#[test]
fn a_run_that_is_killed_goes_on_with_the_same_chunks_without_asking() {
    let repo = shop_repo();
    let engine = planner(&repo, "tape.jsonl", &[plan(&shop())]);
    let crash = [("CODELICIOUS_CRASH", "kill@seal.after_intent#2")];
    let args = ["--engine", engine.as_str(), "--spec", SPEC];
    repo.run_with(&args, &crash).expect(137);
    let before = kept(&repo);
    assert_eq!(subjects(&repo), THREE[..1]);
    build(&repo, &builder(&repo)).expect(0);
    assert_eq!(subjects(&repo), THREE);
    assert_eq!(kept(&repo), before);
}

#[test]
fn killed_before_the_plan_is_kept_the_next_run_asks_again() {
    let repo = shop_repo();
    let engine = planner(&repo, "tape.jsonl", &[plan(&shop())]);
    let args = ["--engine", engine.as_str(), "--spec", SPEC];
    for place in ["plan.answered", "ref.moving/plans"] {
        let crash = format!("kill@{place}");
        repo.run_with(&args, &[("CODELICIOUS_CRASH", &crash)])
            .expect(137);
        assert_eq!(repo.git(&["for-each-ref", PLAN]), "", "{place}");
    }
    build(&repo, &engine).expect(0);
    assert_eq!(events(&repo, "planning_started").len(), 3);
    assert_eq!(subjects(&repo), THREE);
}

#[test]
fn a_fresh_clone_builds_on_by_the_plan_of_the_remote() {
    let repo = shop_repo();
    repo.git(&["add", SPEC]);
    repo.git(&["commit", "-qm", "A spec"]);
    repo.git(&["push", "-q"]);
    let engine = planner(&repo, "tape.jsonl", &[plan(&shop())]);
    let crash = [("CODELICIOUS_CRASH", "kill@push.after_effect#2")];
    let args = ["--engine", engine.as_str(), "--spec", SPEC];
    repo.run_with(&args, &crash).expect(137);

    let clone = repo.fresh_clone("clone");
    let never = builder(&repo);
    let ended = clone.run(&["--engine", &never, "--spec", SPEC]).expect(0);
    assert!(
        !ended.stderr.contains("could not be planned"),
        "{}",
        ended.stderr
    );
    let log = clone.git(&[
        "log",
        "--format=%s",
        "--reverse",
        &format!("origin/main..{BRANCH}"),
    ]);
    assert_eq!(log.lines().collect::<Vec<_>>(), THREE);
    assert_eq!(
        clone.git(&["rev-parse", PLAN]),
        repo.git(&["rev-parse", PLAN])
    );
    // And another one knows that all is done.
    let third = repo.fresh_clone("third");
    third.run(&["--engine", &never, "--spec", SPEC]).expect(0);
    assert_eq!(
        third.git(&[
            "log",
            "--format=%s",
            &format!("origin/{BRANCH}..origin/{BRANCH}")
        ]),
        ""
    );
}

#[test]
fn an_answer_that_is_no_plan_leaves_the_sections_to_be_built() {
    let many: Vec<Value> = (0..101)
        .map(|n| chunk(&format!("Piece {n}"), "", &[]))
        .collect();
    let circle = json!([chunk("A", "", &[1]), chunk("B", "", &[0])]);
    let words = json!({"chunk": "plan", "text": "I would rather not."});
    let error = json!({"chunk": "plan", "error": {"kind": "rate_limited", "message": "slow down"}});
    for (line, says) in [
        (words, "call `propose_chunks` once"),
        (plan(&json!(many)), "101 chunks are too many"),
        (plan(&circle), "in a circle"),
        (plan(&json!([])), "it found nothing to build"),
        (error, "the engine is rate limited"),
    ] {
        let repo = shop_repo();
        let engine = planner(&repo, "tape.jsonl", &[line.clone(), line]);
        let ended = build(&repo, &engine).expect(0);
        let warning = format!("warning: {SPEC} could not be planned by a model: ");
        let told = ended.stderr.lines().find(|l| l.contains(&warning));
        let told = told.unwrap_or_else(|| panic!("{says}: {}", ended.stderr));
        assert!(
            told.contains(says) && told.ends_with("it is built by sections"),
            "{told}"
        );
        assert_eq!(subjects(&repo), ["[notes-shop] Cart", "[notes-shop] Till"]);
        assert_eq!(repo.git(&["for-each-ref", PLAN]), "");
        assert_eq!(events(&repo, "planning_finished").len(), 1);
    }
}

#[test]
fn a_spec_that_changed_is_planned_anew_and_what_was_built_stays() {
    let repo = shop_repo();
    let engine = planner(&repo, "tape.jsonl", &[plan(&shop())]);
    let crash = [("CODELICIOUS_CRASH", "kill@seal.after_intent#3")];
    let args = ["--engine", engine.as_str(), "--spec", SPEC];
    repo.run_with(&args, &crash).expect(137);
    assert_eq!(subjects(&repo), THREE[..2]);

    repo.write(
        SPEC,
        format!(
            "{}\n## Bell\n\nIt rings.\n",
            TEXT.replace("pay.", "pay in coins.")
        ),
    );
    let shown = repo
        .run(&["plan", "--spec", SPEC, "--engine", &engine])
        .expect(0);
    assert!(
        shown.stdout.contains("changed since it was planned"),
        "{}",
        shown.stdout
    );
    let anew = json!([
        chunk("Add a cart", "Cart", &[]),
        chunk("Take coins", "Till", &[0]),
        chunk("Ring the bell", "Bell", &[]),
    ]);
    let engine = planner(&repo, "again.jsonl", &[plan(&anew)]);
    let ended = build(&repo, &engine).expect(0);
    assert!(
        ended.stderr.contains("2 of them kept from before"),
        "{}",
        ended.stderr
    );
    assert_eq!(
        subjects(&repo),
        [
            THREE[0],
            THREE[1],
            "[notes-shop] Take coins",
            "[notes-shop] Ring the bell"
        ]
    );
    let last = events(&repo, "planning_finished").pop().unwrap();
    assert_eq!(
        (&last["replanned"], &last["kept"], &last["chunks"]),
        (&json!(true), &json!(2), &json!(4))
    );
    // Plans that were kept before can still be looked at.
    assert_eq!(repo.git(&["rev-list", "--count", PLAN]), "2");
}

#[test]
fn a_spec_that_changed_and_cannot_be_planned_goes_on_and_loses_nothing() {
    let repo = shop_repo();
    let engine = planner(&repo, "tape.jsonl", &[plan(&shop())]);
    let crash = [("CODELICIOUS_CRASH", "kill@seal.after_intent#2")];
    let args = ["--engine", engine.as_str(), "--spec", SPEC];
    repo.run_with(&args, &crash).expect(137);
    repo.write(SPEC, TEXT.replace("pay.", "pay in coins."));
    let ended = build(&repo, &builder(&repo)).expect(0);
    assert!(
        ended.stderr.contains("the plan that is kept goes on"),
        "{}",
        ended.stderr
    );
    assert_eq!(subjects(&repo), [THREE[0], THREE[1], "[notes-shop] Till"]);
    // What is all built need not be planned.
    let again = build(&repo, &builder(&repo)).expect(0);
    assert!(
        !again.stderr.contains("could not be planned"),
        "{}",
        again.stderr
    );
}

#[test]
fn only_a_run_asks() {
    let repo = shop_repo();
    let engine = planner(&repo, "tape.jsonl", &[plan(&shop())]);
    let named = ["--spec", SPEC, "--engine", engine.as_str()];
    for args in [&["plan"][..], &["--dry-run"]] {
        let shown = repo.run(&[args, &named].concat()).expect(0);
        assert!(shown.stdout.contains("Till"), "{}", shown.stdout);
        assert!(
            shown.stdout.contains("a run has a model plan it first"),
            "{}",
            shown.stdout
        );
    }
    repo.run(&["status"]).expect(0);
    assert!(!repo.root.join(".codelicious").exists());
    assert_eq!(repo.git(&["for-each-ref", "refs/codelicious"]), "");
    build(&repo, &engine).expect(0);
    let shown = repo.run(&[&["plan"], &named[..]].concat()).expect(0);
    assert!(
        shown.stdout.contains("Take money") && !shown.stdout.contains("has a model"),
        "{}",
        shown.stdout
    );
    // Nobody named it: it is not built, and nobody is asked.
    let repo = shop_repo();
    let engine = planner(&repo, "tape.jsonl", &[plan(&shop())]);
    repo.run(&["--engine", &engine]).expect(0);
    assert_eq!(repo.git(&["for-each-ref", "refs/codelicious"]), "");
}

#[test]
fn tasks_that_people_wrote_are_built_as_they_stand() {
    let repo = Repo::new();
    repo.write(SPEC, "# Shop\n\n- [ ] Add a cart\n");
    build(&repo, &builder(&repo)).expect(0);
    assert_eq!(subjects(&repo), ["[notes-shop] Add a cart"]);
    assert!(events(&repo, "planning_started").is_empty());
}

#[test]
fn no_resume_asks_anew() {
    let repo = shop_repo();
    let engine = planner(&repo, "tape.jsonl", &[plan(&shop())]);
    let crash = [("CODELICIOUS_CRASH", "kill@seal.after_intent#2")];
    let args = ["--engine", engine.as_str(), "--spec", SPEC];
    repo.run_with(&args, &crash).expect(137);
    let anew = planner(
        &repo,
        "again.jsonl",
        &[plan(&json!([chunk("Sell", "Till", &[])]))],
    );
    repo.run(&["--engine", &anew, "--spec", SPEC, "--no-resume"])
        .expect(0);
    assert_eq!(subjects(&repo), [THREE[0], "[notes-shop] Sell"]);
}

#[test]
fn a_mark_that_a_person_takes_away_opens_the_chunk_again() {
    let repo = shop_repo();
    let engine = planner(&repo, "tape.jsonl", &[plan(&shop())]);
    build(&repo, &engine).expect(0);
    let id = id_of(&repo, "Take money");
    let person = repo.fresh_clone("person");
    person.git(&["switch", "-q", BRANCH]);
    let spec = person.root.join(SPEC);
    let text = fs::read_to_string(&spec).unwrap();
    let mark = format!("<!-- codelicious: chunk {id} done -->\n");
    assert!(text.contains(&mark), "{text}");
    fs::write(&spec, text.replace(&mark, "")).unwrap();
    person.git(&["commit", "-qam", "Not like this"]);
    person.git(&["push", "-q"]);
    let write = json!({"name": "write_file", "arguments": {"path": "work/again.txt", "content": "{title}\n"}});
    let lines = [json!({"chunk": "*", "calls": [write]}), builds()[1].clone()];
    let ended = build(&repo, &tape(&repo, "again.jsonl", &lines)).expect(0);
    let told = format!("{id}: its mark was taken away; it is open again");
    assert!(ended.stderr.contains(&told), "{}", ended.stderr);
    assert_eq!(subjects(&repo), [&THREE[..], &THREE[2..]].concat());
}

#[test]
fn what_a_person_says_of_a_planned_chunk_is_done() {
    let repo = shop_repo();
    let config = "[specs]\npaths = [\"notes/shop.md\"]\n[verify]\ncommands = [\"sh check.sh\"]\n";
    repo.write("codelicious.toml", config);
    repo.git(&["commit", "-qam", "Name the shop"]);
    repo.git(&["push", "-q"]);
    let unsure = json!({"name": "complete_chunk", "arguments": {"summary": "a guess", "confidence": 0.1, "rationale": "who knows"}});
    let write = builds()[0].clone();
    let lines = [
        plan(&shop()),
        write,
        json!({"chunk": "*", "calls": [unsure]}),
    ];
    build(&repo, &tape(&repo, "unsure.jsonl", &lines)).expect(3);
    let id = id_of(&repo, "Add a cart");
    let status = repo.run(&["status"]);
    assert!(
        status.stdout.contains(&id),
        "{}{}",
        status.stdout,
        status.stderr
    );
    repo.run(&["accept", &format!("notes-shop:{id}")]).expect(0);
    build(&repo, &builder(&repo)).expect(0);
    assert_eq!(subjects(&repo), THREE);
}

#[test]
fn marks_survive_a_squash_merge_and_a_plan_that_is_lost() {
    let repo = shop_repo();
    repo.git(&["add", SPEC]);
    repo.git(&["commit", "-qm", "A spec"]);
    repo.git(&["push", "-q"]);
    let engine = planner(&repo, "tape.jsonl", &[plan(&shop())]);
    build(&repo, &engine).expect(0);
    let clone = repo.fresh_clone("merger");
    clone.git(&["merge", "-q", "--squash", &format!("origin/{BRANCH}")]);
    clone.git(&["commit", "-qm", "The shop"]);
    clone.git(&["push", "-q", "origin", "HEAD:main"]);
    clone.git(&["push", "-q", "origin", &format!(":{BRANCH}")]);
    repo.git(&["pull", "-q"]);
    let ended = build(&repo, &builder(&repo)).expect(0);
    assert!(
        !ended.stderr.contains("could not be planned"),
        "{}",
        ended.stderr
    );

    // Somebody whose remote keeps no plans: a model that plans the same finds all of it done.
    repo.git(&["push", "-q", "origin", &format!(":{PLAN}")]);
    let clone = repo.fresh_clone("elsewhere");
    let again = planner(&repo, "again.jsonl", &[plan(&shop())]);
    let ended = clone.run(&["--engine", &again, "--spec", SPEC]).expect(0);
    let told = "is marked with planned chunks that no plan knows";
    assert!(
        ended.stderr.contains("planned: 3 chunks"),
        "{}",
        ended.stderr
    );
    assert!(
        ended.stderr.contains("\n0 chunks committed"),
        "{}",
        ended.stderr
    );
    let shown = repo
        .fresh_clone("looking")
        .run(&["plan", "--spec", SPEC])
        .expect(0);
    assert!(shown.stdout.contains(told), "{}", shown.stdout);
    let spec = clone.git(&["show", &format!("origin/main:{SPEC}")]);
    assert_eq!(spec.matches("codelicious: chunk").count(), 3);
}

#[test]
fn a_plan_of_a_newer_version_is_refused_and_never_rewritten() {
    let repo = shop_repo();
    repo.write("specs/other.md", "- [ ] T001 Another\n");
    let engine = planner(&repo, "tape.jsonl", &[plan(&shop())]);
    let crash = [("CODELICIOUS_CRASH", "kill@seal.after_intent#1")];
    let args = ["--engine", engine.as_str(), "--spec", SPEC];
    repo.run_with(&args, &crash).expect(137);
    let keep = |text: &str| {
        fs::write(repo.base().join("plan.json"), text).unwrap();
        let blob = repo.git(&["hash-object", "-w", "../plan.json"]);
        let tree = format!("printf '100644 blob {blob}\\tplan.json\\n' | git mktree");
        let made = std::process::Command::new("sh")
            .arg("-c")
            .arg(tree)
            .current_dir(&repo.root)
            .output();
        let tree = String::from_utf8(made.unwrap().stdout).unwrap();
        let commit = repo.git(&["commit-tree", tree.trim(), "-m", "x"]);
        repo.git(&["update-ref", PLAN, &commit]);
    };
    keep(r#"{"schema": 2, "later": true}"#);
    let at = repo.git(&["rev-parse", PLAN]);
    let ended = build(&repo, &engine).expect(2);
    assert!(
        ended.stderr.contains("upgrade codelicious"),
        "{}",
        ended.stderr
    );
    assert_eq!(repo.git(&["rev-parse", PLAN]), at);
    assert!(subjects_or_none(&repo).is_empty());

    keep("not a plan");
    let ended = build(&repo, &engine).expect(0);
    assert!(ended.stderr.contains("it is damaged"), "{}", ended.stderr);
    assert_eq!(subjects(&repo), THREE);
}

#[test]
fn a_stop_while_a_model_plans_ends_the_run_at_once() {
    let repo = shop_repo();
    let hang = json!({"chunk": "plan", "error": {"kind": "hang"}});
    let engine = planner(&repo, "tape.jsonl", &[hang]);
    let child = repo.start(&["--engine", &engine, "--spec", SPEC]);
    wait_until("the model is asked", || {
        !events(&repo, "planning_started").is_empty()
    });
    send(&child, rustix::process::Signal::TERM);
    let ended = finish(child).expect(143);
    assert!(
        !ended.stderr.contains("could not be planned"),
        "{}",
        ended.stderr
    );
    assert!(subjects_or_none(&repo).is_empty());
    // The next one asks, and goes on.
    let engine = planner(&repo, "again.jsonl", &[plan(&shop())]);
    build(&repo, &engine).expect(0);
    assert_eq!(subjects(&repo), THREE);
}

fn subjects_or_none(repo: &Repo) -> String {
    repo.git(&["for-each-ref", "refs/heads/codelicious"])
}

#[test]
fn a_provider_plans_with_its_planner_model_and_builds_with_the_other() {
    let call = json!({"name": "propose_chunks", "arguments": {"chunks": shop()}});
    let server = ModelServer::start(&json!({"rules": [
        {"tool": "propose_chunks", "answer": {"calls": [call], "usage": {"input": 1000, "output": 100}}},
    ]}));
    for (engine, suffix) in [("openai", "/v1"), ("anthropic", "")] {
        let repo = shop_repo();
        repo.other_settings(&format!("[engine.{engine}]\nplanner_model = \"thinker\"\n"));
        let endpoint = format!("{}{suffix}", server.url);
        let args = [
            "--engine",
            engine,
            "--endpoint",
            &endpoint,
            "--model",
            "m-1",
            "--spec",
            SPEC,
        ];
        let before = server.asked().len();
        repo.run_with(&args, &[("LLM_API_KEY", "sk-dummy")])
            .expect(0);
        assert_eq!(subjects(&repo), THREE, "{engine}");
        let models = |asked: &[Value]| -> Vec<String> {
            let models = asked
                .iter()
                .map(|a| a["body"]["model"].as_str().unwrap().to_owned());
            models.collect()
        };
        let asked = server.asked().split_off(before);
        let models = models(&asked);
        assert_eq!(models[0], "thinker", "{engine}");
        assert!(
            models[1..].iter().all(|m| m == "m-1") && models.len() > 3,
            "{models:?}"
        );
        let told = asked[0]["body"].to_string();
        assert!(
            told.contains("One can pay.") && !told.contains("write_file"),
            "{told}"
        );
        let [finished] = events(&repo, "planning_finished").try_into().unwrap();
        assert_eq!(
            (&finished["model"], &finished["cost"]),
            (&json!("thinker"), &json!("unknown"))
        );
    }
}

#[test]
fn a_bound_in_dollars_holds_for_planning() {
    // The answer costs more than the run may: what it planned is kept, and nothing is built for it.
    let repo = shop_repo();
    let engine = planner(&repo, "tape.jsonl", &[plan(&shop())]);
    let args = [
        "--engine",
        engine.as_str(),
        "--spec",
        SPEC,
        "--max-cost-usd",
        "0.4",
    ];
    repo.run(&args).expect(5);
    assert_eq!(subjects_or_none(&repo), "");
    assert_eq!(kept(&repo)["chunks"].as_array().unwrap().len(), 3);

    // Nobody knows what the planner costs: it is not asked.
    let server = ModelServer::start(&json!({}));
    let repo = shop_repo();
    let config = "[engine.openai]\nplanner_model = \"thinker\"\n\
                  [price.m-1]\ninput = 0.1\noutput = 0.1\ndate = \"2026-11-01\"\n";
    repo.other_settings(config);
    let endpoint = format!("{}/v1", server.url);
    let args = [
        "--engine",
        "openai",
        "--endpoint",
        &endpoint,
        "--model",
        "m-1",
        "--spec",
        SPEC,
        "--max-cost-usd",
        "5",
    ];
    let ended = repo
        .run_with(&args, &[("LLM_API_KEY", "sk-dummy")])
        .expect(0);
    assert!(
        ended.stderr.contains("what thinker costs is not known"),
        "{}",
        ended.stderr
    );
    assert!(server.asked().iter().all(|a| a["body"]["model"] == "m-1"));
    assert_eq!(subjects(&repo), ["[notes-shop] Cart", "[notes-shop] Till"]);
}

#[test]
fn who_plans_is_chosen() {
    let repo = shop_repo();
    repo.run(&[
        "--engine",
        &builder(&repo),
        "--spec",
        SPEC,
        "--chunk-strategy",
        "tasks",
    ])
    .expect(0);
    assert!(events(&repo, "planning_started").is_empty());
    assert_eq!(subjects(&repo), ["[notes-shop] Cart", "[notes-shop] Till"]);
    for (strategy, is_told) in [("auto", false), ("llm", true)] {
        let repo = shop_repo();
        let named = [
            "--engine",
            "claude",
            "--spec",
            SPEC,
            "--chunk-strategy",
            strategy,
        ];
        let told = "no engine here can plan (--chunk-strategy llm)";
        let shown = repo.run(&[&["plan"], &named[..]].concat()).expect(0);
        assert_eq!(shown.stdout.contains(told), is_told, "{}", shown.stdout);
        let ended = repo.run(&named).expect(0);
        assert_eq!(ended.stderr.contains(told), is_told, "{}", ended.stderr);
        assert_eq!(subjects(&repo), ["[notes-shop] Cart", "[notes-shop] Till"]);
    }
    // Long texts are asked about in windows, and only so many of them.
    let repo = shop_repo();
    repo.write(
        SPEC,
        format!("{TEXT}\n## Long\n\n{}\n", "word ".repeat(2000)),
    );
    repo.write("codelicious.toml", "[plan]\nwindow_tokens = 1000\noverlap_tokens = 0\nmax_windows = 2\n[verify]\ncommands = [\"sh check.sh\"]\n");
    repo.git(&["commit", "-qam", "Windows"]);
    repo.git(&["push", "-q"]);
    let ended = build(&repo, &builder(&repo)).expect(0);
    assert!(
        ended.stderr.contains("more than 2 windows of 1000"),
        "{}",
        ended.stderr
    );
}

#[test]
fn secrets_of_a_spec_reach_neither_the_model_nor_the_plan() {
    let repo = Repo::new();
    let secret = "ghp_0123456789abcdefghijABCDEFGHIJ012345";
    repo.write(
        SPEC,
        format!("# Shop\n\n## Till\n\nThe token is {secret}.\n"),
    );
    // What a person brought to the base is theirs to answer for.
    repo.git(&["add", SPEC]);
    repo.git(&["commit", "-qm", "A spec"]);
    repo.git(&["push", "-q"]);
    let told = json!([{"title": "Use the token", "description": format!("It is {secret}."), "section": "Till"}]);
    let call = json!({"name": "propose_chunks", "arguments": {"chunks": told}});
    let server = ModelServer::start(
        &json!({"rules": [{"tool": "propose_chunks", "answer": {"calls": [call]}}]}),
    );
    let endpoint = format!("{}/v1", server.url);
    let args = [
        "--engine",
        "openai",
        "--endpoint",
        &endpoint,
        "--model",
        "m",
        "--spec",
        SPEC,
    ];
    repo.run_with(&args, &[("LLM_API_KEY", "sk-dummy")])
        .expect(0);
    let asked = server.asked()[0]["body"].to_string();
    assert!(
        asked.contains("The token is") && !asked.contains(secret),
        "{asked}"
    );
    let plan = repo.git(&["show", &format!("{PLAN}:plan.json")]);
    assert!(
        plan.contains("Use the token") && !plan.contains(secret),
        "{plan}"
    );
}
