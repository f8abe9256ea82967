use super::keys;
use super::presets::{self, NAMES};
use super::*;

fn parse(text: &str) -> Result<CommandConfig, String> {
    CommandTable::parse(text)?.resolve("mine")
}

#[track_caller]
fn refused(text: &str, said: &[&str]) {
    let why = parse(text).expect_err(text);
    for part in said {
        assert!(why.contains(part), "{text}\n{why}");
    }
}

#[test]
fn every_preset_is_a_table_that_anybody_could_write() {
    for name in NAMES {
        let table = CommandTable::parse(presets::text(name).unwrap())
            .unwrap_or_else(|e| panic!("{name}: {e}"));
        let config = table
            .resolve("mine")
            .unwrap_or_else(|e| panic!("{name}: {e}"));
        assert_eq!(config.name, "mine");
        let known = CommandConfig::preset(name).unwrap();
        assert_eq!(
            CommandConfig {
                name: (*name).to_owned(),
                ..config
            },
            known
        );

        // As the documentation shows it.
        let written: toml::Table = presets::written(name).unwrap().parse().unwrap();
        let inner = written["engine"][*name].as_table().unwrap().clone();
        assert_eq!(
            CommandTable::read(inner).unwrap(),
            CommandTable::parse(presets::text(name).unwrap()).unwrap()
        );
        // A preset says how it is got, and which variables it needs.
        assert!(
            !known.install.is_empty() && !known.env_pass.is_empty(),
            "{name}"
        );
    }
    assert!(CommandConfig::preset("codex").unwrap().declares());
    assert!(!CommandConfig::preset("aider").unwrap().declares());
    assert!(CommandConfig::preset("mine").is_none());
}

#[test]
fn a_small_table_is_enough() {
    let config = parse("program = \"agent\"").unwrap();
    assert_eq!(
        (config.prompt, config.format, config.answer, config.success),
        (
            PromptBy::Stdin,
            Format::Text,
            Answer::None,
            Success {
                exit_codes: vec![0],
                done: false
            }
        )
    );
    assert_eq!(config.version_args, ["--version"]);
}

#[test]
fn a_table_changes_only_what_it_has() {
    let codex = CommandConfig::preset("codex").unwrap();
    let with_name = CommandTable::parse("program = \"/opt/codex\"")
        .unwrap()
        .resolve("codex")
        .unwrap();
    assert_eq!(with_name.program, Path::new("/opt/codex"));
    assert_eq!(
        CommandConfig {
            program: "codex".into(),
            ..with_name
        },
        codex
    );

    let table =
        CommandTable::parse("preset = \"codex\"\nextra_args = [\"-c\", \"a={}\"]\nenv_pass = []")
            .unwrap();
    let other = table.resolve("quick").unwrap();
    assert_eq!((other.name.as_str(), other.env_pass.len()), ("quick", 0));
    assert_ne!(other.args, codex.args);
    assert_eq!(other.failures, codex.failures);
}

#[test]
fn unknown_keys_are_told_with_the_nearest_known_one() {
    for (text, said) in [
        (
            "program = \"a\"\nprogramm = \"b\"",
            &["`programm`", "did you mean `program`?"][..],
        ),
        (
            "program = \"a\"\nresume-args = []",
            &["`resume-args`", "`resume_args`"],
        ),
        (
            "program = \"a\"\nzzzzzzzzzz = 1",
            &["`zzzzzzzzzz`", "known are preset, program"],
        ),
        (
            "program = \"a\"\nsuccess = { exit_code = [0] }",
            &["`success.exit_code`", "`exit_codes`"],
        ),
        (
            "program = \"a\"\nprice = { inputs = 1, output = 1 }",
            &["`price.inputs`", "`input`"],
        ),
        (
            "program = \"a\"\n[[events]]\nwhne = { type = \"x\" }",
            &["`events[1].whne`", "`when`"],
        ),
        (
            "program = \"a\"\n[[events]]\n[[events]]\nusage = { inptu = [] }",
            &["`events[2].usage.inptu`", "`input`"],
        ),
        (
            "program = \"a\"\n[[events]]\ncost = { us = \"x\" }",
            &["`events[1].cost.us`", "`usd`"],
        ),
        (
            "program = \"a\"\n[[failures]]\nexitcodes = [1]",
            &["`failures[1].exitcodes`", "`exit_codes`"],
        ),
        ("preset = \"codx\"", &["`codx`", "did you mean `codex`?"]),
        (
            "preset = \"claude\"",
            &["`claude`", "there are codex, gemini"],
        ),
    ] {
        refused(text, said);
    }
}

