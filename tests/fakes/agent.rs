//! A program that plays any agent CLI: what it prints, does and exits with comes from flags or a script.
//!
//! # Flags
//!
//! | flag | meaning |
//! |---|---|
//! | `--prompt` text, `--prompt-file` path | the prompt; without them it is read from standard input |
//! | `--model` name, `--resume` id, `--schema` path, `--answer` path | what an agent CLI may be given; kept for log and script |
//! | `--play` path | prints the file, a recording for example |
//! | `--exit` code | leaves with it |
//! | `--script` path | what to do (below); without `--play` and `--script` the chunk is built |
//! | `--state` folder | calls are counted there, by chunk |
//! | `--log` path | each call appends one JSON line: `argv`, `cwd`, `env` (names), `prompt`, `spec`, `chunk`, `title`, `n`, `model`, `resume` |
//! | `--version` | prints `fake-agent 1.0` |
//!
//! Any other flag is refused as agent CLIs do: a sentence on standard error, exit 2.
//!
//! # Script
//!
//! ```json
//! { "rules": [ { "chunk": "T001", "nth": 1, "resumed": false, "do": [ … ] } ], "default": [ … ] }
//! ```
//!
//! The first rule whose conditions all hold is played, else `default`, else the chunk is built. The chunk is found in
//! the prompt's lines `Chunk: <spec>:<id>` and `Task: <title>`; in every text `{chunk}`, `{spec}`, `{title}` and `{n}`
//! (call for this chunk, from 1) are replaced.
//!
//! | step | does |
//! |---|---|
//! | `build` true | writes `work/<chunk>.txt` with the title in it; a resumed call appends a line |
//! | `write` `{path, text}`, `append` `{path, text}`, `delete` path | files, from the working directory |
//! | `run` line | `sh -c` line |
//! | `commit` message | `git add -A` and `git commit` |
//! | `play` path, `print` text, `emit` object | a file, a line, an object as a line on standard output |
//! | `print_hex` digits, `long_line` n | raw bytes and a line end; a line of n bytes |
//! | `stderr` text | a line on standard error |
//! | `answer` object | into the file of `--answer` |
//! | `grandchild` true | a process in a session of its own that holds standard output |
//! | `hang` true | silent forever |
//! | `kill_self` true | ends itself with SIGKILL |
//! | `exit` code | leaves at once |
#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a test program of its own: it has no doors to keep, and printing is its job"
)]

use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::{Read as _, Write as _};
use std::path::Path;
use std::process::{Command, Stdio, exit};

const FLAGS: [&str; 10] = [
    "--prompt",
    "--prompt-file",
    "--model",
    "--resume",
    "--schema",
    "--answer",
    "--play",
    "--exit",
    "--script",
    "--state",
];

/// What a call is about.
struct Call {
    flags: BTreeMap<String, String>,
    spec: String,
    chunk: String,
    title: String,
    n: u64,
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let flags = flags(&args);
    let prompt = match (flags.get("--prompt"), flags.get("--prompt-file")) {
        (Some(text), _) => text.clone(),
        (None, Some(path)) => text_of(path),
        (None, None) => {
            let mut bytes = Vec::new();
            std::io::stdin()
                .read_to_end(&mut bytes)
                .unwrap_or_else(|e| broken(&e.to_string()));
            String::from_utf8_lossy(&bytes).into_owned()
        }
    };
    let line = |head: &str| {
        prompt
            .lines()
            .find_map(|l| l.strip_prefix(head))
            .unwrap_or_default()
            .trim()
            .to_owned()
    };
    let (spec, chunk) = match line("Chunk: ").rsplit_once(':') {
        Some((spec, chunk)) => (spec.to_owned(), chunk.to_owned()),
        None => (String::new(), line("Chunk: ")),
    };
    let mut call = Call {
        flags,
        spec,
        chunk,
        title: line("Task: "),
        n: 1,
    };
    call.n = count(&call);
    log(&call, &args, &prompt);
    for step in steps(&call) {
        carry_out(&call, &step);
    }
    exit(call.flags.get("--exit").map_or(0, |code| {
        code.parse()
            .unwrap_or_else(|_| broken("--exit takes a number"))
    }));
}

