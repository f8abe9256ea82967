//! What the audit knows of languages, a row each: how code is read, and how tests are written in it.
//! Another language is another row.

use super::lexer::{Block, Lexis, Quote};
use crate::pattern::Pattern;
use std::sync::LazyLock;

/// A language.
pub(super) struct Language {
    pub name: &'static str,
    pub extensions: &'static [&'static str],
    pub lexis: Lexis,
    pub shape: Shape,
    /// Declares a function, in code without comments and texts; each group is a way to name it.
    pub function: &'static str,
    /// A path of files that belong to tests, helpers included.
    pub test_path: &'static str,
    /// A path of files in which runners look for tests.
    pub collected: &'static str,
    pub tests: TestSyntax,
    /// What the audit looks for beside tests.
    pub words: Words,
}

/// How blocks and marks before a function are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// Braces, and `#[…]` before.
    Rust,
    /// Braces, and `@…` before.
    Annotated,
    /// Braces, and nothing before.
    Braces,
    /// Indentation, and `@…` before.
    Indented,
}

/// How tests are written. Patterns that match nothing are [`NEVER`].
pub(super) struct TestSyntax {
    /// What stands before a function that is a test.
    pub attribute: &'static str,
    /// The name of a function that is a test.
    pub name: &'static str,
    /// The call that declares a test; its first text is the name.
    pub call: &'static str,
    /// The call that groups tests.
    pub group: &'static str,
    /// What stands before a test, in the words of the call, that keeps it from running.
    pub skip_mark: &'static str,
    /// What keeps it from running from within.
    pub skip_inside: &'static str,
    /// What keeps all tests of a file from running.
    pub skip_file: &'static str,
    /// What makes a failure of the test good.
    pub fails_well: &'static str,
    /// Where an assertion begins, in code.
    pub assertion: &'static str,
    /// What swallows a failed assertion.
    pub swallows: &'static str,
}

/// Words of a language that the audit looks for outside tests, or in all of a file.
pub(super) struct Words {
    /// Silences a tool; in the whole text.
    pub suppression: &'static str,
    /// Stands for work that was not done; in the text without comments.
    pub stub: &'static str,
    /// Asks whether a test is running; in the text without comments.
    pub testing: &'static str,
}

/// Matches nothing.
pub(super) const NEVER: &str = r"[^\s\S]";

const C_BLOCK: &[Block] = &[Block {
    open: "/*",
    close: "*/",
    nests: false,
}];

const RUST: Language = Language {
    name: "rust",
    extensions: &["rs"],
    lexis: Lexis {
        line_comments: &["//"],
        hash_after_space: false,
        blocks: &[Block {
            open: "/*",
            close: "*/",
            nests: true,
        }],
        quotes: &[Quote::lines("\"")],
        rust: true,
        regexes: false,
    },
    shape: Shape::Rust,
    function: r"(?m)^[ \t]*(?:pub(?:\([^)]*\))?[ \t]+)?(?:(?:const|async|unsafe|default|extern[ \t]*(?:\x22[^\x22]*\x22)?)[ \t]+)*fn[ \t]+(\w+)",
    test_path: r"(?:^|/)(?:tests?|benches)(?:/|\.rs$)|(?:^|/|_)tests?\.rs$|(?:^|/)testdata/",
    collected: r"\.rs$",
    tests: TestSyntax {
        attribute: r"#\[\s*(?:[\w:]+::)?(?:test|rstest|test_case|quickcheck|parameterized|test_log|wasm_bindgen_test|bench|case|proptest|test_strategy|googletest|gtest)\b",
        name: NEVER,
        call: NEVER,
        group: NEVER,
        skip_mark: r"#\[\s*(?:ignore\b|cfg\s*\(|cfg_attr\s*\([^\]]*\bignore\b)",
        skip_inside: NEVER,
        skip_file: r"#!\[\s*cfg\s*\((?:\s*(?:any\s*\(\s*\)|FALSE|false|feature|not)\b?)",
        fails_well: r"should_panic",
        assertion: r"\b(?:\w+::)*(?:debug_)?(?:assert\w*|prop_assert\w*|expect_that|verify_that|check)!\s*[(\[{]|\bassert_\w+\s*\(|\.assert\(\)|\bpanic!\s*\(|\bunreachable!\s*\(",
        swallows: r"\bcatch_unwind\b",
    },
    words: Words {
        suppression: r"#!?\[\s*(?:cfg_attr\s*\([^\]]*?)?(?:allow|expect)\s*\(([^\])]*)\)|#\[\s*(?:rustfmt::skip)\s*\]",
        stub: r"\b(?:todo|unimplemented)!\s*[(\[{]|\bpanic!\s*\(\s*\x22[^\x22]*(?i:todo|not (?:yet )?(?:implemented|supported yet)|unimplemented|stub)[^\x22]*\x22",
        testing: r"\bcfg!\s*\(\s*(?:not\s*\(\s*)?(?:test|debug_assertions)\b|#\[\s*cfg\s*\(\s*(?:not\s*\(\s*)?test\b|\bRUST_TEST_THREADS\b|\bCARGO_TARGET_TMPDIR\b|\bNEXTEST\w*\b|current_exe\(\)[^;\n]*(?:test|deps)",
    },
};

