use super::*;
use crate::config::{self, Flags};
use secrecy::ExposeSecret;
use std::path::Path;

/// One choice to be made, with no program on PATH.
#[derive(Default)]
struct Case<'a> {
    url: Option<&'a str>,
    env: &'a [(&'a str, &'a str)],
    user: &'a str,
    repo: &'a str,
    platform: Option<&'a str>,
}

impl Case<'_> {
    fn choose(&self) -> (Settings, Result<Choice, AppError>) {
        let home = tempfile::tempdir().expect("a folder");
        let root = home.path().join("repo");
        let put = |path: &Path, text: &str| {
            let folder = path.parent().expect("it has one");
            std::fs::create_dir_all(folder).expect("made");
            crate::fsx::atomic::write(path, text.as_bytes()).expect("written");
        };
        put(&root.join(config::REPO_FILE), self.repo);
        put(
            &home.path().join(".config/codelicious/config.toml"),
            self.user,
        );
        let at = home.path().display().to_string();
        let vars = [("HOME", at.as_str())];
        let env = Environment::from_vars(&root, vars.iter().chain(self.env).copied());
        let flags = Flags {
            platform: self.platform.map(str::to_owned),
            ..Flags::default()
        };
        let settings = config::load(&root, flags, &env).expect("sound settings");
        let choice = choose(&settings, &env, self.url, false);
        (settings, choice)
    }

    fn place(&self) -> Place {
        match self.choose().1 {
            Ok(Choice::Hosted(place)) => *place,
            Ok(local) => panic!("{:?}: {}", self.url, local.because()),
            Err(e) => panic!("{:?}: {} ({})", self.url, e.message, e.hint),
        }
    }

    fn local(&self) -> String {
        match self.choose().1 {
            Ok(choice @ Choice::Local { .. }) => choice.because().to_owned(),
            Ok(choice) => panic!("{}", choice.label()),
            Err(e) => panic!("{} ({})", e.message, e.hint),
        }
    }

    /// Message and remedy; it is a set-up error.
    fn refused(&self) -> String {
        match self.choose().1 {
            Ok(choice) => panic!("{:?}: {}", self.url, choice.label()),
            Err(e) => {
                assert_eq!(e.exit, crate::model::ExitCode::Setup);
                assert!(e.hint.contains("--platform local"), "{}", e.hint);
                format!("{} | {}", e.message, e.hint)
            }
        }
    }
}

fn at(url: &str) -> Case<'_> {
    Case {
        url: Some(url),
        ..Case::default()
    }
}

#[test]
fn public_hosts_are_known_with_their_apis() {
    let env = [
        ("GH_TOKEN", "for-github"),
        ("GITLAB_TOKEN", "for-gitlab"),
        ("GITEA_TOKEN", "for-gitea"),
    ];
    let table = [
        (
            "git@github.com:octo/hello.git",
            "GitHub octo/hello at https://api.github.com",
            Some("https://api.github.com/graphql"),
            "https://github.com",
            "GH_TOKEN",
        ),
        (
            "https://x:secret@github.com/octo/hello",
            "GitHub octo/hello at https://api.github.com",
            Some("https://api.github.com/graphql"),
            "https://github.com",
            "GH_TOKEN",
        ),
        (
            "ssh://git@ssh.github.com:443/octo/hello.git",
            "GitHub octo/hello at https://api.github.com",
            Some("https://api.github.com/graphql"),
            "https://github.com",
            "GH_TOKEN",
        ),
        (
            "https://acme.ghe.com/octo/hello",
            "GitHub octo/hello at https://api.acme.ghe.com",
            Some("https://api.acme.ghe.com/graphql"),
            "https://acme.ghe.com",
            "GH_TOKEN",
        ),
        (
            "git@gitlab.com:group/sub/name.git",
            "GitLab group/sub/name at https://gitlab.com/api/v4",
            None,
            "https://gitlab.com",
            "GITLAB_TOKEN",
        ),
        (
            "https://codeberg.org/o/r.git",
            "Gitea o/r at https://codeberg.org/api/v1",
            None,
            "https://codeberg.org",
            "GITEA_TOKEN",
        ),
        (
            "https://gitea.com/o/r.git",
            "Gitea o/r at https://gitea.com/api/v1",
            None,
            "https://gitea.com",
            "GITEA_TOKEN",
        ),
    ];
    for (url, label, graphql, web, from) in table {
        let case = Case {
            env: &env,
            ..at(url)
        };
        let place = case.place();
        assert_eq!(place.token_from, from, "{url}");
        assert_eq!(place.hosted.web, web, "{url}");
        let found = place.hosted.graphql.as_ref().map(ToString::to_string);
        assert_eq!(found.as_deref(), graphql, "{url}");
        let shown = format!("{place:?}");
        assert!(
            !shown.contains("for-git") && !shown.contains("secret"),
            "{shown}"
        );
        assert_eq!(Choice::Hosted(Box::new(place)).label(), label);
    }
}

