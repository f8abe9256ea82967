//! What a command may touch, for people and as JSON.

use super::text::clean;
use crate::model::policy::{Endpoint, Explained, Network, ResourceLimits};
use serde_json::{Value, json};
use std::path::Path;

/// A wall, and what is known beside it.
pub struct Shown<'a> {
    pub explained: &'a Explained,
    /// What is not there grants nothing.
    pub exists: &'a dyn Fn(&Path) -> bool,
    /// Variables that the command is given before the wall's own.
    pub names: Vec<&'a str>,
}

/// Most paths of a group that are named.
const NAMED: usize = 4;

/// For people. None: there is no wall.
pub fn render(command: &str, shown: Option<&Shown<'_>>) -> String {
    let Some(shown) = shown else {
        return format!(
            "{}\n\nunsandboxed: it could reach everything you can\n",
            clean(command)
        );
    };
    let wall = &shown.explained.wall;
    let mut out = format!("{}\n\npreset    {}\n", clean(command), wall.preset);
    for entry in &shown.explained.entries {
        out.push_str(&format!("entry     [[sandbox.command]] {}\n", clean(entry)));
    }
    out.push_str("\nfiles\n");
    for group in &shown.explained.files {
        let there: Vec<&Path> = there(shown, &group.paths);
        if there.is_empty() {
            continue;
        }
        out.push_str(&format!(
            "  {:<22}{} ({})\n",
            group.access.words(),
            group.why,
            there.len()
        ));
        for path in there.iter().take(NAMED) {
            out.push_str(&format!(
                "  {:<22}  {}\n",
                "",
                clean(&path.display().to_string())
            ));
        }
        if there.len() > NAMED {
            out.push_str(&format!("  {:<22}  and {} more\n", "", there.len() - NAMED));
        }
    }
    out.push_str(&format!("\nnetwork   {}\n", network(&wall.network)));
    if let Network::Hosts(hosts) = &wall.network {
        for host in hosts {
            out.push_str(&format!("  {host}\n"));
        }
    }
    let sockets = if wall.unix_sockets { "yes" } else { "no" };
    out.push_str(&format!(
        "sockets   {sockets} (of the Unix domain)\n\nlimits\n"
    ));
    for (name, bound) in limits(&wall.limits) {
        out.push_str(&format!("  {name:<12}{bound}\n"));
    }
    out.push_str("\nvariables\n");
    out.push_str(&format!("  of yours        {}\n", names(shown).join(" ")));
    let own: Vec<&str> = wall.env.iter().map(|(name, _)| name.as_str()).collect();
    out.push_str(&format!("  of the wall     {}\n", own.join(" ")));
    if !shown.explained.weaker.is_empty() {
        out.push_str("\nnot to be had on this machine\n");
        for line in &shown.explained.weaker {
            out.push_str(&format!("  {}\n", clean(line)));
        }
    }
    out
}

/// The same as JSON.
pub fn json(command: &str, shown: Option<&Shown<'_>>) -> Value {
    let Some(shown) = shown else {
        return json!({"schema": 1, "command": command, "wall": null});
    };
    let wall = &shown.explained.wall;
    let files = shown.explained.files.iter().map(|group| {
        let paths = there(shown, &group.paths);
        let paths: Vec<String> = paths.iter().map(|p| p.display().to_string()).collect();
        json!({"access": group.access.words(), "why": group.why, "paths": paths})
    });
    let hosts = match &wall.network {
        Network::Hosts(hosts) => Some(hosts.iter().map(Endpoint::to_string).collect::<Vec<_>>()),
        Network::None | Network::Loopback | Network::Full => None,
    };
    json!({
        "schema": 1,
        "command": command,
        "wall": {
            "preset": wall.preset.word(),
            "entries": shown.explained.entries,
            "files": files.collect::<Vec<_>>(),
            "network": wall.network.word(),
            "hosts": hosts,
            "unix_sockets": wall.unix_sockets,
            "limits": {
                "memory": wall.limits.memory,
                "processes": wall.limits.processes,
                "open_files": wall.limits.open_files,
                "file_size": wall.limits.file_size,
                "disk": wall.limits.disk,
                "cpu_seconds": wall.limits.cpu_seconds,
            },
            "passed": names(shown),
            "set": wall.env.iter().map(|(name, _)| name).collect::<Vec<_>>(),
            "weaker": shown.explained.weaker,
        },
    })
}

