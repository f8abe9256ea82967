//! The Action, its steps run as a runner runs them, and what the program tells a runner.

mod runner;

use crate::support::{Repo, program, send, spec_of, wait_until};
use runner::{Job, action_path, action_yml, pairs, target_of, this_machine};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use tempfile::TempDir;

/// A folder as a release's files are made for it, with the built program for this machine.
fn release() -> &'static Path {
    static RELEASE: OnceLock<TempDir> = OnceLock::new();
    let dir = RELEASE.get_or_init(|| {
        let dir = TempDir::new().unwrap();
        let (os, arch) = this_machine();
        archive(dir.path(), &program(), &target_of(os, arch));
        checksums(dir.path());
        dir
    });
    dir.path()
}

fn package(arguments: &[&str]) {
    let script = action_path().join("action/package.sh");
    let ended = Command::new(script).args(arguments).output().unwrap();
    assert!(ended.status.success(), "{ended:?}");
}

fn archive(dir: &Path, binary: &Path, target: &str) {
    package(&[
        "archive",
        binary.to_str().unwrap(),
        target,
        dir.to_str().unwrap(),
    ]);
}

fn checksums(dir: &Path) {
    package(&["checksums", dir.to_str().unwrap()]);
}

/// Serves `GET /releases/latest/download/…` and `…/download/v9.8.7/…` from a folder. Its thread ends with the process.
fn serve(dir: &Path) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}/releases", listener.local_addr().unwrap());
    let dir = dir.to_path_buf();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            // A client that goes away is its own business.
            let _ = answer(&stream, &dir);
        }
    });
    address
}

fn answer(mut stream: &TcpStream, dir: &Path) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream).lines();
    let first = lines.next().transpose()?.unwrap_or_default();
    for line in lines {
        if line?.is_empty() {
            break;
        }
    }
    let path = first.split(' ').nth(1).unwrap_or_default();
    let name = ["/releases/latest/download/", "/releases/download/v9.8.7/"]
        .iter()
        .find_map(|p| path.strip_prefix(p));
    match name.and_then(|n| fs::read(dir.join(n)).ok()) {
        Some(bytes) => {
            write!(
                stream,
                "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                bytes.len()
            )?;
            stream.write_all(&bytes)
        }
        None => write!(
            stream,
            "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        ),
    }
}

/// A repository whose origin has a spec of `n` tasks, and a clean clone of it.
fn with_spec(n: usize) -> (Repo, PathBuf) {
    let repo = Repo::new();
    repo.write("specs/a.md", spec_of(n, n));
    repo.git(&["add", "-A"]);
    repo.git(&["commit", "-qm", "Add a spec"]);
    repo.git(&["push", "-q"]);
    let checkout = repo.fresh_clone("workspace").root;
    repo.git_in(&checkout, &["config", "--unset", "user.name"]);
    repo.git_in(&checkout, &["config", "--unset", "user.email"]);
    (repo, checkout)
}

const LOCAL: &str = "--platform=local";

/// What every job here starts with.
fn inputs<'a>(url: &'a str, more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let mut all = vec![("release-url", url), ("args", LOCAL), ("engine", "claude")];
    all.extend(more);
    all
}

/// Lines that a runner would obey.
fn obeyed(text: &str) -> Vec<&str> {
    text.split(['\n', '\r'])
        .filter(|l| l.trim_start().starts_with("::") || l.contains("##["))
        .collect()
}

