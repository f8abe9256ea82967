//! Any text as a cassette.

#![no_main]

use codelicious::engines::agent::replay::Cassette;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(cassette) = Cassette::parse("fuzz", text) {
        cassette.model();
    }
});
