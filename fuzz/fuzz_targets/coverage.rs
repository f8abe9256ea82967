//! Any text as a coverage report of every format.

#![no_main]

use codelicious::verify::coverage::{ReportFormat, detect_format, parse};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    detect_format("report", text);
    for format in ReportFormat::ALL {
        // Why it cannot be read is a sentence, not a panic.
        if let Err(why) = parse(format, text) {
            let _ = why.to_string();
        }
    }
});
