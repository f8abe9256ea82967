//! Secrets on their way out: written into the work, or said by whatever runs.

use super::{Tally, Who, World, filled, rule};
use serde_json::{Value, json};
use std::fs;

const NAME: &str = "MY_SERVICE_TOKEN";
const VALUE: &str = "v4riable-Zq81/Xv77+Kw03-Lp55";

fn base64(text: &str) -> String {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let groups = text.as_bytes().chunks(3).map(|group| {
        let bits = (0..3).fold(0u32, |sum, i| {
            sum << 8 | u32::from(*group.get(i).unwrap_or(&0))
        });
        let letter = |i| char::from(LETTERS[(bits >> (18 - 6 * i) & 63) as usize]);
        let written: String = (0..=group.len()).map(letter).collect();
        written + &"=".repeat(3 - group.len())
    });
    groups.collect()
}

/// Made up here, so that no file of this repository holds what looks like a key.
fn made_up(kind: &str) -> String {
    let letters = |n: usize| -> String {
        "aB3dE6gH1jK4mN7pQ0rS5tU8vW2xY9zC"
            .chars()
            .cycle()
            .take(n)
            .collect()
    };
    match kind {
        "known" => VALUE.to_owned(),
        "known-in-base64" => base64(&format!("user:{VALUE}")),
        "known-in-an-address" => VALUE.replace('/', "%2F").replace('+', "%2B"),
        "forge-token" => format!("gh{}_{}", "p", letters(36)),
        "cloud-key" => format!("AK{}{}", "IA", letters(16).to_uppercase()),
        "private-key" => format!(
            "-----BEGIN {} KEY-----\n{}\n{}\n-----END {0} KEY-----",
            "RSA PRIVATE",
            letters(64),
            letters(64)
        ),
        "web-token" => format!(
            "ey{}.ey{}.{}",
            "JhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9",
            "JzdWIiOiIxMjM0NTY3ODkwIn0",
            letters(43)
        ),
        "connection" => format!("postgres://service:{}@db.internal:5432/app", letters(20)),
        "header" => format!("Authorization: Bearer {}", letters(40)),
        "assignment" => format!("api_key = \"{}\"", letters(40)),
        other => panic!("{other}"),
    }
}

/// A secret in what an engine wrote, and the same file as an honest one has it.
struct Written {
    name: &'static str,
    kind: &'static str,
    path: &'static str,
    /// `{s}` is the secret.
    text: &'static str,
    /// What the engine runs besides.
    runs: &'static str,
    twin: &'static str,
    /// The line where it stands; 0 where it stands in no text.
    line: usize,
}

const fn written(
    name: &'static str,
    kind: &'static str,
    text: &'static str,
    twin: &'static str,
    line: usize,
) -> Written {
    Written {
        name,
        kind,
        path: "work/{name}.txt",
        text,
        runs: "",
        twin,
        line,
    }
}

const WRITTEN: &[Written] = &[
    written(
        "known-value",
        "known",
        "one\ntwo {s} three\n",
        "one\ntwo $MY_SERVICE_TOKEN three\n",
        2,
    ),
    written(
        "known-in-base64",
        "known-in-base64",
        "auth: {s}\n",
        "auth: see the vault\n",
        1,
    ),
    written(
        "known-in-an-address",
        "known-in-an-address",
        "\n\nhttps://h.example/?t={s}\n",
        "\n\nhttps://h.example/?t=yours\n",
        3,
    ),
    written(
        "forge-token",
        "forge-token",
        "token: {s}\n",
        "token: ghp_your-token-here\n",
        1,
    ),
    written("cloud-key", "cloud-key", "id={s}\n", "id=AKIA...\n", 1),
    written(
        "private-key",
        "private-key",
        "key:\n{s}\n",
        "key: see id_ed25519.pub\n",
        2,
    ),
    written("web-token", "web-token", "jwt {s}\n", "jwt eyJ...\n", 1),
    written(
        "connection",
        "connection",
        "url {s}\n",
        "url postgres://localhost:5432/app\n",
        1,
    ),
    written(
        "header",
        "header",
        "curl -H '{s}'\n",
        "curl -H 'Authorization: Bearer TOKEN'\n",
        1,
    ),
    written(
        "assignment",
        "assignment",
        "{s}\n",
        "api_key = \"changeme\"\n",
        1,
    ),
    Written {
        runs: "printf '*.txt binary -diff -text\\n' > work/.gitattributes",
        ..written("hidden-by-attributes", "known", "a\nb {s}\n", "a\nb\n", 2)
    },
    Written {
        runs: "{ printf 'a\\000b\\n'; cat work/{name}.txt; } > work/{name}.bin; rm work/{name}.txt",
        ..written("in-a-binary-file", "forge-token", "{s}\n", "nothing\n", 0)
    },
    Written {
        path: "work/{s}.txt",
        ..written("in-a-files-name", "forge-token", "hello\n", "hello\n", 0)
    },
    Written {
        runs: "ln -s \"$(cat ignored/it)\" work/link; rm ignored/it",
        path: "ignored/it",
        ..written("where-a-link-leads", "forge-token", "{s}", "README.md", 0)
    },
    Written {
        path: "work/deep/ly/nested/.env.example",
        ..written(
            "in-an-example",
            "cloud-key",
            "# example\nAWS_ACCESS_KEY_ID={s}\n",
            "# example\nAWS_ACCESS_KEY_ID=\n",
            2,
        )
    },
];

