use super::*;
use proptest::prelude::*;

fn host(text: &str) -> RemoteAddress {
    match parse(text) {
        Ok(Remote::Host(address)) => address,
        other => panic!("{text}: {other:?}"),
    }
}

#[test]
fn addresses_are_read_as_git_reads_them() {
    use Scheme::{Git, Http, Https, Ssh};
    let table = [
        (
            "https://github.com/octo/hello.git",
            Https,
            "github.com",
            None,
            "octo/hello",
        ),
        (
            "https://github.com/octo/hello",
            Https,
            "github.com",
            None,
            "octo/hello",
        ),
        (
            "https://github.com/octo/hello/",
            Https,
            "github.com",
            None,
            "octo/hello",
        ),
        (
            "https://github.com/octo/hello.git/",
            Https,
            "github.com",
            None,
            "octo/hello",
        ),
        (
            "HTTPS://GitHub.COM/Octo/Hello",
            Https,
            "github.com",
            None,
            "Octo/Hello",
        ),
        (
            "https://github.com./octo/hello",
            Https,
            "github.com",
            None,
            "octo/hello",
        ),
        (
            "https://github.com//octo//hello",
            Https,
            "github.com",
            None,
            "octo/hello",
        ),
        (
            "  https://github.com/octo/hello\n",
            Https,
            "github.com",
            None,
            "octo/hello",
        ),
        (
            "https://git.example:8443/o/r",
            Https,
            "git.example",
            Some(8443),
            "o/r",
        ),
        (
            "https://git.example:/o/r",
            Https,
            "git.example",
            None,
            "o/r",
        ),
        (
            "http://127.0.0.1:3000/o/r.git",
            Http,
            "127.0.0.1",
            Some(3000),
            "o/r",
        ),
        ("http://localhost/o/r", Http, "localhost", None, "o/r"),
        ("http://[::1]:8080/o/r.git", Http, "::1", Some(8080), "o/r"),
        ("https://[FE80::1]/o/r", Https, "fe80::1", None, "o/r"),
        (
            "https://user@git.example/o/r",
            Https,
            "git.example",
            None,
            "o/r",
        ),
        (
            "https://user:pass@git.example/o/r",
            Https,
            "git.example",
            None,
            "o/r",
        ),
        (
            "https://us%40er:p@ss@git.example/o/r",
            Https,
            "git.example",
            None,
            "o/r",
        ),
        (
            "https://gitlab.example/group/sub/deep/name.git",
            Https,
            "gitlab.example",
            None,
            "group/sub/deep/name",
        ),
        (
            "https://git.example/o/with%20space",
            Https,
            "git.example",
            None,
            "o/with space",
        ),
        (
            "https://git.example/o/%C3%BCber.git",
            Https,
            "git.example",
            None,
            "o/über",
        ),
        (
            "https://git.example/~ann/r",
            Https,
            "git.example",
            None,
            "~ann/r",
        ),
        (
            "ssh://git@git.example/o/r.git",
            Ssh,
            "git.example",
            None,
            "o/r",
        ),
        (
            "ssh://git@git.example:2222/o/r.git",
            Ssh,
            "git.example",
            Some(2222),
            "o/r",
        ),
        ("ssh://git@[::1]:2222/o/r", Ssh, "::1", Some(2222), "o/r"),
        (
            "git+ssh://git@git.example/o/r",
            Ssh,
            "git.example",
            None,
            "o/r",
        ),
        (
            "ssh://git@ssh.github.com:443/octo/hello.git",
            Ssh,
            "github.com",
            None,
            "octo/hello",
        ),
        (
            "ssh://git@altssh.gitlab.com:443/g/s/n.git",
            Ssh,
            "gitlab.com",
            None,
            "g/s/n",
        ),
        ("git://git.example/o/r", Git, "git.example", None, "o/r"),
        (
            "git@github.com:octo/hello.git",
            Ssh,
            "github.com",
            None,
            "octo/hello",
        ),
        (
            "git@gitlab.example:group/sub/name.git",
            Ssh,
            "gitlab.example",
            None,
            "group/sub/name",
        ),
        ("git@host:/abs/name.git", Ssh, "host", None, "abs/name"),
        ("host:o/r", Ssh, "host", None, "o/r"),
        (
            "git@github.com-work:octo/hello.git",
            Ssh,
            "github.com-work",
            None,
            "octo/hello",
        ),
        ("work:octo/hello", Ssh, "work", None, "octo/hello"),
        ("git@[::1]:o/r.git", Ssh, "::1", None, "o/r"),
        ("[::1]:o/r", Ssh, "::1", None, "o/r"),
        ("[git@git.example]:o/r", Ssh, "git.example", None, "o/r"),
        (
            "[git@git.example:2222]:o/r.git",
            Ssh,
            "git.example",
            Some(2222),
            "o/r",
        ),
        (
            "[git.example:2222]:o/r.git",
            Ssh,
            "git.example",
            Some(2222),
            "o/r",
        ),
        // Nothing is decoded here, as git decodes nothing.
        ("git@host:o/a%20b", Ssh, "host", None, "o/a%20b"),
        ("git@host:name", Ssh, "host", None, "name"),
        ("git@host:o/r.git.git", Ssh, "host", None, "o/r.git"),
    ];
    for (text, scheme, name, port, path) in table {
        let found = host(text);
        let expected = RemoteAddress {
            scheme,
            host: name.to_owned(),
            port,
            path: path.to_owned(),
        };
        assert_eq!(found, expected, "{text}");
    }
}

