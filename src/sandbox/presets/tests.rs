use super::*;
use crate::model::policy::FileAccess;
use proptest::prelude::*;

fn all() -> Abilities {
    Abilities {
        landlock: 7,
        seccomp: true,
        network_namespace: true,
        control_group: Some("version 2".to_owned()),
        seatbelt: false,
        lacking: Vec::new(),
    }
}

fn machine() -> Machine {
    let tool = |name: &str, path: &str| (name.to_owned(), PathBuf::from(path));
    Machine {
        home: Some("/home/ann".into()),
        root: "/home/ann/shop".into(),
        git_dir: "/home/ann/shop/.git".into(),
        codelicious_dir: "/home/ann/shop/.codelicious".into(),
        path: vec![
            "/home/ann/.cargo/bin".into(),
            "/home/ann/.nvm/versions/node/v24".into(),
        ],
        tools: vec![
            tool("CARGO_HOME", "/home/ann/.cargo"),
            tool("RUSTUP_HOME", "/home/ann/.rustup"),
            tool("GOMODCACHE", "/home/ann/go/pkg/mod"),
            tool("GRADLE_USER_HOME", "/home/ann/.gradle"),
            tool("MAVEN_REPOSITORY", "/home/ann/.m2/repository"),
        ],
        registries: vec![Endpoint::parse("npm.example.org").unwrap()],
        ..Machine::default()
    }
}

const LANE: &str = "/home/ann/.cache/codelicious/lanes/shop/cart";

fn subject<'a>(preset: Preset, command: &'a str, env: &'a [(String, String)]) -> Subject<'a> {
    Subject {
        preset,
        lane: Path::new(LANE),
        command,
        env,
    }
}

fn built(settings: &SandboxSettings, preset: Preset, command: &str) -> Wall {
    wall(settings, &machine(), &all(), &subject(preset, command, &[]))
}

fn network(words: &str) -> Network {
    match words {
        "none" => Network::None,
        "loopback" => Network::Loopback,
        "full" => Network::Full,
        hosts => Network::Hosts(
            hosts
                .split(' ')
                .map(|h| Endpoint::parse(h).unwrap())
                .collect(),
        ),
    }
}

fn set(preset: Preset, change: PresetSettings) -> SandboxSettings {
    SandboxSettings {
        presets: vec![(preset, change)],
        ..SandboxSettings::default()
    }
}

fn grants(paths: &[PathBuf], path: &str) -> bool {
    paths
        .iter()
        .any(|granted| Path::new(path).starts_with(granted))
}

#[test]
fn what_each_preset_may_do_with_files() {
    for preset in Preset::ALL {
        let files = built(&SandboxSettings::default(), preset, "").files;
        let own = Sandbox::own_dir(Path::new(LANE), preset, "");
        let reads = |path: &str| {
            grants(&files.read, path) || grants(&files.execute, path) || grants(&files.write, path)
        };
        for path in [
            &format!("{LANE}/src/main.rs"),
            &own.join("tmp/x").display().to_string(),
            &own.join("home/x").display().to_string(),
            "/dev/null",
            "/dev/shm/sem.x",
        ] {
            assert!(grants(&files.write, path), "{preset} {path}");
        }
        for path in [
            "/usr/bin/python3",
            "/home/ann/.cargo/bin/cargo",
            "/home/ann/.rustup/toolchains/stable/bin/rustc",
            "/home/ann/.nvm/versions/node/v24/lib/node_modules",
            &format!("{LANE}/target/debug/shop"),
            &format!("{LANE}@box/cache/go-build/x"),
        ] {
            assert!(grants(&files.execute, path), "{preset} {path}");
        }
        for path in [
            "/etc/passwd",
            "/etc/ssl/certs/ca.pem",
            "/proc/self/status",
            "/home/ann/shop/.git/HEAD",
            "/home/ann/go/pkg/mod/cache/download/x",
            "/home/ann/.gradle/caches/modules-2",
        ] {
            assert!(reads(path), "{preset} {path}");
            assert!(!grants(&files.write, path), "{preset} {path}");
        }
        for path in [
            "/etc/shadow",
            "/etc/sudoers",
            "/etc/ssh/ssh_host_ed25519_key",
            "/etc/ssl/private/key.pem",
            "/root/.bashrc",
            "/home/ann/.ssh/id_ed25519",
            "/home/ann/.bashrc",
            "/home/ann/.cargo/credentials.toml",
            "/home/ann/.gradle/gradle.properties",
            "/home/ann/.m2/settings.xml",
            "/home/ann/.config/gh/hosts.yml",
            "/home/ann/shop/Cargo.toml",
            "/home/ann/shop/.codelicious/state/x",
            "/home/ann/.cache/codelicious/lanes/shop/other",
            "/home/bob/x",
            "/tmp/x",
            "/var/lib/x",
            "/run/docker.sock",
            "/dev/sda",
            "/dev/pts/0",
            "/dev/tty",
            "/sys/kernel/security/lsm",
        ] {
            assert!(!reads(path), "{preset} {path}");
        }
        for path in [
            "/home/ann/.cargo/bin/x",
            "/usr/bin/x",
            "/home/ann/shop/.git/hooks/x",
        ] {
            assert!(!grants(&files.write, path), "{preset} {path}");
        }
    }
}