const PYTHON: Language = Language {
    name: "python",
    extensions: &["py", "pyi"],
    lexis: Lexis {
        line_comments: &["#"],
        hash_after_space: false,
        blocks: &[],
        quotes: &[
            Quote::lines("\"\"\""),
            Quote::lines("'''"),
            Quote::plain("\""),
            Quote::plain("'"),
        ],
        rust: false,
        regexes: false,
    },
    shape: Shape::Indented,
    function: r"(?m)^[ \t]*(?:async[ \t]+)?def[ \t]+(\w+)",
    test_path: r"(?:^|/)(?:tests?|testing)/|(?:^|/)(?:test_[^/]*|[^/]*_tests?|tests?|conftest)\.pyi?$",
    collected: r"(?:^|/)(?:test_?[^/]*|[^/]*_tests?|tests)\.py$",
    tests: TestSyntax {
        attribute: NEVER,
        name: r"^test",
        call: NEVER,
        group: NEVER,
        skip_mark: r"@(?:\w+\.)*(?:skip|skipif|skipIf|skipUnless|xfail|expectedFailure|ignore|disabled)\b|@(?:\w+\.)*mark\.(?:slow|manual|broken|flaky|todo|quarantine\w*|disabled)\b",
        skip_inside: r"\bpytest\.(?:skip|xfail|importorskip|exit)\s*\(|\bself\.skipTest\s*\(|\braise\s+(?:unittest\.)?SkipTest\b|\braise\s+(?:\w+\.)*Skipped\b",
        skip_file: r"(?m)^pytestmark\s*=.*(?:skip|xfail).*$|^pytest\.skip\s*\(.*$|^__test__\s*=\s*False|^collect_ignore\w*\s*=.*$",
        fails_well: r"\bxfail\b|expectedFailure",
        assertion: r"\bassert\b(?:[ \t]|\(|\\)|\b\w*(?:self|cls|case|tc)\.(?:assert\w*|fail\w*)\s*\(|\bpytest\.(?:raises|warns|fail|deprecated_call)\s*\(|\b(?:\w+\.)*assert_\w+\s*\(|\b(?:\w+\.)*mock\w*\.assert\w+\s*\(",
        swallows: r"\bexcept\b[^\n:]*:|\bsuppress\s*\(",
    },
    words: Words {
        suppression: r"#\s*(?:noqa|type:\s*ignore|pylint:\s*disable|pyright:\s*ignore|mypy:\s*(?:ignore|disable)|ruff:\s*noqa|flake8:\s*noqa|nosec|pragma:\s*no\s*cover|fmt:\s*off|isort:\s*skip)[^\n#]*|@(?:\w+\.)?no_type_check\b",
        stub: r"\braise\s+NotImplementedError\b|\braise\s+\w*(?:Error|Exception)\s*\(\s*f?[\x22'][^\x22'\n]*(?i:todo|not (?:yet )?implemented|stub)[^\n]*",
        testing: r"[\x22'](?:pytest|unittest|_pytest|nose2?)[\x22']\s*(?:not\s+)?in\s+(?:\w+\.)*modules|modules\s*\.\s*get\s*\(\s*[\x22'](?:pytest|unittest|_pytest)|\bPYTEST_(?:CURRENT_TEST|VERSION|XDIST_WORKER)\b|\bsys\.argv\b[^\n]*\b(?:py)?tests?\b|\b(?:py)?tests?\b[^\n]*\bsys\.argv\b|hasattr\s*\(\s*sys\s*,\s*[\x22']_called_from_test|inspect\.stack\(\)[^\n]*test|\bos\.(?:environ|getenv)\b[^\n]*[\x22'](?:TESTING|IS_TEST\w*|UNIT_?TESTS?|TEST_?MODE|RUNNING_TESTS|CI)[\x22']",
    },
};