#[test]
fn folders_are_folders() {
    for text in [
        "/srv/git/r.git",
        "../r.git",
        "./a:b",
        "r.git",
        "file:///srv/git/r.git",
        "FILE:///x",
        "~/r.git",
        "/srv/with:colon",
        "sub/dir:x",
        "/srv/a@b:c",
    ] {
        assert_eq!(parse(text), Ok(Remote::Folder), "{text}");
    }
    assert_eq!(platform_of(&Remote::Folder), Guess::Local);
}

#[test]
fn what_is_no_address_says_why() {
    let table = [
        ("", AddressError::Empty),
        ("  ", AddressError::Empty),
        ("https://", AddressError::NoHost),
        ("https:///o/r", AddressError::NoHost),
        ("https://user@/o/r", AddressError::NoHost),
        (":o/r", AddressError::NoHost),
        ("https://git_hub!/o/r", AddressError::Host),
        ("https://a..b/o/r", AddressError::Host),
        ("https://-oProxyCommand=x/o/r", AddressError::Host),
        ("-oProxyCommand=x:o/r", AddressError::Host),
        ("https://bücher.example/o/r", AddressError::Host),
        ("https://[::1/o/r", AddressError::Host),
        ("https://[x]/o/r", AddressError::Host),
        ("https://[::1]8080/o/r", AddressError::Host),
        ("https://h:0/o/r", AddressError::Port),
        ("https://h:65536/o/r", AddressError::Port),
        ("https://h:+1/o/r", AddressError::Port),
        ("https://h:80:80/o/r", AddressError::Port),
        ("https://github.com", AddressError::NoPath),
        ("https://github.com/", AddressError::NoPath),
        ("https://github.com/.git", AddressError::NoPath),
        ("git@host:", AddressError::NoPath),
        ("https://h/o/../r", AddressError::Path),
        ("https://h/o/%2e%2e/r", AddressError::Path),
        ("https://h/o/r?x=1", AddressError::Path),
        ("https://h/o/r#x", AddressError::Path),
        ("https://h/o%2Fr/x", AddressError::Path),
        ("https://h/o/%ff", AddressError::Path),
        ("https://h/o/%0a", AddressError::Path),
        ("https://h/o/%4", AddressError::Path),
        ("https://h/o/%zz", AddressError::Path),
        ("https://h/o\n/r", AddressError::Control),
        ("ftp://h/o/r", AddressError::Scheme("ftp://".to_owned())),
        ("ext::sh -c x", AddressError::Scheme("ext::".to_owned())),
        (
            "codecommit::eu-west-1://r",
            AddressError::Scheme("codecommit::".to_owned()),
        ),
    ];
    for (text, error) in table {
        assert_eq!(parse(text), Err(error), "{text}");
    }
    assert_eq!(parse(&"x".repeat(5_000)), Err(AddressError::TooLong));
}