#[test]
fn a_folder_that_holds_the_home_is_never_granted() {
    let mut machine = machine();
    machine.path = vec![
        "/".into(),
        "/home".into(),
        "/home/ann".into(),
        "/home/ann/shop".into(),
    ];
    machine
        .tools
        .push(("VIRTUAL_ENV".to_owned(), "/home/ann".into()));
    let wall = wall(
        &SandboxSettings::default(),
        &machine,
        &all(),
        &subject(Preset::Verify, "", &[]),
    );
    for path in [
        "/home/ann/.ssh/id",
        "/home/ann/shop/.codelicious/x",
        "/home/bob/.ssh",
    ] {
        assert!(!grants(&wall.files.execute, path), "{path}");
    }
}

#[test]
fn what_each_preset_reaches() {
    let usual = SandboxSettings::default();
    assert_eq!(built(&usual, Preset::Verify, "").network, Network::Loopback);
    assert_eq!(
        built(&usual, Preset::EngineTool, "").network,
        Network::Loopback
    );
    let Network::Hosts(hosts) = built(&usual, Preset::Setup, "").network else {
        panic!("set-up commands reach registries")
    };
    let has = |hosts: &[Endpoint], host: &str| hosts.iter().any(|e| e.covers(host, 443));
    assert!(has(&hosts, "static.crates.io") && has(&hosts, "npm.example.org"));
    assert!(!has(&hosts, "example.com"));
    assert_eq!(
        hosts.len(),
        REGISTRIES.len() + 1,
        "every built-in host can be read"
    );

    let env = [
        (
            "ANTHROPIC_BASE_URL".to_owned(),
            "http://localhost:8080/v1".to_owned(),
        ),
        (
            "OPENAI_API_BASE".to_owned(),
            "https://llm.example.org:8443/v1".to_owned(),
        ),
        ("SOME_ENDPOINT".to_owned(), "not an address".to_owned()),
        (
            "HOMEPAGE".to_owned(),
            "https://elsewhere.example.org".to_owned(),
        ),
    ];
    let of_agent = wall(
        &usual,
        &machine(),
        &all(),
        &subject(Preset::AgentCli, "claude", &env),
    );
    assert_eq!(
        of_agent.network,
        network("localhost:8080 llm.example.org:8443")
    );
}

#[test]
fn addresses_name_hosts() {
    for (address, host) in [
        ("https://api.example.org/v1", "api.example.org:443"),
        (
            "https://user:secret@api.example.org:443/v1",
            "api.example.org:443",
        ),
        ("http://api.example.org:8080", "api.example.org:8080"),
        ("http://127.0.0.1", "127.0.0.1:80"),
        ("https://[::1]:9/x", "[::1]:9"),
        (
            "sparse+https://crates.example.org/index/",
            "crates.example.org:443",
        ),
        ("http://api.example.org", "api.example.org:80"),
    ] {
        assert_eq!(
            endpoint_of(address),
            Some(Endpoint::parse(host).unwrap()),
            "{address}"
        );
    }
    for address in [
        "",
        "example.org",
        "file:///x",
        "https://*.example.org",
        "https://",
        "direct",
    ] {
        assert_eq!(endpoint_of(address), None, "{address}");
    }
}

