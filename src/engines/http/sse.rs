//! Server-sent events: bytes in, events out. Pure; the format is that of the HTML standard, "Interpreting an
//! event stream".

/// One event of a stream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Event {
    /// Empty where the stream gives no name.
    pub name: String,
    pub data: String,
}

/// Puts events together from pieces that are cut anywhere: inside a character, between CR and LF.
#[derive(Debug, Default)]
pub(super) struct Decoder {
    /// The line that has begun.
    line: Vec<u8>,
    /// The last byte was a CR, whose LF may still come.
    after_cr: bool,
    /// Past the place where a byte order mark may stand.
    begun: bool,
    event: Event,
    has_data: bool,
    /// Events and comments so far, and lines that no such stream has.
    known: bool,
    foreign: bool,
}

const FIELDS: [&[u8]; 5] = [b"data", b"event", b"id", b"retry", b":"];

impl Decoder {
    /// Takes in a piece; gives the events that it completes. A byte is looked at once, however small the
    /// pieces are.
    pub(super) fn feed(&mut self, mut piece: &[u8]) -> Vec<Event> {
        let mut events = Vec::new();
        while !piece.is_empty() {
            if std::mem::take(&mut self.after_cr) && piece[0] == b'\n' {
                piece = &piece[1..];
                continue;
            }
            match piece.iter().position(|b| matches!(b, b'\n' | b'\r')) {
                None => {
                    self.line.extend_from_slice(piece);
                    break;
                }
                Some(at) => {
                    self.line.extend_from_slice(&piece[..at]);
                    self.after_cr = piece[at] == b'\r';
                    piece = &piece[at + 1..];
                    let line = std::mem::take(&mut self.line);
                    events.extend(self.end_line(&line));
                }
            }
        }
        events
    }

    /// True where nothing of what came so far is of a stream of events.
    pub(super) fn is_foreign(&self) -> bool {
        let is_cut = |field: &&[u8]| field.starts_with(&self.line) || self.line.starts_with(field);
        let line_is_foreign = !self.line.is_empty() && !FIELDS.iter().any(is_cut);
        !self.known && (self.foreign || line_is_foreign)
    }

    fn end_line(&mut self, line: &[u8]) -> Option<Event> {
        let line = match line.strip_prefix(b"\xef\xbb\xbf") {
            Some(rest) if !self.begun => rest,
            Some(_) | None => line,
        };
        self.begun = true;
        if line.is_empty() {
            let event = std::mem::take(&mut self.event);
            return std::mem::take(&mut self.has_data).then_some(event);
        }
        let at = line.iter().position(|b| *b == b':').unwrap_or(line.len());
        let (field, value) = line.split_at(at);
        let value = value.strip_prefix(b":").unwrap_or(value);
        let value = String::from_utf8_lossy(value.strip_prefix(b" ").unwrap_or(value));
        if field.is_empty() || FIELDS.contains(&field) {
            self.known = true;
        } else {
            self.foreign = true;
        }
        match field {
            b"event" => self.event.name = value.into_owned(),
            b"data" => {
                if std::mem::replace(&mut self.has_data, true) {
                    self.event.data.push('\n');
                    self.event.data.push_str(&value);
                } else {
                    self.event.data = value.into_owned();
                }
            }
            // A comment, `id`, `retry`, or what a later version of the format may have.
            _ => {}
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn event(name: &str, data: &str) -> Event {
        Event {
            name: name.into(),
            data: data.into(),
        }
    }

    #[test]
    fn events_of_all_shapes() {
        for (text, want) in [
            ("data: a\n\n", vec![event("", "a")]),
            (
                "data:a\r\n\r\ndata: b\r\rdata\n\n",
                vec![event("", "a"), event("", "b"), event("", "")],
            ),
            (
                "\u{feff}event: x\ndata: 1\ndata:  2\n\n",
                vec![event("x", "1\n 2")],
            ),
            (
                ": keep-alive\n\nevent: ping\n\nid: 7\nretry: 1\ndata: a: b\n\n",
                vec![event("", "a: b")],
            ),
            ("data: not over", vec![]),
            ("data: not over\n", vec![]),
            ("\n\n\n", vec![]),
        ] {
            assert_eq!(Decoder::default().feed(text.as_bytes()), want, "{text:?}");
        }
        let torn = Decoder::default().feed(b"data: \xff\xc3\n\n");
        assert_eq!(torn, [event("", "\u{fffd}\u{fffd}")]);
    }

    #[test]
    fn what_is_no_stream_is_told_from_a_cut_one() {
        for (text, is_foreign) in [
            ("", false),
            ("ev", false),
            ("data: {\"a", false),
            ("event: x\ndata", false),
            (": hello\n<html>", false),
            ("<html>", true),
            ("{\"id\": 1,\n", true),
            ("not json\n\n", true),
        ] {
            let mut decoder = Decoder::default();
            decoder.feed(text.as_bytes());
            assert_eq!(decoder.is_foreign(), is_foreign, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn where_the_pieces_are_cut_does_not_matter(
            lines in prop::collection::vec("(data|event|id)?:? ?[aé:]{0,3}(\r|\n|\r\n){0,3}", 0..12),
            cuts in prop::collection::vec(1usize..5, 0..60),
        ) {
            let text = lines.concat();
            let whole = Decoder::default().feed(text.as_bytes());
            let (mut decoder, mut rest, mut pieces) = (Decoder::default(), text.as_bytes(), Vec::new());
            for cut in cuts {
                let (piece, after) = rest.split_at(cut.min(rest.len()));
                pieces.extend(decoder.feed(piece));
                rest = after;
            }
            pieces.extend(decoder.feed(rest));
            prop_assert_eq!(pieces, whole);
        }

        #[test]
        fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            Decoder::default().feed(&bytes);
        }
    }
}