const JAVASCRIPT: Language = Language {
    name: "javascript",
    extensions: &[
        "js", "jsx", "mjs", "cjs", "ts", "tsx", "mts", "cts", "vue", "svelte",
    ],
    lexis: Lexis {
        line_comments: &["//"],
        hash_after_space: false,
        blocks: C_BLOCK,
        quotes: &[
            Quote {
                mark: "`",
                escapes: true,
                lines: true,
                holes: true,
            },
            Quote::plain("\""),
            Quote::plain("'"),
        ],
        rust: false,
        regexes: true,
    },
    shape: Shape::Braces,
    function: r"(?m)\bfunction\b[ \t]*\*?[ \t]*(\w+)|\b(?:const|let|var)[ \t]+(\w+)[ \t]*(?::[^=\n]+)?=[ \t]*(?:async\b[ \t]*)?(?:function\b|\([^()\n]*\)[ \t]*(?::[^=\n]+)?=>|\w+[ \t]*=>)|^[ \t]+(?:(?:public|private|protected|static|async|override|get|set)[ \t]+)*\*?#?(\w+)[ \t]*\([^()\n]*\)[ \t]*(?::[^={\n]+)?\{",
    test_path: r"(?:^|/)(?:__tests__|__mocks__|tests?|spec|e2e|cypress)/|[._-](?:test|spec|cy)\.[cm]?[jt]sx?$|(?:^|/)test\.[cm]?[jt]sx?$|(?:^|/)(?:jest|vitest)\.setup\.|\.snap$",
    collected: r"[._-](?:test|spec|cy|e2e)\.[cm]?[jt]sx?$|(?:^|/)(?:__tests__|tests?|spec|e2e)/.*\.[cm]?[jt]sx?$|(?:^|/)test\.[cm]?[jt]sx?$",
    tests: TestSyntax {
        attribute: NEVER,
        name: NEVER,
        call: r"(?:^|[^\w.$])((?:(?:Deno|QUnit|t|ava|tap)\.)?[xf]?(?:it|test|specify)(?:\.\w+)*)\s*(?:<[^<>()]*>\s*)?[(`]",
        group: r"(?:^|[^\w.$])([xf]?(?:describe|context|suite)(?:\.\w+)*)\s*[(`]",
        skip_mark: r"^x(?:it|test|specify|describe|context)\b|\.(?:skip|todo|failing|fails|skipIf|runIf|fixme)\b|\b(?:skip|todo|fails)\s*:\s*(?:true|[\x22'])",
        skip_inside: r"\b(?:this|t|ctx|context|test)\.(?:skip|todo)\s*\(|\bpending\s*\(",
        skip_file: NEVER,
        fails_well: r"\.(?:failing|fails)\b|\bfails\s*:\s*true",
        assertion: r"\bexpect\w*\s*(?:\.soft\s*)?\(|\bassert(?:\.\w+)*\s*\(|\b(?:t|chai|sinon)\.(?:is|deepEqual|like|true|false|throws|not|equal|same|ok|assert|strictEqual|match|rejects|notThrows|truthy|falsy|snapshot|pass|fail)\w*(?:\.\w+)*\s*\(|\.should\b|\bfail\s*\(",
        swallows: r"\bcatch\s*(?:\(\s*\w*\s*\))?\s*\{|\.catch\s*\(",
    },
    words: Words {
        suppression: r"(?://|/\*)\s*(?:eslint-disable[\w-]*|@ts-(?:ignore|expect-error|nocheck)|prettier-ignore|tslint:disable[\w:-]*|biome-ignore|istanbul ignore|[cv]8 ignore|oxlint-disable[\w-]*|stylelint-disable[\w-]*|deno-lint-ignore[\w-]*|noinspection|@flow-ignore|\$FlowFixMe)[^\n*]*|\bas\s+any\b|\bas\s+unknown\s+as\b",
        stub: r"\bthrow\s+(?:new\s+)?\w*Error\w*\s*\(\s*[\x22'`][^\x22'`\n]*(?i:todo|not (?:yet )?implemented|unimplemented|stub)[^\n]*|\bthrow\s+(?:new\s+)?NotImplemented\w*\s*\(",
        testing: r"\bNODE_ENV\b[\]\x22']*\s*[!=]==?\s*[\x22'`]tests?[\x22'`]|[\x22'`]test[\x22'`]\s*[!=]==?\s*process\.env|\b(?:JEST_WORKER_ID|VITEST(?:_\w+)?|NODE_TEST_CONTEXT|MOCHA_\w+)\b|\bimport\.meta\.(?:vitest|env\.TEST)\b|\btypeof\s+(?:globalThis\.|global\.|window\.)?(?:jest|describe|it|test|vi|expect|mocha)\b|\b(?:global|globalThis|window)\.(?:jest|it|describe|vi|mocha|__TEST__)\b|process\.argv[^\n]*(?:jest|mocha|vitest|--test)|process\.execArgv[^\n]*test|process\.env\.(?:TESTING|IS_TEST\w*|TEST_MODE|CI|npm_lifecycle_event)\b|process\.env\[[\x22'](?:TESTING|CI|IS_TEST)",
    },
};

