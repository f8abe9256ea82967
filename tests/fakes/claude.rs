//! A program that plays Claude Code: same flags, same JSON lines, but a script decides what it does.
//!
//! # Environment
//!
//! | variable | meaning |
//! |---|---|
//! | `FAKE_CLAUDE_SCRIPT` | path of the script (JSON, below); without it every chunk is built the default way |
//! | `FAKE_CLAUDE_LOG` | file to which each call appends one JSON line (below) |
//! | `FAKE_CLAUDE_STATE` | folder for call counts and sessions; without it every call is the first of its chunk, and every session can be resumed |
//!
//! The chunk is found in the prompt: the first lines `Task: <title>` and `Chunk: <spec>:<id>`. A resumed call whose
//! prompt has no such lines takes them from its session.
//!
//! The default way: `work/<chunk>.txt` is written with the title in it (a fix call appends a line), and
//! the chunk is declared complete.
//!
//! # Script
//!
//! ```json
//! { "rules": [ { "match": "Add login", "fix": false, "nth": 1, "steps": [ … ], "end": { … } } ],
//!   "default": { "steps": [ … ], "end": { … } },
//!   "forget_sessions": false }
//! ```
//!
//! The first rule that fits is played; else `default`; else the default way. All conditions of a rule are
//! optional: `match` (or a list: all of them) is a part of the prompt, `chunk` the exact id after the
//! colon, `fix` whether the call resumes a session to repair work (not to build on after it was cut off), `nth` the number of this call for this chunk (from
//! 1; needs the state folder). An unknown key or step is an error: exit 99 with a sentence on standard error.
//!
//! In every text of a step or end these are replaced: `{chunk}` `{spec}` `{title}` `{n}` (call for this chunk) `{cwd}` `{session}`.
//!
//! ## Steps, each an object with one key; paths are relative to the working directory
//!
//! | step | does |
//! |---|---|
//! | `write` `{path, text}`, `append` `{path, text}` | through the Write or Edit tool: parents are made; refused outside the working directory unless `--allowedTools` allows it, as the real one does |
//! | `delete` path, `mkdir` path, `touch` path, `rename` `{from, to}`, `symlink` `{path, to}`, `chmod` `{path, mode}` | the same with its name, anywhere; `mode` is octal text |
//! | `run` line | `sh -c` line, shown as a Bash tool call with its output |
//! | `commit` message | `git add -A` and `git commit`, hooks and all |
//! | `say` text | an assistant text |
//! | `spend` `{input, cached, output}` | an assistant text that used so many tokens |
//! | `print` text, `print_hex` digits, `stderr` text | a raw line; raw bytes and a line end; a line on standard error |
//! | `emit` object | the object as one line, `session_id` added |
//! | `long_line` n | a line of n bytes |
//! | `retry` `{status, error, attempt, delay_ms}` | a `system/api_retry` line; all optional |
//! | `rate_limit` `{status, resets_at}` | a `rate_limit_event` line |
//! | `wait_for` path | until the file exists, at most 60 s (then exit 98) |
//! | `hang` true, or `{ignore_term, touch}` | silent forever; `touch` is made once it hangs, SIGTERM, SIGHUP and SIGINT ignored if asked |
//! | `chatter` true | prints lines forever |
//! | `grandchild` `{sh, hold_stdout}` | a background process in a session of its own, optionally holding standard output |
//! | `daemon` `{socket, env_clear}` | a process in a session of its own, forked twice, deaf to SIGTERM, SIGHUP and SIGINT, that stays connected to the Unix socket; with an empty environment if asked |
//! | `kill_parent` signal name, `kill_self` signal name | `true` means KILL |
//! | `exit` code | leaves at once, without a closing line |
//!
//! ## End: how the closing line looks (absent: `complete_chunk`)
//!
//! | `kind` | closing line |
//! |---|---|
//! | `complete_chunk` | success with this object as structured output; `summary`, `confidence`, `rationale` have defaults |
//! | `block_chunk` | success with this object as structured output; `reason`, `needs` |
//! | `none` | success without structured output; `text` |
//! | `structured` | success with `value` as structured output, whatever it is |
//! | `error` | `status`, `error` (kind on the last message), `text`, `subtype`, `terminal_reason`, `stop_reason`, `errors`, `is_error` (true); exit code 1 unless `exit` says otherwise |
//! | `result` | success overlaid by the fields of `value` |
//! | `silent` | no closing line |
//!
//! Beside `kind`: `exit` code, `cost` in dollars (0.01), `usage` `{input, cached, output}` (1200, 0, 60),
//! `turns` (1), `after`: a list of objects printed behind the closing line. A string is short for its kind alone.
//!
//! Like the real one it refuses a session id that was used before (with the state folder), asks once more for a declared
//! ending that did not come, refuses edits of `.git` and `.claude`, prints streamed pieces with `--include-partial-messages`, and
//! ends with `error_max_budget_usd` when `cost` exceeds `--max-budget-usd`. Unlike the real one it takes relative paths,
//! makes one message of each step, and asks no model.
//!
//! # Log line
//!
//! `{"argv": […], "cwd", "env": [names], "prompt", "chunk", "spec", "title", "n", "resume", "session", "pid"}`
#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a test program of its own: it has no doors to keep, and printing is its job"
)]

