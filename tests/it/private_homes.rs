//! Agents' homes beside the lane: who gets into them, and what gets out of them.

use crate::support::{Repo, spec_of};
use std::fs;
use std::os::unix::fs::PermissionsExt;

/// Says loudly where the machine can put up no wall with named hosts.
pub fn has_walls() -> bool {
    codelicious::sandbox::set_helper(crate::support::program());
    let abilities = codelicious::sandbox::probe::abilities();
    let has = abilities.landlock > 0 && abilities.seccomp && abilities.network_namespace;
    if !has {
        eprintln!("SKIPPED: no walls here: {:?}", abilities.lacking);
    }
    has
}

/// An agent that refreshes its token, says it in every way that it has, and builds.
const REFRESHES: &str = r##"#!/bin/sh
[ "$1" = --version ] && { echo '2.1.330 (Claude Code)'; exit 0; }
cat >/dev/null
chunk=T00$(($(ls work 2>/dev/null | wc -l) + 1))
token=foxglove-orchard-token-$chunk
printf '{"claudeAiOauth":{"accessToken":"%s","refreshToken":"%s-again","expiresAt":%s}}' "$token" "$token" "9$$" \
    > "$CLAUDE_CONFIG_DIR/.credentials.json"
echo '{"type":"system","subtype":"init","session_id":"s","model":"m","tools":[]}'
echo "a line that is no JSON: $token"
echo "on standard error: $token" >&2
echo '{"type":"assistant","message":{"id":"m1","role":"assistant","content":[{"type":"tool_use","id":"t","name":"Bash","input":{"command":"curl -H '$token' there"}}]},"session_id":"s"}'
mkdir -p work; echo built > work/$chunk.txt
echo '{"type":"result","subtype":"success","is_error":false,"num_turns":1,"session_id":"s","total_cost_usd":0.01,"usage":{"input_tokens":1,"output_tokens":1},"result":"said '$token'","structured_output":{"kind":"complete_chunk","summary":"built with '$token' and '$token'-again","confidence":0.9,"rationale":"","no_change_needed":"","reason":"","needs":""}}'
"##;

/// A repository with such an agent, a login of the user's, and a check.
fn repo(tasks: usize, check: &str) -> Repo {
    let repo = Repo::new();
    repo.bare_walls();
    repo.write("specs/work.md", spec_of(tasks, tasks));
    repo.write("check.sh", check);
    repo.git(&["commit", "-qam", "A check"]);
    repo.git(&["push", "-q"]);
    let claude = repo.base().join("bin/claude");
    fs::remove_file(&claude).expect("removed");
    repo.script(&claude, REFRESHES);
    let own = repo.base().join("home/.claude");
    fs::create_dir_all(&own).expect("made");
    let login = own.join(".credentials.json");
    let tokens = r#"{"claudeAiOauth":{"accessToken":"first-orchard-token","refreshToken":"first-orchard-again","expiresAt":1}}"#;
    fs::write(&login, tokens).expect("written");
    fs::set_permissions(&login, fs::Permissions::from_mode(0o600)).expect("set");
    repo
}

fn run(repo: &Repo) -> crate::support::Ended {
    let output = repo
        .command(&["--engine", "claude"])
        .env_remove("CODELICIOUS_SANDBOX")
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .expect("it starts");
    crate::support::finish(output)
}

/// All files below a folder, as one text.
fn texts(dir: &std::path::Path) -> String {
    let mut out = String::new();
    let mut open = vec![dir.to_path_buf()];
    while let Some(dir) = open.pop() {
        for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
            match entry.file_type().expect("known").is_dir() {
                true => open.push(entry.path()),
                false => {
                    out += &String::from_utf8_lossy(&fs::read(entry.path()).unwrap_or_default());
                }
            }
        }
    }
    out
}

#[test]
fn a_token_that_is_refreshed_meanwhile_is_written_nowhere() {
    if !has_walls() {
        return;
    }
    let repo = repo(2, "exit 0\n");
    let ended = run(&repo).expect(0);
    let own = fs::read_to_string(repo.base().join("home/.claude/.credentials.json"));
    let own = own.expect("there");
    assert!(own.contains("foxglove-orchard-token-T00"), "{own}");
    let log = repo.git(&["log", "--all", "--format=%B%N"]);
    let written = texts(&repo.root.join(".codelicious"));
    for text in [&ended.stderr, &ended.stdout, &log, &written] {
        assert!(!text.contains("foxglove-orchard"), "{text}");
    }
    assert!(log.contains("built with [redacted]"), "{log}");
    for kept in [
        "a line that is no JSON: [redacted]",
        "on standard error: [redacted]",
        "curl -H [redacted] there",
    ] {
        assert!(written.contains(kept), "{kept}: {written}");
    }
}

#[test]
fn a_check_neither_reads_an_agents_login_nor_writes_to_its_home() {
    if !has_walls() {
        return;
    }
    // Each has to fail, and what a check may do in a home has to work.
    let check = r#"
[ -e work ] || exit 0
case $HOME in */specs-work@box/home) ;; *) echo "home is $HOME"; exit 1 ;; esac
box=${HOME%/home}
agent=$box/agent-claude/home
cat $agent/.claude/.credentials.json 2>/dev/null && { echo "read it"; exit 1; }
ls $agent/.claude 2>/dev/null && { echo "listed it"; exit 1; }
for path in .bashrc .claude/settings.json .claude/planted ../tmp/x ../cache/x ../planted; do
    (echo x >> $agent/$path) 2>/dev/null && { echo "wrote $path"; exit 1; }
done
(mv $box/agent-claude $box/other || rm $agent/.claude/.credentials.json || mkdir $box/new) 2>/dev/null && { echo moved; exit 1; }
[ -e $agent/.claude/.credentials.json ] || { echo "nothing was there to be read"; exit 1; }
echo fine > "$HOME/mine" && cat "$HOME/mine" && echo x > "$TMPDIR/x" || exit 1
"#;
    let repo = repo(1, check);
    let ended = run(&repo).expect(0);
    let built = repo.git(&[
        "show",
        "--name-only",
        "--format=%s",
        "codelicious/specs-work",
    ]);
    assert!(built.contains("work/T001.txt"), "{built}{}", ended.stderr);
}
