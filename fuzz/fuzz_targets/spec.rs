#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| codelicious_fuzz::properties::spec::check(bytes));