use serde_json::{Map, Value, json};
use std::fs::{self, File, OpenOptions};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, Read, Write};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::process::CommandExt;
use std::path::{Component, Path, PathBuf};
use std::process::{Command, Stdio, exit};
use std::time::{Duration, Instant, SystemTime};

const VERSION: &str = "2.1.197";
const MODEL: &str = "claude-fake-1";

fn main() {
    let argv: Vec<String> = std::env::args().skip(1).collect();
    if let [flag, socket] = &argv[..]
        && flag == HOLD_SOCKET
    {
        hold_socket(Path::new(socket));
    }
    let options = Options::parse(&argv);
    if options.version {
        println!("{VERSION} (Claude Code)");
        return;
    }
    let mut prompt = options.prompt.clone();
    if prompt.is_empty() {
        let mut bytes = Vec::new();
        let _ = io::stdin().read_to_end(&mut bytes);
        prompt = String::from_utf8_lossy(&bytes).into_owned();
    }
    if prompt.trim().is_empty() {
        leave(
            1,
            "Error: Input must be provided either through stdin or as a prompt argument when using --print",
        );
    }
    let script = Script::load();
    options.refuse_used_session();
    let mut call = Call::new(options, prompt);
    call.log(&argv);
    if call.session_is_lost(&script) {
        call.report_lost_session();
    }
    call.init();
    let scene = script.scene(&call);
    for step in &scene.steps {
        call.step(step);
    }
    call.end(&scene.end);
}

/// Says why and leaves.
fn leave(code: i32, why: &str) -> ! {
    eprintln!("{why}");
    exit(code)
}

/// The script is wrong: nothing may pass unnoticed.
fn mistake(why: &str) -> ! {
    leave(99, &format!("fake claude: {why}"))
}

/// The flags of the real program that are used headless.
#[derive(Default)]
struct Options {
    version: bool,
    schema: bool,
    resume: Option<String>,
    session_id: Option<String>,
    model: Option<String>,
    /// Streamed pieces of messages are wanted.
    partial: bool,
    max_usd: Option<f64>,
    permission_mode: String,
    tools: Vec<String>,
    allowed: Vec<String>,
    prompt: String,
}

impl Options {
    fn parse(argv: &[String]) -> Self {
        let mut o = Options::default();
        let (mut print, mut verbose, mut format) = (false, false, "text".to_owned());
        let mut args = argv.iter().peekable();
        while let Some(arg) = args.next() {
            let mut value = || match args.next() {
                Some(v) => v.clone(),
                None => leave(
                    1,
                    &format!("error: option '{arg} <value>' argument missing"),
                ),
            };
            match arg.as_str() {
                "-v" | "--version" => o.version = true,
                "-p" | "--print" => print = true,
                "--verbose" => verbose = true,
                "--include-partial-messages" => o.partial = true,
                "--bare"
                | "--strict-mcp-config"
                | "--dangerously-skip-permissions"
                | "--no-session-persistence" => {}
                "--output-format" => format = value(),
                "--permission-mode" => o.permission_mode = value(),
                "--json-schema" => match serde_json::from_str::<Value>(&value()) {
                    Ok(Value::Object(_)) => o.schema = true,
                    _ => leave(1, "Error: --json-schema is not valid JSON"),
                },
                "--resume" | "-r" => o.resume = Some(value()),
                "--session-id" => o.session_id = Some(value()),
                "--model" => o.model = Some(value()),
                "--max-budget-usd" => match value().parse::<f64>() {
                    Ok(usd) if usd > 0.0 => o.max_usd = Some(usd),
                    _ => leave(
                        1,
                        "error: option '--max-budget-usd <amount>' argument is invalid. --max-budget-usd must be a positive number greater than 0",
                    ),
                },
                "--max-turns"
                | "--fallback-model"
                | "--append-system-prompt"
                | "--settings"
                | "--setting-sources"
                | "--mcp-config"
                | "--effort"
                | "--add-dir" => drop(value()),
                "--tools" | "--allowedTools" | "--allowed-tools" | "--disallowedTools"
                | "--disallowed-tools" => {
                    let mut items = Vec::new();
                    while let Some(item) = args.next_if(|a| !a.starts_with('-')) {
                        items.extend(split_rules(item));
                    }
                    match arg.as_str() {
                        "--tools" => o.tools = items,
                        "--allowedTools" | "--allowed-tools" => o.allowed = items,
                        _ => {}
                    }
                }
                option if option.starts_with('-') => {
                    leave(1, &format!("error: unknown option '{option}'"))
                }
                prompt => prompt.clone_into(&mut o.prompt),
            }
        }
        if !o.version && (!print || format != "stream-json") {
            mistake("only -p --output-format stream-json is played");
        }
        if !o.version && !verbose {
            leave(
                1,
                "Error: When using --print, --output-format=stream-json requires --verbose",
            );
        }
        o
    }
}

impl Options {
    /// An id names one session only.
    fn refuse_used_session(&self) {
        let state = std::env::var_os("FAKE_CLAUDE_STATE").map(PathBuf::from);
        if let (Some(id), None) = (&self.session_id, &self.resume)
            && read_session(state.as_deref(), id).is_some()
        {
            leave(1, &format!("Error: Session ID {id} is already in use."));
        }
    }
}

