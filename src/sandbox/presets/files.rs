//! Which files a process reads, executes and writes.
//!
//! Landlock grants and cannot take away again, so that nothing is named here that has something below it which
//! nobody should see: of `/etc` single files, of the user's home only what is a toolchain.

use super::{Machine, Places};
use crate::model::policy::{Access, FileAccess, FileGroup, PresetSettings};
use std::path::{Path, PathBuf};

/// Programs and libraries of the system, macOS' as well: what is not there grants nothing.
const SYSTEM: &[&str] = &[
    "/usr",
    "/bin",
    "/sbin",
    "/lib",
    "/lib32",
    "/lib64",
    "/libx32",
    "/opt",
    "/nix/store",
    "/gnu/store",
    "/snap",
    "/System",
    "/Library/Developer",
    "/Library/Java",
    "/Library/Frameworks",
    "/Library/Apple",
    "/Applications/Xcode.app",
];

/// Configuration without secrets. Never all of `/etc`: shadow, sudoers, keys of hosts and services stand there.
const ETC: &[&str] = &[
    "ld.so.cache",
    "ld.so.conf",
    "ld.so.conf.d",
    "ld.so.preload",
    "passwd",
    "group",
    "nsswitch.conf",
    "hosts",
    "hostname",
    "host.conf",
    "resolv.conf",
    "gai.conf",
    "services",
    "protocols",
    "networks",
    "shells",
    "ssl/certs",
    "ssl/cert.pem",
    "ssl/openssl.cnf",
    "ssl/ct_log_list.cnf",
    "ca-certificates",
    "ca-certificates.conf",
    "pki/ca-trust",
    "pki/tls/certs",
    "pki/tls/cert.pem",
    "pki/tls/openssl.cnf",
    "pki/java",
    "crypto-policies",
    "localtime",
    "timezone",
    "locale.conf",
    "locale.alias",
    "default/locale",
    "os-release",
    "lsb-release",
    "debian_version",
    "redhat-release",
    "alpine-release",
    "machine-id",
    "alternatives",
    "mime.types",
    "mailcap",
    "magic",
    "terminfo",
    "inputrc",
    "profile",
    "profile.d",
    "bash.bashrc",
    "bashrc",
    "zsh",
    "zshenv",
    "environment",
    "fonts",
    "java",
    "java-8-openjdk",
    "java-11-openjdk",
    "java-17-openjdk",
    "java-21-openjdk",
    "java-25-openjdk",
    "maven",
    "python",
    "python3",
    "python3.9",
    "python3.10",
    "python3.11",
    "python3.12",
    "python3.13",
    "python3.14",
    "perl",
    "ruby",
    "php",
    "dotnet",
    "nodejs",
    "gitconfig",
    "gitattributes",
    "pip.conf",
    "xml",
    "sgml",
    "cmake",
    "pkg-config",
    "manpath.config",
    "magic.mime",
    "login.defs",
    "static",
    "profiles",
];

/// What the kernel tells. Of other processes it tells a walled one only what everybody sees.
const KERNEL: &[&str] = &[
    "/proc",
    "/sys/devices/system/cpu",
    "/sys/devices/system/node",
    "/sys/devices/virtual/dmi/id/product_name",
    "/sys/fs/cgroup",
    "/sys/kernel/mm/transparent_hugepage",
    "/sys/kernel/mm/hugepages",
    "/run/systemd/resolve",
    "/run/resolvconf",
    "/dev/fd",
    "/private/etc/ssl",
    "/private/etc/hosts",
    "/private/etc/passwd",
    "/private/etc/services",
    "/private/var/db/timezone",
    "/private/var/db/dyld",
    "/private/var/select",
];

/// Devices without memory, and memory that programs share. No terminal: one can be written to, and read from, by
/// whoever has it open.
const DEVICES: &[&str] = &[
    "/dev/null",
    "/dev/zero",
    "/dev/full",
    "/dev/random",
    "/dev/urandom",
    "/dev/shm",
];

/// Toolchains by their variables: programs, and what those load.
const TOOLCHAINS: &[&str] = &[
    "RUSTUP_HOME",
    "GOROOT",
    "NVM_DIR",
    "FNM_DIR",
    "VOLTA_HOME",
    "PNPM_HOME",
    "BUN_INSTALL",
    "COREPACK_HOME",
    "PYENV_ROOT",
    "UV_PYTHON_INSTALL_DIR",
    "CONDA_PREFIX",
    "VIRTUAL_ENV",
    "RBENV_ROOT",
    "GEM_HOME",
    "JAVA_HOME",
    "MAVEN_HOME",
    "SDKMAN_DIR",
    "ANDROID_HOME",
    "DOTNET_ROOT",
    "ASDF_DIR",
    "ASDF_DATA_DIR",
    "MISE_DATA_DIR",
    "HOMEBREW_PREFIX",
    "PLAYWRIGHT_BROWSERS_PATH",
];