#[test]
fn without_a_host_there_are_files() {
    assert_eq!(Case::default().local(), "there is no remote");
    assert_eq!(at("/srv/git/r.git").local(), "the remote is a folder");
    assert_eq!(
        at("file:///srv/git/r.git").local(),
        "the remote is a folder"
    );
    assert!(at("ext::sh -c x").local().contains("`ext::`"));
    let named = Case {
        platform: Some("local"),
        env: &[("GH_TOKEN", "for-github")],
        ..at("git@github.com:o/r")
    };
    assert_eq!(named.local(), "--platform says so");
}

#[test]
fn what_cannot_be_delivered_to_is_refused_with_a_way_out() {
    for (case, says) in [
        (
            at("https://bitbucket.org/o/r"),
            "Bitbucket is no forge that",
        ),
        (
            at("https://git.example/o/r"),
            "it is not to be told which forge git.example is | say it with --platform github|gitlab|gitea",
        ),
        (
            at("git@gitlab.example:g/n"),
            "(its name suggests GitLab) | say it with --platform gitlab or",
        ),
        (
            at("https://github.com/octo/hello"),
            "there is no token for GitHub at github.com, so no pull request could be opened there | set GH_TOKEN, or run `gh auth login --hostname github.com`",
        ),
        (
            at("https://gitlab.com/g/n"),
            "set GITLAB_TOKEN, or run `glab auth login`",
        ),
        (
            Case {
                platform: Some("github"),
                ..at("https://git.example/o/r")
            },
            "set GH_ENTERPRISE_TOKEN and GH_HOST=git.example",
        ),
        (
            Case {
                platform: Some("gitea"),
                ..at("https://git.example:3000/o/r")
            },
            "GITEA_SERVER_URL=https://git.example:3000",
        ),
        (
            Case {
                platform: Some("gitlab"),
                ..at("https://github.com/o/r")
            },
            "--platform: pull requests on GitLab are asked for, and the remote is on github.com, which is GitHub",
        ),
        (
            Case {
                platform: Some("gitlab"),
                ..at("https://dev.azure.com/o/r")
            },
            "which is Azure DevOps",
        ),
        (
            Case {
                platform: Some("github"),
                ..Case::default()
            },
            "pull requests on GitHub are asked for, and there is no remote",
        ),
        (
            Case {
                platform: Some("github"),
                ..at("/srv/r.git")
            },
            "the remote is a folder",
        ),
        (
            Case {
                platform: Some("github"),
                ..at("ftp://h/o/r")
            },
            "leads to no forge",
        ),
        (
            Case {
                env: &[("GH_TOKEN", "t0ken")],
                ..at("https://github.com/octo")
            },
            "`octo` at github.com is no repository of GitHub, where one is owner/name",
        ),
        (
            Case {
                env: &[("GH_TOKEN", "t0ken")],
                ..at("https://github.com/a/b/c")
            },
            "`a/b/c` at github.com is no repository of GitHub",
        ),
        (
            Case {
                platform: Some("gitlab"),
                env: &[("GITLAB_TOKEN", "t0ken")],
                ..at("http://git.example/g/n")
            },
            "write https://git.example",
        ),
        (
            Case {
                env: &[("GH_TOKEN", "two words")],
                ..at("https://github.com/o/r")
            },
            "GH_TOKEN does not hold a token",
        ),
        (
            Case {
                env: &[("CI_JOB_TOKEN", "job")],
                ..at("https://gitlab.com/g/n")
            },
            "GitLab lets no job's token open merge requests",
        ),
        (
            Case {
                env: &[("CODELICIOUS_FORGE_TOKEN_ENV", "MINE")],
                ..at("https://gitlab.com/g/n")
            },
            "the variable MINE is not set",
        ),
    ] {
        let said = case.refused();
        assert!(said.contains(says), "{said}");
        assert!(!said.contains("t0ken") && !said.contains("two words"));
    }
}

