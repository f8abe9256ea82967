//! Which forge pull requests go to, and whose token they carry: `doctor` tells, and a run begins only where both are
//! known. What knows tokens is played by real little programs.

use crate::support::{Ended, Repo, spec_of};
use std::fs;

/// A repository whose remote is at `url`.
fn at(url: &str) -> Repo {
    let repo = Repo::new();
    repo.git(&["remote", "set-url", "origin", url]);
    repo
}

/// A program on PATH that says how it was called, with its arguments and the names of its variables, and does `shell`.
fn plays(repo: &Repo, name: &str, shell: &str) {
    let base = repo.base();
    let log = base.join(format!("{name}.log"));
    let text = format!(
        "#!/bin/sh\nprintf '%s\\n' \"$*\" >> '{0}'\nenv | cut -d= -f1 | sort | tr '\\n' ' ' >> '{0}.env'\n{shell}\n",
        log.display()
    );
    repo.script(&base.join("bin").join(name), &text);
}

fn calls(repo: &Repo, name: &str) -> String {
    fs::read_to_string(repo.base().join(format!("{name}.log"))).unwrap_or_default()
}

fn variables(repo: &Repo, name: &str) -> String {
    fs::read_to_string(repo.base().join(format!("{name}.log.env"))).unwrap_or_default()
}

/// What `doctor` found of one thing, as `verdict: found | remedy`, and everything that it said.
fn doctor(repo: &Repo, args: &[&str], envs: &[(&str, &str)]) -> (Vec<(String, String)>, Ended) {
    // Remotes of these tests are names that nobody is to look up.
    let words = [&["doctor", "--json", "--skip-auth-check"], args].concat();
    let ended = repo.run_with(&words, envs);
    let findings = ended.json()["findings"].as_array().expect("a list").clone();
    let one = |finding: &serde_json::Value| {
        let word = |key: &str| finding[key].as_str().expect("a text").to_owned();
        let (verdict, found, remedy) = (word("verdict"), word("found"), word("remedy"));
        let end = match remedy.as_str() {
            "" => String::new(),
            remedy => format!(" | {remedy}"),
        };
        (word("what"), format!("{verdict}: {found}{end}"))
    };
    (findings.iter().map(one).collect(), ended)
}

/// What it found of the forge and its token.
fn chosen(repo: &Repo, args: &[&str], envs: &[(&str, &str)]) -> Vec<String> {
    let (findings, _) = doctor(repo, args, envs);
    let ours = findings
        .into_iter()
        .filter(|(what, _)| what == "forge" || what == "token");
    ours.map(|(_, text)| text).collect()
}

#[test]
fn a_folder_for_a_remote_keeps_pull_requests_as_files() {
    let repo = Repo::new();
    assert_eq!(
        chosen(&repo, &[], &[]),
        ["ok: local (the remote is a folder)"]
    );
    assert_eq!(
        chosen(&repo, &["--platform", "local"], &[]),
        ["ok: local (--platform says so)"]
    );
    repo.write("codelicious.toml", "[pr]\nlabels = ['ai']\n");
    let notes = chosen(&repo, &[], &[]);
    assert!(
        notes[1].starts_with("note: `pr.labels` (")
            && notes[1].ends_with("codelicious.toml:2) has no effect on local"),
        "{notes:?}"
    );
    repo.git(&["remote", "remove", "origin"]);
    assert_eq!(chosen(&repo, &[], &[])[0], "ok: local (there is no remote)");
}

#[test]
fn a_token_in_a_variable_is_named_and_not_shown() {
    let repo = at("https://ada:inside@github.com/octo/hello.git");
    let envs = [("GITHUB_TOKEN", "ghp-never-to-be-seen")];
    let (findings, ended) = doctor(&repo, &[], &envs);
    assert!(findings.contains(&(
        "forge".to_owned(),
        "ok: GitHub octo/hello at https://api.github.com (the remote is on github.com)".to_owned()
    )));
    assert!(findings.contains(&("token".to_owned(), "ok: from GITHUB_TOKEN".to_owned())));
    for secret in ["ghp-never", "inside"] {
        assert!(!ended.stdout.contains(secret) && !ended.stderr.contains(secret));
    }
}

