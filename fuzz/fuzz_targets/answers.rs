//! Any bytes as a chat provider's answer, cut anywhere.

#![no_main]

use codelicious::engines::fuzz;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Some((first, rest)) = bytes.split_first() else {
        return;
    };
    fuzz::answers(rest, usize::from(*first));
});
