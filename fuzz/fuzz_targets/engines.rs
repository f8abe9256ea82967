//! Any bytes as what Claude Code and the agents of presets print.

#![no_main]

use codelicious::engines::fuzz;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    fuzz::claude(bytes);
    fuzz::agents(bytes);
});