#[test]
fn the_steps_install_build_and_tell_the_documented_outputs() {
    let (repo, checkout) = with_spec(2);
    let url = format!("file://{}", release_as_files());
    let job = Job::new(&repo, &checkout, &inputs(&url, &[("spec", "specs/a.md\n")]));
    let job = job.run().expect(0);
    assert_eq!(job.ran, ["prepare", "install", "run"]);
    let output = |name: &str| job.outputs[name].as_str();
    assert_eq!(output("status"), "done");
    assert_eq!(output("exit-code"), "0");
    assert_eq!(output("postmortem"), "");
    assert_eq!(output("version"), env!("CARGO_PKG_VERSION"));
    let prs: Vec<String> = serde_json::from_str(output("prs")).unwrap();
    assert_eq!(prs.len(), 1, "{prs:?}");
    assert!(checkout.join(&prs[0]).is_file(), "{prs:?}");
    let cost: f64 = output("cost").parse().unwrap();
    assert!(cost > 0.0);
    assert_eq!(output("cost").split_once('.').unwrap().1.len(), 4);
    let documented: BTreeSet<&str> = job.outputs.keys().map(String::as_str).collect();
    assert_eq!(
        documented,
        BTreeSet::from([
            "cost",
            "exit-code",
            "postmortem",
            "prs",
            "status",
            "version"
        ])
    );

    // The work is on the origin, by the runner's own account.
    let log = repo.git_in(
        &repo.origin,
        &["log", "--format=%an %s", "codelicious/specs-a", "^main"],
    );
    assert_eq!(log.lines().count(), 2, "{log}");
    assert!(
        log.lines().all(|l| l.starts_with("github-actions[bot] ")),
        "{log}"
    );

    for words in [
        "## codelicious: everything asked for is done",
        "`specs/a.md`",
        "| 2/2 |",
    ] {
        assert!(job.summary.contains(words), "{words}:\n{}", job.summary);
    }
    assert_eq!(obeyed(&job.log), Vec::<&str>::new());
    assert!(!job.log.contains("ghs_notarealtoken"), "{}", job.log);

    let cache = job.used("actions/cache");
    assert!(
        cache.with["key"].starts_with("codelicious-state-specs-a.md-"),
        "{cache:?}"
    );
    assert!(cache.with["key"].starts_with(cache.with["restore-keys"].trim()));
    let kept = job.used("actions/upload-artifact");
    assert_eq!(
        kept.with["include-hidden-files"], "true",
        "they are below a folder with a dot"
    );
    for what in ["logs", "prs"] {
        let line = kept.with["path"]
            .lines()
            .find(|l| l.ends_with(what))
            .unwrap();
        assert!(Path::new(line).is_dir(), "{line}");
    }
    assert!(checkout.join(".codelicious/events.jsonl").is_file());
}

/// The release's files under the paths of a server of files.
fn release_as_files() -> String {
    static FILES: OnceLock<TempDir> = OnceLock::new();
    let dir = FILES.get_or_init(|| {
        let dir = TempDir::new().unwrap();
        fs::create_dir(dir.path().join("latest")).unwrap();
        std::os::unix::fs::symlink(release(), dir.path().join("latest/download")).unwrap();
        dir
    });
    dir.path().display().to_string()
}

#[test]
fn exit_codes_fail_the_step_unless_they_are_allowed() {
    let url = serve(release());
    for (allowed, code) in [("4", 3), ("", 3), ("3 4", 0)] {
        let (repo, checkout) = with_spec(2);
        repo.fake(&json!({"rules": [{"chunk": "T001", "end": {
            "kind": "block_chunk", "reason": "two ways", "needs": "which one?"}}]}));
        let job = Job::new(
            &repo,
            &checkout,
            &inputs(&url, &[("allow-exit-codes", allowed)]),
        );
        let job = job.run().expect(code);
        assert_eq!(job.outputs["status"], "waits_for_person");
        assert_eq!(job.outputs["exit-code"], "3");
        let said = "::warning file=specs/a.md,line=5,title=blocked%3A T001 Build piece 1::";
        assert!(job.log.contains(said), "{}", job.log);
        assert!(job.summary.contains("needs: which one?"), "{}", job.summary);
        job.used("actions/upload-artifact");
    }
    let (repo, checkout) = with_spec(1);
    let job = Job::new(
        &repo,
        &checkout,
        &inputs(&url, &[("allow-exit-codes", "4;rm")]),
    );
    let job = job.run().expect(2);
    assert!(job.log.contains("is no exit code"), "{}", job.log);
}

#[test]
fn a_deadline_ends_the_step_well_and_the_next_one_goes_on() {
    let url = serve(release());
    let (repo, checkout) = with_spec(2);
    repo.fake(&json!({"rules": [{"chunk": "T002", "nth": 1, "steps": [{"hang": true}]}]}));
    let job = Job::new(&repo, &checkout, &inputs(&url, &[("deadline", "8s")]));
    let job = job.run().expect(0);
    assert_eq!(job.outputs["status"], "deadline");
    assert_eq!(job.outputs["exit-code"], "4");
    assert!(
        job.log.contains("exit code 4 does not fail this step"),
        "{}",
        job.log
    );
    assert!(
        checkout.join(&job.outputs["postmortem"]).is_file(),
        "{}",
        job.log
    );
    assert!(
        job.summary.contains("the deadline was reached"),
        "{}",
        job.summary
    );

    // Another runner: nothing but what is on the origin.
    let checkout = repo.fresh_clone("next").root;
    let job = Job::new(&repo, &checkout, &inputs(&url, &[]))
        .run()
        .expect(0);
    assert_eq!(job.outputs["status"], "done");
    let built = repo.asked_for();
    assert_eq!(
        built.iter().filter(|c| *c == "T001").count(),
        1,
        "{built:?}"
    );
}