#[test]
fn faults_are_told_before_anything_is_started() {
    for (text, said) in [
        ("", &["`program` is missing"][..]),
        ("program = \" \"", &["`program` is missing"]),
        ("program = 7", &["string"]),
        (
            "program = \"a\"\nargs = [1]",
            &["an argument must be a text"],
        ),
        (
            "program = \"a\"\nargs = [\"{modle}\"]",
            &["`args`", "`{model}`"],
        ),
        (
            "program = \"a\"\nargs = [\"--model={model}\"]",
            &["outside of a group", "drop out together"],
        ),
        (
            "program = \"a\"\nargs = [\"--id\", \"{session}\"]",
            &["`{session}` outside of a group"],
        ),
        (
            "program = \"a\"\nargs = [[\"--yes\"]]",
            &["group without a placeholder"],
        ),
        (
            "program = \"a\"\nargs = [\"{prompt}\"]",
            &["`{prompt}`", "prompt = \"arg\""],
        ),
        (
            "program = \"a\"\nprompt = \"arg\"",
            &["`args` has no `{prompt}`"],
        ),
        (
            "program = \"a\"\nprompt = \"arg\"\nargs = [[\"-p\", \"{prompt}\"]]",
            &["no `{prompt}`", "outside of a group"],
        ),
        ("program = \"a\"\nprompt = \"file\"", &["`{prompt_file}`"]),
        (
            "program = \"a\"\nprompt = \"file\"\nargs = [\"{prompt_file}\"]\nresume_args = [\"{session}\"]",
            &["`resume_args` has no `{prompt_file}`"],
        ),
        (
            "program = \"a\"\nprompt = \"pipe\"",
            &["unknown variant", "stdin"],
        ),
        (
            "program = \"a\"\nanswer = \"last-message\"",
            &["`{schema_file}`"],
        ),
        (
            "program = \"a\"\nanswer = \"answer-file\"\nargs = [\"{schema_file}\"]",
            &["`{answer_file}`"],
        ),
        (
            "program = \"a\"\nargs = [\"{schema_file}\"]",
            &["an `answer`"],
        ),
        (
            "program = \"a\"\nresume_args = [\"go\"]",
            &["no `{session}`"],
        ),
        (
            "program = \"a\"\nextra_args = [\"-v\"]",
            &["no place", "{extra}"],
        ),
        ("program = \"a\"\nargs = [\"-x{extra}\"]", &["stands alone"]),
        (
            "program = \"a\"\nsuccess = { exit_codes = [] }",
            &["no run could end well"],
        ),
        (
            "program = \"a\"\nsuccess = { done = true }",
            &["no rule of `events`"],
        ),
        ("program = \"a\"\nenv = { \"A B\" = \"x\" }", &["`A B`"]),
        (
            "program = \"a\"\nenv = { CODELICIOUS_RUN = \"x\" }",
            &["`CODELICIOUS_RUN`"],
        ),
        ("program = \"a\"\nenv = { A = 1 }", &["string"]),
        ("program = \"a\"\nenv_pass = [\"*\"]", &["`*`"]),
        ("program = \"a\"\nenv_pass = [\"A*B\"]", &["`A*B`"]),
        (
            "program = \"a\"\nlitter = [\"src\"]",
            &["`src`", "begin with a dot"],
        ),
        ("program = \"a\"\nlitter = [\".git\"]", &["`.git`"]),
        ("program = \"a\"\nlitter = [\".g*\"]", &["`.g*`"]),
        ("program = \"a\"\nlitter = [\"../x\"]", &["`../x`"]),
        ("program = \"a\"\nlitter = [\".*\"]", &["`.*`"]),
        (
            "program = \"a\"\nprice = { input = -1, output = 1 }",
            &["`price`", "zero or more"],
        ),
        (
            "program = \"a\"\nprice = { input = nan, output = 1 }",
            &["`price`"],
        ),
        (
            "program = \"a\"\n[[events]]\nfinal = true",
            &["rule 1 of `events`", "`error`"],
        ),
        (
            "program = \"a\"\n[[events]]\n[[events]]\ndelta = true",
            &["rule 2 of `events`", "`text`"],
        ),
        (
            "program = \"a\"\n[[events]]\ntext = \"a..b\"",
            &["`a..b`", "path"],
        ),
        (
            "program = \"a\"\n[[events]]\nstep = \"runs {\"",
            &["`step`", "brace"],
        ),
        (
            "program = \"a\"\n[[events]]\nusage = { input = [], output = [\"a\"] }",
            &["`usage`"],
        ),
        (
            "program = \"a\"\n[[events]]\nwhen = { a = [1] }",
            &["compared with a text"],
        ),
        (
            "program = \"a\"\n[[failures]]\nis = \"auth\"",
            &["rule 1 of `failures`", "says nothing about when"],
        ),
        (
            "program = \"a\"\n[[failures]]\nis = \"broken\"\nexit_codes = [1]",
            &["unknown variant", "rate-limited"],
        ),
        ("program = \"a\"\nevents = 3", &["sequence"]),
        ("program = ", &["TOML"]),
    ] {
        refused(text, said);
    }
}

