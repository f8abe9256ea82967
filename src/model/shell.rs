//! Words as a POSIX shell reads them, for commands that a person is to type.

/// True for a character that means nothing to a shell.
pub fn is_plain(c: char) -> bool {
    c.is_ascii_alphanumeric() || "_-./:=+,@%".contains(c)
}

/// One word, quoted where it has to be.
pub fn quote(word: &str) -> String {
    match !word.is_empty() && word.chars().all(is_plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', r"'\''")),
    }
}
