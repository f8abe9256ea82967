//! As much of a runner as `action.yml` needs: expressions, environment files, steps one after the other. Steps that
//! use another Action are recorded, not carried out.

use crate::support::Repo;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

pub fn action_path() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

pub fn action_yml() -> Value {
    let text = fs::read_to_string(action_path().join("action.yml")).expect("action.yml is there");
    crate::yaml::read(&text).expect("action.yml is plain YAML")
}

/// A step that used another Action.
#[derive(Debug)]
pub struct Used {
    pub action: String,
    pub with: BTreeMap<String, String>,
}

/// A job that has the Action as its one step.
pub struct Job<'r> {
    repo: &'r Repo,
    temp: TempDir,
    pub workspace: PathBuf,
    context: BTreeMap<String, String>,
    path: String,
    failed: bool,
    pub code: i32,
    pub log: String,
    pub used: Vec<Used>,
    pub ran: Vec<String>,
    pub outputs: BTreeMap<String, String>,
    pub summary: String,
}

impl<'r> Job<'r> {
    /// In `workspace`, with these inputs; the others have their defaults.
    pub fn new(repo: &'r Repo, workspace: &Path, inputs: &[(&str, &str)]) -> Self {
        let action = action_yml();
        let (os, arch) = this_machine();
        let mut context = BTreeMap::from(
            [
                ("github.token", "ghs_notarealtoken0000"),
                ("github.action_ref", "main"),
                ("github.action_repository", "somebody/codelicious"),
                ("github.server_url", "https://127.0.0.1:1"),
                ("github.run_id", "77"),
                ("github.run_attempt", "1"),
                ("github.sha", "0123abc"),
                ("runner.os", os),
                ("runner.arch", arch),
            ]
            .map(|(k, v)| (k.to_owned(), v.to_owned())),
        );
        let temp = TempDir::new().expect("a temporary folder");
        let runner_temp = temp.path().join("runner temp");
        fs::create_dir(&runner_temp).expect("made");
        context.insert("runner.temp".into(), runner_temp.display().to_string());
        context.insert(
            "github.action_path".into(),
            action_path().display().to_string(),
        );
        let mut job = Self {
            path: repo.envs()["PATH"].clone(),
            repo,
            temp,
            workspace: workspace.to_path_buf(),
            context,
            failed: false,
            code: 0,
            log: String::new(),
            used: Vec::new(),
            ran: Vec::new(),
            outputs: BTreeMap::new(),
            summary: String::new(),
        };
        let known = action["inputs"].as_object().expect("inputs");
        for (name, input) in known {
            let value = job.text(
                input["default"]
                    .as_str()
                    .expect("every input has a default"),
            );
            job.context.insert(format!("inputs.{name}"), value);
        }
        for (name, value) in inputs {
            assert!(known.contains_key(*name), "no input is called {name}");
            job.context
                .insert(format!("inputs.{name}"), (*value).to_owned());
        }
        job
    }

    /// What `github.…` or `runner.…` is.
    pub fn set(mut self, name: &str, value: &str) -> Self {
        self.context.insert(name.to_owned(), value.to_owned());
        self
    }

    pub fn run(mut self) -> Self {
        let action = action_yml();
        let steps = action["runs"]["steps"].as_array().expect("steps").clone();
        for (n, step) in steps.iter().enumerate() {
            let wanted = step["if"].as_str().unwrap_or("success()");
            let always = wanted.contains("always()");
            if (self.failed && !always) || !self.holds(wanted) {
                continue;
            }
            if let Some(action) = step["uses"].as_str() {
                let with = step["with"].as_object().expect("with");
                let with = with
                    .iter()
                    .map(|(k, v)| (k.clone(), self.text(v.as_str().expect("text"))));
                let (action, with) = (action.to_owned(), with.collect());
                self.used.push(Used { action, with });
                continue;
            }
            self.step(n, step);
        }
        let outputs = action["outputs"].as_object().expect("outputs").clone();
        for (name, output) in outputs {
            let value = self.text(output["value"].as_str().expect("a value"));
            self.outputs.insert(name, value);
        }
        self
    }