/// Rules are separated by commas or spaces, except inside brackets.
fn split_rules(text: &str) -> Vec<String> {
    let (mut rules, mut rule, mut depth) = (Vec::new(), String::new(), 0);
    for c in text.chars() {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            ',' | ' ' if depth == 0 => {
                rules.push(std::mem::take(&mut rule));
                continue;
            }
            _ => {}
        }
        rule.push(c);
    }
    rules.push(rule);
    rules.retain(|r| !r.is_empty());
    rules
}

/// The script file, or none.
struct Script(Option<Value>);

/// What is played in one call.
struct Scene {
    steps: Vec<Value>,
    end: Value,
}

impl Script {
    fn load() -> Self {
        let Some(path) = std::env::var_os("FAKE_CLAUDE_SCRIPT") else {
            return Self(None);
        };
        let shown = Path::new(&path).display();
        let text = fs::read_to_string(&path).unwrap_or_else(|e| mistake(&format!("{shown}: {e}")));
        let script: Value =
            serde_json::from_str(&text).unwrap_or_else(|e| mistake(&format!("{shown}: {e}")));
        only(&script, &["rules", "default", "forget_sessions"]);
        Self(Some(script))
    }

    fn forgets(&self) -> bool {
        self.0
            .as_ref()
            .is_some_and(|s| s["forget_sessions"] == true)
    }

    fn scene(&self, call: &Call) -> Scene {
        let script = self.0.as_ref();
        let rules = script.and_then(|s| s["rules"].as_array());
        let rule = rules.into_iter().flatten().find(|r| call.fits(r));
        let default = script.and_then(|s| s.get("default"));
        if let Some(default) = default {
            only(default, &["steps", "end"]);
        }
        let Some(scene) = rule.or(default) else {
            let step = if call.is_fix() { "append" } else { "write" };
            let name = call.chunk.replace('/', "_");
            let text = if call.is_fix() {
                "fixed\n"
            } else {
                "{title}\n"
            };
            return Scene {
                steps: vec![json!({step: {"path": format!("work/{name}.txt"), "text": text}})],
                end: json!("complete_chunk"),
            };
        };
        Scene {
            steps: scene["steps"].as_array().cloned().unwrap_or_default(),
            end: scene
                .get("end")
                .cloned()
                .unwrap_or_else(|| json!("complete_chunk")),
        }
    }
}

/// Refuses keys that would be ignored.
fn only(object: &Value, known: &[&str]) {
    match object.as_object() {
        Some(map) => {
            if let Some(key) = map.keys().find(|k| !known.contains(&k.as_str())) {
                mistake(&format!(
                    "unknown key {key:?} in {object}; known: {known:?}"
                ));
            }
        }
        None => mistake(&format!("an object is wanted, not {object}")),
    }
}

/// What a message used.
struct Tokens {
    input: u64,
    cached: u64,
    output: u64,
}

impl Default for Tokens {
    fn default() -> Self {
        Self {
            input: 1200,
            cached: 0,
            output: 60,
        }
    }
}

/// One run of the program.
struct Call {
    options: Options,
    prompt: String,
    spec: String,
    chunk: String,
    title: String,
    /// Number of this call for its chunk, from 1.
    n: u64,
    session: String,
    cwd: PathBuf,
    state: Option<PathBuf>,
    /// Lines so far, for ids.
    lines: u64,
    /// Messages of the model so far.
    messages: u64,
    denials: Vec<Value>,
}

impl Call {
    fn new(options: Options, prompt: String) -> Self {
        let cwd = std::env::current_dir()
            .unwrap_or_else(|e| mistake(&format!("no working directory: {e}")));
        let state = std::env::var_os("FAKE_CLAUDE_STATE").map(PathBuf::from);
        let field = |name: &str| {
            prompt
                .lines()
                .find_map(|l| l.strip_prefix(name))
                .map(|v| v.trim().to_owned())
        };
        let remembered = options
            .resume
            .as_ref()
            .and_then(|id| read_session(state.as_deref(), id));
        let title = field("Task: ").or_else(|| remembered.as_ref().map(|s| s.title.clone()));
        let place = field("Chunk: ")
            .or_else(|| remembered.map(|s| s.place))
            .unwrap_or_else(|| "none:unknown".to_owned());
        let (spec, chunk) = place.split_once(':').unwrap_or(("none", place.as_str()));
        let session = options
            .resume
            .clone()
            .or_else(|| options.session_id.clone())
            .unwrap_or_else(|| new_id(&place));
        Self {
            n: count(state.as_deref(), &place),
            spec: spec.to_owned(),
            chunk: chunk.to_owned(),
            title: title.unwrap_or_else(|| "untitled".to_owned()),
            session,
            cwd,
            state,
            lines: 0,
            messages: 0,
            denials: Vec::new(),
            options,
            prompt,
        }
    }

    /// True when it resumes a session to repair what it built there; false also when it builds on in one that was cut
    /// off.
    fn is_fix(&self) -> bool {
        self.options.resume.is_some() && !self.prompt.contains("Build this task of a spec.")
    }

