//! Changes documents of JSON, and lines with one each, where they can be changed and still be read: libFuzzer's own
//! changes of bytes break the first bracket and get no further.

use serde_json::{Map, Value};

/// What a scalar may become.
const SCALARS: [&str; 22] = [
    "null",
    "true",
    "false",
    "0",
    "1",
    "-1",
    "2",
    "0.5",
    "-0.0",
    "1e308",
    "18446744073709551615",
    "-9223372036854775808",
    "\"\"",
    "\"*\"",
    "\"T001\"",
    "\"a\\nb\"",
    "\"\\u001b[31m\"",
    "\"::error::x\"",
    "\"2026-01-02T03:04:05Z\"",
    "\"é\\u2028\"",
    "[]",
    "{}",
];

/// Changes `data[..size]` in place; the new size. `bytes` is libFuzzer's own mutator, which gets every fourth turn and
/// whatever is no JSON.
pub fn mutate(
    data: &mut [u8],
    size: usize,
    max_size: usize,
    seed: u32,
    bytes: impl Fn(&mut [u8], usize, usize) -> usize,
) -> usize {
    let mut dice = Dice(u64::from(seed) << 1 | 1);
    if !dice.one_in(4)
        && let Some(changed) = changed(&data[..size], &mut dice)
        && !changed.is_empty()
        && changed.len() <= max_size
    {
        data[..changed.len()].copy_from_slice(&changed);
        return changed.len();
    }
    bytes(data, size, max_size)
}

fn changed(input: &[u8], dice: &mut Dice) -> Option<Vec<u8>> {
    if let Ok(mut whole) = serde_json::from_slice::<Value>(input)
        && (whole.is_object() || whole.is_array())
    {
        change(&mut whole, dice);
        return serde_json::to_vec(&whole).ok();
    }
    let mut lines: Vec<Vec<u8>> = input
        .split_inclusive(|b| *b == b'\n')
        .map(<[u8]>::to_vec)
        .collect();
    if lines.is_empty() {
        return None;
    }
    let (at, other) = (dice.below(lines.len()), dice.below(lines.len()));
    match dice.below(8) {
        0 => lines.swap(at, other),
        1 => lines.insert(other, lines[at].clone()),
        2 if lines.len() > 1 => drop(lines.remove(at)),
        _ => {
            // What stands before the document, as in an event of a stream, stays.
            let line = &lines[at];
            let start = line.iter().position(|b| *b == b'{')?;
            let end = line.iter().rposition(|b| *b == b'}')? + 1;
            let mut value: Value = serde_json::from_slice(line.get(start..end)?).ok()?;
            change(&mut value, dice);
            let new = serde_json::to_vec(&value).ok()?;
            lines[at] = [&line[..start], &new, &line[end..]].concat();
        }
    }
    Some(lines.concat())
}

/// One change at one place.
fn change(root: &mut Value, dice: &mut Dice) {
    let count = count(root);
    let other = nth(root, &mut dice.below(count))
        .cloned()
        .unwrap_or_default();
    let mut place = dice.below(count);
    let Some(at) = nth_mut(root, &mut place) else {
        return;
    };
    match (at, dice.below(6)) {
        (Value::Object(fields), 0) if !fields.is_empty() => {
            let name = nth_name(fields, dice);
            fields.remove(&name);
        }
        (Value::Object(fields), 1) if !fields.is_empty() => {
            let name = nth_name(fields, dice);
            fields.insert(name, other);
        }
        (Value::Object(fields), 2) if !fields.is_empty() => {
            let name = nth_name(fields, dice);
            if let Some(value) = fields.get(&name).cloned() {
                fields.insert(format!("{name}{}", dice.below(10)), value);
            }
        }
        (Value::Array(items), 0) if !items.is_empty() => {
            items.remove(dice.below(items.len()));
        }
        (Value::Array(items), 1) => items.push(other),
        (Value::Array(items), 2) if !items.is_empty() => {
            let again = items[dice.below(items.len())].clone();
            items.push(again);
        }
        (Value::String(text), 0 | 1) => {
            let at = text.floor_char_boundary(dice.below(text.len() + 1));
            match dice.below(3) {
                0 => text.truncate(at),
                1 => text.insert_str(
                    at,
                    ["\n", "\u{1b}[2J", "```", "@a", "-->", "\u{202e}", "%0A"][dice.below(7)],
                ),
                _ => *text = text[at..].to_owned(),
            }
        }
        (Value::Number(number), 0..=2) => {
            let by = [-1.0, 1.0, -0.5, 1000.0][dice.below(4)];
            let near = number.as_f64().unwrap_or_default() + by;
            *number = match near.fract() == 0.0 && near.abs() < 1e15 {
                true => (near as i64).into(),
                false => serde_json::Number::from_f64(near).unwrap_or_else(|| 0.into()),
            };
        }
        (at, 3) => *at = other,
        (at, _) => {
            let scalar = SCALARS[dice.below(SCALARS.len())];
            *at = serde_json::from_str(scalar).expect("constants are JSON");
        }
    }
}

fn nth_name(fields: &Map<String, Value>, dice: &mut Dice) -> String {
    fields
        .keys()
        .nth(dice.below(fields.len()))
        .cloned()
        .unwrap_or_default()
}

fn count(value: &Value) -> usize {
    1 + match value {
        Value::Object(fields) => fields.values().map(count).sum::<usize>(),
        Value::Array(items) => items.iter().map(count).sum(),
        _ => 0,
    }
}

fn nth<'v>(value: &'v Value, left: &mut usize) -> Option<&'v Value> {
    if *left == 0 {
        return Some(value);
    }
    *left -= 1;
    match value {
        Value::Object(fields) => fields.values().find_map(|v| nth(v, left)),
        Value::Array(items) => items.iter().find_map(|v| nth(v, left)),
        _ => None,
    }
}

fn nth_mut<'v>(value: &'v mut Value, left: &mut usize) -> Option<&'v mut Value> {
    if *left == 0 {
        return Some(value);
    }
    *left -= 1;
    match value {
        Value::Object(fields) => fields.values_mut().find_map(|v| nth_mut(v, left)),
        Value::Array(items) => items.iter_mut().find_map(|v| nth_mut(v, left)),
        _ => None,
    }
}

/// Numbers that look random and come from the seed alone (xorshift).
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        ((self.0 >> 11) % bound.max(1) as u64) as usize
    }

    fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }
}