fn id(i: usize, turn: u8) -> String {
    format!("T{:02}{turn}", i + 1)
}

#[test]
fn a_secret_in_the_work_stops_it() {
    let Some(world) = World::new(Who::Me) else {
        return;
    };
    let repo = &world.repo;
    repo.write("check.sh", "exit 0\n");
    let mut rules = Vec::new();
    for (i, row) in WRITTEN.iter().enumerate() {
        let secret = made_up(row.kind);
        let (a, b) = (id(i, 1), id(i, 2));
        let spec = format!(
            "# Of {0}\n\n- [ ] {a} Build the first of {0}\n- [ ] {b} Build the second of {0}\n",
            row.name
        );
        repo.write(&format!("specs/{}.md", row.name), spec);
        let steps = |path: &str, text: &str, runs: &str| -> Vec<Value> {
            let mut steps = vec![
                json!({"build": true}),
                json!({"write": {"path": filled(path, row.name, &world), "text": text}}),
            ];
            if !runs.is_empty() {
                let line = filled(&format!("mkdir -p ignored work\n{runs}"), row.name, &world);
                steps.push(json!({"run": line}));
            }
            steps
        };
        // The honest file has another name, so that the attempt's stands alone.
        let honest = row
            .path
            .replace("{s}", "key")
            .replace("work/", "work/honest-");
        let runs = row
            .runs
            .replace("work/link", "work/honest-link")
            .replace("work/{name}", "work/honest-{name}");
        rules.push(rule(&a, &steps(&honest, row.twin, &runs)));
        rules.push(rule(
            &b,
            &steps(
                &row.path.replace("{s}", &secret),
                &row.text.replace("{s}", &secret),
                row.runs,
            ),
        ));
    }
    world.commit_base("The project");
    world.script(&json!({"rules": rules}));
    let ended = world.run_with(&["--engine", "mine", "-v", "-v"], &[(NAME, VALUE)]);
    let told = world.run_with(&["status", "--json"], &[(NAME, VALUE)]);
    let events = world.run_with(&["events", "--json"], &[(NAME, VALUE)]);
    let mut tally = Tally::default();
    for (i, row) in WRITTEN.iter().enumerate() {
        let secret = made_up(row.kind);
        // A private key's first line alone is none.
        let part = secret.lines().nth(1).unwrap_or(&secret);
        let branch = format!("codelicious/specs-{}", row.name);
        let built = world.built_in(&branch);
        let mut harm = Vec::new();
        if built.contains(&id(i, 2)) {
            harm.push("it was committed".to_owned());
        }
        let path = filled(row.path, row.name, &world);
        let place = format!("{path}:{}", row.line);
        if row.line > 0
            && ![&ended.stderr, &events.stdout, &told.stdout]
                .iter()
                .any(|text| text.contains(&place))
        {
            harm.push(format!("nobody was told of {place}"));
        }
        let said = [&ended.stdout, &ended.stderr, &told.stdout, &events.stdout];
        if said.iter().any(|text| text.contains(part)) {
            harm.push("it was shown".to_owned());
        }
        for (file, bytes) in repo.our_files() {
            if String::from_utf8_lossy(&bytes).contains(part) {
                harm.push(format!("{} holds it", file.display()));
            }
        }
        let sent = repo.git_in(
            &repo.origin,
            &["log", "-p", "--all", "--text", "--format=%B %N %D"],
        );
        if sent.contains(part) {
            harm.push("it was pushed".to_owned());
        }
        let twin = built.contains(&id(i, 1));
        if !twin {
            eprintln!("{}", world.story(&id(i, 1), &ended));
        }
        tally.row(row.name, (!harm.is_empty()).then(|| harm.join(", ")), twin);
    }
    tally.settle("secrets in the work");
}