/// Variables, the remote, the choice, and where its token comes from.
type Row<'a> = (&'a [(&'a str, &'a str)], &'a str, &'a str, &'a str);

#[test]
fn a_variable_that_names_the_host_says_what_it_is() {
    let table: [Row<'_>; 9] = [
        (
            &[("GH_HOST", "git.example"), ("GH_ENTERPRISE_TOKEN", "t")],
            "git@git.example:o/r",
            "GitHub o/r at https://git.example/api/v3",
            "GH_ENTERPRISE_TOKEN",
        ),
        (
            &[
                ("GITHUB_SERVER_URL", "https://git.example"),
                ("GITHUB_API_URL", "https://git.example/api/v3"),
                ("GITHUB_TOKEN", "t"),
            ],
            "https://git.example/o/r",
            "GitHub o/r at https://git.example/api/v3",
            "GITHUB_TOKEN",
        ),
        (
            &[
                ("GITLAB_HOST", "https://git.example"),
                ("GITLAB_ACCESS_TOKEN", "t"),
            ],
            "git@git.example:g/s/n",
            "GitLab g/s/n at https://git.example/api/v4",
            "GITLAB_ACCESS_TOKEN",
        ),
        (
            &[
                ("CI_SERVER_URL", "https://git.example:8443"),
                ("CI_API_V4_URL", "https://git.example:8443/api/v4"),
                ("GITLAB_TOKEN", "t"),
            ],
            "https://git.example:8443/g/n",
            "GitLab g/n at https://git.example:8443/api/v4",
            "GITLAB_TOKEN",
        ),
        (
            &[
                ("GITEA_SERVER_URL", "http://127.0.0.1:3000/"),
                ("FORGEJO_TOKEN", "t"),
            ],
            "http://127.0.0.1:3000/o/r.git",
            "Gitea o/r at http://127.0.0.1:3000/api/v1",
            "FORGEJO_TOKEN",
        ),
        (
            &[
                ("GITEA_ACTIONS", "true"),
                ("GITHUB_SERVER_URL", "https://git.example"),
                ("GITHUB_API_URL", "https://git.example/api/v1"),
                ("GITHUB_TOKEN", "t"),
            ],
            "https://git.example/o/r",
            "Gitea o/r at https://git.example/api/v1",
            "GITHUB_TOKEN",
        ),
        // Below a path of a host that it shares.
        (
            &[
                ("CI_SERVER_URL", "https://git.example/lab"),
                ("CI_API_V4_URL", "https://git.example/lab/api/v4"),
                ("CI_PROJECT_PATH", "g/n"),
                ("GITLAB_TOKEN", "t"),
            ],
            "https://git.example/lab/g/n.git",
            "GitLab g/n at https://git.example/lab/api/v4",
            "GITLAB_TOKEN",
        ),
        (
            &[
                ("CI_SERVER_URL", "https://git.example/lab"),
                ("CI_API_V4_URL", "https://git.example/lab/api/v4"),
                ("GITLAB_TOKEN", "t"),
            ],
            "https://git.example/lab/g/n.git",
            "GitLab g/n at https://git.example/lab/api/v4",
            "GITLAB_TOKEN",
        ),
        // A job's repository is the remote's only where the remote ends so.
        (
            &[
                ("CI_SERVER_URL", "https://git.example"),
                ("CI_PROJECT_PATH", "other/name"),
                ("GITLAB_TOKEN", "t"),
            ],
            "https://git.example/g/n.git",
            "GitLab g/n at https://git.example/api/v4",
            "GITLAB_TOKEN",
        ),
    ];
    for (env, url, label, from) in table {
        let place = Case { env, ..at(url) }.place();
        assert_eq!(place.token_from, from, "{env:?}");
        let web = place.hosted.web.clone();
        assert_eq!(web.contains("/lab"), label.contains("/lab"), "{web}");
        assert_eq!(Choice::Hosted(Box::new(place)).label(), label);
    }
    // Two that disagree say nothing.
    let both = Case {
        env: &[("GH_HOST", "git.example"), ("GITLAB_HOST", "git.example")],
        ..at("https://git.example/o/r")
    };
    assert!(both.refused().contains("not to be told"));
}

