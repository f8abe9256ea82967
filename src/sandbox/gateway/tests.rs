//! The gateway between real sockets on the loopback. Servers outside are threads that note what reaches them.

use super::pure_tests::{client_hello, server_name};
use super::*;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener as Listener, TcpStream as Stream};
use std::sync::mpsc::{Receiver, channel};
use std::thread;

const BOUND: Duration = Duration::from_secs(20);

fn endpoints(texts: &[String]) -> Vec<Endpoint> {
    texts.iter().map(|t| Endpoint::parse(t).unwrap()).collect()
}

/// A server for one connection at a time: what `serve` returns is what was seen of it.
fn server(serve: impl Fn(Stream) -> Vec<u8> + Send + 'static) -> (SocketAddr, Receiver<Vec<u8>>) {
    let listener = Listener::bind("127.0.0.1:0").unwrap();
    let at = listener.local_addr().unwrap();
    let (tell, seen) = channel();
    // Ends with the test, as soon as nobody listens to what it tells.
    thread::spawn(move || {
        for stream in listener.incoming() {
            let stream = stream.unwrap();
            stream.set_read_timeout(Some(BOUND)).unwrap();
            if tell.send(serve(stream)).is_err() {
                return;
            }
        }
    });
    (at, seen)
}

/// Answers `hello` to a head with its body of so many bytes, and notes all that came until the other end is done.
fn page(body: usize) -> impl Fn(Stream) -> Vec<u8> {
    move |mut stream| {
        let mut seen = read_head(&mut stream);
        let mut rest = vec![0; body];
        stream.read_exact(&mut rest).unwrap();
        seen.extend(rest);
        stream
            .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")
            .unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        // A second request on the same connection would be seen here.
        let _ = stream.read_to_end(&mut seen);
        seen
    }
}

/// Sends back what comes, until its end; then its own end.
fn echo(mut stream: Stream) -> Vec<u8> {
    let mut seen = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        match stream.read(&mut buffer) {
            Ok(0) | Err(_) => break,
            Ok(got) => {
                seen.extend(&buffer[..got]);
                let _ = stream.write_all(&buffer[..got]);
            }
        }
    }
    let _ = stream.write_all(b" end");
    seen
}

fn read_head(stream: &mut Stream) -> Vec<u8> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    head
}

/// A gateway that is served on ports of the test's own, until it is dropped.
struct Served {
    proxy: SocketAddr,
    door: SocketAddr,
    refused: Refusals,
    _background: Background,
    _dir: tempfile::TempDir,
}

/// Work on a thread of its own, given up and waited for when this is dropped.
struct Background(
    Option<tokio::sync::oneshot::Sender<()>>,
    Option<thread::JoinHandle<()>>,
);

fn background(work: impl Future<Output = io::Result<()>> + Send + 'static) -> Background {
    let (stop, stopped) = tokio::sync::oneshot::channel();
    let thread = thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            tokio::select! {
                ended = work => ended.unwrap(),
                _ = stopped => {}
            }
        });
        // A look-up may still be under way.
        runtime.shutdown_background();
    });
    Background(Some(stop), Some(thread))
}

impl Drop for Background {
    fn drop(&mut self) {
        drop(self.0.take());
        if let Some(thread) = self.1.take() {
            // It says itself why it failed.
            let _ = thread.join();
        }
    }
}

fn served(hosts: &[String], change: impl FnOnce(Gateway) -> Gateway) -> Served {
    let dir = tempfile::tempdir().unwrap();
    let gateway = change(Gateway::open(&endpoints(hosts), dir.path()).unwrap());
    let refused = gateway.refused();
    let leads = gateway.doors.last().unwrap().leads.clone();
    let made: Vec<_> = [Leads::Proxy, leads]
        .into_iter()
        .map(|leads| {
            let listener = Listener::bind("127.0.0.1:0").unwrap();
            listener.set_nonblocking(true).unwrap();
            (listener, leads)
        })
        .collect();
    let at = |n: usize| made[n].0.local_addr().unwrap();
    let (proxy, door) = (at(0), at(1));
    let background = background(serve_doors(made, gateway.proxy));
    Served {
        proxy,
        door,
        refused,
        _background: background,
        _dir: dir,
    }
}

impl Served {
    fn client(&self) -> Stream {
        connect(self.proxy)
    }

