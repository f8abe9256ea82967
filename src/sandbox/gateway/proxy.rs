//! One connection to the proxy: what it asks for, whether that may be, and the bytes both ways. Also what comes through
//! a door, where nothing is asked.

use super::hello::{self, Hello};
use super::http::{self, Asked, MAX_HEAD, Request};
use super::rules::{Host, Reach, Target, reach};
use super::stream::{HEAD_TIME, bounded, first_of, head, idle, pump, relay, send_body};
use super::{Refusals, Upstream};
use crate::model::policy::Endpoint;
use secrecy::ExposeSecret;
use std::io::{self, Cursor};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader, copy, sink};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::Notify;
use tokio::time::timeout;

/// How long what a refused client still sends is read, so that it sees the answer.
const LINGER: Duration = Duration::from_secs(2);

/// What a walled process goes through for all that is not on its loopback.
pub(super) struct Proxy {
    pub endpoints: Vec<Endpoint>,
    pub way: Way,
    pub setting: String,
    pub refusals: Refusals,
    pub names: Names,
}

/// How the world is reached.
pub(super) enum Way {
    Straight,
    /// Through the proxy of this machine, as far as that is asked for.
    Through(Upstream),
    /// This machine has a proxy that is of no use, and going past it is not ours to decide.
    Closed(String),
}

/// Who knows the addresses of names.
pub(super) enum Names {
    System,
    #[cfg(test)]
    Fixed(Vec<IpAddr>),
}

/// Why a connection ends before its time.
enum Stop {
    /// The client is told.
    Answer { status: u16, text: String },
    /// TLS has begun for the client, and it is told in TLS.
    Alert,
    /// Nobody to tell, or nothing that would be understood.
    Silent,
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::FileTooLarge {
            let text = format!("The head of the request has more than {MAX_HEAD} bytes.");
            return Self::answer(431, text);
        }
        Self::Silent
    }
}

impl From<http::Bad> for Stop {
    fn from(bad: http::Bad) -> Self {
        Self::answer(400, format!("The request is not taken: {}.", bad.0))
    }
}

impl Stop {
    fn answer(status: u16, text: String) -> Self {
        Self::Answer { status, text }
    }
}

impl Proxy {
    /// Serves one connection to its end.
    pub async fn serve(&self, client: TcpStream) {
        let (mut from, mut to) = client.into_split();
        let Err(stop) = self.exchange(&mut from, &mut to).await else {
            return;
        };
        let bytes = match stop {
            Stop::Answer { status, text } => answer(status, &text),
            // Fatal: unrecognized_name (RFC 6066, 3).
            Stop::Alert => vec![21, 3, 3, 0, 2, 2, 112],
            Stop::Silent => return,
        };
        let told = async {
            to.write_all(&bytes).await?;
            to.shutdown().await?;
            copy(&mut from, &mut sink()).await
        };
        // Whoever does not listen is not told.
        let _ = timeout(LINGER, told).await;
    }

    async fn exchange(
        &self,
        from: &mut OwnedReadHalf,
        to: &mut OwnedWriteHalf,
    ) -> Result<(), Stop> {
        let (asked, rest) = head(from, Vec::new()).await?;
        let target = match http::parse(&asked, None)? {
            Asked::Request(request) => return self.request(&request, rest, from, to).await,
            Asked::Tunnel(target) => target,
        };
        let reach = self.allowed(&target)?;
        // An address that somebody wrote may be anything; behind a name there are often many hosts.
        match (&reach, target.port) {
            (Reach::Public | Reach::Own, 80) => {
                // Some clients ask for plain pages like this. The host of the request is still the tunnel's.
                to.write_all(ESTABLISHED).await?;
                let (asked, rest) = head(from, rest).await?;
                match http::parse(&asked, Some(&target))? {
                    Asked::Request(request) => self.request(&request, rest, from, to).await,
                    Asked::Tunnel(_) => Err(Stop::Silent),
                }
            }
            (Reach::Public | Reach::Own, 443) => {
                let (server, early) = self.tunnel(&target, &reach).await?;
                to.write_all(ESTABLISHED).await?;
                let first = self.first_message(from, rest, &target).await?;
                Ok(relay(from, to, first, server, &early).await?)
            }
            (Reach::These(_) | Reach::Public | Reach::Own, _) => {
                let (server, early) = self.tunnel(&target, &reach).await?;
                to.write_all(ESTABLISHED).await?;
                Ok(relay(from, to, rest, server, &early).await?)
            }
        }
    }

