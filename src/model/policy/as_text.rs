//! Paths as text, for a helper that is told of them: bytes that are no UTF-8, and `%`, as `%` and two digits.

use serde::{Deserialize, Deserializer, Serializer};
use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

pub(super) fn serialize<S: Serializer>(paths: &[PathBuf], to: S) -> Result<S::Ok, S::Error> {
    to.collect_seq(paths.iter().map(|path| told(path)))
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<PathBuf>, D::Error> {
    let texts = Vec::<String>::deserialize(from)?;
    Ok(texts.iter().map(|text| heard(text)).collect())
}

fn told(path: &Path) -> String {
    let mut out = String::new();
    for chunk in path.as_os_str().as_bytes().utf8_chunks() {
        out.push_str(&chunk.valid().replace('%', "%25"));
        for byte in chunk.invalid() {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

fn heard(text: &str) -> PathBuf {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('%') {
        let digits = rest.get(at + 1..at + 3);
        let byte = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        out.extend_from_slice(&rest.as_bytes()[..at]);
        match byte {
            Some(byte) => {
                out.push(byte);
                rest = &rest[at + 3..];
            }
            None => {
                out.push(b'%');
                rest = &rest[at + 1..];
            }
        }
    }
    out.extend_from_slice(rest.as_bytes());
    PathBuf::from(OsString::from_vec(out))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::policy::FileAccess;

    #[test]
    fn paths_of_any_bytes_reach_the_helper() {
        for bytes in [
            &b"/a/b"[..],
            b"/100%/%41",
            b"/proj\xffect \xe9%",
            "/\u{e4}%\u{e4}".as_bytes(),
            b"",
        ] {
            let path = PathBuf::from(OsString::from_vec(bytes.to_vec()));
            assert_eq!(heard(&told(&path)), path);
        }
        assert_eq!(told("/usr/bin".as_ref()), "/usr/bin");
        assert_eq!(heard("/a%zz%"), PathBuf::from("/a%zz%"));
        let path = |bytes: &[u8]| PathBuf::from(OsString::from_vec(bytes.to_vec()));
        let files = FileAccess {
            read: vec![path(b"/\xff")],
            execute: vec![path(b"/\xfe")],
            write: vec![path(b"/\xfd")],
            kept: vec![path(b"/\xfd/%")],
        };
        let text = serde_json::to_string(&files).unwrap();
        assert_eq!(serde_json::from_str::<FileAccess>(&text).unwrap(), files);
    }
}