#[test]
fn what_is_not_what_the_release_says_is_refused() {
    let good = release();
    let (os, arch) = this_machine();
    let name = format!("codelicious-{}.tar.gz", target_of(os, arch));
    let sums = fs::read_to_string(good.join("SHA256SUMS")).unwrap();
    let hash = sums.split(' ').next().unwrap().to_owned();
    let no_tar = b"not an archive".to_vec();
    let (repo, checkout) = with_spec(1);
    let url = serve(good);
    let with = |file: Option<&[u8]>, sums: Option<&str>| {
        let dir = TempDir::new().unwrap();
        if let Some(bytes) = file {
            fs::write(dir.path().join(&name), bytes).unwrap();
        }
        if let Some(sums) = sums {
            fs::write(dir.path().join("SHA256SUMS"), sums).unwrap();
        }
        (serve(dir.path()), dir)
    };
    let refused = |url: &str, more: &[(&str, &str)], says: &str| {
        let job = Job::new(&repo, &checkout, &inputs(url, more))
            .run()
            .expect(2);
        assert!(!job.ran.contains(&"run".to_owned()), "{says}: it ran");
        let errors: Vec<&str> = obeyed(&job.log);
        assert_eq!(errors.len(), 1, "{}", job.log);
        assert!(errors[0].starts_with("::error title=codelicious action::"));
        assert!(errors[0].contains(says), "{says}: {}", job.log);
    };
    let is_not = "is not what the release says";
    let (at, _dir) = with(Some(&no_tar), Some(&sums));
    refused(&at, &[], is_not);
    let (at, _dir) = with(
        Some(&no_tar),
        Some(&format!("{}  other.tar.gz\n", "0".repeat(64))),
    );
    refused(&at, &[], "has no line, or several");
    let (at, _dir) = with(Some(&no_tar), Some(&format!("{sums}{sums}")));
    refused(&at, &[], "has no line, or several");
    let (at, _dir) = with(Some(&no_tar), Some(""));
    refused(&at, &[], "has no line, or several");
    let (at, _dir) = with(None, Some(&sums));
    refused(&at, &[], "could not be fetched");
    let (at, _dir) = with(Some(&no_tar), None);
    refused(&at, &[], "could not be fetched");
    refused(&url, &[("version", "v1.2.3")], "could not be fetched");
    refused(
        &url,
        &[("sha256", &"1".repeat(64))],
        "is not what the input 'sha256' says",
    );
    refused("ftp://127.0.0.1/x", &[], "is no https address");
    refused("", &[], "could not be fetched");
    assert_eq!(repo.calls().len(), 0, "nothing was paid");

    // The same by its own hash, and by a version.
    for more in [[("sha256", hash.as_str())], [("version", "9.8.7")]] {
        let job = Job::new(&repo, &checkout, &inputs(&url, &more))
            .run()
            .expect(0);
        assert_eq!(job.outputs["status"], "done");
    }
}

#[test]
fn the_version_is_the_tag_that_the_action_is_used_at() {
    let (repo, checkout) = with_spec(1);
    let hash = "0123456789012345678901234567890123456789";
    for (input, action_ref, expected) in [
        ("", "v1.2.3", Ok("v1.2.3")),
        ("", "v1", Ok("latest")),
        ("", "main", Ok("latest")),
        ("", hash, Err("pinned to the commit")),
        ("1.2.3", hash, Ok("v1.2.3")),
        ("v2.0.0-rc.1", "v1.2.3", Ok("v2.0.0-rc.1")),
        ("latest", "v1.2.3", Ok("latest")),
        ("source", hash, Ok("source")),
        ("path", hash, Ok("path")),
        ("v1/../../x", "main", Err("is no version")),
        ("newest", "main", Err("is no version")),
        ("latest\nfolder=/x", "main", Err("is no version")),
    ] {
        let output = checkout.join("../output");
        fs::write(&output, "").unwrap();
        let ended = Command::new(action_path().join("action/prepare.sh"))
            .current_dir(&checkout)
            .env_clear()
            .envs(repo.envs())
            .env("GITHUB_OUTPUT", &output)
            .env("RUNNER_TEMP", repo.base())
            .env("INPUT_VERSION", input)
            .env("ACTION_REF", action_ref)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&ended.stderr).into_owned();
        match expected {
            Ok(version) => {
                assert!(ended.status.success(), "{input:?} {action_ref}: {said}");
                let outputs = pairs(&fs::read_to_string(&output).unwrap());
                assert_eq!(outputs["version"], version, "{input:?} {action_ref}");
                assert_eq!(outputs["name"], "all");
                assert_eq!(outputs["artifact"], "codelicious-all");
            }
            Err(why) => {
                assert_eq!(ended.status.code(), Some(2), "{input:?} {action_ref}");
                assert!(said.contains(why), "{input:?}: {said}");
            }
        }
    }
}