const GO: Language = Language {
    name: "go",
    extensions: &["go"],
    lexis: Lexis {
        line_comments: &["//"],
        hash_after_space: false,
        blocks: C_BLOCK,
        quotes: &[
            Quote {
                mark: "`",
                escapes: false,
                lines: true,
                holes: false,
            },
            Quote::plain("\""),
            Quote::plain("'"),
        ],
        rust: false,
        regexes: false,
    },
    shape: Shape::Braces,
    function: r"(?m)^func[ \t]+(?:\([^)\n]*\)[ \t]*)?(\w+)",
    test_path: r"_test\.go$|(?:^|/)(?:testdata|testutils?|testhelpers?)/",
    collected: r"_test\.go$",
    tests: TestSyntax {
        attribute: NEVER,
        name: r"^(?:Test|Fuzz|Example)(?:$|[^a-z])",
        call: NEVER,
        group: NEVER,
        skip_mark: NEVER,
        skip_inside: r"\b\w+\.Skip(?:f|Now)?\s*\(|\btesting\.Short\s*\(",
        skip_file: r"(?m)^//go:build\s+.*$|^// \+build\s+.*$",
        fails_well: NEVER,
        assertion: r"\b\w{1,3}\.(?:Error|Errorf|Fatal|Fatalf|Fail|FailNow)\s*\(|\b(?:assert|require|is|qt|c)\.(?:[A-Z]\w*)\s*\(|(?m)^\s*// (?:Unordered )?[Oo]utput:|\bpanic\s*\(",
        swallows: r"\brecover\s*\(\s*\)",
    },
    words: Words {
        suppression: r"//\s*(?:nolint|lint:ignore|#nosec|revive:disable|exhaustive:ignore|staticcheck:ignore)[^\n]*",
        stub: r"\bpanic\s*\(\s*(?:fmt\.\w+\s*\(\s*|errors\.New\s*\(\s*)?[\x22`][^\x22`\n]*(?i:todo|not (?:yet )?implemented|unimplemented|stub|implement me)[^\n]*|errors\.New\s*\(\s*\x22(?i:todo|not (?:yet )?implemented|unimplemented)[^\n]*",
        testing: r"flag\.Lookup\s*\(\s*\x22test\.|\btesting\.Testing\s*\(\)|os\.Args\b[^\n]*(?:\.test|-test)|(?:\.test\x22|-test\.)[^\n]*os\.Args|os\.(?:Getenv|LookupEnv)\s*\(\s*\x22(?:GO_?TEST\w*|TESTING|IS_TEST|TEST_MODE|CI)\x22|runtime\.Caller[^\n]*_test",
    },
};

