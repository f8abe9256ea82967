//! Who listens outside, and the process that stands by.

use super::world::User;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{SocketAddr, UnixDatagram, UnixListener, UnixStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const END: &[u8] = b"the end";
const BARRIER: &[u8] = b"barrier";
/// For whoever is connected and says nothing: long enough for a slow machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// Listeners of every kind that a process may try to reach.
pub struct Ears {
    pub tcp: Tcp,
    /// One that no settings name.
    pub other: Tcp,
    pub version6: Option<Tcp>,
    pub address: Option<Tcp>,
    pub udp: UdpSocket,
    streams: Vec<Stream>,
    datagrams: UnixDatagram,
}

/// Hears what is sent, and answers that there is nothing here.
pub struct Tcp {
    pub at: std::net::SocketAddr,
    heard: Arc<Mutex<Vec<u8>>>,
}

impl Tcp {
    fn new(address: &str) -> Option<Self> {
        let listener = TcpListener::bind((address, 0)).ok()?;
        let at = listener.local_addr().ok()?;
        let heard = Arc::new(Mutex::new(Vec::new()));
        let ours = Arc::clone(&heard);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(mut stream) = stream else { continue };
                let _ = stream.set_read_timeout(Some(PATIENCE));
                let mut bytes = [0; 4096];
                let length = stream.read(&mut bytes).unwrap_or(0);
                if bytes.starts_with(END) {
                    return;
                }
                ours.lock().unwrap().extend_from_slice(&bytes[..length]);
                let none =
                    b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
                let _ = stream.write_all(none);
            }
        });
        Some(Self { at, heard })
    }

    /// What was heard so far, whatever was under way included.
    fn heard(&self) -> Vec<u8> {
        let mut stream = TcpStream::connect(self.at).unwrap();
        stream.write_all(BARRIER).unwrap();
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        std::mem::take(&mut self.heard.lock().unwrap())
    }
}

/// Hears that something is said over a Unix socket, and hangs up, so that who asks does not wait for an answer.
struct Stream {
    address: SocketAddr,
    heard: Arc<AtomicBool>,
}

impl Stream {
    fn new(address: SocketAddr) -> Self {
        let listener = UnixListener::bind_addr(&address).unwrap();
        let heard = Arc::new(AtomicBool::new(false));
        let ours = Arc::clone(&heard);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(mut stream) = stream else { continue };
                let _ = stream.set_read_timeout(Some(PATIENCE));
                let mut bytes = [0; 4096];
                let length = stream.read(&mut bytes).unwrap_or(0);
                if bytes.starts_with(END) {
                    return;
                }
                // An agent's protocol is no text: whoever says anything got through.
                if length > 0 && !bytes.starts_with(BARRIER) {
                    ours.store(true, Ordering::SeqCst);
                }
            }
        });
        Self { address, heard }
    }

    fn say(&self, what: &[u8]) {
        if let Ok(mut stream) = UnixStream::connect_addr(&self.address) {
            let _ = stream.write_all(what);
            let _ = stream.read(&mut [0]);
        }
    }

    fn heard(&self) -> bool {
        self.say(BARRIER);
        self.heard.swap(false, Ordering::SeqCst)
    }
}

impl Drop for Tcp {
    fn drop(&mut self) {
        if let Ok(mut stream) = TcpStream::connect(self.at) {
            let _ = stream.write_all(END);
        }
    }
}

