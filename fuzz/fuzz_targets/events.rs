//! Any text as a line of the event log, and what was read is written and read again as the same.

#![no_main]

use codelicious::model::Event;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let Ok(event) = serde_json::from_str::<Event>(text) else {
        return;
    };
    let written = serde_json::to_string(&event).expect("every event can be written");
    let again: Event = serde_json::from_str(&written).expect("what was written can be read");
    assert_eq!(serde_json::to_string(&again).expect("again"), written);
});
