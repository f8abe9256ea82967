//! Names that a file system takes for another: by case, by characters that it leaves out, by short forms.
//!
//! As git has it for its own folder (path.c `is_ntfs_dotgit`, utf8.c `is_hfs_dotgit`): HFS+ leaves out characters
//! without width, NTFS trailing dots and spaces and whatever stands behind a colon, and it has a second name of
//! eight characters for every long one.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

/// True when a file system may take `name` for `kept`, which is in lower case.
pub fn is_taken_for(name: &OsStr, kept: &str) -> bool {
    let text = String::from_utf8_lossy(name.as_bytes());
    // On some systems what follows is a name of its own.
    text.split('\\').any(|part| is_one_taken_for(part, kept))
}

/// A path as such file systems may know it: each of its names in lower case, without what they leave out.
pub fn folded(path: &str) -> String {
    let names: Vec<String> = path.split('/').map(plain).collect();
    names.join("/")
}

fn is_one_taken_for(name: &str, kept: &str) -> bool {
    let plain = plain(name);
    plain == kept || is_short_form(&plain, kept)
}

fn plain(name: &str) -> String {
    let plain: String = name
        .chars()
        .filter(|c| !is_left_out(*c))
        .flat_map(char::to_lowercase)
        // The one letter that folds to an ASCII one and has no lower case.
        .map(|c| if c == 'ſ' { 's' } else { c })
        .collect();
    let plain = plain.split(':').next().unwrap_or_default();
    plain.trim_end_matches([' ', '.']).to_owned()
}

/// Characters that HFS+ does not see in names.
fn is_left_out(c: char) -> bool {
    matches!(c, '\u{200c}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{206a}'..='\u{206f}' | '\u{feff}')
}

/// `git~1` for `.git`, `codeli~1.tom` for `codelicious.toml`.
fn is_short_form(name: &str, kept: &str) -> bool {
    let kept = kept.trim_start_matches('.');
    let (stem, ending) = kept.split_once('.').unwrap_or((kept, ""));
    let (name_stem, name_ending) = name.split_once('.').unwrap_or((name, ""));
    let Some((start, number)) = name_stem.split_once('~') else {
        return false;
    };
    let first = |text: &str, n: usize| text.chars().take(n).collect::<String>();
    start == first(stem, 6)
        && name_ending == first(ending, 3)
        && !number.is_empty()
        && number.bytes().all(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_for_what() {
        for (name, kept, wanted) in [
            (".git", ".git", true),
            (".GIT", ".git", true),
            (".Git", ".git", true),
            (".git\u{200c}", ".git", true),
            (".g\u{feff}i\u{202e}t", ".git", true),
            (".git.", ".git", true),
            (".git . .", ".git", true),
            (".git::$INDEX_ALLOCATION", ".git", true),
            ("git~1", ".git", true),
            ("GIT~12", ".git", true),
            ("a\\.git", ".git", true),
            (".git\\config", ".git", true),
            (".github", ".git", false),
            (".gitignore", ".git", false),
            ("git", ".git", false),
            ("git~", ".git", false),
            ("git~x", ".git", false),
            ("", ".git", false),
            (".CodelIciouſ", ".codelicious", true),
            ("codeli~1", ".codelicious", true),
            ("codelicious", ".codelicious", false),
            ("Codelicious.TOML", "codelicious.toml", true),
            ("codeli~1.tom", "codelicious.toml", true),
            ("codeli~1", "codelicious.toml", false),
            ("codelicious.toml.bak", "codelicious.toml", false),
        ] {
            assert_eq!(is_taken_for(OsStr::new(name), kept), wanted, "{name:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_name_breaks_it(name in "\\PC{0,12}") {
            let _ = is_taken_for(OsStr::new(&name), ".git");
        }
    }
}