const JAVA: Language = Language {
    name: "java",
    extensions: &["java", "kt", "kts", "scala", "groovy"],
    lexis: Lexis {
        line_comments: &["//"],
        hash_after_space: false,
        blocks: C_BLOCK,
        quotes: &[
            Quote::lines("\"\"\""),
            Quote::plain("\""),
            Quote::plain("'"),
        ],
        rust: false,
        regexes: false,
    },
    shape: Shape::Annotated,
    function: r"(?m)(?:\bfun[ \t]+|\bdef[ \t]+)(\w+|`[^`\n]*`)[ \t]*\(|^[ \t]*(?:@\w+(?:\([^)\n]*\))?[ \t]+)*(?:(?:public|private|protected|static|final|abstract|synchronized|default|native)[ \t]+)*(?:<[^>\n]+>[ \t]+)?(?:[A-Za-z_][\w.]*(?:<[^;{}()\n]*>)?(?:\[\])*)[ \t]+([A-Za-z_]\w*)[ \t]*\([^;{}]*?\)[^;{}()=]*\{",
    test_path: r"(?:^|/)(?:src/)?(?:test|androidTest|testFixtures|it)/|(?:^|/)(?:Test[A-Z0-9][^/]*|[^/]*(?:Tests?|TestCase|IT|Spec))\.(?:java|kt|scala|groovy)$",
    collected: r"(?:^|/)(?:Test[A-Z0-9_][^/]*|[^/]*(?:Tests?|TestCase|IT|ITCase|Spec))\.(?:java|kt|scala|groovy)$",
    tests: TestSyntax {
        attribute: r"@(?:org\.junit\.(?:jupiter\.api\.)?)?(?:Test|ParameterizedTest|RepeatedTest|TestFactory|TestTemplate|Property)\b",
        name: NEVER,
        call: NEVER,
        group: NEVER,
        skip_mark: r"@(?:[\w.]+\.)?(?:Disabled\w*|Ignore|EnabledIf\w*|EnabledOn\w*|EnabledForJre\w*|IgnoreIf|PendingFeature)\b|\benabled\s*=\s*false|@Tag\s*\(\s*\x22(?:slow|flaky|manual|broken|disabled|quarantine)",
        skip_inside: r"\b(?:Assumptions\.)?(?:assumeTrue|assumeFalse|assumingThat|assumeThat|abort)\s*\(|\bthrow new (?:\w+\.)*(?:TestAbortedException|SkipException|AssumptionViolatedException)",
        skip_file: NEVER,
        fails_well: r"\bexpected\s*=|\bexpectedExceptions\s*=",
        assertion: r"\b(?:\w+\.)*(?:assert\w*|fail)\s*\(|\b(?:\w+\.)*(?:verify\w*|expectThat|then|check)\s*\(|\bshould\w*\b|\bassert\b[ \t]",
        swallows: r"\bcatch\s*\(",
    },
    words: Words {
        suppression: r"@(?:file:)?Suppress(?:Warnings|FBWarnings|Lint)?\s*\([^)]*\)|//\s*(?:NOSONAR|NOPMD|noinspection|CHECKSTYLE[:.]\s*(?:OFF|SUPPRESS))[^\n]*",
        stub: r"\bthrow\s+new\s+\w*(?:Exception|Error)\s*\(\s*\x22[^\x22\n]*(?i:todo|not (?:yet )?(?:implemented|supported yet)|unimplemented|stub)[^\n]*|\bthrow\s+new\s+(?:NotImplemented\w*|UnsupportedOperationException)\s*\(|\bTODO\s*\(",
        testing: r"\borg\.junit\b[^;\n]*\x22|\x22org\.(?:junit|testng)|getStackTrace\(\)|System\.getProperty\s*\(\s*\x22(?:surefire|test|junit|org\.gradle\.test)[^\n]*|System\.getenv\s*\(\s*\x22(?:TESTING|IS_TEST|TEST_MODE|CI|TEST)\x22|java\.class\.path[^\n]*(?:surefire|junit|test)|sun\.java\.command[^\n]*(?:surefire|junit|test)",
    },
};

