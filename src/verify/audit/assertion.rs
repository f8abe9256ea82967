//! What a test asserts: its assertions, how much each of them says, and the values in them.

use super::inventory::shown;
use super::language::pattern;
use super::source::Source;
use regex::Regex;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::LazyLock;

/// How much an assertion says, from nothing to all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Strength {
    /// It is true whatever the code does.
    Nothing,
    /// There is something, or a condition holds.
    Shape,
    /// A part, a bound, or a value with a tolerance.
    Part,
    /// The value.
    Exact,
}

#[derive(Clone, Debug)]
pub(super) struct Assertion {
    pub at: usize,
    /// What is asserted, with single spaces and without its message.
    pub said: String,
    pub strength: Strength,
    pub literals: Vec<String>,
    pub words: BTreeSet<String>,
    /// A call of something that asserts.
    pub is_helper: bool,
}

impl Assertion {
    pub(super) fn shown(&self) -> String {
        shown(&self.said)
    }
}

/// Assertions of one test beyond these are not compared.
const MOST: usize = 400;

static HELPER: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"\b(?:assert|check|verify|expect|ensure)(?:[A-Z_]\w*)?!?\s*\("));

/// Calls of functions of the project that assert: by their names.
pub(super) fn helpers(source: &Source<'_>, others: &[usize]) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for function in others
        .iter()
        .filter_map(|i| source.functions.get(*i))
        .take(2_000)
    {
        let body = &source.code()[function.body.clone()];
        if source.language.assertion.is_match(body) {
            found.insert(function.name.clone());
        }
    }
    found
}

/// The assertions of a part of a source, in order.
pub(super) fn assertions(
    source: &Source<'_>,
    range: &Range<usize>,
    helpers: &BTreeSet<String>,
) -> Vec<Assertion> {
    let code = source.code();
    let part = &code[range.clone()];
    let comments = source.language.is("go");
    let mut starts: Vec<usize> = Vec::new();
    let own = source.language.assertion.find_iter(if comments {
        &source.text[range.clone()]
    } else {
        part
    });
    starts.extend(
        own.map(|m| range.start + m.start())
            .filter(|at| !comments || !source.in_text(*at)),
    );
    starts.extend(HELPER.find_iter(part).map(|m| range.start + m.start()));
    starts.extend(called(part, helpers).map(|at| range.start + at));
    starts.sort_unstable();
    let mut found: Vec<Assertion> = Vec::new();
    let mut end = range.start;
    for start in starts {
        let before = code.as_bytes().get(start.wrapping_sub(1));
        let is_unwrap = before == Some(&b'.') && code[start..].starts_with("expect");
        let is_declared = code[..start].trim_end().ends_with("fn")
            || code[..start].trim_end().ends_with("def")
            || code[..start].trim_end().ends_with("function");
        if start < end || is_unwrap || is_declared || found.len() >= MOST {
            continue;
        }
        let whole = statement(source, start, range.end);
        end = whole.end;
        let mut assertion = read(source, whole);
        assertion.is_helper = !source.language.assertion.is_match_at(code, start)
            || source
                .language
                .assertion
                .find_at(code, start)
                .is_some_and(|m| m.start() > start)
            || called(&code[start..end], helpers).next() == Some(0);
        if assertion.is_helper && assertion.strength > Strength::Nothing {
            assertion.strength = Strength::Exact;
        }
        found.push(assertion);
    }
    found
}

fn called<'a>(part: &'a str, helpers: &'a BTreeSet<String>) -> impl Iterator<Item = usize> + 'a {
    static CALL: LazyLock<Regex> = LazyLock::new(|| pattern(r"\b([A-Za-z_]\w*)!?\s*\("));
    CALL.captures_iter(part).filter_map(move |c| {
        let name = c.get(1)?;
        (!helpers.is_empty() && helpers.contains(name.as_str())).then(|| name.start())
    })
}