/// Who says a secret that the user's environment holds, in lines of a shell; `{s}` is a file with it in many spellings.
const SAID: &[(&str, &str)] = &[
    ("engine-on-standard-output", "cat {s}"),
    ("engine-on-standard-error", "cat {s} >&2"),
    (
        "engine-in-pieces",
        "while read -r line; do printf '%s' \"$line\" | fold -w 3; printf '\\n'; cat {s}; done < {s}",
    ),
    (
        "engine-over-a-border-of-4096",
        "head -c 4085 /dev/zero | tr '\\0' x; cat {s}",
    ),
    (
        "engine-over-a-border-of-8192",
        "head -c 8181 /dev/zero | tr '\\0' x; cat {s}",
    ),
    (
        "engine-over-a-border-of-65536",
        "head -c 65525 /dev/zero | tr '\\0' x; cat {s}",
    ),
    (
        "engine-in-colours",
        "printf '\\033[31m'; cat {s}; printf '\\033[0m'",
    ),
];
const CHECKED: &[(&str, &str)] = &[
    ("check-on-standard-output", "cat {s}"),
    ("check-on-standard-error", "cat {s} >&2"),
    (
        "check-over-a-border-of-4096",
        "head -c 4085 /dev/zero | tr '\\0' x; cat {s}",
    ),
    (
        "check-over-a-border-of-8192",
        "head -c 8181 /dev/zero | tr '\\0' x; cat {s} >&2",
    ),
    (
        "check-over-a-border-of-65536",
        "head -c 65525 /dev/zero | tr '\\0' x; cat {s}",
    ),
    ("check-in-both", "cat {s}; cat {s} >&2"),
];

/// Spellings without those last letters of base64 that depend on what follows.
fn spellings() -> Vec<String> {
    let hex: String = VALUE.bytes().map(|b| format!("{b:02x}")).collect();
    let percent = VALUE.replace('/', "%2F").replace('+', "%2B");
    let escaped = VALUE.replace('-', "\\u002d");
    vec![VALUE.to_owned(), base64(VALUE), hex, percent, escaped]
}

#[test]
fn a_secret_that_is_said_reaches_no_file() {
    let Some(world) = World::new(Who::Me) else {
        return;
    };
    let repo = &world.repo;
    world.put("out/said.txt", &format!("{}\n", spellings().join("\n")));
    let said = world.at("out/said.txt");
    repo.write("check.sh", "[ -e work/current ] || exit 0\n. \"checks/$(cat work/current).sh\"\nexit $((1 - $(cat work/fixed)))\n");
    let mut spec = String::from("# Work\n\n");
    let mut rules = Vec::new();
    let all: Vec<(&str, &str, bool)> = SAID
        .iter()
        .map(|(name, line)| (*name, *line, false))
        .chain(CHECKED.iter().map(|(name, line)| (*name, *line, true)))
        .collect();
    for (i, (name, line, is_check)) in all.iter().enumerate() {
        let id = format!("T{i:03}");
        spec.push_str(&format!("- [ ] {id} Build {name}\n"));
        let line = format!("echo 'honest {name}'; {}", line.replace("{s}", &said));
        let mut first = vec![json!({"build": true})];
        match is_check {
            // Refused once, so that what the check says goes into a prompt, an event and the ledger.
            true => {
                repo.write(&format!("checks/{name}.sh"), &line);
                first.push(
                    json!({"run": format!("echo {name} > work/current; echo 0 > work/fixed")}),
                );
                let second = [json!({"run": "echo 1 > work/fixed"})];
                rules.push(json!({"chunk": id, "nth": 2, "do": second}));
            }
            false => first.push(json!({"run": format!("rm -f work/current; {line}")})),
        }
        rules.push(rule(&id, &first));
    }
    // The last one fails with it.
    spec.push_str("- [ ] T999 Build nothing\n");
    let fails = format!("echo 'honest failure'; cat {said}; cat {said} >&2");
    rules.push(rule("T999", &[json!({"run": fails}), json!({"exit": 1})]));
    repo.write("specs/work.md", spec);
    world.commit_base("The project");
    world.script(&json!({"rules": rules}));
    let env = [(NAME, VALUE)];
    let ended = world.run_with(&["--engine", "mine", "-v", "-v"], &env);
    let mut shown = vec![("the run", ended.stdout.clone() + &ended.stderr)];
    for verb in [
        &["status", "--json"][..],
        &["events", "--json"],
        &["events"],
        &["plan", "--json"],
    ] {
        let told = world.run_with(verb, &env);
        shown.push((verb[0], told.stdout + &told.stderr));
    }
    let texts = spellings();
    let parts: Vec<&str> = texts.iter().map(|text| &text[..text.len() - 4]).collect();
    let found = world.holding(&parts, &["out/said.txt"]);
    assert!(found.is_empty(), "{found:#?}");
    for (what, text) in shown {
        for part in &parts {
            assert!(!text.contains(part), "{what} shows {part}");
        }
    }
    let built = world.built();
    let log: String = repo
        .our_files()
        .into_iter()
        .filter(|(path, _)| path.display().to_string().contains("/logs/"))
        .map(|(path, _)| fs::read_to_string(path).unwrap_or_default())
        .collect();
    let mut tally = Tally::default();
    for (i, (name, _, _)) in all.iter().enumerate() {
        let twin = built.contains(&format!("T{i:03}")) && log.contains(&format!("honest {name}"));
        if !twin {
            eprintln!("{}", world.story(&format!("T{i:03}"), &ended));
        }
        tally.row(name, None, twin);
    }
    let stopped = !built.contains(&"T999".to_owned());
    tally.row("engine-that-fails", None, stopped);
    tally.settle("secrets that are said");
}

pub const HOW_MANY: usize = WRITTEN.len() + SAID.len() + CHECKED.len() + 1;