#[test]
fn a_token_goes_to_nobody_who_was_not_named() {
    let all = [
        ("GH_TOKEN", "t0"),
        ("GITHUB_TOKEN", "t1"),
        ("GH_ENTERPRISE_TOKEN", "t2"),
        ("GITHUB_ENTERPRISE_TOKEN", "t3"),
        ("GITLAB_TOKEN", "t4"),
        ("GITLAB_ACCESS_TOKEN", "t5"),
        ("GITEA_TOKEN", "t6"),
        ("FORGEJO_TOKEN", "t7"),
    ];
    // Whoever can push to the repository says what its remote's host is, and gets nothing by that.
    for kind in ["github", "gitlab", "gitea"] {
        let repo = format!("pr.platform = '{kind}'");
        let said = Case {
            env: &all,
            repo: &repo,
            ..at("https://evil.example/o/r")
        }
        .refused();
        assert!(
            said.contains("set, and nothing says that it is for evil.example"),
            "{said}"
        );
        assert!(said.contains(&format!("--platform {kind}")), "{said}");
    }
    // Nor does the user's file, which counts for every repository, vouch for a host; a token there is kept as well.
    let said = Case {
        env: &[("MINE", "secret")],
        user: "pr.platform = 'gitlab'\nforge.token_env = 'MINE'",
        ..at("https://evil.example/g/n")
    }
    .refused();
    assert!(
        said.contains("the token is not sent to evil.example")
            && said.contains("GITLAB_HOST=evil.example"),
        "{said}"
    );
    // github.com's token is not for a host that is said to be GitHub.
    let said = Case {
        env: &all[..2],
        platform: Some("github"),
        ..at("https://git.example/o/r")
    }
    .refused();
    assert!(
        said.contains("GH_TOKEN and GITHUB_TOKEN are set, and nothing says"),
        "{said}"
    );
    // A variable that names another host says whose token it is.
    let elsewhere = [("GITLAB_HOST", "git.other"), ("GITLAB_TOKEN", "t")];
    let said = Case {
        env: &elsewhere,
        ..at("https://gitlab.com/g/n")
    }
    .refused();
    assert!(
        said.contains("GITLAB_TOKEN is set, and nothing says that it is for gitlab.com"),
        "{said}"
    );
    let said = Case {
        env: &elsewhere,
        platform: Some("gitlab"),
        ..at("https://git.example/g/n")
    }
    .refused();
    assert!(
        said.contains("nothing says that it is for git.example"),
        "{said}"
    );
    // Another port is another server.
    let port = [
        ("GITEA_SERVER_URL", "https://git.example:3000"),
        ("GITEA_TOKEN", "t"),
    ];
    assert!(
        Case {
            env: &port,
            platform: Some("gitea"),
            ..at("https://git.example:4000/o/r")
        }
        .refused()
        .contains("nothing says")
    );
    // In a workflow of Gitea, GitHub's name is Gitea's.
    let workflow = [
        ("GITEA_ACTIONS", "true"),
        ("GITHUB_SERVER_URL", "https://git.example"),
        ("GITHUB_TOKEN", "t"),
    ];
    assert!(
        Case {
            env: &workflow,
            ..at("https://github.com/o/r")
        }
        .refused()
        .contains("no token for GitHub")
    );
}

