//! The languages of the matrix: how each writes a small project down, and where its tests stand.
//!
//! A project is made of modules, each a fruit with functions of one number and the tests of them, so that many pieces
//! of work fit into one repository without touching each other's files.

use std::fmt::Write as _;

/// Path and text.
pub type Files = Vec<(String, String)>;

/// One source file and its tests.
#[derive(Clone)]
pub struct Module {
    pub name: &'static str,
    pub functions: Vec<(&'static str, Code)>,
    pub cases: Vec<Case>,
    /// Where a language has both: in a test file of their own, and not beside the functions.
    pub apart: bool,
}

#[derive(Clone, Copy)]
pub enum Code {
    /// Of `n`, in words that all languages share.
    Expression(&'static str),
    /// Some answers by heart, and 0 for everything else.
    Answers(&'static [(i32, i32)]),
}

/// One test.
#[derive(Clone)]
pub struct Case {
    /// What it says of the module: `doubles`.
    pub verb: &'static str,
    pub function: &'static str,
    pub does: Does,
    pub skipped: bool,
}

#[derive(Clone, Copy)]
pub enum Does {
    /// Each argument has this answer.
    Equals(&'static [(i32, i32)]),
    /// The answer is above zero: true of nearly everything.
    IsPositive,
    /// The script of this name in the folder `VERDICT_DIR` ends well.
    Runs(&'static str),
}

/// A language, or a way of testing in it.
pub struct Kit {
    pub name: &'static str,
    /// Commands that must succeed for it to be tried at all.
    pub needs: &'static [&'static [&'static str]],
    /// Files beside those of the modules.
    manifest: fn(&[Module]) -> Files,
    module: fn(&Module) -> Files,
    /// What a test is called, without file or package.
    pub test: fn(verb: &str, module: &str) -> String,
    /// The bound on a check in seconds where a test hangs: enough for an honest one on a busy machine.
    pub bound_s: u32,
}

impl Kit {
    /// A whole project.
    pub fn project(&self, modules: &[Module]) -> Files {
        let mut files = (self.manifest)(modules);
        files.extend(modules.iter().flat_map(self.module));
        files
    }

    pub fn module(&self, module: &Module) -> Files {
        (self.module)(module)
    }
}

pub const RUST: Kit = Kit {
    name: "Rust",
    needs: &[&["cargo", "--version"]],
    manifest: |modules| {
        let mods = modules.iter().map(|m| format!("pub mod {};\n", m.name));
        file_list([
            ("Cargo.toml", "[package]\nname = \"small\"\nversion = \"0.1.0\"\nedition = \"2021\"\n\n[lib]\ndoctest = false\n\n[profile.dev]\ndebug = 0\n".to_owned()),
            (".gitignore", "/target\n/Cargo.lock\n".to_owned()),
            ("src/lib.rs", mods.collect()),
        ])
    },
    module: rust,
    test: |verb, module| format!("{verb}_{module}"),
    bound_s: 15,
};

pub const PYTEST: Kit = Kit {
    name: "Python (pytest)",
    needs: &[&["python3", "-m", "pytest", "--version"]],
    manifest: |_| {
        file_list([
            ("pytest.ini", "[pytest]\npythonpath = .\n".to_owned()),
            (".gitignore", "__pycache__/\n.pytest_cache/\n".to_owned()),
        ])
    },
    module: |module| python(module, pytest_cases),
    test: |verb, module| format!("test_{verb}_{module}"),
    bound_s: 5,
};

pub const UNITTEST: Kit = Kit {
    name: "Python (unittest)",
    needs: &[&["python3", "--version"]],
    manifest: |modules| {
        let mut files = file_list([(".gitignore", "__pycache__/\n".to_owned())]);
        if modules.iter().any(|m| !m.cases.is_empty()) {
            files.push(("tests/__init__.py".to_owned(), String::new()));
        }
        files
    },
    module: |module| python(module, unittest_cases),
    test: |verb, module| format!("test_{verb}_{module}"),
    bound_s: 5,
};

pub const NODE: Kit = Kit {
    name: "Node",
    needs: &[&["node", "--version"], &["npm", "--version"]],
    manifest: |modules| {
        let test = match modules.iter().any(|m| !m.cases.is_empty()) {
            true => ", \"scripts\": {\"test\": \"node --test\"}",
            false => "",
        };
        let manifest = format!("{{\"name\": \"small\", \"version\": \"0.1.0\"{test}}}\n");
        file_list([("package.json", manifest)])
    },
    module: node,
    test: |verb, module| format!("{verb} {module}"),
    bound_s: 8,
};

pub const GO: Kit = Kit {
    name: "Go",
    needs: &[&["go", "version"]],
    manifest: |_| file_list([("go.mod", "module example.org/small\n\ngo 1.18\n".to_owned())]),
    module: go,
    test: |verb, module| format!("Test{}{}", capital(verb), capital(module)),
    bound_s: 15,
};

/// Words, and no language at all.
pub const TEXT: Kit = Kit {
    name: "none",
    needs: &[],
    manifest: |_| Vec::new(),
    module: |module| {
        let lines = module.functions.iter().map(|(name, code)| match code {
            Code::Expression(text) => format!("To {name}: {text}.\n"),
            Code::Answers(pairs) => format!("To {name}: {pairs:?}.\n"),
        });
        vec![(format!("{}.txt", module.name), lines.collect())]
    },
    test: |verb, module| format!("{verb} {module}"),
    bound_s: 5,
};

fn file_list<const N: usize>(files: [(&str, String); N]) -> Files {
    files.map(|(path, text)| (path.to_owned(), text)).into()
}

fn capital(word: &str) -> String {
    let mut letters = word.chars();
    let first = letters.next().map(|c| c.to_ascii_uppercase());
    first.into_iter().chain(letters).collect()
}

fn rust(module: &Module) -> Files {
    let mut source = String::new();
    for (name, code) in &module.functions {
        let _ = writeln!(source, "pub fn {name}(n: i32) -> i32 {{");
        match code {
            Code::Expression(text) => {
                let _ = writeln!(source, "    {text}");
            }
            Code::Answers(pairs) => {
                for (n, answer) in *pairs {
                    let _ = writeln!(
                        source,
                        "    if n == {n} {{\n        return {answer};\n    }}"
                    );
                }
                source.push_str("    0\n");
            }
        }
        source.push_str("}\n\n");
    }
    let mut cases = String::new();
    for case in &module.cases {
        cases.push_str("#[test]\n");
        if case.skipped {
            cases.push_str("#[ignore]\n");
        }
        let _ = writeln!(cases, "fn {}_{}() {{", case.verb, module.name);
        match case.does {
            Does::Equals(pairs) => {
                for (n, answer) in pairs {
                    let _ = writeln!(cases, "    assert_eq!({}({n}), {answer});", case.function);
                }
            }
            Does::IsPositive => {
                let _ = writeln!(cases, "    assert!({}(3) > 0);", case.function);
            }
            Does::Runs(script) => {
                let _ = writeln!(
                    cases,
                    "    let script = std::env::var(\"VERDICT_DIR\").unwrap() + \"/{script}\";\n    let ended = std::process::Command::new(\"sh\").arg(script).status().unwrap();\n    assert!(ended.success());\n    assert_eq!({}(3), 6);",
                    case.function
                );
            }
        }
        cases.push_str("}\n\n");
    }
    let cases = cases.trim_end();
    let path = format!("src/{}.rs", module.name);
    if cases.is_empty() {
        return vec![(path, source)];
    }
    if module.apart {
        let text = format!("use small::{}::*;\n\n{cases}\n", module.name);
        return vec![(path, source), (format!("tests/{}.rs", module.name), text)];
    }
    let inner = cases.replace('\n', "\n    ").replace("\n    \n", "\n\n");
    source.push_str(&format!(
        "#[cfg(test)]\nmod tests {{\n    use super::*;\n\n    {inner}\n}}\n"
    ));
    vec![(path, source)]
}

fn python(module: &Module, cases: fn(&Module) -> String) -> Files {
    let mut source = String::new();
    for (i, (name, code)) in module.functions.iter().enumerate() {
        if i > 0 {
            source.push_str("\n\n");
        }
        let _ = writeln!(source, "def {name}(n):");
        match code {
            Code::Expression(text) => {
                let _ = writeln!(source, "    return {text}");
            }
            Code::Answers(pairs) => {
                for (n, answer) in *pairs {
                    let _ = writeln!(source, "    if n == {n}:\n        return {answer}");
                }
                source.push_str("    return 0\n");
            }
        }
    }
    let mut files = vec![(format!("{}.py", module.name), source)];
    if !module.cases.is_empty() {
        files.push((format!("tests/test_{}.py", module.name), cases(module)));
    }
    files
}

/// What both ways of testing Python share: `(imports, …)` for scripts.
fn runs_scripts(module: &Module) -> bool {
    let runs = |case: &Case| matches!(case.does, Does::Runs(_));
    module.cases.iter().any(runs)
}

const PYTHON_SCRIPT_IMPORTS: &str = "import os\nimport subprocess\n";

fn python_script(script: &str) -> String {
    format!("subprocess.run([\"sh\", os.environ[\"VERDICT_DIR\"] + \"/{script}\"]).returncode")
}

fn pytest_cases(module: &Module) -> String {
    let mut text = String::new();
    if runs_scripts(module) {
        text.push_str(PYTHON_SCRIPT_IMPORTS);
        text.push('\n');
    }
    if module.cases.iter().any(|c| c.skipped) {
        text.push_str("import pytest\n\n");
    }
    let names: Vec<&str> = module.functions.iter().map(|(name, _)| *name).collect();
    let _ = writeln!(text, "from {} import {}", module.name, names.join(", "));
    for case in &module.cases {
        text.push_str("\n\n");
        if case.skipped {
            text.push_str("@pytest.mark.skip(reason=\"slow\")\n");
        }
        let _ = writeln!(text, "def test_{}_{}():", case.verb, module.name);
        match case.does {
            Does::Equals(pairs) => {
                for (n, answer) in pairs {
                    let _ = writeln!(text, "    assert {}({n}) == {answer}", case.function);
                }
            }
            Does::IsPositive => {
                let _ = writeln!(text, "    assert {}(3) > 0", case.function);
            }
            Does::Runs(script) => {
                let _ = writeln!(text, "    assert {} == 0", python_script(script));
                let _ = writeln!(text, "    assert {}(3) == 6", case.function);
            }
        }
    }
    text
}

fn unittest_cases(module: &Module) -> String {
    let mut text = String::new();
    if runs_scripts(module) {
        text.push_str(PYTHON_SCRIPT_IMPORTS);
    }
    text.push_str("import unittest\n\n");
    let names: Vec<&str> = module.functions.iter().map(|(name, _)| *name).collect();
    let _ = writeln!(text, "from {} import {}\n", module.name, names.join(", "));
    let _ = write!(text, "\nclass {}(unittest.TestCase):", capital(module.name));
    for case in &module.cases {
        text.push('\n');
        if case.skipped {
            text.push_str("    @unittest.skip(\"slow\")\n");
        }
        let _ = writeln!(text, "    def test_{}_{}(self):", case.verb, module.name);
        let mut says = |line: String| {
            let _ = writeln!(text, "        {line}");
        };
        match case.does {
            Does::Equals(pairs) => {
                for (n, answer) in pairs {
                    says(format!(
                        "self.assertEqual({}({n}), {answer})",
                        case.function
                    ));
                }
            }
            Does::IsPositive => says(format!("self.assertTrue({}(3) > 0)", case.function)),
            Does::Runs(script) => {
                says(format!("self.assertEqual({}, 0)", python_script(script)));
                says(format!("self.assertEqual({}(3), 6)", case.function));
            }
        }
    }
    text
}

fn node(module: &Module) -> Files {
    let mut source = String::new();
    for (name, code) in &module.functions {
        match code {
            Code::Expression(text) => {
                let _ = writeln!(source, "exports.{name} = (n) => {text};");
            }
            Code::Answers(pairs) => {
                let _ = writeln!(source, "exports.{name} = (n) => {{");
                for (n, answer) in *pairs {
                    let _ = writeln!(source, "  if (n === {n}) return {answer};");
                }
                source.push_str("  return 0;\n};\n");
            }
        }
    }
    let mut files = vec![(format!("{}.js", module.name), source)];
    if module.cases.is_empty() {
        return files;
    }
    let mut text = String::from(
        "const test = require('node:test');\nconst assert = require('node:assert');\n",
    );
    if runs_scripts(module) {
        text.push_str("const { spawnSync } = require('node:child_process');\n");
    }
    let names: Vec<&str> = module.functions.iter().map(|(name, _)| *name).collect();
    let _ = writeln!(
        text,
        "const {{ {} }} = require('./{}.js');",
        names.join(", "),
        module.name
    );
    for case in &module.cases {
        let skip = if case.skipped { ".skip" } else { "" };
        let _ = writeln!(
            text,
            "\ntest{skip}('{} {}', () => {{",
            case.verb, module.name
        );
        match case.does {
            Does::Equals(pairs) => {
                for (n, answer) in pairs {
                    let _ = writeln!(
                        text,
                        "  assert.strictEqual({}({n}), {answer});",
                        case.function
                    );
                }
            }
            Does::IsPositive => {
                let _ = writeln!(text, "  assert.ok({}(3) > 0);", case.function);
            }
            Does::Runs(script) => {
                let _ = writeln!(
                    text,
                    "  assert.strictEqual(spawnSync('sh', [process.env.VERDICT_DIR + '/{script}']).status, 0);\n  assert.strictEqual({}(3), 6);",
                    case.function
                );
            }
        }
        text.push_str("});\n");
    }
    files.push((format!("{}.test.js", module.name), text));
    files
}

fn go(module: &Module) -> Files {
    let of = |function: &str| format!("{}{}", capital(function), capital(module.name));
    let mut source = String::from("package small\n");
    for (name, code) in &module.functions {
        // Inlined, another way to the same answers makes the same test program, and Go then takes from its cache what
        // the tests said before.
        let _ = writeln!(source, "\n//go:noinline\nfunc {}(n int) int {{", of(name));
        match code {
            Code::Expression(text) => {
                let _ = writeln!(source, "\treturn {text}");
            }
            Code::Answers(pairs) => {
                for (n, answer) in *pairs {
                    let _ = writeln!(source, "\tif n == {n} {{\n\t\treturn {answer}\n\t}}");
                }
                source.push_str("\treturn 0\n");
            }
        }
        source.push_str("}\n");
    }
    let mut files = vec![(format!("{}.go", module.name), source)];
    if module.cases.is_empty() {
        return files;
    }
    let imports = match runs_scripts(module) {
        true => "import (\n\t\"os\"\n\t\"os/exec\"\n\t\"testing\"\n)\n",
        false => "import \"testing\"\n",
    };
    let mut text = format!("package small\n\n{imports}");
    for case in &module.cases {
        let _ = writeln!(
            text,
            "\nfunc Test{}{}(t *testing.T) {{",
            capital(case.verb),
            capital(module.name)
        );
        if case.skipped {
            text.push_str("\tt.Skip(\"slow\")\n");
        }
        let call = of(case.function);
        let mut differs = |n: i32, answer: i32| {
            let _ = writeln!(
                text,
                "\tif got := {call}({n}); got != {answer} {{\n\t\tt.Errorf(\"{call}({n}) = %d, want {answer}\", got)\n\t}}"
            );
        };
        match case.does {
            Does::Equals(pairs) => pairs.iter().for_each(|(n, answer)| differs(*n, *answer)),
            Does::IsPositive => {
                let _ = writeln!(
                    text,
                    "\tif {call}(3) <= 0 {{\n\t\tt.Error(\"not above zero\")\n\t}}"
                );
            }
            Does::Runs(script) => {
                differs(3, 6);
                let _ = writeln!(
                    text,
                    "\tif err := exec.Command(\"sh\", os.Getenv(\"VERDICT_DIR\")+\"/{script}\").Run(); err != nil {{\n\t\tt.Fatal(err)\n\t}}"
                );
            }
        }
        text.push_str("}\n");
    }
    files.push((format!("{}_test.go", module.name), text));
    files
}