#[test]
fn settings_change_a_preset() {
    let change = PresetSettings {
        read: vec!["/data".into()],
        write: vec!["/var/tmp/build".into(), "../sibling".into()],
        network: Some(Network::None),
        unix_sockets: Some(true),
        limits: ResourceLimits {
            memory: Some(1),
            ..ResourceLimits::default()
        },
        ..PresetSettings::default()
    };
    let wall = built(&set(Preset::Verify, change), Preset::Verify, "");
    assert!(wall.files.read.contains(&"/data".into()));
    assert!(wall.files.write.contains(&"/var/tmp/build".into()));
    assert!(
        wall.files
            .write
            .contains(&Path::new(LANE).join("../sibling"))
    );
    assert_eq!((wall.network, wall.unix_sockets), (Network::None, true));
    assert_eq!(
        (wall.limits.memory, wall.limits.processes),
        (Some(1), Some(1_024))
    );
    let other = built(&SandboxSettings::default(), Preset::EngineTool, "");
    assert!(!other.files.read.contains(&"/data".into()));
}

#[test]
fn hosts_stand_beside_what_there_is() {
    let table = [
        (
            None,
            "db.example.org:5432",
            Preset::Verify,
            "db.example.org:5432",
        ),
        (Some("none"), "a.org", Preset::Verify, "a.org"),
        (Some("full"), "a.org", Preset::Verify, "full"),
        (Some("b.org"), "a.org b.org", Preset::Verify, "b.org a.org"),
    ];
    for (own, hosts, preset, expected) in table {
        let Network::Hosts(hosts) = network(hosts) else {
            panic!()
        };
        let change = PresetSettings {
            network: own.map(network),
            hosts,
            ..PresetSettings::default()
        };
        assert_eq!(
            built(&set(preset, change), preset, "").network,
            network(expected)
        );
    }
}

fn entry(command: &str, change: PresetSettings) -> CommandSettings {
    CommandSettings {
        command: command.to_owned(),
        change,
        ..CommandSettings::default()
    }
}

#[test]
fn a_commands_own_entry_counts_for_it_alone() {
    let full = PresetSettings {
        network: Some(Network::Full),
        ..PresetSettings::default()
    };
    let hosts = PresetSettings {
        network: Some(network("a.org")),
        ..PresetSettings::default()
    };
    let settings = SandboxSettings {
        commands: vec![entry("npm run", hosts), entry("npm run e2e", full)],
        ..SandboxSettings::default()
    };
    for (command, expected) in [
        ("npm run e2e", "full"),
        ("npm  run e2e --headed", "full"),
        ("npm run lint", "a.org"),
        ("npm run e2e-other", "a.org"),
        ("npm runs", "loopback"),
        ("echo npm run", "loopback"),
        // A shell makes more than one command of these.
        ("npm run e2e; curl evil", "loopback"),
        ("npm run e2e && curl evil", "loopback"),
        ("npm run e2e $(curl evil)", "loopback"),
        ("npm run e2e\ncurl evil", "loopback"),
        ("npm run e2e `curl evil`", "loopback"),
        ("npm run e2e | sh", "loopback"),
    ] {
        assert_eq!(
            built(&settings, Preset::Verify, command).network,
            network(expected),
            "{command}"
        );
    }
}

#[test]
fn an_entry_may_name_another_preset() {
    let settings = SandboxSettings {
        commands: vec![CommandSettings {
            preset: Some(Preset::Setup),
            ..entry("make deps && make", PresetSettings::default())
        }],
        ..SandboxSettings::default()
    };
    // The whole line was written down, so that it counts as it is.
    let wall = built(&settings, Preset::Verify, "make deps && make");
    assert_eq!((wall.preset, wall.network.word()), (Preset::Setup, "hosts"));
}

#[test]
fn without_a_namespace_there_is_less_and_never_more() {
    let poor = Abilities {
        network_namespace: false,
        ..all()
    };
    for (wanted, gets) in [
        ("none", "none"),
        ("loopback", "none"),
        ("a.org", "none"),
        ("full", "full"),
    ] {
        let change = PresetSettings {
            network: Some(network(wanted)),
            ..PresetSettings::default()
        };
        let settings = set(Preset::Verify, change);
        let told = explain(
            &settings,
            &machine(),
            &poor,
            &subject(Preset::Verify, "", &[]),
        );
        assert_eq!(told.wall.network, network(gets), "{wanted}");
        let is_less = wanted != gets;
        assert_eq!(
            told.weaker
                .iter()
                .any(|w| w.contains("no network namespace")),
            is_less,
            "{wanted}"
        );
        let machine = Machine {
            uses: vec![Preset::Verify],
            ..machine()
        };
        assert_eq!(
            check(&settings, &machine, &poor).is_err(),
            wanted == "a.org",
            "{wanted}"
        );
        assert!(check(&settings, &machine, &all()).is_ok());
    }
}

