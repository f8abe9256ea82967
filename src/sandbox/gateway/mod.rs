//! What a walled process may reach outside.
//!
//! The process is in a network of its own that has a loopback and nothing else. On it listen a proxy and one door for
//! each loopback port that it may reach; the sockets were made inside by the helper ([`hand_over()`]) and are served
//! from outside by [`Gateway`], which alone connects.
//!
//! - [`rules`] says what may be reached, and how a host is written: pure
//! - [`http`] reads the heads of requests, [`hello`] the name in the first message of TLS: pure
//! - [`proxy`] answers one connection, [`stream`] moves its bytes
//! - [`upstream`] is the proxy of the machine itself
//!
//! What is looked at: the host and port of every request; the addresses that a name leads to, unless a proxy of the
//! machine looks it up; at port 443 the name in TLS, and at port 80 the `Host` header, so that a tunnel to one host is
//! none to another on the same machines. What is not: what is said inside TLS, where a `Host` header can name another
//! site of the same provider, and tunnels to other ports and to addresses.

mod hand_over;
mod hello;
mod http;
mod proxy;
pub mod rules;
mod stream;
mod upstream;

#[cfg(test)]
mod pure_tests;
#[cfg(test)]
mod tests;

pub use hand_over::hand_over;
pub use rules::PROXY_PORT;
pub use upstream::Upstream;

use crate::model::policy::Endpoint;
use proxy::{Names, Proxy, Way};
use rules::{Door, Leads, doors};
use std::future::Future;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

/// Connections at once, through the proxy and through all doors each; more wait until one ends.
const MAX_CONNECTIONS: usize = 64;

/// How long one that connected may take to hand its sockets over.
const HAND_OVER: Duration = Duration::from_secs(5);

/// Different refusals that are kept.
const MAX_REFUSALS: usize = 64;

/// Bytes of a socket's path, the closing zero left out: 108 on Linux, 104 elsewhere (unix(7)).
const MAX_PATH: usize = if cfg!(target_os = "linux") { 107 } else { 103 };

/// The proxy of this machine, or why it is of no use.
static UPSTREAM: OnceLock<Result<Upstream, String>> = OnceLock::new();

/// Names the proxy that all gateways go out through which this process opens from now on, by the values of its
/// variables. Where it cannot be gone through nothing goes out. The first call counts.
pub fn set_upstream(proxy: &str, no_proxy: &str) {
    let _ = UPSTREAM.set(Upstream::parse(proxy, no_proxy));
}

/// The way out of one wall, made before its process is started and served while it runs.
pub struct Gateway {
    listener: UnixListener,
    file: SocketFile,
    doors: Vec<Door>,
    only_from: Option<u32>,
    proxy: Proxy,
}

/// The way out for a wall without a network of its own: the proxy listens on a port of this machine's loopback, and
/// the wall lets nothing else be reached. While it is served anybody on this machine may use it.
pub struct Beside {
    listener: std::net::TcpListener,
    port: u16,
    proxy: Proxy,
}

impl Beside {
    /// A way out to these endpoints.
    ///
    /// # Errors
    /// No port can be listened on.
    pub fn open(endpoints: &[Endpoint]) -> io::Result<Self> {
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        Ok(Self {
            port: listener.local_addr()?.port(),
            listener,
            proxy: proxy_to(endpoints),
        })
    }

    /// What a person changes to allow a host, for the sentences in a refusal.
    #[must_use]
    pub fn setting(mut self, setting: impl Into<String>) -> Self {
        self.proxy.setting = setting.into();
        self
    }

    /// Where the proxy listens.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// What is refused while it serves.
    pub fn refused(&self) -> Refusals {
        self.proxy.refusals.clone()
    }

    /// Serves until it is dropped; every connection ends with it.
    ///
    /// # Errors
    /// The port cannot be listened on.
    pub async fn serve(self) -> io::Result<()> {
        serve_doors(vec![(self.listener, Leads::Proxy)], self.proxy).await
    }
}

fn proxy_to(endpoints: &[Endpoint]) -> Proxy {
    Proxy {
        endpoints: endpoints.to_vec(),
        way: match UPSTREAM.get() {
            None => Way::Straight,
            Some(Ok(upstream)) => Way::Through(upstream.clone()),
            Some(Err(why)) => Way::Closed(why.clone()),
        },
        setting: "the `hosts` of its sandbox, in your configuration".to_owned(),
        refusals: Refusals::default(),
        names: Names::System,
    }
}

/// Something that a process tried to reach and may not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// `host:port`, in plain characters.
    pub target: String,
    pub why: String,
}

/// What was refused so far, each target once, bounded. Clones share it; it outlives the gateway.
#[derive(Clone, Debug, Default)]
pub struct Refusals(Arc<Mutex<Vec<Refusal>>>);

impl Refusals {
    pub fn list(&self) -> Vec<Refusal> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn note(&self, target: String, why: &str) {
        let mut list = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if list.len() < MAX_REFUSALS && list.iter().all(|r| r.target != target) {
            let why = why.to_owned();
            list.push(Refusal { target, why });
        }
    }
}

/// Removed when it is dropped.
struct SocketFile(PathBuf);

impl Drop for SocketFile {
    fn drop(&mut self) {
        // Nothing hangs on it: names are not used twice.
        let _ = std::fs::remove_file(&self.0);
    }
}

