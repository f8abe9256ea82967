//! Recognising runners by what they print: every one reads along, and those that are certain count.
//! `go test -json` is read by its own reader, which reads no text then.

use super::{Format, Lines, Read, Reader, Report};

pub struct Auto {
    readers: Vec<(Format, Reader)>,
    compilers: Reader,
}

impl Default for Auto {
    fn default() -> Self {
        Self {
            readers: Format::OF_RUNNERS
                .into_iter()
                .map(|f| (f, Reader::new(f)))
                .collect(),
            compilers: Reader::new(Format::Compiler),
        }
    }
}

impl Lines for Auto {
    fn line(&mut self, line: &str) {
        for (_, reader) in &mut self.readers {
            reader.feed(line);
        }
        self.compilers.feed(line);
    }

    fn finish(self: Box<Self>) -> Read {
        let read = self.readers.into_iter().map(|(f, r)| (f, r.0.finish()));
        let mut certain: Vec<(Format, Report)> = read
            .filter(|(_, read)| read.certain)
            .map(|(format, read)| (format, read.report))
            .collect();
        // nextest prints libtest's lines of each test that failed, indented; go's events hold go's text.
        let has = |wanted: Format, all: &[(Format, Report)]| all.iter().any(|(f, _)| *f == wanted);
        if has(Format::Nextest, &certain) {
            certain.retain(|(f, _)| *f != Format::Libtest);
        }
        if has(Format::GoJson, &certain) {
            certain.retain(|(f, _)| *f != Format::GoText);
        }
        let recognised = !certain.is_empty();
        // Of two runners of which one did not name every test, the whole is not known.
        let silent = certain
            .iter()
            .any(|(_, r)| r.tests.is_none() && !r.collected_nothing);
        let mut report = Report::default();
        for (i, (_, found)) in certain.into_iter().enumerate() {
            if i == 0 {
                report = found;
            } else {
                report.merge(found);
            }
        }
        if silent {
            report.tests = None;
        }
        if !recognised {
            report = self.compilers.0.finish().report;
        }
        Read {
            report,
            certain: recognised,
        }
    }
}