    fn log(&self, argv: &[String]) {
        let Some(path) = std::env::var_os("FAKE_CLAUDE_LOG") else {
            return;
        };
        let mut names: Vec<String> = std::env::vars_os()
            .map(|(k, _)| k.to_string_lossy().into_owned())
            .collect();
        names.sort();
        let mut line = json!({"argv": argv, "cwd": self.cwd, "env": names, "prompt": self.prompt, "chunk": self.chunk,
            "spec": self.spec, "title": self.title, "n": self.n, "resume": self.options.resume, "session": self.session,
            "pid": std::process::id()})
        .to_string();
        line.push('\n');
        // One write to a file opened for appending: calls beside each other do not mix their lines.
        let written = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&path)
            .and_then(|mut f| f.write_all(line.as_bytes()));
        if let Err(e) = written {
            mistake(&format!("{}: {e}", Path::new(&path).display()));
        }
    }

    fn fits(&self, rule: &Value) -> bool {
        only(
            rule,
            &["match", "chunk", "fix", "nth", "steps", "end", "comment"],
        );
        let parts: Vec<&str> = match &rule["match"] {
            Value::Null => Vec::new(),
            Value::String(s) => vec![s],
            Value::Array(all) => all.iter().filter_map(Value::as_str).collect(),
            other => mistake(&format!(
                "match is a string or a list of strings, not {other}"
            )),
        };
        parts.iter().all(|p| self.prompt.contains(p))
            && rule["chunk"].as_str().is_none_or(|c| c == self.chunk)
            && rule["fix"].as_bool().is_none_or(|f| f == self.is_fix())
            && rule["nth"].as_u64().is_none_or(|n| n == self.n)
    }

    /// Sessions belong to a working directory.
    fn session_is_lost(&self, script: &Script) -> bool {
        let Some(id) = &self.options.resume else {
            return false;
        };
        let elsewhere = self.state.is_some()
            && read_session(self.state.as_deref(), id)
                .is_none_or(|s| Path::new(&s.cwd) != self.cwd);
        script.forgets() || elsewhere
    }

    fn report_lost_session(&mut self) -> ! {
        let why = format!("No conversation found with session ID: {}", self.session);
        let mut line = self.result(
            &json!({"cost": 0.0, "turns": 0, "usage": {"input": 0, "cached": 0, "output": 0}}),
        );
        overlay(
            &mut line,
            &json!({"subtype": "error_during_execution", "is_error": true, "stop_reason": null, "errors": [why]}),
        );
        for absent in ["result", "terminal_reason", "api_error_status"] {
            line.remove(absent);
        }
        self.print(&Value::Object(line));
        leave(1, &why)
    }

    fn init(&mut self) {
        if let Some(dir) = &self.state {
            let _ = fs::create_dir_all(dir);
            let text = format!(
                "{}\n{}:{}\n{}\n",
                self.cwd.display(),
                self.spec,
                self.chunk,
                self.title
            );
            let _ = fs::write(dir.join(format!("session-{}", self.session)), text);
        }
        let mut tools = self.options.tools.clone();
        if tools.is_empty() {
            tools = ["Bash", "Edit", "Glob", "Grep", "Read", "Write"]
                .map(str::to_owned)
                .into();
        }
        if self.options.schema {
            tools.push("StructuredOutput".to_owned());
        }
        let model = self
            .options
            .model
            .clone()
            .unwrap_or_else(|| MODEL.to_owned());
        self.print(&json!({"type": "system", "subtype": "init", "cwd": self.cwd, "session_id": self.session, "tools": tools,
            "mcp_servers": [], "model": model, "permissionMode": self.options.permission_mode, "apiKeySource": "none",
            "claude_code_version": VERSION, "output_style": "default"}));
    }

    fn print(&mut self, line: &Value) {
        self.lines += 1;
        raw(format!("{line}\n").as_bytes());
    }

    /// A message of its own. The first one has all the tokens that a closing line tells of unless it says otherwise.
    fn assistant(&mut self, block: &Value) {
        let tokens = match self.messages {
            0 => Tokens::default(),
            _ => Tokens {
                input: 0,
                cached: 0,
                output: 0,
            },
        };
        self.message(block, tokens);
    }

    /// One content block as a message. As the real one: a line tells the output as it was at the message's beginning,
    /// and only streamed pieces, where they are wanted, tell how it ended.
    fn message(&mut self, block: &Value, tokens: Tokens) {
        self.messages += 1;
        let id = format!("msg_fake_{}_{}", std::process::id(), self.messages);
        let usage = json!({"input_tokens": tokens.input, "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": tokens.cached, "output_tokens": tokens.output.min(1)});
        let mut message = json!({"id": id, "type": "message", "role": "assistant", "model": MODEL,
            "content": [], "stop_reason": null, "usage": usage});
        self.piece(&json!({"type": "message_start", "message": message}));
        message["content"] = json!([block]);
        self.print(&json!({"type": "assistant", "message": message, "parent_tool_use_id": null, "session_id": self.session}));
        self.piece(&json!({"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": tokens.output}}));
        self.piece(&json!({"type": "message_stop"}));
    }

    fn piece(&mut self, event: &Value) {
        if self.options.partial {
            let session = self.session.clone();
            self.print(&json!({"type": "stream_event", "event": event, "session_id": session, "parent_tool_use_id": null}));
        }
    }

    /// A tool call, what it does, and its result.
    fn tool(
        &mut self,
        name: &str,
        input: &Value,
        act: impl FnOnce(&mut Self) -> Result<String, String>,
    ) {
        let id = format!("toolu_fake_{}", self.lines);
        self.assistant(&json!({"type": "tool_use", "id": id, "name": name, "input": input}));
        let (content, is_error) = match act(self) {
            Ok(text) => (text, false),
            Err(text) => (text, true),
        };
        let line = json!({"type": "user", "message": {"role": "user", "content": [{"tool_use_id": id, "type": "tool_result",
            "content": content, "is_error": is_error}]}, "parent_tool_use_id": null, "session_id": self.session});
        self.print(&line);
    }

    fn bash(&mut self, shown: &str, act: impl FnOnce(&Path) -> io::Result<()>) {
        let cwd = self.cwd.clone();
        self.tool("Bash", &json!({"command": shown}), |_| match act(&cwd) {
            Ok(()) => Ok(String::new()),
            Err(e) => mistake(&format!("{shown}: {e}")),
        });
    }

    fn step(&mut self, step: &Value) {
        let step = self.filled(step);
        let entry = step
            .as_object()
            .filter(|m| m.len() == 1)
            .and_then(|m| m.iter().next());
        let Some((verb, what)) = entry else {
            mistake(&format!("a step has one key: {step}"))
        };
        let text = || {
            what.as_str()
                .unwrap_or_else(|| mistake(&format!("{verb} takes a text: {step}")))
                .to_owned()
        };
        let part = |key: &str| match what[key].as_str() {
            Some(text) => text.to_owned(),
            None => mistake(&format!("{verb} wants {key:?}: {step}")),
        };
        match verb.as_str() {
            "write" => self.edit("Write", &part("path"), &part("text"), false),
            "append" => self.edit("Edit", &part("path"), &part("text"), true),
            "delete" => self.bash(&format!("rm -r {}", text()), |cwd| {
                let path = cwd.join(text());
                if path.is_dir() && !path.is_symlink() {
                    fs::remove_dir_all(path)
                } else {
                    fs::remove_file(path)
                }
            }),
            "mkdir" => self.bash(&format!("mkdir -p {}", text()), |cwd| {
                fs::create_dir_all(cwd.join(text()))
            }),
            "touch" => self.bash(&format!("touch {}", text()), |cwd| touch(&cwd.join(text()))),
            "rename" => self.bash(&format!("mv {} {}", part("from"), part("to")), |cwd| {
                fs::rename(cwd.join(part("from")), cwd.join(part("to")))
            }),
            "symlink" => self.bash(&format!("ln -s {} {}", part("to"), part("path")), |cwd| {
                symlink(part("to"), cwd.join(part("path")))
            }),
            "chmod" => self.bash(&format!("chmod {} {}", part("mode"), part("path")), |cwd| {
                let mode = u32::from_str_radix(&part("mode"), 8)
                    .unwrap_or_else(|e| mistake(&format!("{step}: {e}")));
                fs::set_permissions(cwd.join(part("path")), fs::Permissions::from_mode(mode))
            }),
            "run" => self.run(&text()),
            "commit" => {
                let message = text().replace('\'', r"'\''");
                self.run(&format!("git add -A && git -c user.name=agent -c user.email=agent@example.org commit -q -m '{message}'"));
            }
            "spend" => {
                only(what, &["input", "cached", "output"]);
                let count = |key: &str| what[key].as_u64().unwrap_or(0);
                let (input, cached, output) = (count("input"), count("cached"), count("output"));
                let tokens = Tokens {
                    input,
                    cached,
                    output,
                };
                self.message(&json!({"type": "text", "text": "It costs."}), tokens);
            }
            "say" => self.assistant(&json!({"type": "text", "text": text()})),
            "print" => raw(format!("{}\n", text()).as_bytes()),
            "print_hex" => raw(&[hex(&text()), b"\n".to_vec()].concat()),
            "stderr" => eprintln!("{}", text()),
            "emit" => {
                let mut line = what.clone();
                line["session_id"] = json!(self.session);
                self.print(&line);
            }
            "long_line" => {
                let piece = [b'x'; 1 << 16];
                let mut left = number(what, &step);
                while left > 0 {
                    let n = left.min(piece.len() as u64);
                    raw(&piece[..usize::try_from(n).unwrap_or(piece.len())]);
                    left -= n;
                }
                raw(b"\n");
            }
            "retry" => {
                only(what, &["status", "error", "attempt", "delay_ms"]);
                let or = |key: &str, default: Value| what.get(key).cloned().unwrap_or(default);
                self.print(&json!({"type": "system", "subtype": "api_retry", "attempt": or("attempt", json!(1)), "max_retries": 10,
                    "retry_delay_ms": or("delay_ms", json!(1000)), "error_status": or("status", json!(429)),
                    "error": or("error", json!("rate_limit")), "session_id": self.session}));
            }
            "rate_limit" => {
                only(what, &["status", "resets_at"]);
                self.print(&json!({"type": "rate_limit_event", "rate_limit_info": {"status": part("status"),
                    "resetsAt": what["resets_at"], "rateLimitType": "five_hour", "isUsingOverage": false}, "session_id": self.session}));
            }
            "wait_for" => wait_for(&self.cwd.join(text())),
            "hang" => hang(&self.cwd, what),
            "chatter" => loop {
                self.print(&json!({"type": "system", "subtype": "status", "status": "requesting", "session_id": self.session}));
                std::thread::sleep(Duration::from_millis(5));
            },
            "grandchild" => grandchild(&part("sh"), what["hold_stdout"] == true),
            "daemon" => daemon(&part("socket"), what["env_clear"] == true),
            "kill_parent" => kill(std::os::unix::process::parent_id(), what),
            "kill_self" => {
                kill(std::process::id(), what);
                block();
            }
            "exit" => exit(i32::try_from(number(what, &step)).unwrap_or(1)),
            _ => mistake(&format!(
                "unknown step {verb:?}; the head of tests/fakes/claude.rs lists them"
            )),
        }
    }

    fn edit(&mut self, tool: &str, path: &str, text: &str, append: bool) {
        let target = lexical(&self.cwd.join(path));
        let input = json!({"file_path": target, "content": text});
        self.tool(tool, &input, |call| {
            if !call.may_edit(&target) {
                call.denials
                    .push(json!({"tool_name": tool, "tool_input": input}));
                let why = format!(
                    "Claude requested permissions to write to {}, but you haven't granted it yet.",
                    target.display()
                );
                let line = json!({"type": "system", "subtype": "permission_denied", "tool_name": tool, "message": why,
                    "session_id": call.session});
                call.print(&line);
                return Err(why);
            }
            let written = target
                .parent()
                .map_or(Ok(()), fs::create_dir_all)
                .and_then(|()| match append {
                    false => fs::write(&target, text),
                    true => OpenOptions::new()
                        .create(true)
                        .append(true)
                        .open(&target)
                        .and_then(|mut f| f.write_all(text.as_bytes())),
                });
            match written {
                Ok(()) => Ok(format!("File written: {}", target.display())),
                Err(e) => Err(e.to_string()),
            }
        });
    }

    /// As the real program: below the working directory in mode `acceptEdits`, and where a rule allows it; never git's
    /// own files and its own settings.
    fn may_edit(&self, target: &Path) -> bool {
        let is_sensitive =
            |c: Component<'_>| matches!(c.as_os_str().to_str(), Some(".git" | ".claude"));
        let below = target.strip_prefix(&self.cwd).unwrap_or(target);
        if below.components().any(is_sensitive) {
            return false;
        }
        let own = target.starts_with(&self.cwd) && self.options.permission_mode == "acceptEdits";
        own || self.options.allowed.iter().any(|rule| {
            let root = rule
                .strip_prefix("Edit(/")
                .and_then(|r| r.strip_suffix("/**)"));
            matches!(rule.as_str(), "Edit" | "Write")
                || root.is_some_and(|r| target.starts_with(r.replace('\\', "")))
        })
    }

    fn run(&mut self, line: &str) {
        let cwd = self.cwd.clone();
        self.tool("Bash", &json!({"command": line}), |_| {
            let output = Command::new("sh")
                .args(["-c", line])
                .current_dir(cwd)
                .stdin(Stdio::null())
                .output();
            let output = output.unwrap_or_else(|e| mistake(&format!("sh: {e}")));
            let text =
                String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
            match output.status.success() {
                true => Ok(text),
                false => Err(format!(
                    "Exit code {}\n{text}",
                    output.status.code().unwrap_or(-1)
                )),
            }
        });
    }

    fn end(&mut self, end: &Value) -> ! {
        let end = match self.filled(end) {
            Value::String(kind) => json!({"kind": kind}),
            other => other,
        };
        let mut line = self.result(&end);
        let kind = end["kind"].as_str().unwrap_or("complete_chunk");
        let mut code = 0;
        let declared = match kind {
            "complete_chunk" => Some(json!({"kind": kind,
                "summary": or(&end, "summary", json!(format!("built {}", self.title))),
                "confidence": or(&end, "confidence", json!(0.9)),
                "rationale": or(&end, "rationale", json!("it does what the task asks"))})),
            "block_chunk" => Some(
                json!({"kind": kind, "summary": "", "confidence": 0, "rationale": "",
                "reason": or(&end, "reason", json!("it needs a decision")), "needs": or(&end, "needs", json!("which way?"))}),
            ),
            "structured" => Some(end["value"].clone()),
            "none" => {
                let text = or(&end, "text", json!("All done."));
                self.assistant(&json!({"type": "text", "text": text}));
                if self.options.schema {
                    self.ask_for_ending(&text);
                }
                line.insert("result".to_owned(), text);
                None
            }
            "error" => {
                code = 1;
                self.fail(&end, &mut line);
                None
            }
            "result" => {
                overlay(&mut line, &end["value"]);
                None
            }
            "silent" => None,
            _ => mistake(&format!(
                "unknown end {kind:?}; the head of tests/fakes/claude.rs lists them"
            )),
        };
        // As the real program: without a schema there is no tool to declare an ending by.
        if let Some(mut declared) = declared.filter(|_| self.options.schema) {
            if let Some(why) = end.get("no_change_needed") {
                declared["no_change_needed"] = why.clone();
            }
            let cost = line.get("total_cost_usd").and_then(Value::as_f64);
            if let (Some(max), Some(cost)) = (self.options.max_usd, cost)
                && cost > max
            {
                self.assistant(&json!({"type": "tool_use", "id": "toolu_fake_end", "name": "StructuredOutput", "input": declared}));
                self.stop_at_budget(line, max);
            }
            self.tool("StructuredOutput", &declared.clone(), |_| {
                Ok("Structured output provided successfully".to_owned())
            });
            line.insert("result".to_owned(), json!(declared.to_string()));
            line.insert("structured_output".to_owned(), declared);
        }
        line.insert("permission_denials".to_owned(), json!(self.denials));
        if kind != "silent" {
            self.print(&Value::Object(line));
        }
        for after in end["after"].as_array().into_iter().flatten() {
            self.print(after);
        }
        exit(
            end["exit"]
                .as_i64()
                .and_then(|c| i32::try_from(c).ok())
                .unwrap_or(code),
        )
    }

    /// As the real program does once where a schema was given and the model ended without its tool.
    fn ask_for_ending(&mut self, text: &Value) {
        let session = self.session.clone();
        self.print(&json!({"type": "user", "message": {"role": "user", "content": [{"type": "text",
            "text": "[structured-output-enforce] You MUST call the StructuredOutput tool to complete this request. Call this tool now."}]},
            "parent_tool_use_id": null, "session_id": session, "isSynthetic": true}));
        self.assistant(&json!({"type": "text", "text": text}));
    }

    /// It looks at its bound after a response, before it does what that asks for.
    fn stop_at_budget(&mut self, mut line: Map<String, Value>, max: f64) -> ! {
        overlay(
            &mut line,
            &json!({"subtype": "error_max_budget_usd", "is_error": true, "stop_reason": null, "terminal_reason": "budget_exhausted",
                "errors": [format!("Reached maximum budget (${max})")]}),
        );
        line.remove("result");
        self.print(&Value::Object(line));
        exit(1)
    }

    /// The synthetic last message and the fields of a closing line that tells of a failure.
    fn fail(&mut self, end: &Value, line: &mut Map<String, Value>) {
        let text = or(end, "text", json!("API Error"));
        if let Some(error) = end.get("error") {
            let message = json!({"type": "assistant", "message": {"id": format!("fake-{}", self.lines), "type": "message",
                "role": "assistant", "model": "<synthetic>", "content": [{"type": "text", "text": text}],
                "stop_reason": "stop_sequence", "usage": {"input_tokens": 0, "output_tokens": 0}},
                "parent_tool_use_id": null, "session_id": self.session, "error": error});
            self.print(&message);
        }
        line.insert("is_error".to_owned(), or(end, "is_error", json!(true)));
        line.insert(
            "api_error_status".to_owned(),
            or(end, "status", Value::Null),
        );
        line.insert("result".to_owned(), text);
        for key in ["subtype", "terminal_reason", "stop_reason", "errors"] {
            if let Some(value) = end.get(key) {
                line.insert(key.to_owned(), value.clone());
            }
        }
    }

    /// A closing line of success.
    fn result(&self, end: &Value) -> Map<String, Value> {
        let count = |key: &str, default: u64| end["usage"][key].as_u64().unwrap_or(default);
        let (input, cached, output) = (
            count("input", 1200),
            count("cached", 0),
            count("output", 60),
        );
        let cost = end["cost"].as_f64().unwrap_or(0.01);
        let line = json!({"type": "result", "subtype": "success", "is_error": false, "api_error_status": null, "duration_ms": 1,
            "duration_api_ms": 1, "num_turns": end["turns"].as_u64().unwrap_or(1), "result": "All done.", "stop_reason": "end_turn",
            "session_id": self.session, "total_cost_usd": cost,
            "usage": {"input_tokens": input, "cache_creation_input_tokens": 0, "cache_read_input_tokens": cached, "output_tokens": output},
            "modelUsage": {MODEL: {"inputTokens": input, "outputTokens": output, "cacheReadInputTokens": cached,
                "cacheCreationInputTokens": 0, "costUSD": cost}},
            "permission_denials": [], "terminal_reason": "completed"});
        match line {
            Value::Object(map) => map,
            _ => Map::new(),
        }
    }

    /// The value with placeholders replaced in all its texts.
    fn filled(&self, value: &Value) -> Value {
        match value {
            Value::String(text) if text.contains('{') => {
                let mut text = text.clone();
                for (name, with) in [
                    ("{chunk}", self.chunk.as_str()),
                    ("{spec}", &self.spec),
                    ("{title}", &self.title),
                    ("{n}", &self.n.to_string()),
                    ("{cwd}", &self.cwd.to_string_lossy()),
                    ("{session}", &self.session),
                ] {
                    text = text.replace(name, with);
                }
                Value::String(text)
            }
            Value::Array(items) => items.iter().map(|v| self.filled(v)).collect(),
            Value::Object(map) => map
                .iter()
                .map(|(k, v)| (k.clone(), self.filled(v)))
                .collect(),
            other => other.clone(),
        }
    }
}