/// Variables that reach the command as they are.
fn names<'a>(shown: &Shown<'a>) -> Vec<&'a str> {
    let is_over = |name: &str| shown.explained.wall.env.iter().any(|(n, _)| n == name);
    let names = shown.names.iter().copied();
    names.filter(|name| !is_over(name)).collect()
}

fn there<'p>(shown: &Shown<'_>, paths: &'p [std::path::PathBuf]) -> Vec<&'p Path> {
    let paths = paths.iter().map(std::path::PathBuf::as_path);
    paths.filter(|path| (shown.exists)(path)).collect()
}

/// For people.
pub fn network(network: &Network) -> &'static str {
    match network {
        Network::None => "none",
        Network::Loopback => "loopback: one of its own, with nobody else on it",
        Network::Hosts(_) => "hosts: a loopback of its own, and these",
        Network::Full => "full: everything that this machine reaches",
    }
}

/// Bounds with their names, for people.
pub fn limits(limits: &ResourceLimits) -> [(&'static str, String); 6] {
    let size = |bytes: Option<u64>| bytes.map_or_else(|| "none".to_owned(), bytes_text);
    let count = |n: Option<u64>| n.map_or_else(|| "none".to_owned(), |n| n.to_string());
    [
        ("memory", size(limits.memory)),
        ("processes", count(limits.processes)),
        ("open files", count(limits.open_files)),
        ("file size", size(limits.file_size)),
        ("disk", size(limits.disk)),
        ("cpu seconds", count(limits.cpu_seconds)),
    ]
}

fn bytes_text(bytes: u64) -> String {
    let units = [(30, "GiB"), (20, "MiB"), (10, "KiB")];
    let unit = units
        .iter()
        .find(|(shift, _)| bytes.is_multiple_of(1 << shift));
    match unit {
        Some((shift, unit)) if bytes > 0 => format!("{} {unit}", bytes >> shift),
        _ => format!("{bytes} bytes"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::policy::{Access, FileAccess, FileGroup, Preset, Wall};

    fn explained() -> Explained {
        Explained {
            wall: Wall {
                preset: Preset::Setup,
                files: FileAccess::default(),
                network: Network::Hosts(vec![Endpoint::parse("a.org").unwrap()]),
                unix_sockets: false,
                limits: ResourceLimits {
                    memory: Some(8 << 30),
                    processes: Some(9),
                    ..ResourceLimits::default()
                },
                env: vec![("HOME".to_owned(), "/lane@box/home".to_owned())],
            },
            files: vec![
                FileGroup {
                    access: Access::All,
                    why: "the lane",
                    paths: vec!["/lane".into(), "/missing".into()],
                },
                FileGroup {
                    access: Access::Read,
                    why: "nothing",
                    paths: vec!["/missing".into()],
                },
            ],
            weaker: vec!["no control group".to_owned()],
            entries: vec!["npm ci".to_owned()],
        }
    }

    #[test]
    fn a_wall_is_told_without_what_is_not_there() {
        let explained = explained();
        let shown = Shown {
            explained: &explained,
            exists: &|path: &Path| path != Path::new("/missing"),
            names: vec!["HOME", "PATH"],
        };
        let text = render("npm ci", Some(&shown));
        for line in [
            "preset    setup",
            "entry     [[sandbox.command]] npm ci",
            "  read, write, execute  the lane (1)",
            "network   hosts",
            "  a.org",
            "  memory      8 GiB",
            "  disk        none",
            "  of yours        PATH\n",
            "  of the wall     HOME\n",
            "  no control group",
        ] {
            assert!(text.contains(line), "{line}: {text}");
        }
        assert!(
            !text.contains("missing") && !text.contains("nothing"),
            "{text}"
        );
        let value = json("npm ci", Some(&shown));
        assert_eq!(value["wall"]["hosts"], json!(["a.org"]));
        assert_eq!(value["wall"]["passed"], json!(["PATH"]));
        assert_eq!(value["wall"]["files"][0]["paths"], json!(["/lane"]));
    }

    #[test]
    fn no_wall_is_told() {
        assert!(render("make", None).contains("unsandboxed"));
        assert_eq!(json("make", None)["wall"], Value::Null);
    }
}
