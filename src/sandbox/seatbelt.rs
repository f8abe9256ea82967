//! The wall on macOS: a profile for sandbox-exec(1), made of the policy.
//!
//! Profiles are S-expressions: `deny default`, then what is allowed. Apple documents neither the language nor the
//! names of operations; what is used here is what the profiles in /System/Library/Sandbox/Profiles and the policies
//! of Chromium, Bazel and Codex use in the same sense. The kernel judges real paths, so that what stands behind
//! /tmp, /var and /etc is named twice.
//!
//! Made on every system, so that it is tested on every system; enforced on macOS alone. Weaker there than on Linux:
//! the loopback is the machine's, since there are no network namespaces, and of the limits only those hold that a
//! shell can set.

use super::gateway::PROXY_PORT;
use crate::model::policy::{FileAccess, Network, ResourceLimits, Wall};
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fmt::Write;
use std::path::{Component, Path, PathBuf};

/// The program that starts another one under a profile.
pub const PROGRAM: &str = "/usr/bin/sandbox-exec";

/// What every program reads to start at all: the linker's cache, the system's libraries and data. Not /System as a
/// whole: everybody's data lie below its Volumes once more.
const SYSTEM_READ: &[&str] = &[
    "/Library/Apple",
    "/System/Cryptexes",
    "/System/Library",
    "/System/Volumes/Preboot/Cryptexes",
    "/System/iOSSupport",
    "/private/etc",
    "/private/var/db/dyld",
    "/private/var/db/timezone",
    "/private/var/select",
    "/usr/lib",
    "/usr/share",
];

/// The system's own programs, and the compilers and git that Apple ships apart from them.
const SYSTEM_EXECUTE: &[&str] = &[
    "/Applications/Xcode.app/Contents/Developer",
    "/Library/Developer/CommandLineTools",
    "/bin",
    "/sbin",
    "/usr/bin",
    "/usr/libexec",
    "/usr/sbin",
];

/// Devices that are safe to read, and those of them that are safe to write. Not the terminal that we were started in:
/// who may use it can type there.
const DEVICES: &[(&str, bool)] = &[
    ("/dev/dtracehelper", true),
    ("/dev/fd/1", true),
    ("/dev/fd/2", true),
    ("/dev/null", true),
    ("/dev/ptmx", true),
    ("/dev/random", false),
    ("/dev/stderr", true),
    ("/dev/stdin", false),
    ("/dev/stdout", true),
    ("/dev/urandom", false),
    ("/dev/zero", true),
];

/// Services of the system that common tools ask: users and groups, logging, notices, where temporary folders are.
/// Neither the keychain (SecurityServer, securityd) nor the pasteboard, nor anything that starts programs for others.
const SERVICES: &[&str] = &[
    "com.apple.FSEvents",
    "com.apple.bsd.dirhelper",
    "com.apple.logd",
    "com.apple.system.logger",
    "com.apple.system.notification_center",
    "com.apple.system.opendirectoryd.libinfo",
    "com.apple.system.opendirectoryd.membership",
];

/// Those that a program needs beside them to reach a host: its name, the system's proxies, the trust in certificates.
const NETWORK_SERVICES: &[&str] = &[
    "com.apple.SystemConfiguration.DNSConfiguration",
    "com.apple.SystemConfiguration.configd",
    "com.apple.networkd",
    "com.apple.trustd",
    "com.apple.trustd.agent",
];

/// Names of folders that are links into /private.
const PRIVATE: [&str; 3] = ["/etc", "/tmp", "/var"];

/// The shell that lowers limits.
const SHELL: &str = "/bin/sh";

/// The program that starts others under a profile, where this system's walls are made so.
pub fn program() -> Option<&'static Path> {
    cfg!(target_os = "macos").then(|| Path::new(PROGRAM))
}

/// What sandbox-exec is given to run a command inside the wall, with lower limits.
pub fn arguments(wall: &Wall, program: &Path, args: &[OsString]) -> Vec<OsString> {
    let mut all: Vec<OsString> = vec!["-p".into(), profile(wall).into(), "--".into()];
    let line = format!("{}exec \"$@\"", lowered(&wall.limits));
    all.extend([SHELL, "-c", &line, "sh"].map(OsString::from));
    all.push(program.into());
    all.extend_from_slice(args);
    all
}