#[test]
fn an_api_in_a_variable_counts_on_the_remotes_host_alone() {
    let api = |env: &[(&str, &str)], url| {
        let place = Case { env, ..at(url) }.place();
        (
            place.hosted.api.to_string(),
            place
                .hosted
                .graphql
                .map(|g| g.to_string())
                .unwrap_or_default(),
        )
    };
    let token = ("GH_TOKEN", "t");
    let usual = (
        "https://api.github.com".to_owned(),
        "https://api.github.com/graphql".to_owned(),
    );
    for other in [
        "https://evil.example/api/v3",
        "https://api.github.com.evil.example",
        "https://evilgithub.com",
        "not an address",
        "http://api.github.com",
    ] {
        let env = [
            token,
            ("GITHUB_API_URL", other),
            ("GITHUB_GRAPHQL_URL", other),
        ];
        assert_eq!(api(&env, "https://github.com/o/r"), usual, "{other}");
    }
    let env = [
        token,
        ("GITHUB_API_URL", "https://api.github.com/x"),
        ("GITHUB_GRAPHQL_URL", "https://github.com/y"),
    ];
    assert_eq!(
        api(&env, "https://github.com/o/r"),
        (
            "https://api.github.com/x".to_owned(),
            "https://github.com/y".to_owned()
        )
    );
}

#[test]
fn what_the_user_sets_is_where_it_goes() {
    let env = [
        ("CODELICIOUS_FORGE_API", "http://127.0.0.1:9/sub/api/v3"),
        ("CODELICIOUS_FORGE_REPOSITORY", "octo/hello"),
        ("GITHUB_TOKEN", "t"),
    ];
    // With a folder for a remote.
    let place = Case {
        env: &env,
        platform: Some("github"),
        ..at("/srv/r.git")
    }
    .place();
    let hosted = &place.hosted;
    assert_eq!(hosted.api.to_string(), "http://127.0.0.1:9/sub/api/v3");
    assert_eq!(
        hosted.graphql.as_ref().map(ToString::to_string).as_deref(),
        Some("http://127.0.0.1:9/sub/api/graphql")
    );
    assert_eq!(
        (hosted.web.as_str(), hosted.repository.as_str()),
        ("http://127.0.0.1:9/sub", "octo/hello")
    );
    assert_eq!(place.token_from, "GITHUB_TOKEN");
    assert!(hosted.private_hosts.contains(&"127.0.0.1".to_owned()));
    // And with a host that says nothing.
    let env = [
        ("CODELICIOUS_PR_PLATFORM", "gitlab"),
        ("CODELICIOUS_FORGE_API", "https://git.example/api/v4"),
        ("MINE", "own"),
        ("GITLAB_TOKEN", "t"),
    ];
    let place = Case {
        env: &env,
        user: "forge.token_env = 'MINE'",
        ..at("git@10.0.0.7:g/n")
    }
    .place();
    assert_eq!(place.because, "CODELICIOUS_PR_PLATFORM says so");
    assert_eq!(
        (place.token_from.as_str(), place.hosted.web.as_str()),
        ("MINE", "https://10.0.0.7")
    );
    let token = place.hosted.token.expect("one");
    assert_eq!(token.expose_secret(), "own");
    assert_eq!(place.hosted.private_hosts, ["git.example"]);
}

#[test]
fn a_setting_without_effect_is_told() {
    let repo =
        "[pr]\nlabels = ['ai']\nmax_open = 3\nmode = 'chunk'\n[sources]\nissues = { label = 'x' }";
    let (settings, choice) = Case {
        repo,
        ..Case::default()
    }
    .choose();
    let notes = choice.expect("files").notes(&settings);
    assert_eq!(notes.len(), 3, "{notes:?}");
    for key in ["`pr.max_open` (", "`pr.labels` (", "`sources.issues` ("] {
        assert!(
            notes
                .iter()
                .any(|note| note.starts_with(key) && note.ends_with(") has no effect on local")),
            "{notes:?}"
        );
    }
    let case = Case {
        repo,
        user: "forge.graphql = 'https://git.example/graphql'",
        env: &[("GITLAB_TOKEN", "t")],
        ..at("https://gitlab.com/g/n")
    };
    let (settings, choice) = case.choose();
    let notes = choice.expect("GitLab").notes(&settings);
    assert_eq!(notes.len(), 1, "{notes:?}");
    assert!(
        notes[0].starts_with("`forge.graphql` (") && notes[0].ends_with("has no effect on GitLab")
    );
}
