//! Chosen fields of a JSON line, and nothing else of it. Pure.
//!
//! Only what a table names is kept: the rest of a line, however large, is read over without being built up in
//! memory, and its shape does not matter.

use serde::Deserializer as _;
use serde::de::{DeserializeSeed, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::collections::BTreeMap;
use std::fmt;

/// A value that a rule can use. Lists, objects and null count as absent.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Scalar {
    Text(String),
    Flag(bool),
    Whole(u64),
    Number(f64),
}

impl Scalar {
    /// As people read it.
    pub(super) fn shown(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Flag(flag) => flag.to_string(),
            Self::Whole(number) => number.to_string(),
            Self::Number(number) => number.to_string(),
        }
    }

    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Flag(_) | Self::Whole(_) | Self::Number(_) => None,
        }
    }

    /// A count; a float or a text is none.
    pub(super) fn count(&self) -> Option<u64> {
        match self {
            Self::Whole(number) => Some(*number),
            Self::Text(_) | Self::Flag(_) | Self::Number(_) => None,
        }
    }

    #[allow(
        clippy::cast_precision_loss,
        reason = "dollars and seconds come nowhere near 2^52"
    )]
    pub(super) fn number(&self) -> Option<f64> {
        match self {
            Self::Whole(number) => Some(*number as f64),
            Self::Number(number) if number.is_finite() => Some(*number),
            Self::Text(_) | Self::Flag(_) | Self::Number(_) => None,
        }
    }
}

/// A path of [`Paths`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct PathId(usize);

/// The fields that the rules of a table name: dotted paths, in which a number is an index of a list.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Paths {
    known: BTreeMap<String, PathId>,
    root: Node,
}

#[derive(Clone, Debug, Default, PartialEq)]
struct Node {
    wanted: Option<PathId>,
    below: BTreeMap<String, Node>,
}

impl Paths {
    /// Takes a path in.
    ///
    /// # Errors
    /// A sentence, when it is none.
    pub(super) fn add(&mut self, path: &str) -> Result<PathId, String> {
        if let Some(id) = self.known.get(path) {
            return Ok(*id);
        }
        if path
            .split('.')
            .any(|part| part.trim() != part || part.is_empty())
        {
            return Err(format!(
                "`{path}` is not the path of a field: names with dots between them are, such as `item.text`"
            ));
        }
        let id = PathId(self.known.len());
        let mut node = &mut self.root;
        for part in path.split('.') {
            node = node.below.entry(part.to_owned()).or_default();
        }
        node.wanted = Some(id);
        self.known.insert(path.to_owned(), id);
        Ok(id)
    }

    /// The named fields of a line; None when it is not a JSON object. Bytes that are not UTF-8 are replaced.
    pub(super) fn read(&self, line: &[u8]) -> Option<Fields> {
        self.parse(line)
            .or_else(|| match std::str::from_utf8(line) {
                Ok(_) => None,
                Err(_) => self.parse(String::from_utf8_lossy(line).as_bytes()),
            })
    }

    fn parse(&self, line: &[u8]) -> Option<Fields> {
        let mut found = vec![None; self.known.len()];
        let mut json = serde_json::Deserializer::from_slice(line);
        json.deserialize_map(Object {
            node: &self.root,
            found: &mut found,
        })
        .ok()?;
        json.end().ok()?;
        Some(Fields(found))
    }

    /// The fields of a line of plain text: its text, under `id`.
    pub(super) fn plain(&self, id: PathId, text: String) -> Fields {
        let mut found = vec![None; self.known.len()];
        found[id.0] = Some(Scalar::Text(text));
        Fields(found)
    }
}

/// What was found.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Fields(Vec<Option<Scalar>>);

impl Fields {
    pub(super) fn get(&self, id: PathId) -> Option<&Scalar> {
        self.0.get(id.0)?.as_ref()
    }
}

/// The line itself, which has to be an object.
struct Object<'a> {
    node: &'a Node,
    found: &'a mut Vec<Option<Scalar>>,
}

impl<'de> Visitor<'de> for Object<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<(), A::Error> {
        Pick {
            node: self.node,
            found: self.found,
        }
        .visit_map(map)
    }
}

/// A value on the way to a wanted one, or a wanted one.
struct Pick<'a> {
    node: &'a Node,
    found: &'a mut Vec<Option<Scalar>>,
}

impl Pick<'_> {
    fn keep(self, value: Scalar) {
        if let Some(id) = self.node.wanted {
            self.found[id.0] = Some(value);
        }
    }
}

