//! Any bytes as a spec: no panic, and setting a task's mark leaves a spec in which it is set.

#![no_main]

use codelicious::model::{SpecId, TaskMark};
use codelicious::spec::{self, ParseOptions};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    for prose in [false, true] {
        let options = ParseOptions { prose };
        let Ok(parsed) = spec::parse(SpecId::new("s"), "specs/s.md", bytes, options) else {
            continue;
        };
        let open = parsed.tasks.iter().filter(|t| t.mark == TaskMark::Open);
        for task in open.take(4) {
            let marked = spec::apply(bytes, &spec::mark_done(bytes, task));
            spec::parse(SpecId::new("s"), "specs/s.md", &marked, options).expect("it is a spec still");
        }
    }
});
