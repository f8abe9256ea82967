use super::*;
use proptest::prelude::*;

fn left(path: &str, text: &str, pointers: &[&str]) -> Result<String, Unreadable> {
    cut(path, text.as_bytes(), pointers).map(|(left, _)| String::from_utf8(left).unwrap())
}

#[test]
fn json_is_read_as_agents_read_it() {
    for (text, value) in [
        ("{\"a\":1}", Some(r#"{"a":1}"#)),
        ("\u{feff}{\"a\":1,}", Some(r#"{"a":1}"#)),
        (
            "// one\n{\"a\": [1, 2, // two\n ], /* three, } */ }",
            Some(r#"{"a":[1,2]}"#),
        ),
        (
            r#"{"a":"// no, } /* no */ \" ,]"}"#,
            Some(r#"{"a":"// no, } /* no */ \" ,]"}"#),
        ),
        (r#"{"a":"x,"/**/}"#, Some(r#"{"a":"x,"}"#)),
        (r#"{"a":"," ,}"#, Some(r#"{"a":","}"#)),
        ("{\"a\":1,,}", None),
        ("{'a':1}", None),
        ("{\"a\":1 /*", None),
        ("", None),
    ] {
        let read = json(text).map(|value| value.to_string());
        assert_eq!(read.as_deref(), value, "{text}");
    }
}

#[test]
fn what_is_named_goes_and_what_is_nothing_stays() {
    let of = |text: &str, pointers: &[&str]| {
        let left = left("a.jsonc", text, pointers).unwrap();
        json(&left).unwrap().to_string()
    };
    for (text, pointers, want) in [
        (r#"{"a":1,"b":2}"#, &["/a"][..], r#"{"b":2}"#),
        (
            r#"{"a":{"x":1,"y":2},"b":{"x":3}}"#,
            &["/*/x"],
            r#"{"a":{"y":2},"b":{}}"#,
        ),
        (
            r#"{"a":false,"b":[],"c":null,"d":{},"e":""}"#,
            &["/*"],
            r#"{"a":false,"b":[],"c":null,"d":{},"e":""}"#,
        ),
        (r#"{"amp.x":true}"#, &["/amp.x"], "{}"),
        (
            r#"{"p":{"bash":{"*":"allow","rm *":"deny"},"edit":"ask","web":"allow"}}"#,
            &["/p!"],
            r#"{"p":{"bash":{"rm *":"deny"},"edit":"ask"}}"#,
        ),
        (r#"{"p":"allow"}"#, &["/p!"], "{}"),
        (
            r#"{"p":[{"tool":"a","action":"allow"},{"tool":"b","action":"reject"},{"tool":"c","action":"delegate","to":"x"}]}"#,
            &["/p!"],
            r#"{"p":[{"action":"reject","tool":"b"}]}"#,
        ),
        (
            r#"{"k":"$(pass key)","l":["`id`","$HOME"],"m":{"n":"x"}}"#,
            &[COMMANDS],
            r#"{"l":["$HOME"],"m":{"n":"x"}}"#,
        ),
        ("[1]", &["/a"], "[1]"),
    ] {
        let sorted = json(want).unwrap().to_string();
        assert_eq!(of(text, pointers), sorted, "{text}");
    }
    // Untouched it stays as it is written.
    let text = "{ // mine\n\"b\": 2, }";
    assert_eq!(left("a.json", text, &["/a"]).unwrap(), text);
    let (_, gone) = cut("a.json", br#"{"a":{"b":1},"c":2}"#, &["/a/b", "/c", "/d"]).unwrap();
    assert_eq!(gone, ["a.b", "c"]);
}

#[test]
fn other_kinds_of_settings() {
    let toml = "a = 1\n[p.x]\nb = 2\nc = 3\n[m.y]\nd = 1\n";
    assert_eq!(
        left("c.toml", toml, &["/m", "/p/*/b", "/a/z"]).unwrap(),
        "a = 1\n\n[p.x]\nc = 3\n"
    );
    assert_eq!(left("c.toml", "a = [", &["/a"]), Err(Unreadable));
    let env = "# mine\nKEY=\"k=1\"\nexport LINT = x\nLINTER=y\n";
    assert_eq!(
        left(".env", env, &["/LINT"]).unwrap(),
        "# mine\nKEY=\"k=1\"\nLINTER=y\n"
    );
    assert_eq!(left(".env", "LINT=\"a\nb\"\n", &["/LINT"]), Err(Unreadable));
}

#[test]
fn yaml_is_cut_a_key_at_a_time() {
    let text = "---\n# mine\nMODEL: x\nextensions:\n  dev:\n    cmd: uvx\n\n  # more\n  other: {}\n\"KEY\": >\n  extensions:\n  text\nlist:\n- a: 1\n  extensions: 2\n- b\nextra: y\n";
    assert_eq!(
        left("c.yaml", text, &["/extensions"]).unwrap(),
        "---\n# mine\nMODEL: x\n\"KEY\": >\n  extensions:\n  text\nlist:\n- a: 1\n  extensions: 2\n- b\nextra: y\n"
    );
    let text = "user:\n  always_allow:\n  - shell\n  - edit\n  never_allow:\n  - rm\nsmart:\n  always_allow: [a]\n";
    assert_eq!(
        left("p.yaml", text, &["/*/always_allow"]).unwrap(),
        "user:\n  never_allow:\n  - rm\nsmart:\n"
    );
    // A dash and an underscore are one to who reads options from it.
    assert_eq!(
        left("a.yml", "lint_cmd: x\nmodel: y\n", &["/lint-cmd"]).unwrap(),
        "model: y\n"
    );
    for odd in [
        "{extensions: {a: {cmd: x}}}\n",
        "base: &b\n  x: 1\n<<: *b\n",
        "? extensions\n: x\n",
        "\"ext\\x65nsions\": x\n",
        "\textensions: x\n",
        "user: {always_allow: [x]}\n",
        "user: *other\n",
    ] {
        let read = left("c.yaml", odd, &["/extensions", "/*/always_allow"]);
        assert_eq!(read, Err(Unreadable), "{odd}");
    }
}

proptest! {
    #[test]
    fn any_bytes_are_cut_or_refused(
        bytes in any::<Vec<u8>>(),
        text in "([a-c]|\\PC|: |:\n|\n|  |- |#|\"|'|/|\\*|,|\\{|\\}|\\[|\\]|<<|\\||=){0,40}",
        name in prop_oneof![Just("a.json"), Just("a.toml"), Just("a.yaml"), Just(".env")],
    ) {
        for bytes in [bytes.as_slice(), text.as_bytes()] {
            let _ = cut(name, bytes, &["/a", "/*/b", "/c!", COMMANDS]);
        }
    }

    /// What is left of YAML has no such key where its reader would find it.
    #[test]
    fn nothing_is_left_of_what_is_named(lines in proptest::collection::vec(
        prop_oneof![Just("a:"), Just("  b: 1"), Just("b: 2"), Just("  - x"), Just("- y"), Just("    a: 3"), Just("# c"), Just("")],
        0..12,
    )) {
        if let Ok(text) = left("a.yaml", &lines.join("\n"), &["/a", "/b"]) {
            prop_assert!(!text.lines().any(|line| line.starts_with("a:") || line.starts_with("b:")), "{}", text);
        }
    }
}