    /// Panics with the log unless the job ended with this code.
    #[track_caller]
    pub fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{}", self.log);
        assert_eq!(self.failed, code != 0);
        self
    }

    fn step(&mut self, n: usize, step: &Value) {
        assert_eq!(step["shell"], "bash");
        let id = step["id"].as_str().unwrap_or("").to_owned();
        self.ran.push(id.clone());
        let file = |what: &str| self.temp.path().join(format!("{n}-{what}"));
        let [output, summary, env, path, script] =
            ["output", "summary", "env", "path", "script.sh"].map(file);
        for file in [&output, &summary, &env, &path] {
            fs::write(file, "").expect("written");
        }
        fs::write(&script, step["run"].as_str().expect("a script")).expect("written");
        let mut command = Command::new("bash");
        command
            .args(["--noprofile", "--norc", "-e", "-o", "pipefail"])
            .arg(&script)
            .current_dir(&self.workspace)
            .env_clear()
            .envs(self.repo.envs())
            .env("PATH", &self.path)
            .env("CI", "true")
            .env("GITHUB_ACTIONS", "true")
            .env("GITHUB_WORKSPACE", &self.workspace)
            .env("GITHUB_OUTPUT", &output)
            .env("GITHUB_STEP_SUMMARY", &summary)
            .env("GITHUB_ENV", &env)
            .env("GITHUB_PATH", &path)
            .env("RUNNER_OS", &self.context["runner.os"])
            .env("RUNNER_ARCH", &self.context["runner.arch"])
            .env("RUNNER_TEMP", &self.context["runner.temp"]);
        for (name, value) in step["env"].as_object().into_iter().flatten() {
            command.env(name, self.text(value.as_str().expect("text")));
        }
        let ended = command.output().expect("bash starts");
        for stream in [&ended.stdout, &ended.stderr] {
            self.log.push_str(&String::from_utf8_lossy(stream));
        }
        for (name, value) in pairs(&fs::read_to_string(&output).expect("read")) {
            self.context
                .insert(format!("steps.{id}.outputs.{name}"), value);
        }
        for line in fs::read_to_string(&path).expect("read").lines() {
            self.path = format!("{line}:{}", self.path);
        }
        assert_eq!(
            fs::read_to_string(&env).expect("read"),
            "",
            "nothing sets variables of later steps"
        );
        self.summary
            .push_str(&fs::read_to_string(&summary).expect("read"));
        if !ended.status.success() && !self.failed {
            self.failed = true;
            self.code = ended.status.code().unwrap_or(-1);
        }
    }

    /// A text with its expressions evaluated.
    fn text(&self, text: &str) -> String {
        let mut out = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${{") {
            let (expression, after) = after.split_once("}}").expect("an expression ends");
            out.push_str(before);
            out.push_str(&self.value(expression));
            rest = after;
        }
        out + rest
    }

    fn value(&self, expression: &str) -> String {
        let expression = expression.trim();
        if let Some(text) = expression
            .strip_prefix('\'')
            .and_then(|e| e.strip_suffix('\''))
        {
            return text.to_owned();
        }
        match self.context.get(expression) {
            Some(value) => value.clone(),
            // What no step said is empty; what nothing is called is a slip.
            None if expression.starts_with("steps.") => String::new(),
            None => panic!("`{expression}` is not known"),
        }
    }

    fn holds(&self, condition: &str) -> bool {
        let condition = condition.trim();
        let condition = condition
            .strip_prefix("${{")
            .map_or(condition, |c| c.trim_end_matches("}}"));
        condition.split("&&").map(str::trim).all(|part| {
            if matches!(part, "always()" | "success()") {
                return true;
            }
            if let Some((a, b)) = part.split_once("==") {
                return self.value(a) == self.value(b);
            }
            let (a, b) = part.split_once("!=").expect("a comparison");
            self.value(a) != self.value(b)
        })
    }

    /// The one use of this Action, whose name is given without its version.
    #[track_caller]
    pub fn used(&self, action: &str) -> &Used {
        let mut of = self
            .used
            .iter()
            .filter(|u| u.action.split('@').next() == Some(action));
        let one = of
            .next()
            .unwrap_or_else(|| panic!("{action} was not used\n{}", self.log));
        assert!(of.next().is_none(), "{action} was used twice");
        one
    }
}

/// Names and values of an environment file, in both of its forms.
pub fn pairs(text: &str) -> BTreeMap<String, String> {
    let mut out = BTreeMap::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if let Some((name, word)) = line.split_once("<<") {
            let value: Vec<&str> = lines.by_ref().take_while(|l| *l != word).collect();
            out.insert(name.to_owned(), value.join("\n"));
        } else {
            let (name, value) = line.split_once('=').unwrap_or_else(|| panic!("{line}"));
            out.insert(name.to_owned(), value.to_owned());
        }
    }
    out
}

/// This machine in a runner's words.
pub fn this_machine() -> (&'static str, &'static str) {
    let os = if cfg!(target_os = "macos") {
        "macOS"
    } else {
        "Linux"
    };
    let arch = if cfg!(target_arch = "aarch64") {
        "ARM64"
    } else {
        "X64"
    };
    (os, arch)
}

/// How release files are named for a runner.
pub fn target_of(os: &str, arch: &str) -> String {
    let machine = if arch == "ARM64" { "aarch64" } else { "x86_64" };
    match os {
        "macOS" => format!("{machine}-apple-darwin"),
        _ => format!("{machine}-unknown-linux-musl"),
    }
}
