//! The way out of a wall: a process in a network of its own reaches what is listed, and nothing else.

use codelicious::model::policy::Endpoint;
use codelicious::sandbox::gateway::{Gateway, PROXY_PORT, Refusals, Upstream, hand_over};
use std::env;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::Duration;
use tempfile::TempDir;

/// Where the socket of the gateway is, what is listed, and a port outside that is not.
const INSIDE: [&str; 3] = ["GATEWAY_SOCKET", "GATEWAY_HOSTS", "GATEWAY_OTHER"];

/// Puts the rest of its arguments into a network of their own, with the loopback up.
const UNSHARE: [&str; 7] = [
    "--user",
    "--map-root-user",
    "--net",
    "sh",
    "-c",
    "ip link set lo up && exec \"$@\"",
    "sh",
];

/// Answers every request with its own head, and lets `CONNECT` be an echo.
fn mirror() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            thread::spawn(move || answer(stream));
        }
    });
    at
}

fn answer(mut stream: TcpStream) {
    let head = head(&mut stream);
    if head.starts_with("CONNECT ") {
        stream.write_all(b"HTTP/1.1 200 Yes\r\n\r\n").unwrap();
        let mut back = stream.try_clone().unwrap();
        // Whoever is refused goes away in the middle.
        let _ = std::io::copy(&mut stream, &mut back);
    } else {
        let length = head.len();
        let _ = write!(
            stream,
            "HTTP/1.1 200 Yes\r\nContent-Length: {length}\r\n\r\n{head}"
        );
    }
    let _ = stream.shutdown(Shutdown::Write);
}

fn head(stream: &mut TcpStream) -> String {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap_or(0) == 1 {
        head.push(byte[0]);
    }
    String::from_utf8_lossy(&head).into_owned()
}

fn endpoints(hosts: &str) -> Vec<Endpoint> {
    hosts
        .split(',')
        .map(|host| Endpoint::parse(host).unwrap())
        .collect()
}

/// True where a process can have a network of its own.
fn has_namespaces() -> bool {
    let tried = Command::new("unshare")
        .args(UNSHARE)
        .arg("true")
        .stderr(Stdio::null())
        .status();
    let is_there = tried.is_ok_and(|status| status.success());
    if !is_there {
        eprintln!("SKIPPED: unshare or ip is missing, or namespaces are not allowed here");
    }
    is_there
}

/// Runs a test of this file inside, served by a gateway to these hosts; what was refused comes back.
fn run_inside(
    test: &str,
    hosts: &str,
    other: SocketAddr,
    upstream: Option<SocketAddr>,
) -> Refusals {
    let dir = TempDir::new().unwrap();
    let mut gateway = Gateway::open(&endpoints(hosts), dir.path()).unwrap();
    if let Some(at) = upstream {
        gateway = gateway.through(Upstream::parse(&at.to_string(), "").unwrap());
    }
    let refused = gateway.refused();
    let socket = gateway.socket().to_path_buf();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let serving = thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            tokio::select! {
                ended = gateway.serve() => ended.unwrap(),
                _ = stopped => {}
            }
        });
    });
    let output = Command::new("unshare")
        .args(UNSHARE)
        .arg(env::current_exe().unwrap())
        .args([
            "--exact",
            &format!("gateway::{test}"),
            "--ignored",
            "--nocapture",
        ])
        .env(INSIDE[0], &socket)
        .env(INSIDE[1], hosts)
        .env(INSIDE[2], other.to_string())
        .output()
        .unwrap();
    drop(stop);
    serving.join().unwrap();
    let text = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(
        output.status.success() && text.contains("1 passed"),
        "{text}"
    );
    assert!(!socket.exists());
    refused
}

/// What the helper of a wall does, and the variables that it was told.
fn handed_over() -> (String, String) {
    let told = INSIDE.map(|name| env::var(name).unwrap());
    let [socket, hosts, other] = told;
    hand_over(Path::new(&socket), &endpoints(&hosts)).unwrap();
    // Once, and for nobody else.
    assert!(!Path::new(&socket).exists());
    (hosts, other)
}

