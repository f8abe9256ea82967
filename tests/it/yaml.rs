//! A reader of the YAML that workflows are written in here: mappings, sequences, plain and quoted scalars, literal
//! and folded blocks, flow sequences and mappings on one line, comments. Every scalar is a text. Anything else is
//! refused with its line, so that what passes here is plain enough for every runner.

use serde_json::{Map, Value};

/// Reads one document.
pub fn read(text: &str) -> Result<Value, String> {
    let mut reader = Reader {
        lines: text.lines().collect(),
        at: 0,
        reading: 0,
    };
    let value = reader.block(0)?;
    match reader.peek() {
        Some((indent, line)) => {
            reader.refuse(&format!("`{line}` at column {indent} belongs to nothing"))
        }
        None => Ok(value),
    }
}

struct Reader<'t> {
    lines: Vec<&'t str>,
    at: usize,
    /// The line that a refusal is about.
    reading: usize,
}

impl<'t> Reader<'t> {
    fn refuse<T>(&self, why: &str) -> Result<T, String> {
        Err(format!("line {}: {why}", self.reading + 1))
    }

    /// The next line that says something: its indentation and its text.
    fn peek(&mut self) -> Option<(usize, &'t str)> {
        while let Some(line) = self.lines.get(self.at) {
            let text = line.trim_start();
            if !text.is_empty() && !text.starts_with('#') {
                return Some((line.len() - text.len(), text.trim_end()));
            }
            self.at += 1;
        }
        None
    }

    /// A mapping or a sequence whose lines stand at `least` or further right.
    fn block(&mut self, least: usize) -> Result<Value, String> {
        let Some((indent, line)) = self.peek().filter(|(i, _)| *i >= least) else {
            return Ok(Value::String(String::new()));
        };
        if line.contains('\t') {
            return self.refuse("a tab");
        }
        if line == "-" || line.starts_with("- ") {
            return self.sequence(indent);
        }
        self.mapping(indent)
    }

    fn sequence(&mut self, indent: usize) -> Result<Value, String> {
        let mut items = Vec::new();
        while let Some((at, line)) = self.peek() {
            if at != indent || !(line == "-" || line.starts_with("- ")) {
                break;
            }
            self.reading = self.at;
            let rest = line[1..].trim_start();
            let inner = indent + line.len() - rest.len();
            if rest.is_empty() {
                self.at += 1;
                items.push(self.block(indent + 1)?);
            } else if key_of(rest).is_some() {
                items.push(self.mapping_from(inner, Some(rest))?);
            } else {
                self.at += 1;
                items.push(self.scalar(rest, indent)?);
            }
        }
        Ok(Value::Array(items))
    }

    fn mapping(&mut self, indent: usize) -> Result<Value, String> {
        self.mapping_from(indent, None)
    }

    /// `first`: the text of its first line, where a dash stands before it.
    fn mapping_from(&mut self, indent: usize, mut first: Option<&'t str>) -> Result<Value, String> {
        let mut map = Map::new();
        loop {
            self.peek();
            self.reading = self.at;
            let line = match first.take() {
                Some(line) => line,
                None => match self.peek() {
                    Some((at, line)) if at == indent && !line.starts_with("- ") => line,
                    Some((at, _)) if at > indent => {
                        return self.refuse("further right than its neighbours");
                    }
                    _ => break,
                },
            };
            let Some((key, rest)) = key_of(line) else {
                return self.refuse(&format!("`{line}` has no key"));
            };
            self.at += 1;
            let value = match rest {
                "" => match self.peek() {
                    // A sequence may stand as far left as its key.
                    Some((at, next)) if at == indent && next.starts_with("- ") => {
                        self.sequence(indent)?
                    }
                    _ => self.block(indent + 1)?,
                },
                rest => self.scalar(rest, indent)?,
            };
            if map.insert(key.to_owned(), value).is_some() {
                return self.refuse(&format!("`{key}` stands there twice"));
            }
        }
        Ok(Value::Object(map))
    }

    /// What stands after a key or a dash; a block scalar goes on in lines further right than `indent`.
    fn scalar(&mut self, text: &str, indent: usize) -> Result<Value, String> {
        match text.as_bytes()[0] {
            b'|' | b'>' => self.literal(text, indent),
            b'[' | b'{' => {
                let (value, rest) = self.flow(text)?;
                match rest.trim().is_empty() || rest.trim_start().starts_with('#') {
                    true => Ok(value),
                    false => self.refuse(&format!("`{rest}` after its end")),
                }
            }
            b'"' | b'\'' => {
                let (value, rest) = self.quoted(text)?;
                match rest.trim().is_empty() || rest.trim_start().starts_with('#') {
                    true => Ok(Value::String(value)),
                    false => self.refuse(&format!("`{rest}` after its quote")),
                }
            }
            b'&' | b'*' | b'!' | b'%' | b'@' | b'`' => {
                self.refuse(&format!("`{text}` is not plain"))
            }
            _ => {
                let plain = text.split(" #").next().unwrap_or_default().trim_end();
                if plain.contains(": ") || plain.ends_with(':') {
                    return self.refuse(&format!("`{plain}` holds a colon and no quotes"));
                }
                if self.peek().is_some_and(|(at, _)| at > indent) {
                    return self.refuse("a plain text of several lines");
                }
                Ok(Value::String(plain.to_owned()))
            }
        }
    }

