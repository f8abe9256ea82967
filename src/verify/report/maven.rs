//! surefire on Maven's console, and the compiler's errors that Maven passes on.
//!
//! What passed is not printed: its XML reports are the better source, and these words the second best.

use super::collect::{Collect, Message, failure};
use super::kind::{kind_of, kind_or};
use super::traces::file_line;
use super::{Lines, Read, Redness};

#[derive(Debug, Default)]
pub struct Maven {
    out: Collect,
    certain: bool,
    open: Option<Open>,
}

#[derive(Debug)]
struct Open {
    test: String,
    error: bool,
    message: Message,
    place: Option<(String, Option<u32>)>,
    stacked: bool,
}

impl Lines for Maven {
    fn line(&mut self, line: &str) {
        if line.starts_with("[INFO] Scanning for projects") || line.contains("Tests run: ") {
            self.certain = true;
        }
        let text = line.strip_prefix("[ERROR] ").unwrap_or(line);
        if let Some((test, error)) = test(text) {
            self.close();
            self.open = Some(Open {
                test,
                error,
                message: Message::default(),
                place: None,
                stacked: false,
            });
            return;
        }
        if let Some(compile) = line.strip_prefix("[ERROR] ").and_then(compile_error) {
            self.close();
            self.out.broken(compile);
            return;
        }
        let Some(open) = &mut self.open else {
            return;
        };
        if line.trim().is_empty() || line.starts_with("[INFO]") || line.starts_with("[ERROR]") {
            self.close();
        } else if let Some(frame) = line.trim_start().strip_prefix("at ") {
            open.stacked = true;
            let class = open.test.split("::").next().unwrap_or_default();
            if frame.starts_with(class) && open.place.is_none() {
                open.place = frame
                    .split_once('(')
                    .and_then(|(_, p)| file_line(p.trim_end_matches(')')));
            }
        } else if !open.stacked {
            open.message.push(line);
        }
    }

    fn finish(mut self: Box<Self>) -> Read {
        self.close();
        Read {
            certain: self.certain,
            report: self.out.finish(false),
        }
    }
}

impl Maven {
    fn close(&mut self) {
        if let Some(open) = self.open.take() {
            let otherwise = if open.error {
                Redness::Crash
            } else {
                Redness::Assertion
            };
            let message = open.message.text();
            let kind = kind_or(message, otherwise);
            self.out
                .fail(failure(Some(&open.test), open.place, message, kind));
        }
    }
}

/// `small.SumsTest.fails -- Time elapsed: 0.003 s <<< FAILURE!`, and before surefire 3
/// `fails(small.SumsTest)  Time elapsed: 0.003 s  <<< FAILURE!`: the test, and whether it is an error.
fn test(text: &str) -> Option<(String, bool)> {
    let (before, mark) = text.split_once("<<< ")?;
    if text.starts_with("Tests run:") {
        return None;
    }
    let error = match mark.trim_end() {
        "FAILURE!" => false,
        "ERROR!" => true,
        _ => return None,
    };
    let (name, _) = before.split_once("Time elapsed:")?;
    let name = name.trim_end().trim_end_matches("--").trim_end();
    let test = match name.strip_suffix(')').and_then(|n| n.rsplit_once('(')) {
        Some((method, class)) if class.contains('.') => format!("{class}::{method}"),
        _ => {
            // Parameters follow the method: `small.SumsTest.part(int)[1]`.
            let head = name.split(['(', '[', ' ']).next().unwrap_or(name);
            let at = head.rfind('.')?;
            format!("{}::{}", &name[..at], &name[at + 1..])
        }
    };
    Some((test, error))
}

/// `/x/BadTest.java:[3,33] cannot find symbol`.
fn compile_error(text: &str) -> Option<super::Failure> {
    let (file, rest) = text.split_once(":[")?;
    let (position, message) = rest.split_once("] ")?;
    let line = position.split(',').next()?.parse().ok()?;
    let kind = match kind_of(message) {
        Redness::Unknown if message.ends_with("expected") => Redness::Syntax,
        kind => kind,
    };
    Some(failure(
        None,
        Some((file.to_owned(), Some(line))),
        message,
        kind,
    ))
}