    /// Everything that is answered to these bytes.
    fn ask(&self, bytes: &[u8]) -> String {
        let mut stream = self.client();
        stream.write_all(bytes).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        String::from_utf8_lossy(&answer).into_owned()
    }

    /// A tunnel that was granted.
    fn tunnel(&self, target: &str) -> Stream {
        let mut stream = self.client();
        write!(stream, "CONNECT {target} HTTP/1.1\r\n\r\n").unwrap();
        let head = read_head(&mut stream);
        assert!(
            head.starts_with(b"HTTP/1.1 200 "),
            "{}",
            String::from_utf8_lossy(&head)
        );
        stream
    }
}

fn connect(at: SocketAddr) -> Stream {
    let stream = Stream::connect(at).unwrap();
    stream.set_read_timeout(Some(BOUND)).unwrap();
    stream
}

fn rest(mut stream: Stream) -> Vec<u8> {
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).unwrap();
    rest
}

#[test]
fn a_page_is_fetched_once_and_its_host_is_the_address() {
    let (at, seen) = server(page(0));
    let served = served(&[at.to_string()], |g| g);
    let answer = served.ask(
        format!(
            "GET http://{at}/x?y HTTP/1.1\r\nHost: evil.org\r\nProxy-Connection: keep-alive\r\n\r\n\
             GET http://{at}/second HTTP/1.1\r\n\r\n"
        )
        .as_bytes(),
    );
    assert_eq!(answer, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
    assert_eq!(
        String::from_utf8(seen.recv_timeout(BOUND).unwrap()).unwrap(),
        format!("GET /x?y HTTP/1.1\r\nHost: {at}\r\nConnection: close\r\n\r\n")
    );
    assert_eq!(served.refused.list(), []);
}

#[test]
fn bodies_pass_and_nothing_after_them() {
    let chunks = "5;ext=1\r\nhello\r\n1\r\n \r\n0\r\nTrailer: t\r\n\r\n";
    for (header, body) in [
        ("Content-Length: 11", "hello world"),
        ("Transfer-Encoding: chunked", chunks),
    ] {
        let (at, seen) = server(page(body.len()));
        let served = served(&[at.to_string()], |g| g);
        let ask = format!(
            "POST http://{at}/ HTTP/1.1\r\n{header}\r\n\r\n{body}GET /smuggled HTTP/1.1\r\n\r\n"
        );
        assert!(served.ask(ask.as_bytes()).ends_with("hello"), "{header}");
        let seen = String::from_utf8(seen.recv_timeout(BOUND).unwrap()).unwrap();
        let want =
            format!("POST / HTTP/1.1\r\nHost: {at}\r\n{header}\r\nConnection: close\r\n\r\n{body}");
        assert_eq!(seen, want);
    }
}

#[test]
fn a_broken_chunk_ends_the_request() {
    let (at, seen) = server(echo);
    let served = served(&[at.to_string()], |g| g);
    let head = format!("POST http://{at}/ HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n");
    for body in [
        "zz\r\n",
        "3\r\nabcGET / HTTP/1.1\r\n",
        "0\r\nx: y\nz\r\n",
        "-1\r\n",
    ] {
        served.ask(format!("{head}{body}").as_bytes());
        let seen = String::from_utf8(seen.recv_timeout(BOUND).unwrap()).unwrap();
        assert!(!seen.contains("GET") && !seen.contains('z'), "{seen}");
    }
}

#[test]
fn what_is_not_listed_is_refused_by_name() {
    let served = served(&["api.example.org".to_owned()], |g| {
        g.setting("`sandbox.verify.hosts`")
    });
    for (ask, status, words) in [
        (
            "CONNECT evil.example:443 HTTP/1.1\r\n\r\n",
            403,
            "evil.example:443 is not among the hosts that this process may reach. A person can allow it: \
             `evil.example` in `sandbox.verify.hosts`.",
        ),
        (
            "GET http://evil.example/?secret HTTP/1.1\r\n\r\n",
            403,
            "evil.example:80 is not",
        ),
        (
            "CONNECT api.example.org:22 HTTP/1.1\r\n\r\n",
            403,
            "`api.example.org:22` in",
        ),
        (
            "CONNECT 169.254.169.254:80 HTTP/1.1\r\n\r\n",
            403,
            "169.254.169.254:80 is not",
        ),
        ("CONNECT localhost:22 HTTP/1.1\r\n\r\n", 403, "localhost:22"),
        (
            "CONNECT u@api.example.org:443 HTTP/1.1\r\n\r\n",
            400,
            "no host name",
        ),
        ("GET / HTTP/1.1\r\nHost: a\r\n\r\n", 400, "this is a proxy"),
        ("\x16\x03\x01 \r\n\r\n", 400, "not taken"),
        (
            "GET https://api.example.org/ HTTP/1.1\r\n\r\n",
            400,
            "https takes CONNECT",
        ),
    ] {
        let answer = served.ask(ask.as_bytes());
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")) && answer.contains(words),
            "{ask}: {answer}"
        );
    }
    let refused: Vec<String> = served
        .refused
        .list()
        .into_iter()
        .map(|r| r.target)
        .collect();
    assert_eq!(
        refused,
        [
            "evil.example:443",
            "evil.example:80",
            "api.example.org:22",
            "169.254.169.254:80",
            "localhost:22"
        ]
    );
    let long = format!(
        "GET http://a/ HTTP/1.1\r\nX: {}",
        "x".repeat(http::MAX_HEAD)
    );
    assert!(served.ask(long.as_bytes()).starts_with("HTTP/1.1 431 "));
    for n in 0..MAX_REFUSALS + 5 {
        served.ask(format!("CONNECT n{n}.example:443 HTTP/1.1\r\n\r\n").as_bytes());
    }
    assert_eq!(served.refused.list().len(), MAX_REFUSALS);
}

