use super::sandbox_keys::{COMMAND_FIELDS, PRESETS, SANDBOX_FIELDS};
use super::tests::{Case, repo, user};
use crate::model::policy::{
    Ceiling, Endpoint, Network, Preset, PresetSettings, ResourceLimits, SandboxSettings,
};

const REPO: &str = "/repo/codelicious.toml";

fn walls(case: &Case) -> SandboxSettings {
    case.settings().walls
}

fn hosts(words: &[&str]) -> Vec<Endpoint> {
    words.iter().map(|h| Endpoint::parse(h).unwrap()).collect()
}

#[test]
fn presets_have_their_words() {
    assert_eq!(Preset::ALL.map(Preset::word).as_slice(), PRESETS);
}

#[test]
fn a_users_table_changes_a_preset() {
    let text = "[sandbox.verify]\nread = ['~/data', '/srv/x', 'sub']\nexecute = ['~']\nwrite = ['/var/tmp/b']\n\
                network = ['a.org']\nhosts = ['*.b.org:8080']\nunix_sockets = true\nagent_programs = true\nmemory = '4 GiB'\nprocesses = 7\n\
                open_files = 64\nfile_size = 4096\ndisk = '10GB'\n";
    let expected = PresetSettings {
        read: vec!["/home/ann/data".into(), "/srv/x".into(), "sub".into()],
        execute: vec!["/home/ann".into()],
        write: vec!["/var/tmp/b".into()],
        network: Some(Network::Hosts(hosts(&["a.org"]))),
        hosts: hosts(&["*.b.org:8080"]),
        unix_sockets: Some(true),
        agent_programs: Some(true),
        limits: ResourceLimits {
            memory: Some(4 << 30),
            processes: Some(7),
            open_files: Some(64),
            file_size: Some(4096),
            disk: Some(10_000_000_000),
            cpu_seconds: None,
        },
        ceiling: Ceiling::default(),
    };
    assert_eq!(walls(&user(text)).presets, [(Preset::Verify, expected)]);
    for (word, network) in [
        ("'none'", Network::None),
        ("'loopback'", Network::Loopback),
        ("'full'", Network::Full),
        ("[]", Network::Hosts(Vec::new())),
    ] {
        let text = format!("[sandbox.agent-cli]\nnetwork = {word}\n");
        let (preset, change) = walls(&user(&text)).presets.remove(0);
        assert_eq!((preset, change.network), (Preset::AgentCli, Some(network)));
    }
}

#[test]
fn what_the_repository_says_is_a_ceiling() {
    let case = Case {
        user: "[sandbox.verify]\nnetwork = 'full'\nmemory = '1 GiB'\n",
        repo: "[sandbox.verify]\nnetwork = 'loopback'\nmemory = '8 GiB'\nprocesses = 9\n\
               [sandbox.setup]\nnetwork = 'none'\n\
               [[sandbox.command]]\ncommand = 'npm ci'\npreset = 'verify'\ndisk = '1 MiB'\n",
        ..Case::default()
    };
    let found = walls(&case);
    assert_eq!(found.presets.len(), 2);
    let verify = &found.presets[0].1;
    assert_eq!(verify.network, Some(Network::Full));
    assert_eq!(verify.limits.memory, Some(1 << 30));
    assert_eq!(verify.ceiling.network, Some(Network::Loopback));
    assert_eq!(verify.ceiling.limits.processes, Some(9));
    let setup = &found.presets[1];
    assert_eq!(setup.0, Preset::Setup);
    assert_eq!(
        (setup.1.network.clone(), setup.1.ceiling.network.clone()),
        (None, Some(Network::None))
    );
    let [entry] = found.commands.as_slice() else {
        panic!("one entry: {found:?}")
    };
    assert!(entry.is_repositorys);
    assert_eq!(
        (entry.command.as_str(), entry.preset),
        ("npm ci", Some(Preset::Verify))
    );
    assert_eq!(entry.change.limits, ResourceLimits::default());
    assert_eq!(entry.change.ceiling.limits.disk, Some(1 << 20));
}