#[test]
fn the_github_command_line_is_asked_for_the_hosts_own_token() {
    let repo = at("git@github.com:octo/hello.git");
    plays(&repo, "gh", "echo gho-kept-by-gh");
    let envs = [
        ("GH_ENTERPRISE_TOKEN", "of-another-host"),
        ("GH_CONFIG_DIR", "/nowhere"),
        ("OPENAI_API_KEY", "sk-of-an-engine"),
    ];
    let (findings, ended) = doctor(&repo, &[], &envs);
    assert!(
        findings.contains(&("token".to_owned(), "ok: from gh auth token".to_owned())),
        "{findings:?}"
    );
    assert!(!ended.stdout.contains("gho-kept") && !ended.stderr.contains("gho-kept"));
    assert_eq!(calls(&repo, "gh"), "auth token --hostname github.com\n");
    let seen = variables(&repo, "gh");
    assert!(
        seen.contains("GH_CONFIG_DIR ") && seen.contains("GH_PROMPT_DISABLED "),
        "{seen}"
    );
    assert!(
        !seen.contains("_TOKEN") && !seen.contains("API_KEY"),
        "{seen}"
    );

    // What it prints is a token or nothing.
    plays(&repo, "gh", "echo 'no oauth token found for github.com'");
    let found = chosen(&repo, &[], &[]);
    assert!(
        found[0].starts_with("missing: there is no token for GitHub at github.com"),
        "{found:?}"
    );
}

#[test]
fn an_older_gitlab_command_line_is_asked_in_its_own_words() {
    let repo = at("git@gitlab.com:group/sub/name.git");
    plays(
        &repo,
        "glab",
        "case \"$1\" in auth) echo 'unknown command' >&2; exit 1;; esac\necho glpat-kept-by-glab",
    );
    assert_eq!(
        chosen(&repo, &[], &[]),
        [
            "ok: GitLab group/sub/name at https://gitlab.com/api/v4 (the remote is on gitlab.com)",
            "ok: from glab config get"
        ]
    );
    assert_eq!(
        calls(&repo, "glab"),
        "auth token --hostname gitlab.com\nconfig get token --host gitlab.com\n"
    );
}

#[test]
fn a_credential_helper_is_asked_last_and_nobody_is_asked_for_a_password() {
    let repo = at("https://git.example:8443/octo/hello.git");
    plays(&repo, "asked-a-person", "echo typed-by-a-person");
    let ask = repo.base().join("bin/asked-a-person").display().to_string();
    let envs = [
        ("GIT_ASKPASS", ask.as_str()),
        ("SSH_ASKPASS", ask.as_str()),
        ("SSH_ASKPASS_REQUIRE", "force"),
        ("DISPLAY", ":0"),
    ];
    let args = ["--platform", "gitea"];
    let found = chosen(&repo, &args, &envs);
    assert!(
        found[0].starts_with("missing: there is no token for Gitea at git.example"),
        "{found:?}"
    );
    assert!(
        found[0].contains("GITEA_SERVER_URL=https://git.example:8443"),
        "{found:?}"
    );

    plays(
        &repo,
        "git-credential-kept",
        "cat >> \"$0.asked\"\necho username=ada\necho password=kept-by-a-helper",
    );
    // One that stands in the repository may have been written there by an engine.
    repo.git(&["config", "credential.helper", "kept"]);
    assert!(
        chosen(&repo, &args, &envs)
            .iter()
            .all(|f| !f.contains("helper"))
    );
    let own = repo.base().join("home/gitconfig");
    fs::write(&own, "[credential]\n\thelper = kept\n").expect("written");
    let own = own.display().to_string();
    let envs = [&envs[..], &[("GIT_CONFIG_GLOBAL", own.as_str())]].concat();
    assert_eq!(
        chosen(&repo, &args, &envs),
        [
            "ok: Gitea octo/hello at https://git.example:8443/api/v1 (--platform says so)",
            "ok: from git's credential helper"
        ]
    );
    let asked =
        fs::read_to_string(repo.base().join("bin/git-credential-kept.asked")).expect("asked");
    assert!(
        asked.contains("protocol=https\nhost=git.example:8443\n"),
        "{asked}"
    );
    assert_eq!(calls(&repo, "asked-a-person"), "");
}

