//! Starting a real sshd for a test: on loopback, with keys, a configuration and a client of its own.

use crate::support::wait_until;
use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// A running sshd that lets in who runs the tests, by a key made for the test; it ends with this value.
pub struct Sshd {
    child: Child,
    dir: PathBuf,
    /// `user@127.0.0.1:PORT`.
    pub login: String,
    /// What git is to start in place of `ssh`.
    pub client: String,
}

impl Sshd {
    /// None, said loudly, where there is none, or none that works for this user.
    pub fn start(base: &Path) -> Option<Self> {
        let program = ["/usr/sbin/sshd", "/usr/local/sbin/sshd", "/usr/bin/sshd"]
            .into_iter()
            .find(|p| Path::new(p).exists());
        let Some(program) = program else {
            eprintln!("SKIPPED: there is no sshd here; install openssh-server");
            return None;
        };
        let dir = base.join("sshd");
        fs::create_dir_all(&dir).expect("made");
        let at = |name: &str| dir.join(name).display().to_string();
        for key in ["host", "key"] {
            let made = run(
                "ssh-keygen",
                &["-q", "-t", "ed25519", "-N", "", "-f", &at(key)],
            );
            assert!(made.is_some(), "ssh-keygen is part of what sshd is part of");
        }
        let user = run("id", &["-un"]).expect("id starts");
        // Free a moment ago; whoever takes it meanwhile makes the test fail loudly, not wrongly.
        let free = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
        let port = free.local_addr().expect("it has one").port();
        drop(free);
        let path = std::env::var("PATH").unwrap_or_default();
        let config = format!(
            "Port {port}\nListenAddress 127.0.0.1\nHostKey {}\nPidFile none\nAuthorizedKeysFile {}\n\
             StrictModes no\nUsePAM no\nPasswordAuthentication no\nKbdInteractiveAuthentication no\n\
             PermitRootLogin yes\nLogLevel ERROR\nSetEnv PATH={path}\n",
            at("host"),
            at("authorized"),
        );
        fs::write(dir.join("config"), config).expect("written");
        // As root it wants an empty folder to shut itself up in; others do without.
        let _ = fs::create_dir_all("/run/sshd");
        if run(program, &["-t", "-f", &at("config")]).is_none() {
            eprintln!("SKIPPED: {program} cannot be used by {user} here");
            return None;
        }
        let mut child = Command::new(program)
            .args(["-D", "-e", "-f", &at("config")])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("it starts");
        let started = child.id();
        wait_until("sshd listens", || {
            let ended = child.try_wait().expect("it is ours");
            assert!(ended.is_none(), "sshd {started} ended: {ended:?}");
            TcpStream::connect(("127.0.0.1", port)).is_ok()
        });
        let this = Self {
            child,
            login: format!("{user}@127.0.0.1:{port}"),
            client: format!(
                "ssh -F none -i {} -o IdentitiesOnly=yes -o UserKnownHostsFile={} -o GlobalKnownHostsFile=none",
                at("key"),
                at("known")
            ),
            dir,
        };
        this.know_key();
        this.is_trusted();
        Some(this)
    }

    /// The server lets the test's key in.
    pub fn know_key(&self) {
        let key = fs::read(self.dir.join("key.pub")).expect("read");
        fs::write(self.dir.join("authorized"), key).expect("written");
    }

    /// The server let the test's key in once, and does no more (sshd(8), "AUTHORIZED_KEYS FILE FORMAT").
    pub fn key_is_over(&self) {
        let key = fs::read_to_string(self.dir.join("key.pub")).expect("read");
        let line = format!("expiry-time=\"20200101\" {key}");
        fs::write(self.dir.join("authorized"), line).expect("written");
    }

    pub fn forget_key(&self) {
        fs::write(self.dir.join("authorized"), "").expect("written");
    }

    /// The client knows the server's host key.
    pub fn is_trusted(&self) {
        let key = fs::read_to_string(self.dir.join("host.pub")).expect("read");
        let port = self.login.rsplit(':').next().expect("it has one");
        let line = format!("[127.0.0.1]:{port} {key}");
        fs::write(self.dir.join("known"), line).expect("written");
    }

    pub fn is_not_trusted(&self) {
        fs::write(self.dir.join("known"), "").expect("written");
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a program printed, when it ended well.
fn run(program: &str, args: &[&str]) -> Option<String> {
    let done = Command::new(program)
        .args(args)
        .stdin(Stdio::null())
        .output()
        .ok()?;
    let text = String::from_utf8_lossy(&done.stdout).trim().to_owned();
    done.status.success().then_some(text)
}
