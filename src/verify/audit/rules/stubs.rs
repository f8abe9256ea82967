//! Code that stands for work that was not done.

use crate::model::Finding;
use crate::verify::audit::diff::{Changed, Diff, Side};
use crate::verify::audit::inventory::shown;
use crate::verify::audit::language::{Shape, pattern};
use crate::verify::audit::rule::{Grade, Rule};
use crate::verify::audit::source::Function;
use crate::verify::audit::task::{STUB, subject};
use regex::Regex;
use std::sync::LazyLock;

pub(super) fn run(diff: &Diff<'_>) -> Vec<Finding> {
    let code = diff
        .afters()
        .filter(|(f, s)| !f.is_test && s.fresh.contains(&true));
    code.flat_map(|(file, side)| one(diff, file, side))
        .collect()
}

fn one(diff: &Diff<'_>, file: &Changed<'_>, side: &Side<'_>) -> Vec<Finding> {
    let source = &side.source;
    let mut findings = Vec::new();
    let asked = |line: &str, name: &str| {
        let words = subject([line, name]);
        diff.task.asks(
            STUB,
            &words,
            &[
                "stub",
                "placeholder",
                "scaffold",
                "skeleton",
                "unimplemented",
                "unsupported",
                "abstract",
                "interface",
                "NotImplementedError",
                "UnsupportedOperationException",
                "later",
            ],
        )
    };
    let mut seen = Vec::new();
    for found in source.language.stub.find_iter(source.bare()).take(2_000) {
        let at = found.start();
        if !side.is_fresh(at) || side.is_test(at) || source.in_text(at) {
            continue;
        }
        let function = source.function_at(at);
        let line = source.text[source.line_range(at)].trim();
        if function.is_some_and(|f| is_abstract(side, f)) || is_refusal(side, found.as_str(), at) {
            continue;
        }
        let name = function.map_or("", |f| f.name.as_str());
        seen.push(source.line(at));
        let what = format!(
            "`{}` stands for work that was not done; do the work",
            shown(line)
        );
        findings.push(diff.finding(
            Rule::StubBody,
            Grade::Main,
            (file.change.path, Some(source.line(at))),
            what,
            asked(line, name),
        ));
    }
    for function in source.functions.iter().take(5_000) {
        let line = source.line(function.head.start);
        if side.is_test(function.head.start)
            || !side.touches(&function.whole)
            || seen
                .iter()
                .any(|l| *l >= line && *l <= source.line(function.body.end))
        {
            continue;
        }
        if let Some((grade, why)) = hollow(file, side, function) {
            let name = function.name.as_str();
            let what = format!("`{name}` {why}; do the work");
            findings.push(diff.finding(
                Rule::StubBody,
                grade,
                (file.change.path, Some(line)),
                what,
                asked(name, name),
            ));
        }
    }
    findings
}

static ABSTRACT: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"abstractmethod|@overload|@abstract|\babstract\b|\bABC\b|ABCMeta|\bProtocol\b|\bTypedDict\b",
    )
});

/// The method of a class that others complete.
fn is_abstract(side: &Side<'_>, function: &Function) -> bool {
    let source = &side.source;
    if ABSTRACT.is_match(&source.code()[function.whole.start..function.body.start]) {
        return true;
    }
    let start = source.line_range(function.head.start).start;
    let indent = function.head.start - start;
    if source.language.row.shape != Shape::Indented {
        let around = source
            .braces_around(function.head.start)
            .map(|b| source.line_range(b.start));
        return around.is_some_and(|line| {
            ABSTRACT.is_match(&source.code()[line.clone()])
                || source.code()[line].contains("interface ")
        });
    }
    // The nearest line above that stands further to the left declares the class.
    let above = source.code()[..start]
        .lines()
        .rev()
        .take(3_000)
        .find(|l| !l.trim().is_empty() && l.len() - l.trim_start().len() < indent);
    above.is_some_and(|line| {
        let bases = line.contains("class ");
        let has_children = bases
            && CLASS.captures(line).is_some_and(|c| {
                let child = format!("({}", &c[1]);
                source.code().contains(&child)
                    || c[1].starts_with("Base")
                    || c[1].ends_with("Base")
                    || c[1].starts_with("Abstract")
            });
        ABSTRACT.is_match(line) || has_children
    })
}

static CLASS: LazyLock<Regex> = LazyLock::new(|| pattern(r"class\s+(\w+)"));

/// An error that says what the code refuses, not what it does not do yet.
fn is_refusal(side: &Side<'_>, found: &str, at: usize) -> bool {
    let source = &side.source;
    let line = &source.text[source.line_range(at)];
    let unfinished = UNFINISHED.is_match(line);
    if found.contains("UnsupportedOperationException") || found.contains("NotImplementedError") {
        let words = line
            .split(['"', '\''])
            .nth(1)
            .map_or(0, |t| t.split_whitespace().count());
        // Refusing one of several branches in words is an answer; a body of nothing else is none.
        let alone = source.function_at(at).is_some_and(|f| {
            source.code()[f.body.clone()]
                .trim()
                .lines()
                .filter(|l| !l.trim().is_empty() && !l.trim().starts_with('"'))
                .count()
                <= 1
        });
        return !unfinished
            && words >= 3
            && (!alone || found.contains("Unsupported") && !source.code()[..at].contains("TODO"));
    }
    false
}