#[test]
fn what_git_rewrites_and_what_ssh_calls_otherwise_is_found() {
    let envs = [("GH_TOKEN", "for-github")];
    let github = "ok: GitHub octo/hello at https://api.github.com (the remote is on github.com)";
    let repo = at("gh:octo/hello.git");
    repo.git(&["config", "url.https://github.com/.insteadOf", "gh:"]);
    assert_eq!(chosen(&repo, &[], &envs)[0], github);

    // Pushes go elsewhere than fetches.
    let repo = at("https://mirror.example/hello.git");
    repo.git(&[
        "config",
        "remote.origin.pushurl",
        "git@github.com:octo/hello.git",
    ]);
    assert_eq!(chosen(&repo, &[], &envs)[0], github);

    let repo = at("git@github.com-work:octo/hello.git");
    plays(
        &repo,
        "ssh",
        "echo user git\necho hostname github.com\necho port 22",
    );
    assert_eq!(chosen(&repo, &[], &envs)[0], github);
    assert_eq!(calls(&repo, "ssh"), "-G github.com-work\n");
}

#[test]
fn a_token_where_the_settings_say_wins_and_is_read_with_care() {
    let repo = at("https://gitlab.com/group/name.git");
    let file = repo.base().join("forge-token");
    fs::write(&file, "glpat-in-a-file\n").expect("written");
    let path = file.display().to_string();
    let envs = [
        ("CODELICIOUS_FORGE_TOKEN_FILE", path.as_str()),
        ("GITLAB_TOKEN", "in-a-variable"),
    ];
    let found = chosen(&repo, &[], &envs);
    assert!(
        found[0].contains("others can read the token in it; run: chmod 600"),
        "{found:?}"
    );
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).expect("set");
    assert_eq!(chosen(&repo, &[], &envs)[1], format!("ok: from {path}"));

    plays(
        &repo,
        "my-tokens",
        "[ \"$1\" = forge ] && echo glpat-printed",
    );
    let printed = [("CODELICIOUS_FORGE_TOKEN_COMMAND", "my-tokens\nforge")];
    assert_eq!(
        chosen(&repo, &[], &printed)[1],
        "ok: from what `my-tokens` printed"
    );
    let failing = [("CODELICIOUS_FORGE_TOKEN_COMMAND", "my-tokens\nother")];
    let found = chosen(&repo, &[], &failing);
    assert!(
        found[0].contains("`my-tokens` of `token_command` ended with exit code 1"),
        "{found:?}"
    );
}

#[test]
fn a_run_begins_only_where_it_can_deliver() {
    let repo = at("https://github.com/octo/hello.git");
    repo.write("specs/a.md", spec_of(1, 3));
    for (args, envs, says) in [
        (
            &[][..],
            &[][..],
            "there is no token for GitHub at github.com",
        ),
        (
            &["--platform", "gitlab"],
            &[("GITLAB_TOKEN", "t0ken")],
            "the remote is on github.com, which is GitHub",
        ),
        (
            &["--from-issue", "https://github.com/other/hello/issues/3"],
            &[("GH_TOKEN", "t0ken")],
            "it is no issue of https://github.com/octo/hello",
        ),
        (
            &["--from-issue", "https://github.com/octo/hello/pull/3"],
            &[("GH_TOKEN", "t0ken")],
            "it is a pull request, not an issue",
        ),
    ] {
        let ended = repo.run_with(args, envs).expect(2);
        assert!(ended.stderr.contains(says), "{args:?}: {}", ended.stderr);
        assert!(!ended.stderr.contains("t0ken"));
    }
    assert_eq!(repo.calls().len(), 0, "no engine was paid");
    assert!(!repo.root.join(".codelicious").exists());

    repo.git(&[
        "remote",
        "set-url",
        "origin",
        "https://127.0.0.1:1/octo/hello.git",
    ]);
    let ended = repo.run::<&str>(&[]).expect(2);
    assert!(
        ended
            .stderr
            .contains("it is not to be told which forge 127.0.0.1 is, and it was asked in vain"),
        "{}",
        ended.stderr
    );
    assert!(
        ended
            .stderr
            .contains("`--platform local` keeps pull requests as files"),
        "{}",
        ended.stderr
    );
}