    fn literal(&mut self, head: &str, indent: usize) -> Result<Value, String> {
        let (folds, keeps_end) = match head {
            "|" => (false, true),
            "|-" => (false, false),
            ">" => (true, true),
            ">-" => (true, false),
            other => return self.refuse(&format!("`{other}` is no head of a block")),
        };
        let mut lines: Vec<&str> = Vec::new();
        let mut margin = None;
        while let Some(line) = self.lines.get(self.at) {
            let inner = line.len() - line.trim_start().len();
            if line.trim().is_empty() {
                lines.push("");
            } else {
                let margin = *margin.get_or_insert(inner);
                if inner <= indent || inner < margin {
                    break;
                }
                lines.push(&line[margin..]);
            }
            self.at += 1;
        }
        while lines.last().is_some_and(|l| l.is_empty()) {
            lines.pop();
        }
        let mut text = lines.join(if folds { " " } else { "\n" });
        if keeps_end {
            text.push('\n');
        }
        Ok(Value::String(text))
    }

    fn quoted<'s>(&self, text: &'s str) -> Result<(String, &'s str), String> {
        let quote = text.as_bytes()[0];
        let mut out = String::new();
        let mut chars = text.char_indices().skip(1).peekable();
        while let Some((at, c)) = chars.next() {
            match c {
                '\'' if quote == b'\'' => match chars.peek() {
                    Some((_, '\'')) => {
                        chars.next();
                        out.push('\'');
                    }
                    _ => return Ok((out, &text[at + 1..])),
                },
                '"' if quote == b'"' => return Ok((out, &text[at + 1..])),
                '\\' if quote == b'"' => match chars.next() {
                    Some((_, c @ ('"' | '\\' | '/'))) => out.push(c),
                    Some((_, 'n')) => out.push('\n'),
                    other => return self.refuse(&format!("an escape {other:?}")),
                },
                c => out.push(c),
            }
        }
        self.refuse("a quote without an end")
    }

    fn flow<'s>(&self, text: &'s str) -> Result<(Value, &'s str), String> {
        let mut rest = text[1..].trim_start();
        let is_map = text.starts_with('{');
        let close = if is_map { '}' } else { ']' };
        let (mut items, mut map) = (Vec::new(), Map::new());
        while !rest.starts_with(close) {
            let mut key = None;
            if is_map {
                let Some((k, r)) = rest.split_once(':') else {
                    return self.refuse("a flow mapping without a key");
                };
                (key, rest) = (Some(k.trim().to_owned()), r.trim_start());
            }
            let value;
            if rest.starts_with(['[', '{']) {
                (value, rest) = self.flow(rest)?;
            } else if rest.starts_with(['"', '\'']) {
                let (text, r) = self.quoted(rest)?;
                (value, rest) = (Value::String(text), r);
            } else {
                let Some(end) = rest.find([',', close]) else {
                    return self.refuse("a flow without an end on its line");
                };
                value = Value::String(rest[..end].trim().to_owned());
                rest = &rest[end..];
            }
            match key {
                Some(key) => drop(map.insert(key, value)),
                None => items.push(value),
            }
            rest = rest.trim_start();
            if let Some(r) = rest.strip_prefix(',') {
                rest = r.trim_start();
            } else if !rest.starts_with(close) {
                return self.refuse("a flow without an end on its line");
            }
        }
        let value = match is_map {
            true => Value::Object(map),
            false => Value::Array(items),
        };
        Ok((value, &rest[1..]))
    }
}

/// `key: rest` or `key:`; None where the line is a scalar.
fn key_of(line: &str) -> Option<(&str, &str)> {
    if line.starts_with(['"', '\'', '[', '{', '#']) {
        return None;
    }
    let (key, rest) = match line.split_once(": ") {
        Some((key, rest)) => (key, rest.trim()),
        None => (line.strip_suffix(':')?, ""),
    };
    let rest = if rest.starts_with('#') { "" } else { rest };
    let named = |c: char| c.is_ascii_alphanumeric() || "-_./ ".contains(c);
    key.chars().all(named).then_some((key, rest))
}

#[test]
fn the_reader_reads_what_workflows_are_made_of() {
    let text = "# head\non:\n  push: {branches: [main, 'v*'], tags: []}\njobs:\n  a:\n    steps:\n    - run: |\n        one # kept\n\n          two\n      name: \"x: \\\"y\\\"\" # gone\n    -\n      uses: a/b@v1\n    - plain # c\n    empty:\n    text: >-\n      folded\n      twice\n";
    let expected = serde_json::json!({
        "on": {"push": {"branches": ["main", "v*"], "tags": []}},
        "jobs": {"a": {
            "steps": [{"run": "one # kept\n\n  two\n", "name": "x: \"y\""}, {"uses": "a/b@v1"}, "plain"],
            "empty": "", "text": "folded twice",
        }},
    });
    assert_eq!(read(text), Ok(expected));
    for (bad, says) in [
        ("a: b: c\n", "line 1"),
        ("a: 1\na: 2\n", "twice"),
        ("a:\n  b: 1\n c: 2\n", "further right"),
        ("a: *x\n", "not plain"),
        ("a: 'x\n", "without an end"),
        ("a: [x\n", "without an end"),
        ("a: x\n  y\n", "several lines"),
        ("just words\n", "no key"),
        ("a: |+\n  x\n", "no head"),
    ] {
        let why = read(bad).expect_err(bad);
        assert!(why.contains(says), "{bad:?}: {why}");
    }
}