#[test]
fn inputs_are_words_and_never_commands() {
    let url = serve(release());
    let (repo, checkout) = with_spec(1);
    let trap = checkout.join("../pwned");
    let hostile = format!(
        "$(touch '{0}')`touch '{0}'`; touch '{0}' #\"'",
        trap.display()
    );
    for name in [
        "spec",
        "engine",
        "model",
        "deadline",
        "max-cost-usd",
        "path",
        "args",
        "artifact",
        "version",
    ] {
        let job = Job::new(&repo, &checkout, &inputs(&url, &[(name, &hostile)])).run();
        assert!(name == "artifact" || job.code != 0, "{name}: {}", job.log);
        assert!(!trap.exists(), "{name}: {}", job.log);
    }
    // One argument a line, with its blanks; a path is no verb.
    let args = format!("{LOCAL}\r\n\n  --base=no such branch  \n");
    let job = Job::new(&repo, &checkout, &inputs(&url, &[("args", &args)]))
        .run()
        .expect(2);
    assert!(job.log.contains("no such branch"), "{}", job.log);
    fs::create_dir(checkout.join("plan")).unwrap();
    let job = Job::new(&repo, &checkout, &inputs(&url, &[("path", "plan")]))
        .run()
        .expect(0);
    assert_eq!(job.outputs["status"], "done");
    // No script of ours has an expression in it.
    for file in workflows() {
        let text = fs::read_to_string(action_path().join(&file)).unwrap();
        each(&crate::yaml::read(&text).unwrap(), &mut |key, value| {
            assert!(key != "run" || !value.contains("${{"), "{file}: {value}");
        });
    }
}

#[test]
fn a_cancelled_step_ends_the_program_resumably() {
    let (repo, checkout) = with_spec(1);
    let hangs = repo.base().join("hangs");
    repo.fake(&json!({"rules": [{"nth": 1, "steps": [{"hang": {"touch": hangs.display().to_string()}}]}]}));
    let output = repo.base().join("output");
    fs::write(&output, "").unwrap();
    let path = format!(
        "{}:{}",
        program().parent().unwrap().display(),
        repo.envs()["PATH"]
    );
    let child = Command::new(action_path().join("action/run.sh"))
        .current_dir(&checkout)
        .env_clear()
        .envs(repo.envs())
        .env("PATH", path)
        .env("GITHUB_ACTIONS", "true")
        .env("GITHUB_OUTPUT", &output)
        .env("INPUT_ENGINE", "claude")
        .env("INPUT_ARGS", LOCAL)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    wait_until("the engine is at work", || hangs.exists());
    // Whoever starts tests in the background has SIGINT ignored, and no shell can listen to what it was born without.
    send(&child, rustix::process::Signal::TERM);
    let ended = child.wait_with_output().unwrap();
    assert_eq!(ended.status.code(), Some(143));
    let outputs = pairs(&fs::read_to_string(&output).unwrap());
    assert_eq!(outputs["status"], "terminated");
    assert!(checkout.join(&outputs["postmortem"]).is_file());
}