const NO_TESTS: TestSyntax = TestSyntax {
    attribute: NEVER,
    name: NEVER,
    call: NEVER,
    group: NEVER,
    skip_mark: NEVER,
    skip_inside: NEVER,
    skip_file: NEVER,
    fails_well: NEVER,
    assertion: NEVER,
    swallows: NEVER,
};

const NO_WORDS: Words = Words {
    suppression: NEVER,
    stub: NEVER,
    testing: NEVER,
};

const ANY_TESTS: &str =
    r"(?:^|/)(?:tests?|spec|__tests__|testdata|fixtures|__snapshots__)/|[._-](?:test|spec)s?\.\w+$";

const C_LIKE: Language = Language {
    name: "c-like",
    extensions: &[
        "c", "h", "cc", "cpp", "cxx", "hpp", "cs", "swift", "dart", "php", "m", "mm", "zig", "css",
        "scss", "less", "proto", "gradle", "jsonc", "json5",
    ],
    lexis: Lexis {
        line_comments: &["//"],
        hash_after_space: false,
        blocks: C_BLOCK,
        quotes: &[Quote::plain("\""), Quote::plain("'")],
        rust: false,
        regexes: false,
    },
    shape: Shape::Braces,
    function: NEVER,
    test_path: ANY_TESTS,
    collected: NEVER,
    tests: NO_TESTS,
    words: Words {
        suppression: r"//\s*(?:NOLINT|clang-format off|cppcheck-suppress|swiftlint:disable|phpcs:ignore|@phpstan-ignore|ignore:)[^\n]*|#\s*pragma\s+(?:warning\s+disable|clang diagnostic ignored|GCC diagnostic ignored)[^\n]*",
        stub: r"(?i:throw\s+(?:new\s+)?\w*NotImplemented\w*|fatalError\s*\(\s*\x22[^\x22\n]*(?:todo|not implemented)|\bunimplemented\s*\()",
        testing: NEVER,
    },
};

/// Everything else: `#` begins a comment.
const OTHER: Language = Language {
    name: "other",
    extensions: &[],
    lexis: Lexis {
        line_comments: &["#"],
        hash_after_space: true,
        blocks: &[],
        quotes: &[Quote::plain("\""), Quote::plain("'")],
        rust: false,
        regexes: false,
    },
    shape: Shape::Braces,
    function: NEVER,
    test_path: ANY_TESTS,
    collected: NEVER,
    tests: NO_TESTS,
    words: NO_WORDS,
};