impl Gateway {
    /// A gateway to these endpoints. Its socket is a file in `dir`, which ought to be the user's alone.
    ///
    /// # Errors
    /// The endpoints cannot all be served, or the socket cannot be made: the path is too long, for one.
    pub fn open(endpoints: &[Endpoint], dir: &Path) -> io::Result<Self> {
        let doors =
            doors(endpoints).map_err(|why| io::Error::new(io::ErrorKind::InvalidInput, why))?;
        let (listener, path) = bind(dir)?;
        let file = SocketFile(path);
        std::fs::set_permissions(&file.0, std::fs::Permissions::from_mode(0o600))?;
        listener.set_nonblocking(true)?;
        Ok(Self {
            listener,
            file,
            doors,
            only_from: None,
            proxy: proxy_to(endpoints),
        })
    }

    /// Goes out through the machine's own proxy. Names are looked up there then, so that where they lead is not
    /// looked at here; loopback and what `NO_PROXY` names go past it.
    #[must_use]
    pub fn through(mut self, upstream: Upstream) -> Self {
        self.proxy.way = Way::Through(upstream);
        self
    }

    /// What a person changes to allow a host, for the sentences in a refusal.
    #[must_use]
    pub fn setting(mut self, setting: impl Into<String>) -> Self {
        self.proxy.setting = setting.into();
        self
    }

    /// Takes sockets from the process of this number only.
    #[must_use]
    pub fn only_from(mut self, pid: u32) -> Self {
        self.only_from = Some(pid);
        self
    }

    /// Where [`hand_over()`] finds it.
    pub fn socket(&self) -> &Path {
        &self.file.0
    }

    /// What is refused while it serves.
    pub fn refused(&self) -> Refusals {
        self.proxy.refusals.clone()
    }

    /// Waits for the sockets, once, and serves until it is dropped; every connection ends with it.
    ///
    /// # Errors
    /// The socket cannot be listened on.
    pub async fn serve(self) -> io::Result<()> {
        let listener = tokio::net::UnixListener::from_std(self.listener)?;
        let mut file = Some(self.file);
        let made = loop {
            let (mut stream, _) = listener.accept().await?;
            let taken = async {
                let made = match is_expected(&stream, self.only_from) {
                    Ok(()) => hand_over::take(&stream, &self.doors).await,
                    Err(error) => Err(error),
                };
                let answer = match &made {
                    Ok(_) => {
                        // Before anybody inside can run: nobody else is to find it.
                        file.take();
                        "+".to_owned()
                    }
                    Err(error) => format!("-{error}"),
                };
                stream.write_all(answer.as_bytes()).await.and(made)
            };
            // Whoever failed has been told; the right one may still come.
            if let Ok(Ok(made)) = timeout(HAND_OVER, taken).await {
                break made;
            }
        };
        drop(listener);
        serve_doors(made, self.proxy).await
    }
}

/// Sockets are taken from our own user only, and from one process where that is said.
fn is_expected(stream: &UnixStream, pid: Option<u32>) -> io::Result<()> {
    let peer = stream.peer_cred()?;
    let is_other =
        pid.is_some_and(|pid| peer.pid().and_then(|p| u32::try_from(p).ok()) != Some(pid));
    if peer.uid() != rustix::process::geteuid().as_raw() || is_other {
        return Err(io::Error::new(
            io::ErrorKind::PermissionDenied,
            "sockets are not taken from this process",
        ));
    }
    Ok(())
}

async fn serve_doors(made: Vec<(std::net::TcpListener, Leads)>, proxy: Proxy) -> io::Result<()> {
    let proxy = Arc::new(proxy);
    let (by_proxy, by_door) = (permits(), permits());
    let mut listening = JoinSet::new();
    for (listener, leads) in made {
        let listener = TcpListener::from_std(listener)?;
        match leads {
            Leads::Proxy => {
                let proxy = Arc::clone(&proxy);
                listening.spawn(accept(listener, Arc::clone(&by_proxy), move |client| {
                    let proxy = Arc::clone(&proxy);
                    async move { proxy.serve(client).await }
                }));
            }
            Leads::To(outside) => {
                let outside: Arc<[SocketAddr]> = outside.into();
                listening.spawn(accept(listener, Arc::clone(&by_door), move |client| {
                    let outside = Arc::clone(&outside);
                    async move { proxy::forward(client, &outside).await }
                }));
            }
        }
    }
    while listening.join_next().await.is_some() {}
    Ok(())
}

fn permits() -> Arc<Semaphore> {
    Arc::new(Semaphore::new(MAX_CONNECTIONS))
}

async fn accept<F: Future<Output = ()> + Send + 'static>(
    listener: TcpListener,
    permits: Arc<Semaphore>,
    serve: impl Fn(TcpStream) -> F,
) {
    let mut open = JoinSet::new();
    // Nobody closes the semaphore.
    while let Ok(permit) = Arc::clone(&permits).acquire_owned().await {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((client, _)) => {
                    // Small messages wait for nothing; where that cannot be said they are slower.
                    let _ = client.set_nodelay(true);
                    let served = serve(client);
                    open.spawn(async move {
                        served.await;
                        drop(permit);
                    });
                }
                // Too many open files, say: they get fewer.
                Err(_) => sleep(Duration::from_millis(50)).await,
            },
            Some(_) = open.join_next() => {}
        }
    }
}

fn bind(dir: &Path) -> io::Result<(UnixListener, PathBuf)> {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let pid = std::process::id();
    loop {
        let path = dir.join(format!("g{pid}-{}", NEXT.fetch_add(1, Ordering::Relaxed)));
        let length = path.as_os_str().len();
        if length > MAX_PATH {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!(
                    "the path of a socket may have {MAX_PATH} bytes, and {} has {length}: use a folder with a shorter path",
                    path.display()
                ),
            ));
        }
        match UnixListener::bind(&path) {
            Ok(listener) => return Ok((listener, path)),
            // Left by a process of the same number.
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {}
            Err(error) => {
                return Err(io::Error::new(
                    error.kind(),
                    format!("cannot make a socket at {}: {error}", path.display()),
                ));
            }
        }
    }
}