#[test]
fn a_repository_opens_nothing() {
    let refused = "may not be set in the repository's file";
    let tighter = "may only tighten";
    for (line, says) in [
        ("read = ['/']", refused),
        ("execute = ['/']", refused),
        ("write = ['/']", refused),
        ("hosts = ['evil.org']", refused),
        ("unix_sockets = true", refused),
        ("agent_programs = true", refused),
        ("network = 'full'", tighter),
        ("network = ['evil.org']", tighter),
    ] {
        for (head, line_number, key) in [
            ("[sandbox.verify]\n", 2, "sandbox.verify"),
            ("[[sandbox.command]]\ncommand = 'x'\n", 3, "sandbox.command"),
        ] {
            let error = repo(&format!("{head}{line}\n")).error();
            let name = line.split(' ').next().unwrap();
            let start = format!("{REPO}:{line_number}: `{key}.{name}` ");
            assert!(error.starts_with(&start) && error.contains(says), "{error}");
        }
    }
    for preset in ["setup", "agent-cli"] {
        let text = format!("[[sandbox.command]]\ncommand = 'x'\npreset = '{preset}'\n");
        let error = repo(&text).error();
        assert!(
            error.contains(tighter) && error.contains("engine-tool"),
            "{error}"
        );
    }
    assert!(repo("sandbox.mode = 'on'").error().contains(refused));
}

#[test]
fn mistakes_are_told_with_line_and_remedy() {
    for (text, says) in [
        (
            "[sandbox.verfy]\n",
            "unknown table `sandbox.verfy`; did you mean `sandbox.verify`?",
        ),
        (
            "[sandbox.verify]\nmemroy = 1\n",
            "did you mean `sandbox.verify.memory`?",
        ),
        (
            "[sandbox.verify]\ncommand = 'x'\n",
            "unknown key `sandbox.verify.command`",
        ),
        (
            "[[sandbox.command]]\ncomand = 'x'\n",
            "did you mean `sandbox.command.command`?",
        ),
        (
            "[[sandbox.command]]\nmemory = 1048576\n",
            "`sandbox.command.command` cannot be missing",
        ),
        (
            "sandbox.command = ['npm ci']\n",
            "tables: [[sandbox.command]]",
        ),
        ("sandbox.command = 'npm ci'\n", "[sandbox.<preset>]"),
        ("sandbox.mod = 'on'\n", "sandbox.mod"),
        ("[sandbox.verify]\nmemory = '4 QB'\n", "a size such as"),
        ("[sandbox.verify]\nmemory = 1\n", "from 1 MiB to 64 TiB"),
        (
            "[sandbox.verify]\nmemory = 1.5\n",
            "is a number with a fraction",
        ),
        ("[sandbox.verify]\nprocesses = 0\n", "a whole number from 1"),
        (
            "[sandbox.verify]\nnetwork = 'some'\n",
            "\"none\", \"loopback\", \"full\"",
        ),
        (
            "[sandbox.verify]\nnetwork = ['https://a.org']\n",
            "or a list of hosts",
        ),
        ("[sandbox.verify]\nread = ['../x']\n", "without .."),
        ("[sandbox.verify]\nread = '/x'\n", "is a text"),
    ] {
        let error = user(text).error();
        assert!(error.contains(says), "{text}: {error}");
    }
}

#[test]
fn every_field_is_read() {
    for field in SANDBOX_FIELDS {
        let text = format!("[sandbox.setup]\n{} = {}\n", field.name, field.example);
        let settings = user(&text).settings();
        let (_, change) = &settings.walls.presets[0];
        assert_ne!(*change, PresetSettings::default(), "{}", field.name);
        let key = format!("sandbox.setup.{}", field.name);
        assert!(settings.set.iter().any(|set| set.key == key), "{key}");
    }
    for field in COMMAND_FIELDS {
        let own = format!("{} = {}\n", field.name, field.example);
        let text = match field.name {
            "command" => format!("[[sandbox.command]]\n{own}"),
            _ => format!("[[sandbox.command]]\ncommand = 'x'\n{own}"),
        };
        let entry = walls(&user(&text)).commands.remove(0);
        assert!(
            entry.command != "x" || entry.preset.is_some(),
            "{}",
            field.name
        );
    }
}