static LANGUAGES: LazyLock<Vec<Compiled>> = LazyLock::new(|| {
    [RUST, PYTHON, JAVASCRIPT, GO, JAVA, C_LIKE, OTHER]
        .into_iter()
        .map(Compiled::new)
        .collect()
});

/// A row with its patterns.
pub(super) struct Compiled {
    pub row: Language,
    pub function: Pattern,
    pub test_path: Pattern,
    pub collected: Pattern,
    pub attribute: Pattern,
    pub name: Pattern,
    pub call: Pattern,
    pub group: Pattern,
    pub skip_mark: Pattern,
    pub skip_inside: Pattern,
    pub skip_file: Pattern,
    pub fails_well: Pattern,
    pub assertion: Pattern,
    pub swallows: Pattern,
    pub suppression: Pattern,
    pub stub: Pattern,
    pub testing: Pattern,
}

impl Compiled {
    fn new(row: Language) -> Self {
        let (tests, words) = (&row.tests, &row.words);
        Self {
            function: Pattern::new(row.function),
            test_path: Pattern::new(row.test_path),
            collected: Pattern::new(row.collected),
            attribute: Pattern::new(tests.attribute),
            name: Pattern::new(tests.name),
            call: Pattern::new(tests.call),
            group: Pattern::new(tests.group),
            skip_mark: Pattern::new(tests.skip_mark),
            skip_inside: Pattern::new(tests.skip_inside),
            skip_file: Pattern::new(tests.skip_file),
            fails_well: Pattern::new(tests.fails_well),
            assertion: Pattern::new(tests.assertion),
            swallows: Pattern::new(tests.swallows),
            suppression: Pattern::new(words.suppression),
            stub: Pattern::new(words.stub),
            testing: Pattern::new(words.testing),
            row,
        }
    }

    pub(super) fn is(&self, name: &str) -> bool {
        self.row.name == name
    }

    /// True where the audit reads functions and tests of this language.
    pub(super) fn has_tests(&self) -> bool {
        self.row.tests.assertion != NEVER
    }
}

pub(super) use crate::pattern::pattern;

/// The row for a path; the last one where none is for it.
pub(super) fn of(path: &str) -> &'static Compiled {
    let extension = path
        .rsplit('/')
        .next()
        .and_then(|name| name.rsplit_once('.'));
    let extension = extension.map_or("", |(_, extension)| extension);
    let found = LANGUAGES.iter().find(|l| {
        let rows = l.row.extensions;
        rows.iter().any(|e| e.eq_ignore_ascii_case(extension))
    });
    found.unwrap_or_else(|| &LANGUAGES[LANGUAGES.len() - 1])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pattern_compiles_and_every_path_has_a_row() {
        for (path, name) in [
            ("src/a.rs", "rust"),
            ("a.PY", "python"),
            ("x/y.test.tsx", "javascript"),
            ("a_test.go", "go"),
            ("A.java", "java"),
            ("a.cpp", "c-like"),
            ("Makefile", "other"),
            ("", "other"),
            (".rs/x", "other"),
        ] {
            assert_eq!(of(path).row.name, name, "{path}");
        }
        for Compiled {
            row: _,
            function,
            test_path,
            collected,
            attribute,
            name,
            call,
            group,
            skip_mark,
            skip_inside,
            skip_file,
            fails_well,
            assertion,
            swallows,
            suppression,
            stub,
            testing,
        } in &*LANGUAGES
        {
            for pattern in [
                function,
                test_path,
                collected,
                attribute,
                name,
                call,
                group,
                skip_mark,
                skip_inside,
                skip_file,
                fails_well,
                assertion,
                swallows,
                suppression,
                stub,
                testing,
            ] {
                pattern.as_str();
            }
        }
    }
}