fn flags(args: &[String]) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut rest = args.iter();
    while let Some(arg) = rest.next() {
        if arg == "--version" {
            println!("fake-agent 1.0");
            exit(0);
        }
        if !FLAGS.contains(&arg.as_str()) && arg != "--log" {
            eprintln!("error: unexpected argument '{arg}' found");
            exit(2);
        }
        let value = rest
            .next()
            .unwrap_or_else(|| broken(&format!("{arg} takes a value")));
        found.insert(arg.clone(), value.clone());
    }
    found
}

/// The number of this call for its chunk.
fn count(call: &Call) -> u64 {
    let Some(state) = call.flags.get("--state") else {
        return 1;
    };
    let path = Path::new(state).join(format!("{}-{}", call.spec.replace('/', "_"), call.chunk));
    let earlier: u64 = fs::read_to_string(&path)
        .ok()
        .and_then(|t| t.parse().ok())
        .unwrap_or(0);
    fs::create_dir_all(state)
        .and_then(|()| fs::write(&path, (earlier + 1).to_string()))
        .unwrap_or_else(|e| broken(&e.to_string()));
    earlier + 1
}

fn log(call: &Call, args: &[String], prompt: &str) {
    let Some(path) = call.flags.get("--log") else {
        return;
    };
    let names: Vec<String> = std::env::vars_os()
        .map(|(name, _)| name.to_string_lossy().into_owned())
        .collect();
    let line = json!({
        "argv": args, "cwd": std::env::current_dir().unwrap_or_default(), "env": names, "prompt": prompt,
        "spec": call.spec, "chunk": call.chunk, "title": call.title, "n": call.n,
        "model": call.flags.get("--model"), "resume": call.flags.get("--resume"),
    });
    let file = OpenOptions::new().create(true).append(true).open(path);
    file.and_then(|mut f| writeln!(f, "{line}"))
        .unwrap_or_else(|e| broken(&format!("{path}: {e}")));
}

fn steps(call: &Call) -> Vec<Value> {
    let mut steps: Vec<Value> = call
        .flags
        .get("--play")
        .map(|path| json!({"play": path}))
        .into_iter()
        .collect();
    let Some(path) = call.flags.get("--script") else {
        if steps.is_empty() {
            steps.push(json!({"build": true}));
        }
        return steps;
    };
    let script: Value =
        serde_json::from_str(&text_of(path)).unwrap_or_else(|e| broken(&format!("{path}: {e}")));
    let resumed = call.flags.contains_key("--resume");
    let fits = |rule: &&Value| {
        let is = |key: &str, value: Value| rule.get(key).is_none_or(|wanted| *wanted == value);
        is("chunk", json!(call.chunk)) && is("nth", json!(call.n)) && is("resumed", json!(resumed))
    };
    let rule = script["rules"]
        .as_array()
        .and_then(|rules| rules.iter().find(fits));
    let found = rule
        .map(|r| &r["do"])
        .or(script.get("default"))
        .and_then(Value::as_array);
    steps.extend(
        found
            .cloned()
            .unwrap_or_else(|| vec![json!({"build": true})]),
    );
    steps
}

