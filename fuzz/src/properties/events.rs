//! Lines of the event log: what was read is written and read again as the same, and what a person is shown of it gives
//! no orders to a terminal or a CI system.

use codelicious::model::Event;
use codelicious::ui::{Reporter, UiOptions};
use std::io::{self, Write};
use std::sync::{Arc, Mutex};

pub fn check(bytes: &[u8]) {
    let lines = bytes.split(|b| *b == b'\n');
    let events: Vec<Event> = lines
        .filter_map(|l| serde_json::from_slice(l).ok())
        .collect();
    for event in &events {
        let written = serde_json::to_string(event).expect("every event can be written");
        let again: Event = serde_json::from_str(&written).expect("what was written can be read");
        assert_eq!(serde_json::to_string(&again).expect("again"), written);
    }
    if events.is_empty() {
        return;
    }
    for verbose in [0, 2] {
        let options = UiOptions {
            terminal: false,
            color: false,
            quiet: 0,
            verbose,
            width: 80,
        };
        let shown = shown(&events, |out| Reporter::human(&options, out));
        for line in shown.lines() {
            assert!(
                !line.contains(|c: char| c.is_control() && c != '\t'),
                "{line:?} is plain"
            );
            assert!(
                !line.trim_start().starts_with("::"),
                "{line:?} is no command of a CI system"
            );
        }
    }
    let shown = shown(&events, Reporter::json);
    assert_eq!(shown.lines().count(), events.len(), "an event is a line");
    for (line, event) in shown.lines().zip(&events) {
        let read: Event = serde_json::from_str(line).expect("a line is an event");
        assert_eq!(
            serde_json::to_string(&read).ok(),
            serde_json::to_string(event).ok()
        );
    }
}

fn shown(events: &[Event], reporter: impl Fn(Box<dyn Write + Send>) -> Reporter) -> String {
    let out = Out::default();
    let mut reporter = reporter(Box::new(out.clone()));
    events.iter().for_each(|event| reporter.event(event));
    reporter.finish();
    let bytes = out.0.lock().expect("nobody panicked with it").clone();
    String::from_utf8(bytes).expect("what is shown is text")
}

#[derive(Clone, Default)]
struct Out(Arc<Mutex<Vec<u8>>>);

impl Write for Out {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0
            .lock()
            .expect("nobody panicked with it")
            .extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
