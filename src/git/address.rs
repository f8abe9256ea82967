//! Addresses of remotes: as git would use them, and as they may be shown.

use super::Repo;
use regex::Regex;
use std::borrow::Cow;
use std::sync::LazyLock;

/// The address that `git push` would use, credentials included: for choosing a forge, never to be shown.
///
/// As git-config(1) has it: `pushurl` before `url`; of the rewriting rules the longest prefix counts, and
/// `pushInsteadOf` is asked only where there is no `pushurl`, before `insteadOf`. None without such a remote.
pub fn push_url(repo: &Repo, remote: &str) -> Option<String> {
    let own = |key: &str| repo.config(&format!("remote.{remote}.{key}"));
    if let Some(url) = own("pushurl").filter(|u| !u.is_empty()) {
        return Some(rewritten(&url, &rules(repo, "insteadof")).unwrap_or(url));
    }
    let url = own("url").filter(|u| !u.is_empty())?;
    let rewritten = rewritten(&url, &rules(repo, "pushinsteadof"))
        .or_else(|| rewritten(&url, &rules(repo, "insteadof")));
    Some(rewritten.unwrap_or(url))
}

/// The remote's push address, for messages; credentials in it are left out.
pub fn remote_url(repo: &Repo, remote: &str) -> Option<String> {
    let url = repo
        .config(&format!("remote.{remote}.pushurl"))
        .or_else(|| repo.config(&format!("remote.{remote}.url")))?;
    Some(without_credentials(&url).into_owned())
}

/// A text without the credentials of addresses in it. A name alone before the `@` goes too, since tokens are
/// often given as one; `ssh://git@` stays, and so does what has no scheme.
pub fn without_credentials(text: &str) -> Cow<'_, str> {
    static USER: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r#"([A-Za-z][A-Za-z0-9+.-]*)://([^\s/?#'"<>]*)@"#)
            .expect("a constant that a test compiles")
    });
    USER.replace_all(text, |found: &regex::Captures<'_>| {
        let (scheme, user) = (&found[1], &found[2]);
        if scheme.ends_with("ssh") && !user.contains(':') {
            found[0].to_owned()
        } else {
            format!("{scheme}://")
        }
    })
}

/// What `url.<base>.<key>` says, as `(prefix, base)`.
fn rules(repo: &Repo, key: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let Some(config) = repo.git.config().and_then(|mut c| c.snapshot()).ok() else {
        return found;
    };
    let Ok(mut entries) = config.entries(Some(&format!(r"^url\..*\.{key}$"))) else {
        return found;
    };
    while let Some(entry) = entries.next() {
        let Ok(entry) = entry else { continue };
        let (Ok(name), Ok(prefix)) = (entry.name(), entry.value()) else {
            continue;
        };
        // Git lowers the first and the last word of a name and leaves what is between as it is.
        let base = name
            .strip_prefix("url.")
            .and_then(|n| n.strip_suffix(&format!(".{key}")));
        if let (Some(base), false) = (base, prefix.is_empty()) {
            found.push((prefix.to_owned(), base.to_owned()));
        }
    }
    found
}

fn rewritten(url: &str, rules: &[(String, String)]) -> Option<String> {
    let fits = rules.iter().filter(|(prefix, _)| url.starts_with(prefix));
    let (prefix, base) = fits.max_by_key(|(prefix, _)| prefix.len())?;
    Some(format!("{base}{}", &url[prefix.len()..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A repository with this configuration, beside which nothing of the machine's counts.
    fn repo(config: &str) -> (tempfile::TempDir, Repo) {
        let dir = tempfile::tempdir().unwrap();
        let made = git2::Repository::init(dir.path()).unwrap();
        let path = made.path().join("config");
        let head = "[core]\n\trepositoryformatversion = 0\n\tbare = false\n";
        crate::fsx::atomic::write(&path, format!("{head}{config}").as_bytes()).unwrap();
        let repo = Repo::open(dir.path()).unwrap();
        (dir, repo)
    }

    #[test]
    fn the_push_address_is_the_one_that_git_would_use() {
        const URL: &str = "[remote \"origin\"]\n\turl = gh:o/r.git\n";
        for (config, url, shown) in [
            ("", None, None),
            ("[remote \"origin\"]\n\turl = \n", None, Some("")),
            (URL, Some("gh:o/r.git"), Some("gh:o/r.git")),
            (
                &format!("{URL}[url \"https://h.example/\"]\n\tinsteadOf = gh:\n"),
                Some("https://h.example/o/r.git"),
                Some("gh:o/r.git"),
            ),
            // The longest prefix, wherever it stands.
            (
                &format!(
                    "{URL}[url \"https://o.example/\"]\n\tinsteadOf = gh:o/\n[url \"https://H.example/\"]\n\tinsteadOf = gh:\n"
                ),
                Some("https://o.example/r.git"),
                Some("gh:o/r.git"),
            ),
            // Pushing has rules of its own, which come first.
            (
                &format!(
                    "{URL}[url \"https://h.example/\"]\n\tinsteadOf = gh:\n[url \"ssh://git@H.example:22/\"]\n\tpushInsteadOf = gh:\n"
                ),
                Some("ssh://git@H.example:22/o/r.git"),
                Some("gh:o/r.git"),
            ),
            // They do not touch an address that is for pushing already.
            (
                &format!(
                    "{URL}\tpushurl = gl:o/r.git\n[url \"https://never/\"]\n\tpushInsteadOf = gl:\n[url \"https://l.example/\"]\n\tinsteadOf = gl:\n"
                ),
                Some("https://l.example/o/r.git"),
                Some("gl:o/r.git"),
            ),
            (
                "[remote \"origin\"]\n\turl = https://x:t0ken@h.example/o/r.git\n",
                Some("https://x:t0ken@h.example/o/r.git"),
                Some("https://h.example/o/r.git"),
            ),
        ] {
            let (dir, repo) = repo(config);
            assert_eq!(push_url(&repo, "origin").as_deref(), url, "{config}");
            assert_eq!(remote_url(&repo, "origin").as_deref(), shown, "{config}");
            drop(dir);
        }
    }

    #[test]
    fn credentials_leave_addresses_and_nothing_else_does() {
        for (text, shown) in [
            ("https://x:t0ken@h/o/r.git", "https://h/o/r.git"),
            ("https://t0ken@h/o/r.git", "https://h/o/r.git"),
            ("https://x:p@ss@h/o", "https://h/o"),
            ("https://h/o@v2/r", "https://h/o@v2/r"),
            ("https://h?to=a@b", "https://h?to=a@b"),
            ("ssh://git@h:22/o/r", "ssh://git@h:22/o/r"),
            ("git+ssh://git@h/o", "git+ssh://git@h/o"),
            ("ssh://git:secret@h/o", "ssh://h/o"),
            ("git@h:o/r.git", "git@h:o/r.git"),
            (
                "fatal: unable to access 'http://u:p@h/': no\nTo http://u:p@h/",
                "fatal: unable to access 'http://h/': no\nTo http://h/",
            ),
            ("write to a@b.example", "write to a@b.example"),
            ("", ""),
        ] {
            assert_eq!(without_credentials(text), shown, "{text}");
        }
    }
}
