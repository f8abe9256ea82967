//! What may be reached.

use super::*;
use std::net::TcpListener;

const CONNECT: &str =
    "import socket, sys; socket.create_connection((sys.argv[1], int(sys.argv[2])), 5).close()";

#[test]
fn without_a_network_there_are_no_sockets_but_pairs() {
    let Some(site) = site() else { return };
    if !has_program("python3") {
        return;
    }
    for kind in [
        "socket.AF_INET, socket.SOCK_STREAM",
        "socket.AF_INET, socket.SOCK_DGRAM",
        "socket.AF_INET6, socket.SOCK_STREAM",
        "socket.AF_UNIX, socket.SOCK_STREAM",
        "socket.AF_UNIX, socket.SOCK_DGRAM",
        "socket.AF_NETLINK, socket.SOCK_RAW",
        "socket.AF_PACKET, socket.SOCK_RAW",
        "socket.AF_VSOCK, socket.SOCK_STREAM",
    ] {
        let done = site.python(&format!("import socket; socket.socket({kind})"));
        assert!(
            done.stderr.text().contains("PermissionError"),
            "{kind}: {}",
            done.stderr.text()
        );
    }
    let pair = "import socket; a, b = socket.socketpair(); a.send(b'x'); assert b.recv(1) == b'x'";
    assert!(site.python(pair).success());
    // One end of such a pair could be turned to any address.
    let pair = "import socket; socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)";
    assert!(!site.python(pair).success());
}

#[test]
fn a_loopback_of_its_own_reaches_itself_and_nobody_else() {
    let Some(mut site) = site() else { return };
    if !has_program("python3") || lacks("network namespaces", abilities().network_namespace) {
        return;
    }
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let connect = ["-c", CONNECT, "127.0.0.1", &port];
    site.wall.network = Network::Full;
    assert!(site.start("python3", &connect).unwrap().success());
    site.wall.network = Network::Loopback;
    let refused = site.start("python3", &connect).unwrap();
    assert!(
        refused.stderr.text().contains("refused"),
        "{}",
        refused.stderr.text()
    );
    let own = "import socket\nfor family, host in ((socket.AF_INET, '127.0.0.1'), (socket.AF_INET6, '::1')):\n  if family == socket.AF_INET6 and not socket.has_ipv6: continue\n  s = socket.socket(family)\n  try: s.bind((host, 0))\n  except OSError as e:\n    if family == socket.AF_INET6: continue\n    raise\n  s.listen(); c = socket.create_connection(s.getsockname()[:2], 5); s.accept()\nprint([n for _, n in socket.if_nameindex()], socket.getaddrinfo('localhost', 80)[0][4][0])";
    let done = site.python(own);
    assert!(done.success(), "{}", done.stderr.text());
    assert!(done.stdout.text().contains("lo"), "{}", done.stdout.text());
    for kind in [
        "AF_PACKET, socket.SOCK_RAW",
        "AF_INET, socket.SOCK_RAW",
        "AF_UNIX, socket.SOCK_STREAM",
    ] {
        let done = site.python(&format!("import socket; socket.socket(socket.{kind})"));
        assert!(done.stderr.text().contains("PermissionError"), "{kind}");
    }
    let far = "import socket; socket.create_connection(('192.0.2.1', 80), 5)";
    assert!(site.python(far).stderr.text().contains("unreachable"));
}

#[test]
fn unix_sockets_are_a_wish_of_its_own_and_abstract_ones_stay_inside() {
    let Some(mut site) = site() else { return };
    if !has_program("python3") {
        return;
    }
    site.wall.unix_sockets = true;
    let own = "import socket; s = socket.socket(socket.AF_UNIX); s.bind('sock'); s.listen(); c = socket.socket(socket.AF_UNIX); c.connect('sock')";
    let done = site.python(own);
    assert!(done.success(), "{}", done.stderr.text());
    if lacks("scopes of abstract sockets", abilities().landlock >= 6) {
        return;
    }
    use std::os::linux::net::SocketAddrExt;
    use std::os::unix::net::{SocketAddr, UnixListener};
    let name = format!("codelicious-test-{}", std::process::id());
    let address = SocketAddr::from_abstract_name(&name).unwrap();
    let _listener = UnixListener::bind_addr(&address).unwrap();
    let text = format!("import socket; socket.socket(socket.AF_UNIX).connect('\\0{name}')");
    site.wall.network = Network::Full;
    let inside = site.python(&text);
    assert!(
        inside.stderr.text().contains("PermissionError"),
        "{}",
        inside.stderr.text()
    );
    let free = Command::new("python3", "/", SandboxPolicy::Trusted)
        .args(["-c", &text])
        .env([("PATH".to_owned(), PATH.to_owned())]);
    assert!(finish(&free).unwrap().success());
}

#[test]
fn listed_hosts_are_reached_through_the_gateway_and_nobody_else() {
    let Some(mut site) = site() else { return };
    if !has_program("python3") || lacks("network namespaces", abilities().network_namespace) {
        return;
    }
    let greet = |word: &'static str| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        std::thread::spawn(move || {
            while let Ok((mut stream, _)) = listener.accept() {
                use std::io::Write;
                let _ = stream.write_all(word.as_bytes());
            }
        });
        port
    };
    let (allowed, other) = (greet("allowed"), greet("other"));
    let endpoint = |text: &str| codelicious::model::policy::Endpoint::parse(text).unwrap();
    site.wall.network = Network::Hosts(vec![
        endpoint(&format!("127.0.0.1:{allowed}")),
        endpoint("api.example.org"),
    ]);
    let text = format!(
        "import socket\nprint(socket.create_connection(('127.0.0.1', {allowed}), 5).recv(99))\n\
         for address in (('127.0.0.1', {other}), ('192.0.2.1', 80)):\n  try: socket.create_connection(address, 5); print('reached')\n  except OSError as e: print(type(e).__name__)\n\
         p = socket.create_connection(('127.0.0.1', 3128), 5); p.sendall(b'CONNECT elsewhere.example.org:443 HTTP/1.1\\r\\nHost: elsewhere.example.org:443\\r\\n\\r\\n'); print(p.recv(12))"
    );
    let done = site.python(&text);
    assert!(done.success(), "{}", done.stderr.text());
    let said = done.stdout.text();
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(
        lines,
        [
            "b'allowed'",
            "ConnectionRefusedError",
            "OSError",
            "b'HTTP/1.1 403'"
        ]
    );
    assert!(
        done.refused
            .iter()
            .any(|r| r.starts_with("elsewhere.example.org:443")),
        "{:?}",
        done.refused
    );
}