#[test]
fn releases_have_the_files_that_the_action_asks_for() {
    let release = fs::read_to_string(action_path().join(".github/workflows/release.yml")).unwrap();
    let release = crate::yaml::read(&release).unwrap();
    let made: BTreeSet<&str> = release["jobs"]["build"]["strategy"]["matrix"]["include"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["target"].as_str().unwrap())
        .collect();
    let runners = [
        ("Linux", "X64"),
        ("Linux", "ARM64"),
        ("macOS", "X64"),
        ("macOS", "ARM64"),
    ];
    let asked: BTreeSet<String> = runners
        .iter()
        .map(|(os, arch)| target_of(os, arch))
        .collect();
    assert_eq!(made, asked.iter().map(String::as_str).collect());
    let mut scripts = String::new();
    each(&release, &mut |key, value| {
        if key == "run" {
            scripts.push_str(value);
        }
    });
    for call in ["action/package.sh archive", "action/package.sh checksums"] {
        assert!(scripts.contains(call), "{call}: {scripts}");
    }

    // Each runner gets its own.
    let (repo, checkout) = with_spec(1);
    let dir = TempDir::new().unwrap();
    for target in &made {
        let binary = dir.path().join("binary");
        repo.script(
            &binary,
            &format!("#!/bin/sh\necho 'codelicious for-{target}'\n"),
        );
        archive(dir.path(), &binary, target);
    }
    checksums(dir.path());
    let url = serve(dir.path());
    for (os, arch) in runners {
        let job = Job::new(&repo, &checkout, &inputs(&url, &[]))
            .set("runner.os", os)
            .set("runner.arch", arch)
            .run()
            .expect(0);
        let expected = format!("for-{}", target_of(os, arch));
        assert_eq!(job.outputs["version"], expected);
    }
    for (os, arch) in [("Windows", "X64"), ("Linux", "ARM"), ("", "")] {
        let job = Job::new(&repo, &checkout, &inputs(&url, &[]))
            .set("runner.os", os)
            .set("runner.arch", arch)
            .run()
            .expect(2);
        assert!(job.log.contains("there is no release for"), "{}", job.log);
    }
}

#[test]
fn from_source_it_is_built_from_the_actions_own_checkout() {
    let (repo, checkout) = with_spec(1);
    // Plays cargo: puts the built program where it was asked to.
    let cargo = repo.base().join("bin/cargo");
    repo.script(
        &cargo,
        &format!(
            "#!/bin/sh\nprintf '%s\\n' \"$@\" > '{0}/cargo-args'\nwhile [ $# -gt 0 ]; do case $1 in --root) root=$2;; esac; shift; done\n\
             mkdir -p \"$root/bin\" && cp '{1}' \"$root/bin/codelicious\"\n",
            repo.base().display(),
            program().display()
        ),
    );
    let job = Job::new(&repo, &checkout, &inputs("", &[("version", "source")]))
        .run()
        .expect(0);
    assert_eq!(job.outputs["status"], "done");
    let args = fs::read_to_string(repo.base().join("cargo-args")).unwrap();
    let args: Vec<&str> = args.lines().collect();
    let path = action_path().display().to_string();
    assert_eq!(args[..4], ["install", "--locked", "--path", path.as_str()]);
    let caches = job
        .used
        .iter()
        .filter(|u| u.action.starts_with("actions/cache@"));
    assert_eq!(caches.count(), 2);

    fs::remove_file(&cargo).unwrap();
    std::os::unix::fs::symlink(program(), repo.base().join("bin/codelicious")).unwrap();
    let job = Job::new(&repo, &checkout, &inputs("", &[("version", "path")]))
        .run()
        .expect(0);
    assert_eq!(job.outputs["version"], env!("CARGO_PKG_VERSION"));
}

#[test]
fn without_a_checkout_the_step_says_so() {
    let repo = Repo::new();
    let empty = repo.base().join("empty");
    fs::create_dir(&empty).unwrap();
    let job = Job::new(&repo, &empty, &inputs("", &[])).run().expect(2);
    assert!(
        job.log.contains("actions/checkout has to run before"),
        "{}",
        job.log
    );
    assert!(
        job.used.is_empty(),
        "there is nothing to keep: {:?}",
        job.used
    );
    let job = Job::new(&repo, &empty, &inputs("", &[("path", "nowhere")]))
        .run()
        .expect(2);
    assert!(job.log.contains("there is no folder"), "{}", job.log);
}