impl<'de> DeserializeSeed<'de> for Pick<'_> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Pick<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<(), E> {
        self.keep(Scalar::Flag(value));
        Ok(())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
        self.keep(Scalar::Whole(value));
        Ok(())
    }

    #[allow(
        clippy::cast_precision_loss,
        reason = "a negative number is no count; its size does not matter"
    )]
    fn visit_i64<E: Error>(self, value: i64) -> Result<(), E> {
        self.keep(Scalar::Number(value as f64));
        Ok(())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<(), E> {
        self.keep(Scalar::Number(value));
        Ok(())
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<(), E> {
        if self.node.wanted.is_some() {
            self.keep(Scalar::Text(value.to_owned()));
        }
        Ok(())
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<String>()? {
            match self.node.below.get(&key) {
                Some(node) => map.next_value_seed(Pick {
                    node,
                    found: self.found,
                })?,
                None => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let mut wanted: Vec<(usize, &Node)> = (self.node.below.iter())
            .filter_map(|(part, node)| Some((part.parse().ok()?, node)))
            .collect();
        wanted.sort_by_key(|(index, _)| *index);
        let mut at = 0;
        for (index, node) in wanted {
            while at < index {
                if list.next_element::<IgnoredAny>()?.is_none() {
                    return Ok(());
                }
                at += 1;
            }
            let pick = Pick {
                node,
                found: self.found,
            };
            if list.next_element_seed(pick)?.is_none() {
                return Ok(());
            }
            at += 1;
        }
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(paths: &[&str], line: &str) -> Option<Vec<Option<Scalar>>> {
        let mut known = Paths::default();
        let ids: Vec<PathId> = paths.iter().map(|p| known.add(p).unwrap()).collect();
        let fields = known.read(line.as_bytes())?;
        Some(ids.iter().map(|id| fields.get(*id).cloned()).collect())
    }

    fn text(text: &str) -> Option<Scalar> {
        Some(Scalar::Text(text.to_owned()))
    }

    #[test]
    fn only_named_fields_are_read() {
        let line = r#"{"a":{"b":"x","c":[{"d":1},{"d":2.5},{"d":-3}],"e":{"f":null}},"g":true,"h":"\u00e9"}"#;
        assert_eq!(
            read(&["a.b", "a.c.0.d", "a.c.1.d", "a.c.2.d", "g", "h"], line).unwrap(),
            [
                text("x"),
                Some(Scalar::Whole(1)),
                Some(Scalar::Number(2.5)),
                Some(Scalar::Number(-3.0)),
                Some(Scalar::Flag(true)),
                text("é"),
            ]
        );
        // Whatever has another shape than the path thinks is absent.
        let absent = read(&["a", "a.b.x", "a.c.7.d", "a.e.f", "a.c", "g.0", "z"], line).unwrap();
        assert!(absent.iter().all(Option::is_none), "{absent:?}");
        // A path may end where another one goes on.
        assert_eq!(
            read(&["a", "a.b"], r#"{"a":"x"}"#).unwrap(),
            [text("x"), None]
        );
    }

    #[test]
    fn what_is_no_object_is_not_of_the_protocol() {
        for line in [
            "",
            "  ",
            "x",
            "42",
            "[]",
            "[{}]",
            "\"a\"",
            "null",
            "{",
            "{} {}",
            "{\"a\":}",
            &"[".repeat(9_000),
        ] {
            assert_eq!(read(&["a"], line), None, "{line}");
        }
        // Read over without being built up.
        let deep = format!("{{\"a\":{}1{}}}", "[".repeat(9_000), "]".repeat(9_000));
        assert_eq!(read(&["a"], &deep).unwrap(), [None]);
    }

    #[test]
    fn bytes_that_are_not_utf8_are_replaced() {
        let mut known = Paths::default();
        let id = known.add("a").unwrap();
        let fields = known.read(b"{\"a\":\"x\xff\",\"b\":\"\xfe\"}").unwrap();
        assert_eq!(fields.get(id), text("x\u{fffd}").as_ref());
        assert_eq!(known.read(b"\xff\xfe"), None);
    }

    #[test]
    fn paths_are_names_with_dots_between_them() {
        for bad in ["", ".", "a.", ".a", "a..b", "a. b"] {
            assert!(Paths::default().add(bad).is_err(), "{bad}");
        }
        let mut known = Paths::default();
        assert_eq!(known.add("a.b"), known.add("a.b"));
    }

    proptest::proptest! {
        #[test]
        fn no_line_panics(line in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
            let mut known = Paths::default();
            for path in ["a", "a.b", "0", "a.0.b"] {
                known.add(path).unwrap();
            }
            known.read(&line);
        }
    }
}