#[test]
fn a_machine_without_a_wall_is_refused_with_a_remedy() {
    let usual = SandboxSettings::default();
    for poor in [
        Abilities {
            landlock: 0,
            ..all()
        },
        Abilities {
            seccomp: false,
            ..all()
        },
    ] {
        let refused = check(&usual, &machine(), &poor).unwrap_err();
        assert!(refused.remedy.contains("--sandbox=off"), "{refused:?}");
    }
    let mac = Abilities {
        seatbelt: true,
        ..Abilities::default()
    };
    assert!(check(&usual, &machine(), &mac).is_ok());
    let why = Abilities {
        lacking: vec!["Landlock is switched off".to_owned()],
        ..Abilities::default()
    };
    assert!(
        check(&usual, &machine(), &why)
            .unwrap_err()
            .why
            .contains("switched off")
    );
}

#[test]
fn an_open_network_is_told() {
    let full = PresetSettings {
        network: Some(Network::Full),
        ..PresetSettings::default()
    };
    let verify_only = Machine {
        uses: vec![Preset::Verify],
        ..machine()
    };
    assert!(!is_open(&SandboxSettings::default(), &machine()));
    assert!(is_open(&set(Preset::Setup, full.clone()), &machine()));
    assert!(!is_open(&set(Preset::Setup, full.clone()), &verify_only));
    let settings = SandboxSettings {
        commands: vec![entry("npm ci", full)],
        ..SandboxSettings::default()
    };
    assert!(is_open(&settings, &verify_only));
}

#[test]
fn variables_lead_to_private_places() {
    let env = [
        ("GOFLAGS".to_owned(), "-mod=mod".to_owned()),
        ("SSH_AUTH_SOCK".to_owned(), "/run/agent".to_owned()),
        ("CARGO_TARGET_DIR".to_owned(), "/home/ann/target".to_owned()),
    ];
    let of = |preset| {
        let wall = wall(
            &SandboxSettings::default(),
            &machine(),
            &all(),
            &subject(preset, "", &env),
        );
        move |name: &str| {
            let mut found = wall.env.iter().filter(|(n, _)| n == name);
            let value = found.next().map(|(_, v)| v.clone());
            assert!(found.next().is_none(), "{name} stands there once");
            value
        }
    };
    let verify = of(Preset::Verify);
    let own = |below: &str| Some(format!("{LANE}@box/{below}"));
    assert_eq!(verify("HOME"), own("home"));
    assert_eq!(verify("TMPDIR"), own("tmp"));
    assert_eq!(verify("CARGO_HOME"), own("cache/cargo"));
    assert_eq!(verify("GOMODCACHE"), own("cache/go-mod"));
    assert_eq!(verify("npm_config_cache"), own("cache/npm"));
    assert_eq!(verify("PIP_CACHE_DIR"), own("cache/pip"));
    assert_eq!(verify("CARGO_TARGET_DIR"), own("cache/cargo-target"));
    assert_eq!(verify("RUSTUP_HOME").as_deref(), Some("/home/ann/.rustup"));
    assert_eq!(verify("GOFLAGS").as_deref(), Some("-mod=mod -modcacherw"));
    assert_eq!(
        verify("GOPROXY").as_deref(),
        Some("file:///home/ann/go/pkg/mod/cache/download,https://proxy.golang.org,direct")
    );
    assert_eq!(verify("SSH_AUTH_SOCK").as_deref(), Some(""));
    assert_eq!(verify("CARGO_NET_OFFLINE").as_deref(), Some("true"));
    assert_eq!(verify("HTTPS_PROXY"), None);
    let setup = of(Preset::Setup);
    for name in ["HTTP_PROXY", "https_proxy", "ALL_PROXY"] {
        assert_eq!(
            setup(name).as_deref(),
            Some("http://127.0.0.1:3128"),
            "{name}"
        );
    }
    assert_eq!(
        setup("NO_PROXY").as_deref(),
        Some("localhost,127.0.0.1,::1")
    );
    assert_eq!(setup("CARGO_NET_OFFLINE"), None);
    assert!(setup("JAVA_TOOL_OPTIONS").is_some_and(|o| o.contains("https.proxyPort=3128")));
}