/// Lines of a shell that set limits. What may be had at most only gets lower; a smaller number that stood below it for the
/// time being is set to the bound as well (`ulimit` sets both). Memory is missing, because this kernel bounds it for nobody, and processes are, because those of the whole user would count.
fn lowered(limits: &ResourceLimits) -> String {
    // Sizes of files are given in blocks.
    const BLOCK: u64 = 512;
    let mut lines = String::from("ulimit -c 0\n");
    for (option, bound) in [
        ('n', limits.open_files),
        ('f', limits.file_size.map(|bytes| bytes.div_ceil(BLOCK))),
        ('t', limits.cpu_seconds),
    ] {
        if let Some(bound) = bound {
            // Writing into a string does not fail.
            let _ = writeln!(lines, "ulimit -{option} {bound} 2>/dev/null");
        }
    }
    lines
}

/// What of every wall is weaker here than elsewhere, one line each.
pub fn lacks() -> Vec<String> {
    [
        "the loopback is this machine's: where the network is `loopback`, its own servers can be reached",
        "memory, and the number of processes, are not bounded",
    ]
    .map(str::to_owned)
    .into()
}

/// The profile. A path that it cannot say, such as one with a line break, is granted nothing.
pub fn profile(wall: &Wall) -> String {
    let mut text = String::from("(version 1)\n(deny default)\n");
    basics(&mut text, &wall.network);
    files(&mut text, &wall.files);
    network(&mut text, wall);
    text
}

/// What any program may do, to itself and what it starts.
fn basics(text: &mut String, network: &Network) {
    text.push_str(
        "(deny process-info*)\n\
         (allow process-info* (target same-sandbox))\n\
         (allow process-fork)\n\
         (allow signal (target same-sandbox))\n\
         (allow sysctl-read)\n\
         (allow ipc-posix-sem)\n\
         (allow ipc-posix-shm)\n\
         (allow pseudo-tty)\n",
    );
    let more = match network {
        Network::None | Network::Loopback => &[][..],
        Network::Hosts(_) | Network::Full => NETWORK_SERVICES,
    };
    let names = SERVICES.iter().chain(more);
    let names = names.map(|name| format!("(global-name {})", quoted_name(name)));
    rule(text, "mach-lookup", names.collect());
}

fn files(text: &mut String, files: &FileAccess) {
    let paths = |own: &[PathBuf], system: &[&str]| -> BTreeSet<String> {
        let own = own.iter().flat_map(|path| real(path));
        own.chain(system.iter().map(|path| (*path).to_owned()))
            .collect()
    };
    let execute = paths(&files.execute, SYSTEM_EXECUTE);
    let write = paths(&files.write, &[]);
    let mut read = paths(&files.read, SYSTEM_READ);
    read.extend(execute.iter().chain(&write).cloned());

    let subpaths = |paths: &BTreeSet<String>| -> Vec<String> {
        paths
            .iter()
            .filter_map(|path| filter("subpath", path))
            .collect()
    };
    // The linker lists the root; a working folder is found by the names above it.
    let mut above = BTreeSet::from(["/".to_owned()]);
    above.extend(PRIVATE.map(str::to_owned));
    for path in &read {
        let folders = Path::new(path).ancestors().skip(1).filter_map(Path::to_str);
        above.extend(folders.map(str::to_owned));
    }
    let above: Vec<String> = above
        .iter()
        .filter_map(|path| filter("literal", path))
        .collect();
    rule(text, "file-read-metadata", above);
    rule(text, "file-read-data", vec!["(literal \"/\")".to_owned()]);

    let devices = |only_written: bool| -> Vec<String> {
        let chosen = DEVICES
            .iter()
            .filter(|(_, written)| *written || !only_written);
        chosen
            .filter_map(|(path, _)| filter("literal", path))
            .collect()
    };
    // A terminal that the program made itself.
    let own = "(extension \"com.apple.sandbox.pty\")";
    let terminals = format!("(require-all (regex #\"^/dev/ttys[0-9]+$\") {own})");
    let mut readable = subpaths(&read);
    readable.extend(devices(false));
    readable.extend([terminals.clone(), "(subpath \"/dev/fd\")".to_owned()]);
    rule(text, "file-read*", readable);
    rule(text, "file-map-executable", subpaths(&read));
    rule(text, "process-exec", subpaths(&execute));
    rule(text, "file-write*", subpaths(&write));
    let mut writable = devices(true);
    writable.push(terminals);
    rule(text, "file-write-data", writable.clone());
    rule(text, "file-ioctl", writable);
    // The last rule that fits decides.
    let kept = subpaths(&paths(&files.kept, &[]));
    if !kept.is_empty() {
        text.push_str(&format!("(deny file-write* {})\n", kept.join(" ")));
    }
    // No program gets another user's rights, wherever it lies.
    text.push_str("(deny file-write-setugid)\n");
}