#[test]
fn what_a_check_prints_is_never_obeyed() {
    let repo = Repo::new();
    repo.write(
        "check.sh",
        "for f in work/*.txt; do [ -e \"$f\" ] || exit 0; done\n\
         i=0; while [ $i -lt 40 ]; do i=$((i+1)); printf 'word '; done\n\
         printf '\\n::set-output name=x::y\\n  ::stop-commands::z\\r::add-mask::a\\n##[error]b aaa ::warning::pwned bbb ::error file=x::pwned\\n'; exit 1\n",
    );
    repo.git(&["commit", "-qam", "A check that talks"]);
    repo.git(&["push", "-q"]);
    repo.write(
        "specs/a.md",
        "# ::error::title\n\n- [ ] T001 ::add-mask::build it\n- [ ] T002 Ask\n",
    );
    // Long enough that some of it begins a line, wherever lines are broken.
    let words = "\n::stop-commands::pwned\r::error::x ##[error]y\n".repeat(20);
    repo.fake(
        &json!({"rules": [{"chunk": "T002", "steps": [{"say": words}],
        "end": {"kind": "block_chunk", "reason": words, "needs": words}}]}),
    );
    repo.write("specs/::error::.md", "# A\n\n- [ ] \u{0}\n");
    let (output, summary) = (repo.base().join("output"), repo.base().join("summary"));
    fs::write(&output, "").unwrap();
    fs::write(&summary, "").unwrap();
    let envs = [
        ("GITHUB_ACTIONS", "true"),
        ("GITHUB_OUTPUT", output.to_str().unwrap()),
        ("GITHUB_STEP_SUMMARY", summary.to_str().unwrap()),
    ];
    for (args, code) in [
        (&["--platform=local", "-vv"][..], None),
        (&["--platform=local", "--json"], None),
        (&["plan"], None),
        (&["status"], Some(0)),
        (&["events"], Some(0)),
    ] {
        let ended = repo.run_with(args, &envs);
        assert!(
            code.is_none_or(|c| c == ended.code),
            "{args:?}: {}",
            ended.stderr
        );
        if args[0] != "plan" {
            let said = format!("{}{}", ended.stdout, ended.stderr);
            assert!(
                said.contains("pwned"),
                "{args:?} shows nothing of it: {said}"
            );
        }
        assert_eq!(obeyed(&ended.stdout), Vec::<&str>::new(), "{args:?}");
        for line in obeyed(&ended.stderr) {
            let ours = ["::error ", "::warning ", "::notice "];
            assert!(ours.iter().any(|o| line.starts_with(o)), "{args:?}: {line}");
            let (properties, _) = line[2..].split_once("::").unwrap();
            assert!(properties.contains("title="), "{args:?}: {line}");
        }
    }
    let outputs = pairs(&fs::read_to_string(&output).unwrap());
    assert_eq!(outputs["exit-code"], "2");
    assert_eq!(outputs["status"], "setup");
    let summary = fs::read_to_string(&summary).unwrap();
    assert!(summary.contains("**failed** `specs-a:T001`"), "{summary}");
}

#[test]
fn a_runner_is_told_no_secret() {
    let repo = Repo::new();
    repo.write("specs/a.md", "# A\n\n- [ ] T001 Ask\n");
    let secret = "hunter22hunter22";
    let why = format!("the token {secret} is refused");
    repo.fake(&json!({"default": {"end": {"kind": "block_chunk", "reason": why, "needs": why}}}));
    let (output, summary) = (repo.base().join("output"), repo.base().join("summary"));
    let envs = [
        ("GITHUB_ACTIONS", "true"),
        ("GITHUB_OUTPUT", output.to_str().unwrap()),
        ("GITHUB_STEP_SUMMARY", summary.to_str().unwrap()),
        ("MY_TOKEN", secret),
    ];
    let ended = repo.run_with(&["--platform=local"], &envs).expect(3);
    let summary = fs::read_to_string(&summary).unwrap();
    for text in [&ended.stderr, &summary] {
        assert!(text.contains("is refused"), "{text}");
        assert!(!text.contains("hunter22"), "{text}");
    }
    assert!(!fs::read_to_string(&output).unwrap().contains("hunter22"));
}

#[test]
fn a_runner_is_told_no_secret_of_what_kept_a_run_from_beginning() {
    let repo = Repo::new();
    repo.write("specs/a.md", "# A\n\n- [ ] T001 Ask\n");
    let secret = "hunter22hunter22";
    let summary = repo.base().join("summary");
    let envs = [
        ("GITHUB_ACTIONS", "true"),
        ("GITHUB_STEP_SUMMARY", summary.to_str().unwrap()),
        ("MY_TOKEN", secret),
    ];
    let base = format!("--base={secret}");
    for args in [
        &["--platform=local", base.as_str()][..],
        &["plan", base.as_str()],
    ] {
        let ended = repo.run_with(args, &envs).expect(2);
        assert!(ended.stderr.contains("[redacted]"), "{}", ended.stderr);
        assert!(!ended.stderr.contains("hunter22"), "{}", ended.stderr);
    }
    let summary = fs::read_to_string(&summary).unwrap();
    assert!(!summary.contains("hunter22"), "{summary}");
}