#[test]
fn hosts_tell_their_forge_or_are_asked() {
    use ForgeKind::{GitHub, GitLab, Gitea};
    let table = [
        ("github.com", Guess::Known(GitHub)),
        ("ssh.github.com", Guess::Known(GitHub)),
        ("acme.ghe.com", Guess::Known(GitHub)),
        ("gitlab.com", Guess::Known(GitLab)),
        ("codeberg.org", Guess::Known(Gitea)),
        ("gitea.com", Guess::Known(Gitea)),
        // A name is only a hint.
        ("gitlab.example.org", Guess::AskHost(Some(GitLab))),
        ("my-gitlab.example.org", Guess::AskHost(Some(GitLab))),
        ("github.example.org", Guess::AskHost(Some(GitHub))),
        ("github.com-work", Guess::AskHost(Some(GitHub))),
        ("gitea.example.org", Guess::AskHost(Some(Gitea))),
        ("forgejo.example.org", Guess::AskHost(Some(Gitea))),
        ("git.example.org", Guess::AskHost(None)),
        ("127.0.0.1", Guess::AskHost(None)),
        // Nobody becomes a known host by looking like one.
        ("github.com.evil.example", Guess::AskHost(Some(GitHub))),
        ("evilgithub.com", Guess::AskHost(Some(GitHub))),
        ("ghe.com", Guess::AskHost(None)),
        ("evilghe.com", Guess::AskHost(None)),
        ("bitbucket.org", Guess::Unsupported("Bitbucket")),
        ("dev.azure.com", Guess::Unsupported("Azure DevOps")),
        ("ssh.dev.azure.com", Guess::Unsupported("Azure DevOps")),
        ("acme.visualstudio.com", Guess::Unsupported("Azure DevOps")),
        ("gist.github.com", Guess::Unsupported("GitHub Gist")),
        ("git.sr.ht", Guess::Unsupported("SourceHut")),
        (
            "git-codecommit.eu-west-1.amazonaws.com",
            Guess::Unsupported("AWS CodeCommit"),
        ),
    ];
    for (name, guess) in table {
        let address = host(&format!("https://{name}/o/r"));
        assert_eq!(platform_of(&Remote::Host(address)), guess, "{name}");
    }
}

#[test]
fn an_alias_gives_way_to_the_host_it_stands_for() {
    let alias = host("git@github.com-work:octo/hello.git");
    let real = alias.at_host("GitHub.com").expect("a host");
    assert_eq!(real.to_string(), "ssh://github.com/octo/hello");
    assert_eq!(
        platform_of(&Remote::Host(real)),
        Guess::Known(ForgeKind::GitHub)
    );
    let other_port = alias.at_host("ssh.github.com").expect("a host");
    assert_eq!(other_port.host, "github.com");
    assert_eq!(alias.at_host("a b"), Err(AddressError::Host));
    assert_eq!(alias.at_host(""), Err(AddressError::NoHost));
}

#[test]
fn the_web_is_where_https_is() {
    for (text, origin) in [
        ("https://git.example:443/o/r", "https://git.example"),
        ("https://git.example:8443/o/r", "https://git.example:8443"),
        ("http://127.0.0.1:3000/o/r", "http://127.0.0.1:3000"),
        ("http://[::1]:80/o/r", "http://[::1]"),
        ("ssh://git@git.example:2222/o/r", "https://git.example"),
        ("git@[::1]:o/r", "https://[::1]"),
        ("git://git.example:9418/o/r", "https://git.example"),
    ] {
        assert_eq!(host(text).origin(), origin, "{text}");
    }
    assert!(host("git@h:o/r").names_a_repository() && !host("git@h:r").names_a_repository());
}

