//! Durable JSON of ours: what was read is written and read as the same, in whatever order its fields stand; a newer
//! schema is refused; and so is a field that nobody knows, since the next write would lose it.

use codelicious::core::evidence;
use codelicious::core::planner::kept;
use codelicious::ledger::{CodecError, decode, decode_move, encode, encode_move};
use serde_json::{Map, Value};

/// Objects of one document that are given an unknown field.
const TRIED: usize = 24;

/// Maps by names that anybody may choose.
const MAPS: [&str; 4] = ["chunks", "pushed", "tests", "files"];

pub fn check(bytes: &[u8]) {
    if let Ok(ledger) = decode(bytes) {
        let written = encode(&ledger);
        // Amounts are rounded by the first write.
        let ledger = decode(&written).expect("what was written can be read");
        assert_eq!(encode(&ledger), written, "a second write is the same");
        assert_eq!(decode(&encode(&ledger)).expect("again"), ledger);
        let value: Value = serde_json::from_slice(&written).expect("it is JSON");
        assert_eq!(
            decode(&sorted(&value)).expect("fields in another order"),
            ledger
        );
        each_with_unknown(&value, |changed| {
            assert!(
                decode(changed).is_err(),
                "{}",
                String::from_utf8_lossy(changed)
            );
        });
        newer(&value, |changed| {
            matches!(decode(changed), Err(CodecError::Newer { .. }))
        });
    }
    if let Ok(asked) = decode_move(bytes) {
        let written = encode_move(&asked);
        assert_eq!(
            decode_move(&written).expect("what was written can be read"),
            asked
        );
        let value: Value = serde_json::from_slice(&written).expect("it is JSON");
        each_with_unknown(&value, |changed| assert!(decode_move(changed).is_err()));
        newer(&value, |changed| {
            matches!(decode_move(changed), Err(CodecError::Newer { .. }))
        });
    }
    if let Ok(plan) = kept::decode(bytes) {
        let written = kept::encode(&plan);
        let again = kept::decode(written.as_bytes()).expect("what was written can be read");
        assert_eq!(again, plan);
        let value: Value = serde_json::from_str(&written).expect("it is JSON");
        newer(&value, |changed| kept::decode(changed).is_err());
    }
    if let Ok(document) = evidence::read(bytes) {
        let written = evidence::written(&document);
        let again = evidence::read(&written).expect("what was written can be read");
        assert_eq!(
            evidence::written(&again),
            written,
            "a second write is the same"
        );
        let kept = evidence::to_bytes(&document);
        let again = evidence::read(&kept).expect("what is kept can be read");
        assert_eq!(
            evidence::to_bytes(&again),
            kept,
            "what fits once fits again"
        );
    }
}

/// With its fields in reverse order.
fn sorted(value: &Value) -> Vec<u8> {
    fn write(value: &Value, out: &mut String) {
        match value {
            Value::Object(fields) => {
                out.push('{');
                for (i, (name, value)) in fields.iter().rev().enumerate() {
                    out.push_str(if i == 0 { "" } else { "," });
                    out.push_str(&Value::from(name.as_str()).to_string());
                    out.push(':');
                    write(value, out);
                }
                out.push('}');
            }
            Value::Array(items) => {
                out.push('[');
                for (i, value) in items.iter().enumerate() {
                    out.push_str(if i == 0 { "" } else { " , " });
                    write(value, out);
                }
                out.push(']');
            }
            other => out.push_str(&other.to_string()),
        }
    }
    let mut out = String::new();
    write(value, &mut out);
    out.into_bytes()
}

/// Calls `check` with the document once for each object in it, which has a field more then.
fn each_with_unknown(value: &Value, check: impl Fn(&[u8])) {
    let mut places = Vec::new();
    find_objects(value, "", &mut Vec::new(), &mut places);
    for place in places.iter().take(TRIED) {
        let mut changed = value.clone();
        let mut at = &mut changed;
        for step in place {
            at = match at {
                Value::Object(fields) => fields.values_mut().nth(*step).expect("it was there"),
                Value::Array(items) => &mut items[*step],
                _ => unreachable!("a place leads through objects and lists"),
            };
        }
        let fields: &mut Map<String, Value> = at.as_object_mut().expect("it is an object");
        fields.insert("of_a_later_version".to_owned(), Value::from(1));
        check(changed.to_string().as_bytes());
    }
}

fn find_objects(value: &Value, name: &str, here: &mut Vec<usize>, found: &mut Vec<Vec<usize>>) {
    let inside: Vec<(&str, &Value)> = match value {
        Value::Object(fields) => {
            if !MAPS.contains(&name) {
                found.push(here.clone());
            }
            fields.iter().map(|(name, v)| (name.as_str(), v)).collect()
        }
        Value::Array(items) => items.iter().map(|v| ("", v)).collect(),
        _ => return,
    };
    for (i, (name, value)) in inside.into_iter().enumerate() {
        here.push(i);
        find_objects(value, name, here, found);
        here.pop();
    }
}

fn newer(value: &Value, is_refused: impl Fn(&[u8]) -> bool) {
    let mut changed = value.clone();
    changed["schema"] = Value::from(4_000_000_000_u64);
    assert!(is_refused(changed.to_string().as_bytes()), "a newer schema");
}