#[test]
fn only_runs_in_a_step_tell_outputs_and_a_summary() {
    let repo = Repo::new();
    repo.write("specs/bad.md", b"# Bad\n\n- [ ] \xff\n");
    let (output, summary) = (repo.base().join("output"), repo.base().join("summary"));
    let files = [
        ("GITHUB_OUTPUT", output.to_str().unwrap()),
        ("GITHUB_STEP_SUMMARY", summary.to_str().unwrap()),
    ];
    let step = [files[0], files[1], ("GITHUB_ACTIONS", "true")];
    for args in [
        &["plan"][..],
        &["--dry-run"],
        &["plan", "--json"],
        &["plan", "--format", "github-matrix"],
    ] {
        let ended = repo.run_with(args, &step).expect(2);
        assert_eq!(obeyed(&ended.stderr).len(), 1, "{args:?}: {}", ended.stderr);
        assert!(
            ended
                .stderr
                .contains("::error file=specs/bad.md,line=3,title="),
            "{args:?}: {}",
            ended.stderr
        );
    }
    repo.run_with(&["--platform=local"], &files).expect(2);
    assert!(!output.exists() && !summary.exists(), "no step");

    // What fails before it begins is told as well.
    repo.write("codelicious.toml", "no_such_key = 1\n");
    let ended = repo.run_with(&["--platform=local"], &step).expect(2);
    assert!(
        obeyed(&ended.stderr)[0].starts_with("::error title=codelicious::"),
        "{}",
        ended.stderr
    );
    let outputs = pairs(&fs::read_to_string(&output).unwrap());
    assert_eq!(
        (outputs["status"].as_str(), outputs["prs"].as_str()),
        ("setup", "[]")
    );
    let said = fs::read_to_string(&summary).unwrap();
    assert!(said.contains("Exit code 2 (`setup`)"), "{said}");
    assert!(said.contains(r"no\_such\_key"), "{said}");

    // A summary that is full already stays as it is; a file that cannot be written ends nothing.
    fs::write(&summary, vec![b'x'; 1024 * 1024]).unwrap();
    repo.run_with(&["--platform=local"], &step).expect(2);
    assert_eq!(fs::metadata(&summary).unwrap().len(), 1024 * 1024);
    let nowhere = [
        ("GITHUB_ACTIONS", "true"),
        ("GITHUB_OUTPUT", "/no/such/file"),
    ];
    let ended = repo.run_with(&["--platform=local"], &nowhere).expect(2);
    assert!(ended.stderr.contains("/no/such/file"), "{}", ended.stderr);
}

#[test]
fn the_matrix_holds_what_is_open() {
    let repo = Repo::new();
    repo.write("specs/a.md", spec_of(2, 2));
    repo.write(
        "specs/b.md",
        "# Two \"words\"\n\n- [ ] T001 One\n- [x] T002 Two\n",
    );
    repo.write("specs/done.md", "# Done\n\n- [x] T001 One\n");
    repo.write(
        "specs/draft.md",
        "---\nstatus: draft\n---\n# Draft\n\n- [ ] T001 One\n",
    );
    let matrix = |repo: &Repo| {
        let ended = repo.run(&["plan", "--format", "github-matrix"]).expect(0);
        assert_eq!(ended.stdout.lines().count(), 1, "{}", ended.stdout);
        ended.json()
    };
    assert_eq!(
        matrix(&repo),
        json!({"include": [
            {"spec": "specs/a.md", "id": "specs-a", "title": "Work", "open": 2},
            {"spec": "specs/b.md", "id": "specs-b", "title": "Two \"words\"", "open": 1},
        ]})
    );
    repo.fake(&json!({"rules": [{"match": "Build piece 2", "end": {"kind": "block_chunk", "reason": "r", "needs": "n"}}]}));
    repo.run(&["--platform=local", "--engine=claude"]).expect(3);
    assert_eq!(
        matrix(&repo),
        json!({"include": []}),
        "what waits for a person is no job's"
    );
    let ended = repo
        .run(&["plan", "--format", "github-matrix", "--json"])
        .expect(2);
    assert!(ended.stderr.contains("--json"), "{}", ended.stderr);
}

/// Calls `see` with every text below a key.
fn each(value: &Value, see: &mut dyn FnMut(&str, &str)) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                if let Some(text) = value.as_str() {
                    see(key, text);
                }
                each(value, see);
            }
        }
        Value::Array(items) => items.iter().for_each(|i| each(i, see)),
        _ => {}
    }
}

/// Files of YAML that are wholly ours.
fn workflows() -> Vec<String> {
    let mut files = vec!["action.yml".to_owned()];
    for entry in fs::read_dir(action_path().join(".github/workflows")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        files.push(format!(".github/workflows/{name}"));
    }
    files.sort();
    files
}