impl Ears {
    /// Listens in the folder `run`, in the lane, under an abstract name, and on addresses of this machine.
    pub fn new(run: &Path, lane: &Path, name: &str) -> Self {
        let paths = [run.join("docker.sock"), lane.join("service.sock")];
        let mut streams: Vec<Stream> = paths
            .iter()
            .map(|p| Stream::new(SocketAddr::from_pathname(p).unwrap()))
            .collect();
        streams.push(Stream::new(SocketAddr::from_abstract_name(name).unwrap()));
        let log = run.join("log.sock");
        let datagrams = UnixDatagram::bind(&log).unwrap();
        for path in paths.iter().chain([&log]) {
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o777)).unwrap();
        }
        let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
        datagrams.set_nonblocking(true).unwrap();
        udp.set_nonblocking(true).unwrap();
        Self {
            tcp: Tcp::new("127.0.0.1").unwrap(),
            other: Tcp::new("127.0.0.1").unwrap(),
            version6: Tcp::new("::1"),
            address: own_address().and_then(|a| Tcp::new(&a)),
            udp,
            streams,
            datagrams,
        }
    }

    /// Ends the listeners that are found by their paths, which go soon.
    pub fn end(&self) {
        for stream in &self.streams {
            stream.say(END);
        }
    }

    /// True when `leak` was heard since the last question.
    pub fn heard(&self) -> bool {
        let tcp = [
            Some(&self.tcp),
            Some(&self.other),
            self.version6.as_ref(),
            self.address.as_ref(),
        ];
        let mut all: Vec<u8> = tcp.into_iter().flatten().flat_map(Tcp::heard).collect();
        let mut bytes = [0; 4096];
        while let Ok(length) = self.udp.recv(&mut bytes) {
            all.extend_from_slice(&bytes[..length]);
        }
        while let Ok(length) = self.datagrams.recv(&mut bytes) {
            all.extend_from_slice(&bytes[..length]);
        }
        for stream in &self.streams {
            if stream.heard() {
                all.extend_from_slice(b"leak");
            }
        }
        all.windows(4).any(|w| w == b"leak")
    }
}

/// An address of this machine that is not the loopback's; nothing is sent.
pub fn own_address() -> Option<String> {
    let socket = UdpSocket::bind("0.0.0.0:0").ok()?;
    socket.connect("192.0.2.1:9").ok()?;
    let address = socket.local_addr().ok()?.ip();
    (!address.is_loopback() && !address.is_unspecified()).then(|| address.to_string())
}

/// Somebody else's process of the same user, with secrets in its environment, its folder and its open files.
pub struct Bystander {
    child: Child,
    before: Option<String>,
}

impl Bystander {
    pub fn new(user: User, home: &Path) -> Self {
        let input = std::fs::File::open(home.join(".netrc")).unwrap();
        let mut command = Command::new("tail");
        command
            .args(["-f", "/dev/null"])
            .env_clear()
            .env("TOKEN", "CANARY-bystander")
            .env("PATH", "/usr/bin:/bin")
            .current_dir(home)
            .stdin(input)
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        user.becomes(&mut command);
        let child = command.spawn().unwrap();
        let mut made = Self {
            child,
            before: None,
        };
        // It has become the program when it has the program's words.
        crate::support::wait_until("the bystander", || {
            std::fs::read(format!("/proc/{}/cmdline", made.child.id()))
                .is_ok_and(|words| words.starts_with(b"tail"))
        });
        made.before = made.state();
        made
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Its limits, and whether it is stopped or a signal waits for it; None when it has ended.
    fn state(&mut self) -> Option<String> {
        if self.child.try_wait().unwrap().is_some() {
            return None;
        }
        let at = |name: &str| std::fs::read_to_string(format!("/proc/{}/{name}", self.child.id()));
        let status = at("status").ok()?;
        let state = status.lines().find_map(|l| l.strip_prefix("State:"))?;
        let is_stopped = state.trim_start().starts_with(['T', 't', 'Z', 'X']);
        let waiting = status.lines().filter(|line| line.contains("Pnd:"));
        let waiting = waiting.collect::<Vec<_>>().join(" ");
        Some(format!("{is_stopped} {waiting} {}", at("limits").ok()?))
    }

    pub fn is_harmed(&mut self) -> bool {
        let now = self.state();
        now.is_none() || now != self.before
    }
}

impl Drop for Bystander {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