    fn allowed(&self, target: &Target) -> Result<Reach, Stop> {
        reach(&self.endpoints, target).ok_or_else(|| {
            let why = format!("not listed in {}", self.setting);
            self.refusals.note(target.to_string(), &why);
            let entry = match target.port {
                80 | 443 => target.host.to_string(),
                _ => target.to_string(),
            };
            let text = format!(
                "{target} is not among the hosts that this process may reach. A person can allow it: `{entry}` in {}.",
                self.setting
            );
            Stop::answer(403, text)
        })
    }

    /// Passes one request on, and its answer back.
    async fn request(
        &self,
        request: &Request,
        rest: Vec<u8>,
        from: &mut OwnedReadHalf,
        to: &mut OwnedWriteHalf,
    ) -> Result<(), Stop> {
        let target = &request.target;
        let reach = self.allowed(target)?;
        let (server, head) = match self.upstream_for(target)? {
            Some(upstream) => {
                let login = upstream
                    .authorization
                    .as_ref()
                    .map(ExposeSecret::expose_secret);
                (
                    self.connect_upstream(upstream).await?,
                    request.head(Some(login)),
                )
            }
            None => (self.connect(target, &reach).await?, request.head(None)),
        };
        let (mut answer, mut out) = server.into_split();
        let activity = Notify::new();
        let send = async {
            out.write_all(&head).await?;
            let mut source = BufReader::new(Cursor::new(rest).chain(from));
            send_body(&mut source, &mut out, request.body, &activity).await?;
            // The end of the body is not shown: some servers take that for a client that went away.
            io::Result::Ok(())
        };
        let receive = async {
            pump(&mut answer, to, None, &activity).await?;
            to.shutdown().await
        };
        tokio::pin!(receive);
        tokio::select! {
            done = &mut receive => done?,
            Err(error) = send => match error.kind() {
                // The server may have answered and stopped to listen.
                io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset => {
                    timeout(LINGER, receive).await.unwrap_or(Ok(()))?;
                }
                _ => return Err(error.into()),
            },
            () = idle(&activity) => {}
        }
        Ok(())
    }

    /// A connection to the target through which bytes go as they are, and what came with it.
    async fn tunnel(&self, target: &Target, reach: &Reach) -> Result<(TcpStream, Vec<u8>), Stop> {
        let Some(upstream) = self.upstream_for(target)? else {
            return Ok((self.connect(target, reach).await?, Vec::new()));
        };
        let mut server = self.connect_upstream(upstream).await?;
        let login = upstream
            .authorization
            .as_ref()
            .map_or_else(String::new, |login| {
                format!("Proxy-Authorization: {}\r\n", login.expose_secret())
            });
        let ask = format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n{login}\r\n");
        let failed = |what: &str| {
            let text = format!("{target} cannot be reached: the proxy of this machine {what}.");
            Stop::answer(502, text)
        };
        let asked = server.write_all(ask.as_bytes()).await;
        let (answered, early) = match asked {
            Ok(()) => head(&mut server, Vec::new()).await,
            Err(error) => Err(error),
        }
        .map_err(|_| failed("did not answer"))?;
        match http::status(&answered) {
            Some(200..=299) => Ok((server, early)),
            Some(status) => Err(failed(&format!("answered {status}"))),
            None => Err(failed("did not answer in HTTP")),
        }
    }

    fn upstream_for(&self, target: &Target) -> Result<Option<&Upstream>, Stop> {
        match &self.way {
            Way::Straight => Ok(None),
            Way::Through(upstream) => Ok(Some(upstream).filter(|u| !u.is_direct(target))),
            Way::Closed(why) => {
                let text = format!("{target} cannot be reached: {why}.");
                Err(Stop::answer(502, text))
            }
        }
    }