/// The statement that an assertion is: its call with what is chained to it, or its line with open brackets closed.
fn statement(source: &Source<'_>, start: usize, bound: usize) -> Range<usize> {
    let code = source.code().as_bytes();
    let mut at = start;
    while at < bound {
        match code[at] {
            b'(' | b'[' | b'{' => match source.mate(at) {
                Some(mate) if mate < bound => {
                    at = mate + 1;
                    let rest = &source.code()[at..bound];
                    let next = rest.trim_start();
                    // A chain goes on in the next line.
                    if next.starts_with('.') || next.starts_with("?.") {
                        at += rest.len() - next.len();
                    }
                }
                _ => at += 1,
            },
            b'\\' if code.get(at + 1) == Some(&b'\n') => at += 2,
            b'\n' | b';' | b')' | b'}' => break,
            _ => at += 1,
        }
    }
    start..at.min(bound)
}

/// The condition in front of a report, as Go writes it.
fn condition(source: &Source<'_>, start: usize) -> Option<Range<usize>> {
    let braces = source.braces_around(start)?;
    let line = source.line_range(braces.start);
    let text = &source.code()[line.start..braces.start];
    let begin = text.find("if ").or_else(|| text.find("case "))?;
    Some(line.start + begin..braces.start)
}

fn read(source: &Source<'_>, whole: Range<usize>) -> Assertion {
    let at = whole.start;
    let code = &source.code()[whole.clone()];
    let is_report = source.language.is("go") && GO_REPORT.is_match(code)
        || code.starts_with("fail")
        || code.starts_with("panic")
        || code.contains(".fail(");
    let whole = match is_report.then(|| condition(source, at)).flatten() {
        Some(condition) => condition,
        None => without_message(source, whole),
    };
    let text = source.text.get(whole.clone()).unwrap_or_default();
    let code = &source.code()[whole.clone()];
    let said = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let said = said
        .trim_end_matches([',', ';'])
        .replace(", )", ")")
        .replace("( ", "(")
        .replace(" )", ")");
    Assertion {
        at,
        strength: strength(&said, code),
        literals: literals(source, &whole),
        words: super::inventory::words(source, &whole),
        is_helper: false,
        said,
    }
}

static GO_REPORT: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"^\w{1,3}\.(?:Error|Errorf|Fatal|Fatalf|Fail|FailNow)\b|^panic\b"));
static TWO: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?i)^[\w.:]*(?:eq|ne|equals?|same|is_?in|contains?|match(?:es)?|greater\w*|less\w*|close\w*|regex\w*|isinstance|instance_?of)!?\s*\(",
    )
});

/// Cuts off the message of an assertion: what comes behind the arguments that it compares.
fn without_message(source: &Source<'_>, whole: Range<usize>) -> Range<usize> {
    let code = &source.code()[whole.clone()];
    if source.language.is("python") && code.starts_with("assert") && !code.starts_with("assert_") {
        let comma = top_commas(source, &whole).next();
        return whole.start..comma.unwrap_or(whole.end);
    }
    let name = code.split('(').next().unwrap_or_default();
    let is_assert = name.contains("assert") && !name.contains(' ');
    let Some(open) = code.find('(').filter(|_| is_assert) else {
        return whole;
    };
    let open = whole.start + open;
    let Some(close) = source.mate(open).filter(|close| *close < whole.end) else {
        return whole;
    };
    if close + 1 < whole.end && source.code()[close + 1..whole.end].trim().starts_with('.') {
        return whole;
    }
    let keep = if TWO.is_match(code) { 2 } else { 1 };
    let args = open + 1..close;
    let cut = top_commas(source, &args).nth(keep - 1);
    match cut {
        Some(cut) => {
            let rest = source.text[cut + 1..close].trim_start();
            let is_text = rest.starts_with(['"', '\'', '`'])
                || rest.starts_with("f\"")
                || rest.starts_with("() ->");
            if is_text { whole.start..cut } else { whole }
        }
        None => whole,
    }
}

