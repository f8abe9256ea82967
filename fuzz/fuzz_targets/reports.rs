//! Any text as a test report or the output of a test runner.

#![no_main]

use codelicious::verify::failures::Failures;
use codelicious::verify::report::{Format, read_file, read_lines};
use libfuzzer_sys::fuzz_target;

const FORMATS: [Format; 13] = [
    Format::Libtest,
    Format::Nextest,
    Format::Pytest,
    Format::Unittest,
    Format::GoJson,
    Format::GoText,
    Format::Tap,
    Format::NodeSpec,
    Format::Mocha,
    Format::Jest,
    Format::Vitest,
    Format::Maven,
    Format::Auto,
];

fuzz_target!(|text: &str| {
    for format in FORMATS {
        read_lines(format, text);
    }
    for format in [Format::JUnit, Format::JestJson, Format::Auto] {
        let _ = read_file(format, text);
    }
    Failures::of(text);
});
