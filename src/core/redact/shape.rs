//! What random values look like, and what stands where a secret will once be.

/// Length of the longest run of such characters.
pub(super) fn longest_run(text: &str, wanted: fn(char) -> bool) -> usize {
    text.split(|c| !wanted(c)).map(str::len).max().unwrap_or(0)
}

pub(super) fn is_base64(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '=')
}

/// True when what begins at `start` is the end of a longer word, as in `task-…`. An escaped line break in front
/// of it (`\n` in JSON) is no word.
pub(super) fn continues_a_word(text: &[u8], start: usize) -> bool {
    match text[..start] {
        [.., b'\\', b'n' | b'r' | b't'] => false,
        // The end of a percent-encoded character.
        [.., b'%', a, b] if a.is_ascii_hexdigit() && b.is_ascii_hexdigit() => false,
        [.., c] => c.is_ascii_alphanumeric(),
        [] => false,
    }
}

/// Words by which a value says of itself that it is none.
const SPEAKING: &[&str] = &[
    "example",
    "placeholder",
    "changeme",
    "change_me",
    "change-me",
    "redacted",
    "xxxx",
    "your_",
    "your-",
    "yourtoken",
    "yourkey",
    "yourapi",
    "yourpassword",
    "insert",
    "replace",
    "dummy",
    "fake",
    "sample",
    "todo",
    "mock",
    "fixture",
    "test-",
    "test_",
    "-test",
    "_test",
    "notreal",
    "not-real",
    "not_real",
    "not-a-",
    "not_a_",
    "nottherealone",
    "deadbeef",
    "12345678",
    "23456789",
    "abcdefgh",
    "00000000",
    "11111111",
    // The token that stands on jwt.io and in every tutorial.
    "sflkxwrjsmekkf2qt4",
];

/// Beginnings of what is looked up when a program runs, or was encrypted.
const REFERENCES: &[&str] = &[
    "$",
    "{{",
    "<",
    "%(",
    "#{",
    "@@",
    "!",
    "&",
    "process.env",
    "os.environ",
    "os.getenv",
    "env.",
    "env(",
    "env[",
    "import.meta",
    "secrets.",
    "var.",
    "local.",
    "data.",
    "vault:",
    "op://",
    "arn:",
    "ssm:",
    "awssm",
    "enc[",
    "enc(",
    "keyring:",
    "file:",
    "http://",
    "https://",
    "{ssha",
    "{cipher}",
    "ansible",
    "***",
    "...",
];

/// True for what stands where a secret will once be: one character over and over, or a word that says so.
/// Ten digits in order do not make a token one, since tokens may hold anything, but a whole alphabet does.
pub(super) fn is_placeholder(token: &str) -> bool {
    let runs = token.split(|c: char| !c.is_ascii_alphanumeric());
    let longest = runs.max_by_key(|run| run.len()).unwrap_or_default();
    let is_one = longest.bytes().all(|c| longest.starts_with(char::from(c)));
    let lower = token.to_ascii_lowercase();
    let telling = [
        "example",
        "placeholder",
        "xxxxxx",
        "changeme",
        "redacted",
        "your-",
        "your_",
        "sflkxwrjsmekkf2qt4",
    ];
    is_one || telling.iter().any(|w| lower.contains(w)) || lower.contains("abcdefghijklmnopqrst")
}

/// True for a value that stands for another one or says that it is none.
pub(super) fn is_reference(value: &str) -> bool {
    let lower = value.to_ascii_lowercase();
    is_placeholder(value)
        || SPEAKING.iter().any(|w| lower.contains(w))
        || REFERENCES.iter().any(|w| lower.starts_with(w))
        || ["{{", "${", "$(", "%{", "<%"]
            .iter()
            .any(|w| lower.contains(w))
        || (lower.starts_with('%') && lower.ends_with('%'))
}

/// Bits per character (Shannon), of the characters that are there.
pub(super) fn entropy(value: &str) -> f64 {
    let mut counts = [0u32; 256];
    for byte in value.bytes() {
        counts[usize::from(byte)] += 1;
    }
    let all = value.len() as f64;
    let parts = counts.iter().filter(|c| **c > 0);
    parts
        .map(|c| f64::from(*c) / all)
        .map(|p| -p * p.log2())
        .sum()
}

/// What a value must have to be taken for random.
pub(super) struct Bounds {
    pub least: usize,
    pub bits: f64,
    /// Of a hundred neighbours, how many are of different kinds, as random ones are: a letter beside a digit, a small
    /// letter before a capital, two capitals. Names have few.
    pub changes: usize,
}

/// In what is written: to take too much costs little.
pub(super) const FOR_OUTPUT: Bounds = Bounds {
    least: 12,
    bits: 3.0,
    changes: 15,
};

/// In what is to be committed: a finding stops work. Sixteen random characters of 36 have 3.4 bits on average,
/// 32 hexadecimal digits 3.6; of identifiers of that length one in a hundred changes so often.
pub(super) const FOR_SCAN: Bounds = Bounds {
    least: 16,
    bits: 3.0,
    changes: 25,
};

/// True for a value with letters and digits in the disorder of a random one.
pub(super) fn is_random(value: &str, bounds: &Bounds) -> bool {
    let bytes = value.as_bytes();
    let changes = || {
        bytes
            .windows(2)
            .filter(|w| {
                let (a, b) = (w[0], w[1]);
                (a.is_ascii_alphabetic() && b.is_ascii_digit())
                    || (a.is_ascii_digit() && b.is_ascii_alphabetic())
                    || (a.is_ascii_alphabetic() && b.is_ascii_uppercase())
            })
            .count()
    };
    value.len() >= bounds.least
        && value.is_ascii()
        && bytes.iter().any(u8::is_ascii_digit)
        && bytes.iter().any(u8::is_ascii_alphabetic)
        && changes() * 100 >= bounds.changes * bytes.len()
        && entropy(value) >= bounds.bits
}

/// True for 8-4-4-4-12 hexadecimal digits (RFC 9562).
pub(super) fn is_uuid(value: &str) -> bool {
    let lengths = value.split('-').map(str::len);
    lengths.eq([8, 4, 4, 4, 12]) && value.bytes().all(|c| c.is_ascii_hexdigit() || c == b'-')
}