#[test]
fn an_issue_is_one_of_this_repository() {
    let at = |url: &str| issue_number(url, "https://git.example", "group/sub/name");
    for good in [
        "https://git.example/group/sub/name/issues/12",
        "https://git.example/group/sub/name/-/issues/12",
        "https://git.example/group/sub/name/-/work_items/12",
        "https://git.example/group/sub/name/issues/12/",
        "https://git.example/group/sub/name/issues/12#issuecomment-7",
        "https://git.example/group/sub/name/issues/12?x=/issues/9",
        "HTTPS://GIT.EXAMPLE/Group/Sub/Name/issues/12",
    ] {
        assert_eq!(at(good), Ok(12), "{good}");
    }
    for (bad, says) in [
        (
            "https://evil.example/group/sub/name/issues/12",
            "no issue of https://git.example/group/sub/name",
        ),
        (
            "https://git.example.evil/group/sub/name/issues/12",
            "no issue of",
        ),
        (
            "https://git.example/group/sub/other/issues/12",
            "no issue of",
        ),
        (
            "https://git.example/group/sub/name2/issues/12",
            "no issue of",
        ),
        ("https://git.example/group/sub/name/wiki/12", "no issue of"),
        ("https://git.example/group/sub/name", "no issue of"),
        (
            "https://git.example/group/sub/name/pull/12",
            "a pull request",
        ),
        (
            "https://git.example/group/sub/name/-/merge_requests/12",
            "a pull request",
        ),
        (
            "https://git.example/group/sub/name/issues",
            "no issue's number",
        ),
        (
            "https://git.example/group/sub/name/issues/0",
            "no issue's number",
        ),
        (
            "https://git.example/group/sub/name/issues/+1",
            "no issue's number",
        ),
        (
            "https://git.example/group/sub/name/issues/99999999999999999999",
            "no issue's number",
        ),
        ("", "no issue of"),
    ] {
        let error = at(bad).expect_err(bad);
        assert!(error.contains(says), "{bad}: {error}");
    }
}

fn words() -> impl Strategy<Value = String> {
    "[a-zA-Z0-9][a-zA-Z0-9_-]{0,8}"
}

proptest! {
    #[test]
    fn no_text_panics_and_no_secret_is_kept(text in ".{0,60}", url in "(https|ssh|git)://.{0,40}", scp in "[a-z@:\\[\\]/.%-]{0,30}") {
        for text in [text, url, scp] {
            if let Ok(remote @ Remote::Host(_)) = parse(&text) {
                let Remote::Host(address) = &remote else { continue };
                prop_assert!(!address.host.is_empty() && !address.host.starts_with('-') && !address.host.contains(['@', '/', ' ']));
                prop_assert!(!address.path.starts_with('/') && !address.path.ends_with('/'));
                prop_assert!(address.path.split('/').all(|p| !p.is_empty() && p != "." && p != ".."));
                platform_of(&remote);
            }
        }
    }

    #[test]
    fn every_way_to_write_it_is_the_same_repository(
        host_name in "[a-z]{1,8}\\.[a-z]{2,5}", parts in prop::collection::vec(words(), 2..5), user in words(), secret in "[a-zA-Z0-9]{12}",
        port in 1u16.., git in any::<bool>(), slash in any::<bool>(),
    ) {
        let path = parts.join("/");
        let end = format!("{}{}", if git { ".git" } else { "" }, if slash { "/" } else { "" });
        let written = [
            format!("https://{host_name}/{path}{end}"),
            format!("https://{user}:{secret}@{host_name}:{port}/{path}{end}"),
            format!("http://{host_name}:{port}/{path}{end}"),
            format!("ssh://{user}@{host_name}:{port}/{path}{end}"),
            format!("{user}@{host_name}:{path}{end}"),
            format!("[{user}@{host_name}:{port}]:{path}{end}"),
        ];
        for text in written {
            let address = host(&text);
            prop_assert_eq!(&address.host, &host_name);
            prop_assert_eq!(&address.path, &path);
            let shown = format!("{address:?} {address} {}", address.origin());
            prop_assert!(!shown.contains(&secret));
            // What is shown is an address of the same.
            prop_assert_eq!(&host(&address.to_string()), &address);
        }
    }

    #[test]
    fn an_error_repeats_nothing_secret(secret in "[A-Z0-9]{12}") {
        for text in [
            format!("https://x:{secret}@h!/o/r"), format!("https://x:{secret}@h:0/o/r"), format!("https://x:{secret}@h"),
            format!("ftp://x:{secret}@h/o/r"), format!("https://x:{secret}@h/o/../r"),
        ] {
            let error = parse(&text).expect_err("no address");
            let shown = format!("{error} {error:?}");
            prop_assert!(!shown.contains(&secret));
        }
    }
}