    async fn connect_upstream(&self, upstream: &Upstream) -> Result<TcpStream, Stop> {
        let address = &upstream.address;
        let found = async {
            let addresses = match &address.host {
                Host::Address(address) => vec![*address],
                Host::Name(name) => Names::System.look_up(name).await?,
            };
            first_of(addresses.iter().map(|a| SocketAddr::new(*a, address.port))).await
        };
        bounded(found).await.map_err(|error| {
            let text = format!("The proxy of this machine, {address}, cannot be reached: {error}.");
            Stop::answer(502, text)
        })
    }

    async fn connect(&self, target: &Target, reach: &Reach) -> Result<TcpStream, Stop> {
        let unreachable =
            |error: &io::Error| Stop::answer(502, format!("{target} cannot be reached: {error}."));
        let addresses = match (reach, &target.host) {
            (Reach::These(those), _) => those.clone(),
            (Reach::Public | Reach::Own, Host::Address(address)) => vec![*address],
            (Reach::Public | Reach::Own, Host::Name(name)) => bounded(self.names.look_up(name))
                .await
                .map_err(|e| unreachable(&e))?,
        };
        // One address that is not meant, and the name is not trusted with the others.
        for address in &addresses {
            if let Err(what) = reach.check(*address) {
                let why = format!("leads to {address}, {what}");
                self.refusals.note(target.to_string(), &why);
                return Err(Stop::answer(
                    403,
                    format!("{target} {why}: nothing is sent there."),
                ));
            }
        }
        bounded(first_of(
            addresses.iter().map(|a| SocketAddr::new(*a, target.port)),
        ))
        .await
        .map_err(|e| unreachable(&e))
    }

    /// Reads until the name in TLS is known, and gives everything that was read.
    async fn first_message(
        &self,
        from: &mut OwnedReadHalf,
        mut bytes: Vec<u8>,
        target: &Target,
    ) -> Result<Vec<u8>, Stop> {
        let reading = async {
            loop {
                match hello::read(&bytes) {
                    Hello::Partial => {}
                    other => return io::Result::Ok(other),
                }
                if from.read_buf(&mut bytes).await? == 0 {
                    return Ok(Hello::Partial);
                }
            }
        };
        let hello = match timeout(HEAD_TIME, reading).await {
            Ok(hello) => hello?,
            Err(_) => Hello::Wrong("nothing came"),
        };
        let refuse = |why: &str| {
            let why = format!("the tunnel is refused: {why}");
            self.refusals.note(target.to_string(), &why);
            Stop::Alert
        };
        match hello {
            // Whoever leaves before a word wanted to see whether there is anybody.
            Hello::Partial => Err(Stop::Silent),
            Hello::Wrong(why) => Err(refuse(why)),
            Hello::Name(None) => Err(refuse("TLS names no host")),
            Hello::Name(Some(name)) => match Host::parse(&name) {
                Ok(host) if host == target.host => Ok(bytes),
                Ok(host) => Err(refuse(&format!("TLS names another host, {host}"))),
                Err(_) => Err(refuse("TLS names no proper host")),
            },
        }
    }
}

/// Connects what comes through a door with the first of the addresses outside that answers.
pub(super) async fn forward(client: TcpStream, outside: &[SocketAddr]) {
    let (mut from, mut to) = client.into_split();
    if let Ok(server) = bounded(first_of(outside.iter().copied())).await {
        // How it ended, both ends know.
        let _ = relay(&mut from, &mut to, Vec::new(), server, &[]).await;
    }
}

impl Names {
    async fn look_up(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        match self {
            Self::System => Ok(tokio::net::lookup_host((name, 0))
                .await?
                .map(|found| found.ip())
                .collect()),
            #[cfg(test)]
            Self::Fixed(addresses) => Ok(addresses.clone()),
        }
    }
}

const ESTABLISHED: &[u8] = b"HTTP/1.1 200 Connection established\r\n\r\n";

/// An answer of our own. Many clients show the first line alone.
fn answer(status: u16, text: &str) -> Vec<u8> {
    let phrase = match status {
        400 => "Bad Request",
        403 => "Forbidden by the sandbox",
        431 => "Request Header Fields Too Large",
        _ => "Bad Gateway",
    };
    format!(
        "HTTP/1.1 {status} {phrase}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n{text}\n",
        text.len() + 1
    )
    .into_bytes()
}