fn connect(at: &str) -> std::io::Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&at.parse().unwrap(), Duration::from_secs(20))?;
    stream.set_read_timeout(Some(Duration::from_secs(20)))?;
    Ok(stream)
}

fn proxy() -> TcpStream {
    connect(&format!("127.0.0.1:{PROXY_PORT}")).unwrap()
}

fn ask(mut stream: TcpStream, bytes: &str) -> String {
    stream.write_all(bytes.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn a_walled_process_reaches_what_is_listed() {
    if !has_namespaces() {
        return;
    }
    let (listed, other) = (mirror(), mirror());
    let refused = run_inside("inside_with_doors", &listed.to_string(), other, None);
    let targets: Vec<String> = refused.list().into_iter().map(|r| r.target).collect();
    assert_eq!(targets, [other.to_string(), "evil.example:443".to_owned()]);
}

#[test]
#[ignore = "another test runs it, in a network of its own"]
fn inside_with_doors() {
    let (listed, other) = handed_over();
    // Straight, where the port outside is a door here, and through the proxy.
    let answer = ask(connect(&listed).unwrap(), "GET /straight HTTP/1.1\r\n\r\n");
    assert!(answer.contains("GET /straight"), "{answer}");
    let answer = ask(
        proxy(),
        &format!("GET http://{listed}/x HTTP/1.1\r\nHost: evil\r\n\r\n"),
    );
    assert!(
        answer.contains(&format!("GET /x HTTP/1.1\r\nHost: {listed}\r\n")),
        "{answer}"
    );
    // Neither another port of the machine nor the world, either way.
    assert!(connect(&other).is_err());
    assert!(connect("192.0.2.1:443").is_err());
    for target in [other.as_str(), "evil.example:443"] {
        let answer = ask(proxy(), &format!("CONNECT {target} HTTP/1.1\r\n\r\n"));
        assert!(
            answer.starts_with("HTTP/1.1 403 ") && answer.contains(target),
            "{answer}"
        );
    }
    // A program that everybody has, told as they are told.
    let curl = Command::new("curl")
        .args([
            "--silent",
            "--show-error",
            "--max-time",
            "20",
            "--noproxy",
            "",
        ])
        .arg(format!("http://{listed}/by-curl"))
        .env("http_proxy", format!("http://127.0.0.1:{PROXY_PORT}"))
        .output();
    match curl {
        Ok(output) => {
            let text = String::from_utf8_lossy(&output.stdout).into_owned();
            assert!(
                text.contains("GET /by-curl") && !text.contains("Proxy"),
                "{output:?}"
            );
        }
        Err(error) => eprintln!("SKIPPED: curl: {error}"),
    }
}

#[test]
fn a_tunnel_out_of_a_wall_is_for_the_host_in_tls() {
    if !has_namespaces() {
        return;
    }
    let outer = mirror();
    let refused = run_inside("inside_with_tls", "api.example.org", outer, Some(outer));
    let refused = refused.list();
    assert!(
        refused.len() == 1 && refused[0].why.contains("another host, evil.example"),
        "{refused:?}"
    );
}

#[test]
#[ignore = "another test runs it, in a network of its own"]
fn inside_with_tls() {
    handed_over();
    for (name, is_passed) in [("api.example.org", true), ("evil.example", false)] {
        let mut stream = proxy();
        write!(stream, "CONNECT api.example.org:443 HTTP/1.1\r\n\r\n").unwrap();
        assert!(head(&mut stream).starts_with("HTTP/1.1 200 "));
        let hello = client_hello(name);
        stream.write_all(&hello).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        let mut back = Vec::new();
        stream.read_to_end(&mut back).unwrap();
        // The echo of the other end, or a fatal alert.
        assert_eq!(back == hello, is_passed, "{name}");
        assert_eq!(back.first() == Some(&21), !is_passed, "{name}");
    }
}

/// The first message as a real library writes it.
fn client_hello(name: &str) -> Vec<u8> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
    let name = name.to_owned().try_into().unwrap();
    let mut connection = rustls::ClientConnection::new(Arc::new(config), name).unwrap();
    let mut hello = Vec::new();
    connection.write_tls(&mut hello).unwrap();
    hello
}