fn raw(bytes: &[u8]) {
    let mut out = io::stdout().lock();
    // A reader that went away is no reason to fall over: the real program goes on as well.
    let _ = out.write_all(bytes).and_then(|()| out.flush());
}

fn or(object: &Value, key: &str, default: Value) -> Value {
    object.get(key).cloned().unwrap_or(default)
}

fn overlay(line: &mut Map<String, Value>, with: &Value) {
    for (key, value) in with.as_object().into_iter().flatten() {
        line.insert(key.clone(), value.clone());
    }
}

fn number(value: &Value, step: &Value) -> u64 {
    value
        .as_u64()
        .unwrap_or_else(|| mistake(&format!("a number is wanted: {step}")))
}

fn hex(text: &str) -> Vec<u8> {
    text.split_whitespace()
        .map(|pair| {
            u8::from_str_radix(pair, 16).unwrap_or_else(|e| mistake(&format!("{pair:?}: {e}")))
        })
        .collect()
}

/// The path without `.` and `..`, symlinks left alone.
fn lexical(path: &Path) -> PathBuf {
    let mut clean = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => drop(clean.pop()),
            Component::CurDir => {}
            other => clean.push(other),
        }
    }
    clean
}

fn touch(path: &Path) -> io::Result<()> {
    OpenOptions::new()
        .create(true)
        .append(true)
        .open(path)
        .map(drop)
}

