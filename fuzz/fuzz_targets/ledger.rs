//! Any bytes as a ledger, and what was read is written and read again as the same.

#![no_main]

use codelicious::ledger::{decode, encode};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(ledger) = decode(bytes) else { return };
    let written = encode(&ledger);
    let again = decode(&written).expect("what was written can be read");
    assert_eq!(encode(&again), written);
});