static UNFINISHED: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?i)todo|fixme|\byet\b|not implemented|unimplemented|implement (?:me|this)|stub|placeholder|coming soon|later|NotImplementedError\s*(?:$|\(\s*\)|#)",
    )
});
static LATER: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?i)\b(?:TODO|FIXME|XXX|HACK)\b|\bplaceholder\b|\bstub(?:bed)?\b|for now\b|not (?:yet )?implemented|\bdummy\b|hard-?coded|will (?:be )?(?:do|done|implement\w*|handle\w*|add\w*|come|follow)|implement (?:this|me|later|the real)|real implementation|\bsimplified\b|temporar\w+",
    )
});
static CONSTANT: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r#"^(?:return\s+|Ok\s*\(|Some\s*\(|Err\s*\()*\(?\s*(?:-?[\d._]+\w*|"[^"]*"(?:\.(?:to_owned|to_string|into)\(\))?|'[^']*'|`[^`]*`|true|false|True|False|None|null|nil|undefined|\[\s*\]|\{\s*\}|\(\s*\)|vec!\[\s*\]|Vec::new\(\)|String::new\(\)|Default::default\(\)|HashMap::new\(\)|dict\(\)|list\(\)|set\(\)|\w+\{\s*\}|new \w+(?:<[^>]*>)?\(\)|Collections\.empty\w+\(\)|(?:List|Map|Set|Optional)\.(?:of|empty)\(\)|Promise\.resolve\([^()]*\))\s*(?:,\s*nil)?\s*\)*\s*;?$"#,
    )
});

/// A body that does nothing, or gives the same whatever it is given.
fn hollow(
    file: &Changed<'_>,
    side: &Side<'_>,
    function: &Function,
) -> Option<(Grade, &'static str)> {
    let source = &side.source;
    let body = source.bare()[function.body.clone()].trim();
    // The documentation of a function of Python is its first text.
    let body = match source.language.row.shape {
        Shape::Indented => DOC.replace(body, "").trim().to_owned(),
        Shape::Rust | Shape::Annotated | Shape::Braces => body.to_owned(),
    };
    let head = &source.code()[function.head.clone()];
    let takes = PARAMETERS.captures(head).is_some_and(|c| {
        c[1].split(',').any(|p| {
            !p.trim().is_empty()
                && !matches!(p.trim(), "self" | "cls" | "&self" | "&mut self" | "this")
        })
    });
    let empty = matches!(
        body.as_str(),
        "" | "pass" | "..." | ";" | "return" | "return;"
    );
    let constant = CONSTANT.is_match(&body);
    if !empty && !constant || is_abstract(side, function) {
        return None;
    }
    let whole = &source.text[function.whole.clone()];
    let above = above(side, function);
    let comments = source
        .masked
        .comments
        .iter()
        .filter(|c| function.whole.contains(&c.start));
    let says_later = comments
        .map(|c| &source.text[c.clone()])
        .any(|c| LATER.is_match(c))
        || LATER.is_match(above);
    let doc_says = source.language.is("python") && TODO.is_match(whole);
    let before = file.before.as_ref().and_then(|b| {
        let same: Vec<_> = b
            .source
            .functions
            .iter()
            .filter(|f| f.name == function.name)
            .collect();
        (same.len() == 1).then(|| (b, same[0].clone()))
    });
    let was_more = before.as_ref().is_some_and(|(b, f)| {
        let old = b.source.bare()[f.body.clone()].trim();
        old.lines().filter(|l| !l.trim().is_empty()).count() >= 2 && !CONSTANT.is_match(old)
    });
    let fresh = side.touches(&function.body) || before.is_none();
    if !fresh {
        return None;
    }
    if says_later || doc_says {
        return Some((Grade::Main, "says itself that it is not done"));
    }
    if was_more && takes {
        return Some((Grade::Lesser, "gives the same now whatever it is given"));
    }
    let is_pass = source.language.is("python") && matches!(body.as_str(), "pass" | "...");
    if is_pass && before.is_none() && !function.name.starts_with("__") && takes {
        return Some((Grade::Main, "does nothing"));
    }
    None
}

static DOC: LazyLock<Regex> =
    LazyLock::new(|| pattern(r#"^[rbuf]?(?:"""(?s:.*?)"""|'''(?s:.*?)'''|"[^"\n]*"|'[^'\n]*')"#));
static TODO: LazyLock<Regex> = LazyLock::new(|| pattern(r"\b(?:TODO|FIXME)\b"));
static PARAMETERS: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"\(([^()]*(?:\([^()]*\)[^()]*)*)\)"));

/// The comment right above a function.
fn above<'s>(side: &'s Side<'_>, function: &Function) -> &'s str {
    let source = &side.source;
    let comments = &source.masked.comments;
    let index = comments.partition_point(|c| c.start < function.whole.start);
    let Some(comment) = index.checked_sub(1).and_then(|i| comments.get(i)) else {
        return "";
    };
    let between = source
        .text
        .get(comment.end..function.whole.start)
        .unwrap_or("x");
    if between.trim().is_empty() && between.matches('\n').count() <= 1 {
        &source.text[comment.clone()]
    } else {
        ""
    }
}