/// Bounded, so that a test that never makes the file ends all the same.
fn wait_for(path: &Path) {
    let started = Instant::now();
    while !path.exists() {
        if started.elapsed() > Duration::from_secs(60) {
            leave(
                98,
                &format!("fake claude: waited 60 s for {}", path.display()),
            );
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Waits for a signal.
fn block() -> ! {
    loop {
        std::thread::park();
    }
}

fn hang(cwd: &Path, what: &Value) -> ! {
    let sign = what["touch"].as_str().map(|p| cwd.join(p));
    if what["ignore_term"] != true {
        if let Some(sign) = sign {
            touch(&sign).unwrap_or_else(|e| mistake(&format!("{}: {e}", sign.display())));
        }
        block();
    }
    // Ignoring a signal needs unsafe code here, but a shell can do it for what it becomes. GNU tail ends when
    // the reader of its standard output does, so that it holds ours under another number.
    let line =
        "trap '' TERM HUP INT; [ -z \"$1\" ] || : > \"$1\"; exec tail -f /dev/null 8>&1 >/dev/null";
    let failed = Command::new("sh")
        .args(["-c", line, "sh"])
        .arg(sign.unwrap_or_default())
        .exec();
    mistake(&format!("sh: {failed}"))
}

/// Starts what outlives us: in a session of its own where setsid(1) is there, else in a group of its own.
#[allow(
    clippy::zombie_processes,
    reason = "it is to outlive us: that is the point"
)]
fn grandchild(line: &str, hold_stdout: bool) {
    let start = |mut command: Command| {
        let out = if hold_stdout {
            Stdio::inherit()
        } else {
            Stdio::null()
        };
        command
            .stdin(Stdio::null())
            .stdout(out)
            .stderr(Stdio::null())
            .spawn()
    };
    let mut command = Command::new("setsid");
    command.args(["sh", "-c", line]);
    if start(command).is_err() {
        let mut command = Command::new("sh");
        command.args(["-c", line]).process_group(0);
        start(command).unwrap_or_else(|e| mistake(&format!("sh: {e}")));
    }
}

/// Not a flag of the real one's: makes this program its own daemon.
const HOLD_SOCKET: &str = "--hold-socket";

/// Connects to a socket and stays connected for as long as it lives.
fn hold_socket(socket: &Path) -> ! {
    let mut line = std::os::unix::net::UnixStream::connect(socket)
        .unwrap_or_else(|e| mistake(&format!("{}: {e}", socket.display())));
    let _ = line.write_all(b"here");
    block()
}

/// A process that left group and session, was forked twice, and ignores what asks it to end.
fn daemon(socket: &str, forgets_environment: bool) {
    let program = std::env::current_exe().unwrap_or_else(|e| mistake(&format!("{e}")));
    let env = if forgets_environment { "env -i " } else { "" };
    let line = format!(
        "trap '' TERM HUP INT; ({env}'{}' {HOLD_SOCKET} '{socket}' > /dev/null 2>&1 &)",
        program.display()
    );
    grandchild(&line, false);
}

fn kill(pid: u32, signal: &Value) {
    let name = signal.as_str().unwrap_or("KILL");
    let done = Command::new("sh")
        .args(["-c", &format!("kill -s {name} {pid}")])
        .status();
    if !done.is_ok_and(|s| s.success()) {
        mistake(&format!("cannot send {name} to {pid}"));
    }
}

/// What a session remembers.
struct Session {
    cwd: String,
    place: String,
    title: String,
}

fn read_session(state: Option<&Path>, id: &str) -> Option<Session> {
    let text = fs::read_to_string(state?.join(format!("session-{id}"))).ok()?;
    let mut lines = text.lines().map(str::to_owned);
    Some(Session {
        cwd: lines.next()?,
        place: lines.next()?,
        title: lines.next()?,
    })
}

/// The number of this call for its chunk: the length of a file that each call makes a byte longer.
fn count(state: Option<&Path>, place: &str) -> u64 {
    let Some(dir) = state else { return 1 };
    let counted = || -> io::Result<u64> {
        fs::create_dir_all(dir)?;
        let mut file: File = OpenOptions::new()
            .create(true)
            .append(true)
            .open(dir.join(format!("calls-{}", place.replace('/', "_"))))?;
        file.lock()?;
        file.write_all(b"x")?;
        Ok(file.metadata()?.len())
    };
    counted().unwrap_or_else(|e| mistake(&format!("{}: {e}", dir.display())))
}

/// An id in the shape of the real ones, new for every call.
fn new_id(place: &str) -> String {
    let half = |salt: u8| {
        let mut hasher = DefaultHasher::new();
        (salt, place, std::process::id(), SystemTime::now()).hash(&mut hasher);
        hasher.finish()
    };
    let (a, b) = (half(1), half(2));
    format!(
        "{:08x}-{:04x}-4{:03x}-8{:03x}-{:012x}",
        a >> 32,
        a >> 16 & 0xffff,
        a & 0xfff,
        b >> 48 & 0xfff,
        b & 0xffff_ffff_ffff
    )
}