#[test]
fn a_name_that_leads_inside_is_refused() {
    for (endpoint, port, addresses, what) in [
        ("api.example", 443, &["169.254.169.254"][..], "credentials"),
        ("api.example", 443, &["127.0.0.1"], "this machine itself"),
        ("api.example", 443, &["10.1.2.3"], "private network"),
        ("api.example", 443, &["::ffff:10.1.2.3"], "private network"),
        (
            "api.example",
            443,
            &["1.1.1.1", "::1"],
            "this machine itself",
        ),
        ("*.example", 80, &["0.0.0.0"], "no address"),
        ("api.example:9", 9, &["127.0.0.1"], "this machine itself"),
        ("api.example:9", 9, &["fe80::1"], "link-local"),
    ] {
        let served = served(&[endpoint.to_owned()], |mut g| {
            let addresses = addresses.iter().map(|a| a.parse().unwrap()).collect();
            g.proxy.names = Names::Fixed(addresses);
            g
        });
        let ask = format!("GET http://api.example:{port}/ HTTP/1.1\r\n\r\n");
        let answer = served.ask(ask.as_bytes());
        assert!(
            answer.starts_with("HTTP/1.1 403 ") && answer.contains(what),
            "{endpoint} {addresses:?}: {answer}"
        );
        assert!(served.refused.list()[0].why.contains(what));
    }
}

