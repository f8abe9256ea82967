//! JSON read in place: values that know where in the text they stand, so that one of them can be written anew and
//! nothing else.

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

/// A text that is one JSON value.
#[derive(Clone, Copy)]
pub(super) struct Document<'a> {
    text: &'a str,
    root: &'a RawValue,
}

/// A value in a document.
#[derive(Clone, Copy)]
pub(super) struct Value<'a> {
    document: &'a str,
    raw: &'a RawValue,
}

/// The members of an object, in their order.
pub(super) struct Object<'a> {
    document: &'a str,
    members: Members<'a>,
    /// The object itself.
    pub(super) value: Value<'a>,
}

impl<'a> Document<'a> {
    /// # Errors
    /// The line and what is wrong there.
    pub(super) fn read(text: &'a str) -> Result<Self, (usize, String)> {
        let json = text.strip_prefix('\u{feff}').unwrap_or(text);
        let root: &RawValue = serde_json::from_str(json).map_err(|e| (e.line(), e.to_string()))?;
        Ok(Self { text, root })
    }

    pub(super) fn root(&self) -> Value<'a> {
        Value {
            document: self.text,
            raw: self.root,
        }
    }
}

impl<'a> Value<'a> {
    /// Bytes of the value in the document.
    pub(super) fn span(&self) -> Range<usize> {
        let json = self.raw.get();
        let start = json.as_ptr().addr() - self.document.as_ptr().addr();
        start..start + json.len()
    }

    /// The value as it is written.
    pub(super) fn written(&self) -> &'a str {
        self.raw.get()
    }

    /// None for what is no object, or names a member twice: which of the two counts, nobody can say.
    pub(super) fn object(&self) -> Option<Object<'a>> {
        let members: Members<'a> = serde_json::from_str(self.raw.get()).ok()?;
        let mut names: Vec<&str> = members.0.iter().map(|(name, _)| &**name).collect();
        names.sort_unstable();
        let is_unique = names.windows(2).all(|pair| pair[0] != pair[1]);
        is_unique.then_some(Object {
            document: self.document,
            members,
            value: *self,
        })
    }

    pub(super) fn array(&self) -> Option<Vec<Self>> {
        let items: Vec<&'a RawValue> = serde_json::from_str(self.raw.get()).ok()?;
        let document = self.document;
        Some(
            items
                .into_iter()
                .map(|raw| Self { document, raw })
                .collect(),
        )
    }

    pub(super) fn string(&self) -> Option<String> {
        serde_json::from_str(self.raw.get()).ok()
    }

    pub(super) fn integer(&self) -> Option<i64> {
        serde_json::from_str(self.raw.get()).ok()
    }

    /// A string, or a number as it is written: how people write ids.
    pub(super) fn name(&self) -> Option<String> {
        let is_number = self.written().starts_with(|c: char| c.is_ascii_digit());
        match is_number {
            true => Some(self.written().to_owned()),
            false => self.string(),
        }
    }
}

impl<'a> Object<'a> {
    pub(super) fn get(&self, name: &str) -> Option<Value<'a>> {
        let found = self.members.0.iter().find(|(own, _)| own == name)?;
        Some(Value {
            document: self.document,
            raw: found.1,
        })
    }

    pub(super) fn members(&self) -> impl Iterator<Item = (&str, Value<'a>)> {
        let document = self.document;
        let members = self.members.0.iter();
        members.map(move |(name, raw)| (&**name, Value { document, raw }))
    }

    /// The text of a member; empty where there is none, or something else.
    pub(super) fn text(&self, name: &str) -> String {
        let value = self.get(name);
        value.and_then(|v| v.string()).unwrap_or_default()
    }

    /// The names in a list; empty where there is none.
    pub(super) fn names(&self, name: &str) -> Vec<String> {
        let list = self.get(name).and_then(|v| v.array()).unwrap_or_default();
        list.iter().filter_map(Value::name).collect()
    }

    /// The same as a list for people, one item a line.
    pub(super) fn bullets(&self, name: &str) -> String {
        let names = self.names(name);
        let lines: Vec<String> = names.iter().map(|item| format!("- {item}")).collect();
        lines.join("\n")
    }

    /// Where a member called `name` would be added, and what has to stand before its value: behind the member
    /// `after`, set as that one is. None where there is no such member.
    pub(super) fn place_for(&self, name: &str, after: &str) -> Option<(usize, String)> {
        let value = self.get(after)?.span();
        let before = &self.document[self.value.span().start..value.start];
        let key = before.rfind(&format!("\"{after}\""))?;
        let above = &before[..key];
        let mut gap = &above[above.trim_end().len()..];
        if gap.is_empty() {
            // The first one of a record on one line: as the next one is set.
            let behind = self.document[value.end..].trim_start().strip_prefix(',');
            let behind = behind.unwrap_or_default();
            gap = &behind[..behind.len() - behind.trim_start().len()];
        }
        let colon = &before[key + after.len() + 2..];
        Some((value.end, format!(",{gap}\"{name}\"{colon}")))
    }
}

struct Members<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
                let mut members = Vec::new();
                while let Some((name, value)) = map.next_entry::<Cow<'de, str>, &'de RawValue>()? {
                    members.push((name, value));
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(InOrder)
    }
}