/// Every text of YAML that this repository holds, with its place.
fn all_yaml() -> Vec<(String, String)> {
    let read = |path: &str| fs::read_to_string(action_path().join(path)).unwrap();
    let mut all: Vec<(String, String)> = workflows()
        .into_iter()
        .map(|f| (f.clone(), read(&f)))
        .collect();
    for page in ["README.md", "docs/ci.md"] {
        let text = read(page);
        let blocks = text.split("```yaml\n").skip(1).enumerate();
        all.extend(blocks.map(|(n, block)| {
            let body = block.split("\n```").next().unwrap();
            (format!("{page}, block {}", n + 1), body.to_owned())
        }));
    }
    all
}

#[test]
fn every_workflow_that_is_shown_can_be_read() {
    let all = all_yaml();
    assert!(
        all.iter()
            .filter(|(p, _)| p.starts_with("docs/ci.md"))
            .count()
            >= 6
    );
    let inputs = action_yml()["inputs"].as_object().unwrap().clone();
    for (place, text) in &all {
        let value = crate::yaml::read(text).unwrap_or_else(|e| panic!("{place}: {e}\n{text}"));
        // Whoever uses the Action gives it inputs that it has.
        each_map(&value, &mut |map| {
            let ours = map.get("uses").and_then(Value::as_str);
            if ours.is_some_and(|u| u.contains("codelicious@") || u == "./") {
                for key in map
                    .get("with")
                    .and_then(Value::as_object)
                    .into_iter()
                    .flat_map(|w| w.keys())
                {
                    assert!(
                        inputs.contains_key(key),
                        "{place}: no input is called {key}"
                    );
                }
            }
        });
    }
}

fn each_map(value: &Value, see: &mut dyn FnMut(&serde_json::Map<String, Value>)) {
    match value {
        Value::Object(map) => {
            see(map);
            map.values().for_each(|v| each_map(v, see));
        }
        Value::Array(items) => items.iter().for_each(|i| each_map(i, see)),
        _ => {}
    }
}

/// Our reader understands them as everybody else does.
#[test]
fn another_reader_of_yaml_reads_the_same() {
    let script = "import json,sys,yaml\nprint(json.dumps(yaml.load(sys.stdin.read(), Loader=yaml.BaseLoader)))";
    let has = Command::new("python3").args(["-c", "import yaml"]).output();
    if !has.is_ok_and(|o| o.status.success()) {
        eprintln!("SKIPPED: there is no python3 with PyYAML to compare with");
        return;
    }
    for (place, text) in all_yaml() {
        let mut child = Command::new("python3")
            .args(["-c", script])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        child
            .stdin
            .take()
            .unwrap()
            .write_all(text.as_bytes())
            .unwrap();
        let ended = child.wait_with_output().unwrap();
        assert!(ended.status.success(), "{place}");
        let theirs: Value = serde_json::from_slice(&ended.stdout).unwrap();
        assert_eq!(crate::yaml::read(&text).unwrap(), theirs, "{place}");
    }
}

#[test]
fn the_page_names_every_input_output_and_exit_code() {
    let page = fs::read_to_string(action_path().join("docs/ci.md")).unwrap();
    let action = action_yml();
    for what in ["inputs", "outputs"] {
        for (name, known) in action[what].as_object().unwrap() {
            let row = match known["default"].as_str() {
                Some("") => format!("| `{name}` | – |"),
                Some(default) => format!("| `{name}` | `{default}` |"),
                None => format!("| `{name}` |"),
            };
            assert!(page.contains(&row), "docs/ci.md has no row {row}");
        }
    }
    for exit in codelicious::model::ExitCode::ALL {
        let row = format!("| {} | `{}` |", exit.code(), exit.word());
        assert!(page.contains(&row), "docs/ci.md has no row {row}");
    }
}

#[test]
fn the_scripts_have_no_slips_that_shellcheck_knows() {
    let scripts = ["lib.sh", "prepare.sh", "install.sh", "run.sh", "package.sh"];
    for script in scripts {
        let text = fs::read_to_string(action_path().join("action").join(script)).unwrap();
        assert!(
            script == "lib.sh" || text.contains("\nset -euo pipefail\n"),
            "{script}"
        );
    }
    let Ok(ended) = Command::new("shellcheck")
        .args(["-x", "--severity=style"])
        .args(scripts.map(|s| format!("action/{s}")))
        .current_dir(action_path())
        .output()
    else {
        eprintln!("SKIPPED: there is no shellcheck");
        return;
    };
    assert!(
        ended.status.success(),
        "{}",
        String::from_utf8_lossy(&ended.stdout)
    );
}