#[test]
fn an_agents_home_is_nobody_elses() {
    let of = |preset, command: &str| built(&SandboxSettings::default(), preset, command);
    let own = |folder: &str| format!("{LANE}@box/{folder}");
    let others = [
        of(Preset::EngineTool, "claude"),
        of(Preset::Verify, "claude"),
        of(Preset::Setup, "claude"),
        of(Preset::AgentCli, "codex"),
    ];
    let claude = own("agent-claude/home/.claude/.credentials.json");
    for wall in &others {
        let FileAccess {
            read,
            execute,
            write,
            kept: _,
        } = &wall.files;
        for paths in [read, execute, write] {
            assert!(!grants(paths, &claude), "{}", wall.preset);
        }
    }
    let wall = of(Preset::AgentCli, "claude");
    assert!(grants(&wall.files.write, &claude));
    assert!(
        !grants(&wall.files.write, &own("home/x")) && !grants(&wall.files.write, &own("tmp/x"))
    );
    assert!(grants(&wall.files.write, &own("cache/npm/x")));
    let var = |name: &str| {
        let mut found = wall.env.iter().filter(|(n, _)| n == name);
        found.next().map(|(_, value)| value.clone())
    };
    assert_eq!(var("HOME"), Some(own("agent-claude/home")));
    assert_eq!(var("TMPDIR"), Some(own("agent-claude/tmp")));
    assert_eq!(var("XDG_CACHE_HOME"), Some(own("agent-claude/cache")));
    assert_eq!(var("npm_config_cache"), Some(own("cache/npm")));

    // A wall of another kind, by the settings, makes an agent of no check, and no check of an agent.
    let settings = |preset| SandboxSettings {
        commands: vec![CommandSettings {
            preset: Some(preset),
            ..entry("claude", PresetSettings::default())
        }],
        ..SandboxSettings::default()
    };
    let check = built(&settings(Preset::AgentCli), Preset::Verify, "claude");
    assert_eq!(check.preset, Preset::AgentCli);
    assert!(!grants(&check.files.write, &claude) && grants(&check.files.write, &own("home/x")));
    let agent = built(&settings(Preset::Verify), Preset::AgentCli, "claude");
    assert!(grants(&agent.files.write, &claude) && !grants(&agent.files.write, &own("home/x")));
}

fn networks() -> impl Strategy<Value = Network> {
    let hosts = proptest::sample::subsequence(vec!["a.org", "b.org:8080", "*.c.org"], 0..=3);
    prop_oneof![
        Just(Network::None),
        Just(Network::Loopback),
        Just(Network::Full),
        hosts.prop_map(|h| Network::Hosts(
            h.into_iter().map(|h| Endpoint::parse(h).unwrap()).collect()
        )),
    ]
}

fn rank(network: &Network) -> u8 {
    match network {
        Network::None => 0,
        Network::Loopback => 1,
        Network::Hosts(_) => 2,
        Network::Full => 3,
    }
}

proptest! {
    /// Whatever the repository says, nothing is granted that was not granted without it.
    #[test]
    fn a_repository_only_takes_away(own in networks(), most in networks(), memory in any::<Option<u64>>(),
        bound in any::<Option<u64>>(), preset in proptest::sample::select(Preset::ALL.to_vec()))
    {
        let users = PresetSettings {
            network: Some(own),
            limits: ResourceLimits { memory, ..ResourceLimits::default() },
            ..PresetSettings::default()
        };
        let ceiling = Ceiling {
            network: Some(most),
            limits: ResourceLimits { memory: bound, ..ResourceLimits::default() },
        };
        let of_preset = PresetSettings { ceiling: ceiling.clone(), ..users.clone() };
        let of_command = SandboxSettings {
            presets: vec![(preset, users.clone())],
            commands: vec![CommandSettings {
                is_repositorys: true,
                ..entry("make", PresetSettings { ceiling, ..PresetSettings::default() })
            }],
            ..SandboxSettings::default()
        };
        let before = built(&set(preset, users), preset, "make all");
        for settings in [set(preset, of_preset), of_command] {
            let after = built(&settings, preset, "make all");
            prop_assert!(rank(&after.network) <= rank(&before.network));
            if let (Network::Hosts(after), Network::Hosts(before)) = (&after.network, &before.network) {
                prop_assert!(after.iter().all(|host| before.contains(host)));
            }
            // The preset has a bound of its own, so that there always is one.
            prop_assert!(after.limits.memory.is_some() && after.limits.memory <= before.limits.memory);
            prop_assert_eq!(&after.files, &before.files);
        }
    }
}