/// Commas of a part that stand in no brackets of it.
fn top_commas<'a>(
    source: &'a Source<'_>,
    range: &Range<usize>,
) -> impl Iterator<Item = usize> + 'a {
    let (mut at, end) = (range.start, range.end);
    let code = source.code().as_bytes();
    std::iter::from_fn(move || {
        while at < end {
            match code[at] {
                b'(' | b'[' | b'{' => at = source.mate(at).map_or(at + 1, |mate| mate + 1),
                b',' => {
                    at += 1;
                    return Some(at - 1);
                }
                _ => at += 1,
            }
        }
        None
    })
}

static NOTHING: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?i)\bor\s+True\b|\|\|\s*true\b|\bassert(?:True|That|_)?!?\s*\(?\s*(?:True|true|1|not False|!false)\s*\)?$|\bexpect\(\s*(?:true|1)\s*\)\s*\.\w+\(\s*(?:true|1)?\s*\)|\bassert(?:\.ok|\.equal|\.strictEqual)\(\s*true\s*(?:,\s*true\s*)?\)|\bif\s+false\b|\bassertTrue\(\s*true\b|\bassertFalse\(\s*false\b|&&\s*false\b|\blen\([^()]*\)\s*>=\s*0\b|\.len\(\)\s*>=\s*0\b|\.length\s*>=\s*0\b|\.toBeGreaterThanOrEqual\(\s*0\s*\)$",
    )
});
static PART: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?i)\bapprox\b|closeTo|close_to|almost|isclose|allclose|indelta|inepsilon|epsilon|tolerance|abs_diff|\.abs\(\)\s*<|\babs\(|math\.abs|contain|tomatch(?:object)?\b|\bmatches\b|assertRegex|assertIn\b|starts_?with|ends_?with|greater|less|objectContaining|stringMatching|expect\.any|hasPrefix|hasSuffix|includes\(|\bin\b|assert_ne|notEqual|assertNotEqual|!==|not\.to(?:Be|Equal)\b|subset|superset",
    )
});
static SHAPE: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?i)is not None|is_?some\(|is_?ok\(|is_?err\(|isNotNone|NotNull|not_?nil|NotNil|toBeDefined|toBeTruthy|toBeFalsy|not\.toBeNull|not\.toBeUndefined|toBeInstanceOf|isinstance|instanceof|typeof|not\.toThrow|doesNotThrow|NotEmpty|isEmpty\(\)\s*\)?$|hasattr|!=\s*(?:nil|null|undefined|None)\b|callable\(|toBeCalled\b|toHaveBeenCalled\(\s*\)|assert_called\(|toHaveProperty\([^,]*\)$|len\([^()]*\)\s*>\s*0|\.len\(\)\s*>\s*0|\.length\s*>\s*0|size\(\)\s*>\s*0|is_empty\(\)",
    )
});
static EXACT: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?i)[^=!<>]==[^=]|===|equals?\w*\b|_eq\b|\btoBe\(|\.is\(|same\w*\(|\bis None\b|isNone\b|isNull\b|toBeNull|snapshot|deepEqual|\beql?\(|raises\([^()]+,\s*match|toThrow\w*\(\s*\S|hasSize|toHaveLength|called_(?:once_)?with|calledWith|\bmatches!\(",
    )
});
static ORDER: LazyLock<Regex> = LazyLock::new(|| pattern(r"[^-=<>]>=?[^>]|[^<]<=?[^<\w]"));
static GO_IF: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"^if\b.*(?:!=|!\w*\.?Equal|!bytes\.Equal)"));

/// How much an assertion says. `code` is the same without texts.
fn strength(said: &str, code: &str) -> Strength {
    if NOTHING.is_match(said) || compares_with_itself(said) {
        return Strength::Nothing;
    }
    if GO_IF.is_match(code) {
        return Strength::Exact;
    }
    if code.starts_with("if ") && code.contains("== nil") {
        return Strength::Shape;
    }
    if PART.is_match(code) {
        return Strength::Part;
    }
    if SHAPE.is_match(code) {
        return Strength::Shape;
    }
    if EXACT.is_match(said) {
        return Strength::Exact;
    }
    let ordered = ORDER.is_match(code) && !code.contains("=>") && !code.contains("->");
    if ordered {
        Strength::Part
    } else {
        Strength::Shape
    }
}

/// Both sides are the same words.
fn compares_with_itself(said: &str) -> bool {
    static SIDES: LazyLock<Regex> = LazyLock::new(|| {
        pattern(
            r"^(?:assert\s+(?P<a>[\w.()\[\]]+)\s*==\s*(?P<b>[\w.()\[\]]+)|[\w.]*(?:assert\w*!?|strictEqual|equal|deepEqual)\(\s*(?P<c>[\w.()]+)\s*,\s*(?P<d>[\w.()]+?)\s*\)|expect\((?P<e>[\w.]+)\)\.to(?:Be|Equal|StrictEqual)\((?P<f>[\w.]+)\))$",
        )
    });
    let Some(found) = SIDES.captures(said) else {
        return false;
    };
    [("a", "b"), ("c", "d"), ("e", "f")]
        .iter()
        .any(|(left, right)| {
            let left = found.name(left).map(|m| m.as_str());
            left.is_some() && left == found.name(right).map(|m| m.as_str())
        })
}

static NUMBER: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"\b(?:0x[0-9a-fA-F_]+|\d[\d_]*(?:\.\d[\d_]*)?(?:e[+-]?\d+)?)"));
static WORD: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"\b(?:true|false|True|False|None|null|nil|undefined)\b"));