fn network(text: &mut String, wall: &Wall) {
    match &wall.network {
        Network::None => {}
        Network::Loopback => {
            listening(text);
            rule(text, "network-outbound", vec![local("*")]);
        }
        Network::Hosts(hosts) => {
            listening(text);
            // A loopback host has its own port, all others go through the proxy.
            let mut ports = BTreeSet::from([proxy_port(wall)]);
            for host in hosts.iter().filter(|host| host.loopback().is_some()) {
                match host.port {
                    Some(port) => drop(ports.insert(port)),
                    None => ports.extend([80, 443]),
                }
            }
            let to = ports.iter().map(|port| local(&port.to_string()));
            rule(text, "network-outbound", to.collect());
        }
        Network::Full => {
            text.push_str("(allow system-socket)\n");
            rule(text, "network-bind", vec!["(local ip)".to_owned()]);
            rule(text, "network-inbound", vec!["(local ip)".to_owned()]);
            let to = [
                "(remote ip)",
                "(literal \"/private/var/run/mDNSResponder\")",
            ];
            rule(text, "network-outbound", to.map(str::to_owned).into());
        }
    }
    if wall.unix_sockets {
        rule(text, "network-bind", vec!["(local unix-socket)".to_owned()]);
        rule(
            text,
            "network-inbound",
            vec!["(local unix-socket)".to_owned()],
        );
        rule(
            text,
            "network-outbound",
            vec!["(remote unix-socket)".to_owned()],
        );
    }
}

/// Servers of a test's own, which nobody outside of this machine reaches.
fn listening(text: &mut String) {
    rule(
        text,
        "network-bind",
        vec!["(local ip \"localhost:*\")".to_owned()],
    );
    rule(
        text,
        "network-inbound",
        vec!["(local ip \"localhost:*\")".to_owned()],
    );
}

fn local(port: &str) -> String {
    format!("(remote ip \"localhost:{port}\")")
}

/// The proxy's port, as the variables for programs name it.
fn proxy_port(wall: &Wall) -> u16 {
    let named = wall.env.iter().find(|(name, _)| name == "HTTPS_PROXY");
    let port = named.and_then(|(_, url)| url.trim_end_matches('/').rsplit(':').next());
    port.and_then(|port| port.parse().ok())
        .unwrap_or(PROXY_PORT)
}

/// Allows an operation where a filter fits. Without filters nothing is allowed: the language would allow it anywhere.
fn rule(text: &mut String, operation: &str, filters: Vec<String>) {
    if filters.is_empty() {
        return;
    }
    // Writing into a string does not fail.
    let _ = writeln!(text, "(allow {operation}\n  {})", filters.join("\n  "));
}

fn filter(kind: &str, path: &str) -> Option<String> {
    Some(format!("({kind} {})", quoted(path)?))
}

/// A path as the kernel knows it, and as it is written; none where it is not absolute or has a step back.
fn real(path: &Path) -> Vec<String> {
    let steps_back = |part: Component<'_>| matches!(part, Component::ParentDir);
    let Some(text) = path.to_str().filter(|_| path.is_absolute()) else {
        return Vec::new();
    };
    if path.components().any(steps_back) || quoted(text).is_none() {
        return Vec::new();
    }
    // Without the dots, doubled and last slashes that no real path has.
    let plain: PathBuf = path.components().collect();
    let mut all = vec![plain.to_string_lossy().into_owned()];
    if PRIVATE.iter().any(|link| plain.starts_with(link)) {
        all.push(format!("/private{}", plain.display()));
    }
    all
}

/// A string of the language: it knows a backslash before a quote or another one. None for what it cannot hold
/// for certain: control characters.
fn quoted(text: &str) -> Option<String> {
    if text.is_empty() || text.chars().any(char::is_control) {
        return None;
    }
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        if matches!(c, '"' | '\\') {
            out.push('\\');
        }
        out.push(c);
    }
    out.push('"');
    Some(out)
}

/// A name of this file's own.
fn quoted_name(name: &str) -> String {
    format!("\"{name}\"")
}

#[cfg(test)]
#[path = "seatbelt_tests.rs"]
mod tests;
