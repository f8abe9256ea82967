//! What may be read, written and executed.

use super::*;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

#[test]
fn only_what_is_named_is_read_written_and_executed() {
    let Some(site) = site() else { return };
    let out = shown(&site.outside);
    assert_eq!(site.works("echo hello > a && cat a"), "hello\n");
    site.works("mkdir -p d/e && mv a d/e/b && ln d/e/b hard && ln -s d/e/b soft && cat soft && rm -r d hard soft");
    site.works("mkfifo p && test -p p && echo x > /dev/null");
    site.only_outside(&format!("cat {out}/secret"));
    site.only_outside(&format!("ls {out}"));
    site.only_outside(&format!("echo x > {out}/new"));
    site.only_outside(&format!("mkdir {out}/folder"));
    site.only_outside("cat ../outside/secret");
    site.only_outside(&format!("ln -s {out}/secret link 2>/dev/null; cat link"));
    site.only_outside(&format!("ln {out}/secret hard"));
    site.only_outside("echo x > here && mv here ../outside/");
    // What lies in a folder that may be written to, but not executed.
    site.only_outside("cp /bin/true own && ./own");
    // A way that leads round the names of things.
    let done = site.sh(&format!("cat /proc/self/root{out}/secret"));
    assert!(!done.success() && done.stdout.total == 0);
}

#[test]
fn what_is_readable_is_not_writable_and_a_single_file_is_only_itself() {
    let Some(mut site) = site() else { return };
    let (one, other) = (site.outside.join("one"), site.outside.join("other"));
    for file in [&one, &other] {
        std::fs::write(file, "text\n").unwrap();
    }
    site.wall.files.read.push(one.clone());
    assert_eq!(site.works(&format!("cat {}", one.display())), "text\n");
    site.only_outside(&format!("echo x >> {}", one.display()));
    site.only_outside(&format!("cat {}", other.display()));
    site.wall.files.write.push(other.clone());
    site.works(&format!("echo more >> {}", other.display()));
    assert_eq!(std::fs::read_to_string(&other).unwrap(), "text\nmore\n");
    site.only_outside(&format!("rm {}", other.display()));
}

#[test]
fn modes_owners_and_times_outside_stay_as_they_are() {
    let Some(site) = site() else { return };
    if lacks("mount namespaces", abilities().network_namespace) {
        return;
    }
    let secret = site.outside.join("secret");
    std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(0o600)).unwrap();
    let before = secret.metadata().unwrap();
    let path = shown(&secret);
    for line in [
        format!("chmod 666 {path}"),
        format!("chmod 777 {}", shown(&site.outside)),
        format!("touch -d 2001-01-01 {path}"),
        format!("chown $(id -u):$(id -g) {path}"),
    ] {
        let done = site.sh(&line);
        assert!(!done.success(), "{line}");
        site.only_outside(&line.replace(&path, "../outside/secret"));
        std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(0o600)).unwrap();
    }
    assert_eq!(secret.metadata().unwrap().ino(), before.ino());
    site.works("echo > own && chmod 755 own && touch -d 2001-01-01 own && test -x own");
}

#[test]
fn a_link_that_was_planted_in_a_writable_folder_opens_nothing() {
    let Some(mut site) = site() else { return };
    symlink(&site.outside, site.lane.join("target")).unwrap();
    std::fs::create_dir(site.lane.join("real")).unwrap();
    symlink("real", site.lane.join("within")).unwrap();
    for name in ["target", "target/deeper", "within"] {
        let path = site.lane.join(name);
        site.wall.files.write.push(path.clone());
        site.wall.files.execute.push(path);
    }
    site.only_outside("cat target/secret");
    site.only_outside("echo x > target/new");
    site.works("cp /bin/true within/tool && within/tool");
}

#[test]
fn more_than_one_folder_can_be_written_to_and_things_move_between_them() {
    let Some(mut site) = site() else { return };
    let second = site.outside.with_file_name("se cond");
    std::fs::create_dir(&second).unwrap();
    site.wall.files.write.push(second.clone());
    let second = shown(&second);
    site.works(&format!(
        "echo a > x && mv x '{second}/y' && cat '{second}/y' && cp '{second}/y' z"
    ));
    assert_eq!(site.works(&format!("cd '{second}' && pwd")).trim(), second);
}

#[test]
fn a_lane_and_its_private_folder_are_one_file_system_and_other_lanes_stay_shut() {
    let Some(mut site) = site() else { return };
    if !has_program("python3") || lacks("mount namespaces", abilities().network_namespace) {
        return;
    }
    let of_lane = sandbox::Sandbox::private_dir(&site.lane);
    let (private, other) = (of_lane.join("agent-x/tmp"), of_lane.join("agent-x/home"));
    for folder in [&private, &other, &of_lane.join("cache")] {
        std::fs::create_dir_all(folder).unwrap();
    }
    site.wall.files.write.push(private.clone());
    let secret = site.outside.join("secret");
    std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(0o600)).unwrap();
    let text = format!(
        "import os\nprivate, outside = {:?}, {:?}\n{}",
        shown(&private),
        shown(&site.outside),
        "open('f', 'w').write('x')
os.mkdir('d')
os.rename('f', private + '/f')
os.link(private + '/f', 'g')
os.rename('d', private + '/d')
os.rename(private + '/d', 'e')
for act in [
    lambda: os.chmod(outside, 0o777),
    lambda: os.chmod(outside + '/secret', 0o666),
    lambda: os.utime(outside + '/secret', (1, 1)),
    lambda: os.rename('g', outside + '/g'),
    lambda: os.rename('g', os.path.dirname(outside) + '/g'),
    lambda: os.mkdir(os.path.dirname(outside) + '/new'),
    lambda: os.chmod(private + '/../home', 0o700),
    lambda: os.rename('g', private + '/../home/g'),
    lambda: os.rename(private, os.path.dirname(outside) + '/other'),
]:
    try:
        act()
    except OSError:
        continue
    raise SystemExit('it worked')
"
    );
    let done = site.python(&text);
    assert!(done.success(), "{}", done.stderr.text());
    assert_eq!(
        secret.metadata().unwrap().permissions().mode() & 0o777,
        0o600
    );
    assert!(private.join("f").is_file() && site.lane.join("g").is_file());
}
