use super::super::agent::What;
use super::*;
use std::collections::BTreeSet;

#[test]
fn rows_hold_together() {
    let mut names = BTreeSet::new();
    for agent in AGENTS {
        for name in agent.also.iter().chain([&agent.name]) {
            assert!(names.insert(*name), "{name} twice");
            assert_eq!(find(name), Some(agent));
        }
        for host in agent.hosts {
            let read = crate::model::policy::Endpoint::parse(host);
            assert!(read.is_ok(), "{}: {read:?}", agent.name);
        }
        for folder in agent.folders {
            if let NamedBy::Above(_, above) = folder.named_by {
                assert!(folder.at.starts_with(above), "{}", folder.at);
            }
            let paths = folder.copied.iter().map(|item| item.path);
            for path in paths.chain(folder.kept.iter().copied()).chain([folder.at]) {
                let fine = |step: &str| !matches!(step, "" | "." | "..");
                assert!(path.is_empty() || path.split('/').all(fine), "{path}");
            }
            let settings = |item: &&Item| item.what != What::Credentials(None);
            for item in folder.copied.iter().filter(settings) {
                let is_kept = |kept: &&str| super::super::tidy::matches(kept, item.path);
                assert!(
                    !folder.kept.iter().any(is_kept),
                    "{}: {} would outlive a run",
                    agent.name,
                    item.path
                );
            }
        }
    }
}

#[test]
fn programs_are_known_by_their_last_part() {
    for (program, name) in [
        ("claude", Some("claude")),
        ("/usr/local/bin/codex", Some("codex")),
        ("/x/gemini.js --flag", Some("gemini")),
        ("cursor-agent", Some("cursor-agent")),
        ("claudette", None),
        ("", None),
        ("/", None),
    ] {
        assert_eq!(find(program).map(|a| a.name), name, "{program}");
    }
}