/// Caches of packages that tools read where they are, beside a private one that they write.
const READ_CACHES: &[&str] = &["GOMODCACHE", "MAVEN_REPOSITORY", "GRADLE_USER_HOME"];

/// What is granted, in the order in which it is told.
pub(super) fn groups(
    machine: &Machine,
    lane: &Path,
    places: &Places,
    changes: &[&PresetSettings],
) -> Vec<FileGroup> {
    let group = |access, why, paths| FileGroup { access, why, paths };
    let paths = |names: &[&str]| names.iter().map(PathBuf::from).collect::<Vec<_>>();
    let etc = ETC.iter().map(|name| Path::new("/etc").join(name));
    let mut programs = machine.path.clone();
    programs.extend(machine.tool("CARGO_HOME").map(|home| home.join("bin")));
    programs.extend(
        TOOLCHAINS
            .iter()
            .filter_map(|name| machine.tool(name))
            .map(Path::to_path_buf),
    );
    programs.retain(|path| !holds_home(machine, path));
    programs.sort();
    programs.dedup();
    let caches = READ_CACHES.iter().filter_map(|name| match *name {
        // Beside the caches lie init scripts and settings with passwords.
        "GRADLE_USER_HOME" => machine.tool(name).map(|home| home.join("caches")),
        name => machine.tool(name).map(Path::to_path_buf),
    });
    let certificates = machine.certificates.iter();
    let certificates = certificates.filter(|path| !holds_home(machine, path));
    let git = [machine.git_dir.clone()];
    let mut groups = vec![
        group(Access::All, "the lane", vec![lane.to_path_buf()]),
        group(
            Access::All,
            "home, temporary files and caches of the lane's own",
            places.all(),
        ),
        group(
            Access::Execute,
            "the system's programs and libraries",
            paths(SYSTEM),
        ),
        group(
            Access::Execute,
            "programs on your PATH and toolchains",
            programs,
        ),
        group(
            Access::Read,
            "the system's configuration",
            etc.chain(certificates.cloned()).collect(),
        ),
        group(Access::Read, "what the kernel tells", paths(KERNEL)),
        group(Access::Write, "devices", paths(DEVICES)),
        group(
            Access::Read,
            "git's folder of the repository",
            git.into_iter().filter(|dir| dir.is_absolute()).collect(),
        ),
        group(Access::Read, "your caches of packages", caches.collect()),
        group(
            Access::Execute,
            "what is linked into lanes",
            machine.linked.clone(),
        ),
    ];
    let set = |of: fn(&PresetSettings) -> &Vec<PathBuf>| -> Vec<PathBuf> {
        let all = changes.iter().flat_map(|change| of(change));
        all.map(|path| lane.join(path)).collect()
    };
    groups.push(group(
        Access::Read,
        "your settings",
        set(|change| &change.read),
    ));
    groups.push(group(
        Access::Execute,
        "your settings",
        set(|change| &change.execute),
    ));
    groups.push(group(
        Access::Write,
        "your settings",
        set(|change| &change.write),
    ));
    groups.retain(|group| !group.paths.is_empty());
    groups
}

/// True for a folder that has the user's home below it, or is it: granting it would grant everything there.
fn holds_home(machine: &Machine, path: &Path) -> bool {
    let is_above = |of: &Path| of.starts_with(path);
    path.parent().is_none()
        || machine.home.as_deref().is_some_and(is_above)
        || (machine.codelicious_dir.is_absolute() && is_above(&machine.codelicious_dir))
}

pub(super) fn access(groups: &[FileGroup]) -> FileAccess {
    let mut access = FileAccess::default();
    for group in groups {
        let (execute, write) = match group.access {
            Access::Read => (false, false),
            Access::Execute => (true, false),
            Access::Write => (false, true),
            Access::All => (true, true),
        };
        for path in &group.paths {
            if execute {
                access.execute.push(path.clone());
            }
            if write {
                access.write.push(path.clone());
            }
            if !execute && !write {
                access.read.push(path.clone());
            }
        }
    }
    access
}