/// Numbers, texts and the like of a part of a source, in the order of the source. Numbers lose their underscores and
/// types, texts their quotes.
pub(super) fn literals(source: &Source<'_>, range: &Range<usize>) -> Vec<String> {
    let code = &source.code()[range.clone()];
    let mut found: Vec<(usize, String)> = Vec::new();
    for number in NUMBER.find_iter(code) {
        let sign = code[..number.start()].ends_with('-')
            && !code[..number.start() - 1]
                .trim_end()
                .ends_with(|c: char| c.is_alphanumeric() || c == ')');
        let plain = number.as_str().replace('_', "");
        let plain = plain
            .strip_suffix(".0")
            .map_or(plain.clone(), str::to_owned);
        found.push((
            number.start(),
            if sign { format!("-{plain}") } else { plain },
        ));
    }
    found.extend(
        WORD.find_iter(code)
            .map(|m| (m.start(), m.as_str().to_lowercase())),
    );
    let texts = &source.masked.texts;
    let first = texts.partition_point(|t| t.start < range.start);
    for text in texts[first..]
        .iter()
        .take_while(|t| t.end <= range.end)
        .take(4_000)
    {
        let raw = &source.text[text.clone()];
        let trimmed = raw.trim_matches(|c| "rbc#\"'`".contains(c));
        let inner = if trimmed.is_empty() {
            ""
        } else {
            raw.trim_start_matches(['r', 'b', 'c', '#'])
                .trim_end_matches('#')
                .trim_matches(['"', '\'', '`'])
        };
        found.push((text.start - range.start, inner.to_owned()));
    }
    found.sort();
    found.into_iter().map(|(_, literal)| literal).collect()
}

/// The values of one assertion that the other has not, or has less often.
pub(super) fn without(these: &[String], those: &[String]) -> Vec<String> {
    let mut left: BTreeMap<&String, usize> = BTreeMap::new();
    for literal in those {
        *left.entry(literal).or_default() += 1;
    }
    let mut found = these.to_vec();
    found.retain(|l| match left.get_mut(l) {
        Some(count) if *count > 0 => {
            *count -= 1;
            false
        }
        _ => true,
    });
    found
}

/// Says little: it stands in many places for many reasons.
pub(super) fn is_common(literal: &str) -> bool {
    literal.is_empty()
        || matches!(
            literal,
            "0" | "1" | "-1" | "2" | "true" | "false" | "none" | "null" | "nil" | "undefined"
        )
}