fn carry_out(call: &Call, step: &Value) {
    let (name, value) = step
        .as_object()
        .filter(|o| o.len() == 1)
        .and_then(|o| o.iter().next())
        .unwrap_or_else(|| broken(&format!("a step is an object with one key, not {step}")));
    let fill = |text: &str| {
        let pairs = [
            ("{chunk}", &call.chunk),
            ("{spec}", &call.spec),
            ("{title}", &call.title),
        ];
        let text = pairs.iter().fold(text.to_owned(), |text, (key, value)| {
            text.replace(key, value)
        });
        text.replace("{n}", &call.n.to_string())
    };
    let text = || {
        fill(
            value
                .as_str()
                .unwrap_or_else(|| broken(&format!("{name} takes a text"))),
        )
    };
    let part = |key: &str| {
        fill(
            value[key]
                .as_str()
                .unwrap_or_else(|| broken(&format!("{name} needs {key}"))),
        )
    };
    match name.as_str() {
        "build" => {
            let path = format!("work/{}.txt", call.chunk);
            match call.flags.contains_key("--resume") {
                true => put(&path, &format!("again: {}\n", call.title), true),
                false => put(&path, &format!("{}\n", call.title), false),
            }
        }
        "write" => put(&part("path"), &part("text"), false),
        "append" => put(&part("path"), &part("text"), true),
        "delete" => fs::remove_file(text()).unwrap_or_else(|e| broken(&e.to_string())),
        "run" => shell(&text()),
        "commit" => shell(&format!("git add -A && git commit -qm '{}'", text())),
        "play" => print(&fs::read(text()).unwrap_or_else(|e| broken(&format!("{}: {e}", text())))),
        "print" => print(format!("{}\n", text()).as_bytes()),
        "emit" => print(format!("{}\n", fill(&value.to_string())).as_bytes()),
        "print_hex" => {
            let digits = text();
            let bytes =
                (0..digits.len() / 2).map(|i| u8::from_str_radix(&digits[2 * i..2 * i + 2], 16));
            let mut bytes: Vec<u8> = bytes
                .collect::<Result<_, _>>()
                .unwrap_or_else(|e| broken(&e.to_string()));
            bytes.push(b'\n');
            print(&bytes);
        }
        "long_line" => {
            let piece = vec![b'x'; 1 << 16];
            let mut left = value
                .as_u64()
                .unwrap_or_else(|| broken("long_line takes a number"));
            while left > 0 {
                let now = left.min(piece.len() as u64);
                print(&piece[..usize::try_from(now).unwrap_or(0)]);
                left -= now;
            }
            print(b"\n");
        }
        "stderr" => eprintln!("{}", text()),
        "answer" => {
            let path = call
                .flags
                .get("--answer")
                .unwrap_or_else(|| broken("answer needs --answer"));
            put(path, &value.to_string(), false);
        }
        "grandchild" => {
            let started = Command::new("setsid")
                .args(["sleep", "30"])
                .stdin(Stdio::null())
                .spawn();
            // It outlives this process, which is the point; who asked for it ends it by its id.
            match started {
                Ok(child) => put(&text(), &child.id().to_string(), false),
                Err(e) => broken(&format!("setsid: {e}")),
            }
        }
        "hang" => loop {
            std::thread::park();
        },
        "kill_self" => shell(&format!("kill -KILL {}", std::process::id())),
        "exit" => exit(
            value
                .as_i64()
                .and_then(|c| i32::try_from(c).ok())
                .unwrap_or_else(|| broken("exit takes a number")),
        ),
        other => broken(&format!("there is no step {other}")),
    }
}

fn put(path: &str, text: &str, append: bool) {
    let made = match Path::new(path).parent() {
        Some(parent) => fs::create_dir_all(parent),
        None => Ok(()),
    };
    let opened = made.and_then(|()| {
        OpenOptions::new()
            .create(true)
            .write(true)
            .append(append)
            .truncate(!append)
            .open(path)
    });
    opened
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .unwrap_or_else(|e| broken(&format!("{path}: {e}")));
}

fn shell(line: &str) {
    if let Err(e) = Command::new("sh")
        .args(["-c", line])
        .stdin(Stdio::null())
        .status()
    {
        broken(&format!("sh: {e}"));
    }
}

fn print(bytes: &[u8]) {
    let mut out = std::io::stdout().lock();
    // Nobody listens any more: an agent CLI ends then.
    if out.write_all(bytes).and_then(|()| out.flush()).is_err() {
        exit(141);
    }
}

fn text_of(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_else(|e| broken(&format!("{path}: {e}")))
}

/// The script or a flag is wrong: a mistake of the test.
fn broken(why: &str) -> ! {
    eprintln!("fake-agent: {why}");
    exit(99);
}