/// A table in which every key is set.
const FULL: &str = r#"
preset = "codex"
program = "a"
version_args = ["-V"]
install = "i"
args = ["{schema_file}", "{answer_file}", "{extra}", ["-m", "{model}"]]
resume_args = ["{schema_file}", "{answer_file}", "{session}"]
extra_args = ["-x"]
prompt = "stdin"
format = "json-lines"
answer = "answer-file"
success = { exit_codes = [0, 3], done = true }
status_after = ["status "]
env = { A = "b" }
env_pass = ["A_*"]
litter = [".agent"]
price = { input = 1, cached = 0.1, output = 2 }

[[events]]
when = { a = "x", b = 1, c = true }
session = "s"
model = "m"
text = "t"
delta = true
step = "does {x.y}"
usage = { input = ["i"], cached = ["c"], output = ["o"], input_includes_cached = true, counts = "run" }
cost = { usd = "u", counts = "event" }
error = "e"
final = true
status = "st"
until = "un"
done = true

[[failures]]
is = "auth"
field = { k = "v" }
exit_codes = [1]
message = ["*"]
stderr = ["*"]
until_after = ["at"]
remedy = "r"
"#;

#[test]
fn the_documented_keys_are_the_ones_that_are_read() {
    let table: toml::Table = FULL.parse().unwrap();
    CommandTable::parse(FULL).unwrap().resolve("mine").unwrap();
    let names = |table: &toml::Value| -> Vec<String> {
        let mut names: Vec<String> = table.as_table().unwrap().keys().cloned().collect();
        names.sort();
        names
    };
    let known = |keys: &[keys::KeyDoc]| -> Vec<String> {
        let mut names: Vec<String> = keys.iter().map(|(name, ..)| (*name).to_owned()).collect();
        names.sort();
        names
    };
    let (event, failure) = (&table["events"][0], &table["failures"][0]);
    for (there, keys) in [
        (&toml::Value::Table(table.clone()), keys::TABLE),
        (&table["success"], keys::SUCCESS),
        (&table["price"], keys::PRICE),
        (event, keys::EVENT),
        (&event["usage"], keys::USAGE),
        (&event["cost"], keys::COST),
        (failure, keys::FAILURE),
    ] {
        assert_eq!(names(there), known(keys));
    }
}

proptest::proptest! {
    #[test]
    fn no_table_panics(
        key in "[a-z_]{1,12}",
        args in proptest::collection::vec("[{}a-z_* ]{0,12}", 0..4),
        path in "[a-z.*{} ]{0,10}",
    ) {
        let text = toml::Value::from(args).to_string();
        let path = toml::Value::from(path).to_string();
        let _ = parse(&format!("program = \"a\"\n{key} = {text}"));
        let _ = parse(&format!("program = \"a\"\nargs = {text}\n[[events]]\ntext = {path}\nstep = {path}"));
    }
}