/// A port that is taken, and on which nobody listens.
fn silent() -> (std::os::fd::OwnedFd, SocketAddr) {
    use rustix::net::{AddressFamily, SocketType, bind, getsockname, socket};
    let socket = socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
    bind(&socket, &SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
    let at = SocketAddr::try_from(getsockname(&socket).unwrap()).unwrap();
    (socket, at)
}

#[test]
fn a_host_that_is_not_there_is_said_so() {
    let (_bound, at) = silent();
    let served = served(&[at.to_string()], |g| g);
    for ask in [
        format!("CONNECT {at} HTTP/1.1\r\n\r\n"),
        format!("GET http://{at}/ HTTP/1.1\r\n\r\n"),
    ] {
        let answer = served.ask(ask.as_bytes());
        assert!(
            answer.starts_with("HTTP/1.1 502 ") && answer.contains(&at.to_string()),
            "{answer}"
        );
    }
}

#[test]
fn a_tunnel_passes_bytes_and_ends() {
    let (at, seen) = server(echo);
    let served = served(&[at.to_string()], |g| g);
    let mut stream = served.tunnel(&at.to_string());
    stream.write_all(b"ping").unwrap();
    let mut four = [0; 4];
    stream.read_exact(&mut four).unwrap();
    assert_eq!(&four, b"ping");
    // What is sent is over; what comes is not.
    stream.shutdown(Shutdown::Write).unwrap();
    assert_eq!(rest(stream), b" end");
    assert_eq!(seen.recv_timeout(BOUND).unwrap(), b"ping");
    // Sent along with the request, before the answer.
    let mut stream = served.client();
    write!(stream, "CONNECT {at} HTTP/1.1\r\n\r\nearly").unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    assert!(rest(stream).ends_with(b"\r\n\r\nearly end"));
}

#[test]
fn a_door_passes_bytes_and_ends() {
    let (at, seen) = server(echo);
    let served = served(&[at.to_string()], |g| g);
    let mut stream = connect(served.door);
    let big: Vec<u8> = (0..1_000_000_u32).map(|n| (n % 251) as u8).collect();
    let sent = big.clone();
    let mut half = stream.try_clone().unwrap();
    let writer = thread::spawn(move || {
        half.write_all(&sent).unwrap();
        half.shutdown(Shutdown::Write).unwrap();
    });
    let mut back = vec![0; big.len()];
    stream.read_exact(&mut back).unwrap();
    writer.join().unwrap();
    assert!(back == big);
    assert_eq!(rest(stream), b" end");
    assert!(seen.recv_timeout(BOUND).unwrap() == big);
}

/// A proxy outside that notes what it is asked, and answers so.
fn outer(answer: &'static [u8]) -> (SocketAddr, Receiver<Vec<u8>>) {
    server(move |mut stream| {
        let mut seen = read_head(&mut stream);
        stream.write_all(answer).unwrap();
        seen.extend(echo(stream));
        seen
    })
}

fn through(hosts: &[&str], outer: SocketAddr) -> Served {
    let hosts: Vec<String> = hosts.iter().map(|h| (*h).to_owned()).collect();
    served(&hosts, |g| {
        g.through(Upstream::parse(&format!("http://u:p@{outer}"), "direct.example").unwrap())
    })
}

#[test]
fn the_machines_own_proxy_is_gone_through() {
    let (at, seen) = outer(b"HTTP/1.1 200 Yes\r\n\r\n");
    let served = through(&["api.example.org", "*.example:8443"], at);
    // Named hosts only, there as well.
    assert!(
        served
            .ask(b"CONNECT evil.example:443 HTTP/1.1\r\n\r\n")
            .starts_with("HTTP/1.1 403 ")
    );
    let mut stream = served.tunnel("git.example:8443");
    stream.write_all(b"ping").unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    assert_eq!(rest(stream), b"ping end");
    assert_eq!(
        String::from_utf8(seen.recv_timeout(BOUND).unwrap()).unwrap(),
        "CONNECT git.example:8443 HTTP/1.1\r\nHost: git.example:8443\r\nProxy-Authorization: Basic dTpw\r\n\r\nping"
    );
    let mut stream = served.client();
    stream
        .write_all(
            b"GET http://api.example.org/x HTTP/1.1\r\nProxy-Authorization: Basic bWluZQ==\r\n\r\n",
        )
        .unwrap();
    let head = read_head(&mut stream);
    assert!(head.starts_with(b"HTTP/1.1 200 Yes"));
    drop(stream);
    drop(served);
    assert_eq!(
        String::from_utf8(seen.recv_timeout(BOUND).unwrap()).unwrap(),
        "GET http://api.example.org/x HTTP/1.1\r\nHost: api.example.org\r\nProxy-Authorization: Basic dTpw\r\n\
         Connection: close\r\n\r\n"
    );
}

#[test]
fn what_the_machines_own_proxy_refuses_is_told() {
    for (says, words) in [
        (
            &b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n"[..],
            "answered 407",
        ),
        (b"SSH-2.0-x\r\n\r\n", "did not answer in HTTP"),
    ] {
        let (at, _seen) = outer(says);
        let served = through(&["api.example.org"], at);
        let answer = served.ask(b"CONNECT api.example.org:443 HTTP/1.1\r\n\r\n");
        assert!(
            answer.starts_with("HTTP/1.1 502 ")
                && answer.contains(words)
                && !answer.contains("dTpw"),
            "{answer}"
        );
    }
}

#[test]
fn what_is_near_goes_past_the_machines_own_proxy() {
    let (near, _seen) = server(page(0));
    let (far, asked) = outer(b"");
    let (named, local) = (format!("direct.example:{}", near.port()), near.to_string());
    let served = served(&[local.clone(), named.clone()], |mut g| {
        g.proxy.names = Names::Fixed(vec![near.ip()]);
        g.through(Upstream::parse(&far.to_string(), ".example").unwrap())
    });
    let ask = |host: &str| served.ask(format!("GET http://{host}/ HTTP/1.1\r\n\r\n").as_bytes());
    assert!(ask(&local).ends_with("hello"));
    // Looked up here, and so refused here.
    let answer = ask(&named);
    assert!(answer.contains("this machine itself"), "{answer}");
    assert!(asked.try_recv().is_err(), "the proxy was asked");
}

#[test]
fn a_tunnel_to_443_is_for_its_own_host() {
    let (at, seen) = outer(b"HTTP/1.1 200 Yes\r\n\r\n");
    let served = through(&["api.example.org"], at);
    let asked = b"CONNECT api.example.org:443 HTTP/1.1\r\nHost: api.example.org:443\r\n\
                  Proxy-Authorization: Basic dTpw\r\n\r\n";
    let own = client_hello(&[server_name("API.example.org")], 20);
    let mut stream = served.tunnel("api.example.org:443");
    for part in own.chunks(7) {
        stream.write_all(part).unwrap();
    }
    stream.write_all(b"more").unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    assert_eq!(rest(stream), [&own[..], b"more end"].concat());
    assert_eq!(
        seen.recv_timeout(BOUND).unwrap(),
        [&asked[..], &own, b"more"].concat()
    );
    assert_eq!(served.refused.list(), []);

    for (bytes, why) in [
        (
            client_hello(&[server_name("evil.org")], 99),
            "another host, evil.org",
        ),
        (
            client_hello(&[server_name("x.api.example.org")], 99),
            "another host",
        ),
        (client_hello(&[], 99), "names no host"),
        (client_hello(&[server_name("a@b")], 99), "no proper host"),
        (
            client_hello(&[server_name("api.example.org"), (0xfe0d, vec![0])], 99),
            "hides the name",
        ),
        (
            b"GET / HTTP/1.1\r\nHost: evil.org\r\n\r\n".to_vec(),
            "not TLS",
        ),
        (b"SSH-2.0-OpenSSH\r\n".to_vec(), "not TLS"),
    ] {
        // A gateway of its own, since a target is noted once.
        let served = through(&["api.example.org"], at);
        let mut stream = served.tunnel("api.example.org:443");
        stream.write_all(&bytes).unwrap();
        assert_eq!(rest(stream), [21, 3, 3, 0, 2, 2, 112], "{why}");
        assert_eq!(seen.recv_timeout(BOUND).unwrap(), asked, "{why}");
        let refused = served.refused.list();
        assert!(refused[0].why.contains(why), "{refused:?}");
    }
}

#[test]
fn a_tunnel_to_80_is_one_request_to_its_own_host() {
    let (at, seen) = outer(b"HTTP/1.1 200 Yes\r\n\r\n");
    let served = through(&["api.example.org"], at);
    let mut stream = served.tunnel("api.example.org:80");
    stream
        .write_all(
            b"GET /x HTTP/1.1\r\nHost: evil.org\r\n\r\nGET /y HTTP/1.1\r\nHost: evil.org\r\n\r\n",
        )
        .unwrap();
    assert!(read_head(&mut stream).starts_with(b"HTTP/1.1 200 Yes"));
    drop(stream);
    drop(served);
    let seen = String::from_utf8(seen.recv_timeout(BOUND).unwrap()).unwrap();
    assert!(
        seen.starts_with("GET http://api.example.org/x HTTP/1.1\r\nHost: api.example.org\r\n")
            && !seen.contains("evil")
            && !seen.contains("/y"),
        "{seen}"
    );
}

#[test]
fn more_connections_than_the_bound_wait() {
    let (at, _seen) = server(echo);
    let served = served(&[at.to_string()], |g| g);
    let idle: Vec<Stream> = (0..MAX_CONNECTIONS).map(|_| served.client()).collect();
    let mut late = served.client();
    write!(late, "CONNECT nowhere.example:443 HTTP/1.1\r\n\r\n").unwrap();
    // A door is not kept waiting by the proxy.
    let mut door = connect(served.door);
    door.write_all(b"x").unwrap();
    door.read_exact(&mut [0]).unwrap();
    assert_eq!(served.refused.list(), [], "served beyond the bound");
    drop(idle);
    assert!(read_head(&mut late).starts_with(b"HTTP/1.1 403 "));
}

#[test]
fn everything_ends_with_the_gateway() {
    let (at, seen) = server(echo);
    let served = served(&[at.to_string()], |g| g);
    let mut stream = served.tunnel(&at.to_string());
    stream.write_all(b"x").unwrap();
    stream.read_exact(&mut [0]).unwrap();
    drop(served);
    let mut rest = Vec::new();
    // An end or a reset, and nothing more.
    let _ = stream.read_to_end(&mut rest);
    assert_eq!(rest, b"");
    assert_eq!(seen.recv_timeout(BOUND).unwrap(), b"x");
}

mod handing_over {
    use super::super::hand_over::{send, take};
    use super::*;
    use std::os::unix::net::UnixStream;

    fn listener() -> Listener {
        Listener::bind("127.0.0.1:0").unwrap()
    }

    /// What the gateway makes of these sockets, sent as the doors at these places.
    fn taken(doors: &[Door], made: &[(u8, Listener)]) -> io::Result<usize> {
        let (ours, theirs) = UnixStream::pair().unwrap();
        send(&theirs, made).unwrap();
        drop(theirs);
        take_from(doors, ours).map(|taken| taken.len())
    }

    fn take_from(
        doors: &[Door],
        ours: UnixStream,
    ) -> io::Result<Vec<(std::net::TcpListener, Leads)>> {
        ours.set_nonblocking(true).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let ours = tokio::net::UnixStream::from_std(ours).unwrap();
            take(&ours, doors).await
        })
    }

    #[test]
    fn only_sockets_that_are_the_doors_are_taken() {
        let (proxy, door) = (listener(), listener());
        let doors = [
            Door {
                at: proxy.local_addr().unwrap(),
                leads: Leads::Proxy,
            },
            Door {
                at: door.local_addr().unwrap(),
                leads: Leads::To(vec![]),
            },
        ];
        let copy = |l: &Listener| l.try_clone().unwrap();
        assert_eq!(
            taken(&doors, &[(0, copy(&proxy)), (1, copy(&door))]).unwrap(),
            2
        );
        assert_eq!(taken(&doors, &[(0, copy(&proxy))]).unwrap(), 1);
        for (made, why) in [
            (vec![(1, copy(&door))], "no socket is on port"),
            (vec![(0, copy(&door))], "not on the address"),
            (vec![(2, copy(&door))], "no door"),
            (
                vec![(0, copy(&proxy)), (0, copy(&proxy))],
                "two are for one",
            ),
        ] {
            let error = taken(&doors, &made).unwrap_err().to_string();
            assert!(error.contains(why), "{error}");
        }
        // A connection is no listening socket, nor is one of another kind.
        let connection = Stream::connect(doors[0].at).unwrap();
        let other = UnixStream::pair().unwrap().0;
        for fd in [
            std::os::fd::OwnedFd::from(connection),
            std::os::fd::OwnedFd::from(other),
        ] {
            assert!(taken(&doors, &[(0, Listener::from(fd))]).is_err());
        }
        for bytes in [&b""[..], b"\x01", b"\x02\x00", b"\x01\x01\x00", b"hello"] {
            let (ours, mut theirs) = UnixStream::pair().unwrap();
            theirs.write_all(bytes).unwrap();
            drop(theirs);
            assert!(take_from(&doors, ours).is_err(), "{bytes:?}");
        }
    }

    #[test]
    fn the_socket_is_the_users_alone_and_goes_away() {
        let dir = tempfile::tempdir().unwrap();
        let gateway = Gateway::open(&[], dir.path()).unwrap();
        let path = gateway.socket().to_path_buf();
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let second = Gateway::open(&[], dir.path()).unwrap();
        assert_ne!(second.socket(), path);
        drop(gateway);
        assert!(!path.exists() && second.socket().exists());
        let deep = dir.path().join("d".repeat(110));
        let error = Gateway::open(&[], &deep).err().unwrap();
        assert!(error.to_string().contains("shorter path"), "{error}");
        let gone = dir.path().join("gone");
        let error = Gateway::open(&[], &gone).err().unwrap();
        assert!(error.to_string().contains("gone"), "{error}");
    }

    #[test]
    fn another_process_is_told_no() {
        let dir = tempfile::tempdir().unwrap();
        // This process has another number.
        let gateway = Gateway::open(&[], dir.path()).unwrap().only_from(1);
        let path = gateway.socket().to_path_buf();
        let serving = background(gateway.serve());
        let mut stream = UnixStream::connect(&path).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("-sockets are not taken"), "{answer}");
        assert!(path.exists());
        drop(serving);
        assert!(!path.exists());
    }
}
