//! Tables and properties of what is pure.

use super::hello::{self, Hello, MAX_HELLO};
use super::http::{self, Asked, Body};
use super::rules::{Host, Leads, PROXY_PORT, Reach, Target, doors, reach};
use crate::model::policy::Endpoint;
use proptest::prelude::*;
use std::net::{IpAddr, SocketAddr};

fn endpoints(texts: &[&str]) -> Vec<Endpoint> {
    texts.iter().map(|t| Endpoint::parse(t).unwrap()).collect()
}

#[test]
fn a_host_has_one_spelling() {
    for (text, want) in [
        ("example.org:443", "example.org:443"),
        ("EXAMPLE.Org:443", "example.org:443"),
        ("example.org.:443", "example.org:443"),
        ("xn--bcher-kva.example:443", "xn--bcher-kva.example:443"),
        ("a_b.example:1", "a_b.example:1"),
        ("10.example:1", "10.example:1"),
        ("127.0.0.1:80", "127.0.0.1:80"),
        ("[::1]:80", "[::1]:80"),
        ("[0:0:0:0:0:0:0:1]:80", "[::1]:80"),
        ("[2606:4700::1111]:443", "[2606:4700::1111]:443"),
    ] {
        let read = Target::parse(text, None).map(|t| t.to_string());
        assert_eq!(read.as_deref(), Ok(want), "{text}");
    }
    for text in [
        "",
        ":443",
        "example.org",
        "example.org:",
        "example.org:0",
        "example.org:0443",
        "example.org:+443",
        "example.org:65536",
        "example.org:443:443",
        "example.org:443@evil.org:443",
        "user@example.org:443",
        "user:pw@example.org:443",
        "example.org\\@evil.org:443",
        "example.org#evil.org:443",
        "example.org%2eevil.org:443",
        "example.org%00.evil.org:443",
        "exa mple.org:443",
        "example.org\t:443",
        "example.org\0:443",
        "bücher.example:443",
        "example。org:443",
        "example.org..:443",
        ".example.org:443",
        "example..org:443",
        "*.example.org:443",
        "127.0.0.1.:80",
        "127.1:80",
        "127.0.0.01:80",
        "0177.0.0.1:80",
        "0x7f.1:80",
        "0x7f000001:80",
        "0X7F.0.0.0X1:80",
        "2130706433:80",
        "017700000001:80",
        "1.2.3.4.5:80",
        "example.0x:80",
        "256.1.1.1:80",
        "::1:80",
        "[::1:80",
        "[::1]80",
        "[::1%lo]:80",
        "[127.0.0.1]:80",
        "[::ffff:127.0.0.1]:80",
        "[::ffff:7f00:1]:80",
        "[::127.0.0.1]:80",
        "[64:ff9b::7f00:1]:80",
        "[2002:7f00:1::]:80",
        "x[::1]:80",
        "[::1].evil.org:80",
    ] {
        assert!(Target::parse(text, None).is_err(), "{text:?}");
    }
    let long = format!("{}:443", ["a"; 130].join("."));
    assert!(Target::parse(&long, None).is_err());
    assert!(Target::parse(&format!("{}.org:443", "a".repeat(64)), None).is_err());
    assert_eq!(Target::parse("example.org", Some(80)).unwrap().port, 80);
}

#[test]
fn who_allows_what() {
    let these = |texts: &[&str]| Reach::These(texts.iter().map(|t| t.parse().unwrap()).collect());
    let all = endpoints(&[
        "api.example.org",
        "*.pypi.example",
        "git.internal:8443",
        "mixed.example",
        "mixed.example:443",
        "10.0.0.5:5432",
        "169.254.7.7",
        "localhost:11434",
        "127.0.0.2:80",
        "[fd00::7]:443",
        "*.0.0.1",
    ]);
    for (text, want) in [
        ("api.example.org:443", Some(Reach::Public)),
        ("API.example.org.:80", Some(Reach::Public)),
        ("api.example.org:22", None),
        ("x.api.example.org:443", None),
        ("api.example.org.evil.org:443", None),
        ("evilapi.example.org:443", None),
        ("example.org:443", None),
        ("files.pypi.example:443", Some(Reach::Public)),
        ("a.b.pypi.example:443", Some(Reach::Public)),
        ("pypi.example:443", None),
        ("badpypi.example:443", None),
        ("git.internal:8443", Some(Reach::Own)),
        ("git.internal:443", None),
        ("mixed.example:443", Some(Reach::Own)),
        ("mixed.example:80", Some(Reach::Public)),
        ("10.0.0.5:5432", Some(these(&["10.0.0.5"]))),
        ("10.0.0.5:443", None),
        ("169.254.7.7:80", Some(these(&["169.254.7.7"]))),
        ("169.254.169.254:80", None),
        ("localhost:11434", Some(these(&["127.0.0.1", "::1"]))),
        ("LOCALHOST:11434", Some(these(&["127.0.0.1", "::1"]))),
        ("127.0.0.1:11434", Some(these(&["127.0.0.1"]))),
        ("[::1]:11434", Some(these(&["::1"]))),
        ("127.0.0.2:11434", None),
        ("localhost:80", None),
        ("x.localhost:11434", None),
        ("127.0.0.2:80", Some(these(&["127.0.0.2"]))),
        ("[FD00:0::7]:443", Some(these(&["fd00::7"]))),
        ("127.0.0.1:80", None),
        ("127.0.0.1:443", None),
    ] {
        let target = Target::parse(text, None).unwrap();
        assert_eq!(reach(&all, &target), want, "{text}");
    }
}

#[test]
fn where_a_name_may_lead() {
    let check = |reach: &Reach, text: &str| reach.check(text.parse().unwrap()).is_ok();
    for (texts, public, own) in [
        (
            &[
                "8.8.8.8",
                "1.1.1.1",
                "172.15.0.1",
                "172.32.0.1",
                "100.63.0.1",
                "2606:4700::1111",
                "::ffff:8.8.8.8",
                "64:ff9b::808:808",
                "2002:808:808::1",
            ][..],
            true,
            true,
        ),
        (
            &[
                "10.0.0.1",
                "172.16.0.1",
                "172.31.255.255",
                "192.168.1.1",
                "100.64.0.1",
                "198.18.0.1",
                "fc00::1",
                "fdff::1",
                "fec0::1",
                "::ffff:10.0.0.1",
                "64:ff9b::a00:1",
                "64:ff9b:1::1",
            ],
            false,
            true,
        ),
        (
            &[
                "0.0.0.0",
                "0.1.2.3",
                "127.0.0.1",
                "127.9.9.9",
                "169.254.0.1",
                "169.254.169.254",
                "100.100.100.200",
                "168.63.129.16",
                "192.0.0.192",
                "192.0.2.1",
                "198.51.100.1",
                "203.0.113.9",
                "224.0.0.1",
                "240.0.0.1",
                "255.255.255.255",
                "::",
                "::1",
                "fe80::1",
                "ff02::1",
                "fd00:ec2::254",
                "fd20:ce::254",
                "2001::1",
                "2001:db8::1",
                "3fff::1",
                "100::1",
                "5f00::1",
                "::ffff:127.0.0.1",
                "::ffff:169.254.169.254",
                "::ffff:0.0.0.0",
                "::ffff:0:169.254.169.254",
                "::127.0.0.1",
                "64:ff9b::7f00:1",
                "64:ff9b::a9fe:a9fe",
                "2002:7f00:1::",
                "2002:a9fe:a9fe::1",
            ],
            false,
            false,
        ),
    ] {
        for text in texts {
            assert_eq!(check(&Reach::Public, text), public, "{text}");
            assert_eq!(check(&Reach::Own, text), own, "{text}");
        }
    }
    let literal = Reach::These(vec!["127.0.0.1".parse().unwrap()]);
    assert!(check(&literal, "127.0.0.1"));
    assert!(!check(&literal, "127.0.0.2") && !check(&literal, "8.8.8.8"));
}

#[test]
fn doors_of_a_wall() {
    let at = |text: &str| text.parse::<SocketAddr>().unwrap();
    let all = doors(&endpoints(&[
        "api.example.org",
        "localhost:5432",
        "127.0.0.1:5432",
        "127.0.0.3",
        "10.0.0.5:80",
    ]))
    .unwrap();
    let places: Vec<SocketAddr> = all.iter().map(|door| door.at).collect();
    assert_eq!(
        places,
        [
            at("127.0.0.1:3128"),
            at("[::1]:3128"),
            at("127.0.0.1:5432"),
            at("[::1]:5432"),
            at("127.0.0.3:80"),
            at("127.0.0.3:443")
        ]
    );
    assert_eq!(all[0].leads, Leads::Proxy);
    assert_eq!(
        all[3].leads,
        Leads::To(vec![at("127.0.0.1:5432"), at("[::1]:5432")])
    );
    let taken = doors(&endpoints(&[&format!("localhost:{PROXY_PORT}")])).unwrap_err();
    assert!(
        taken.contains("3128") && taken.contains("another port"),
        "{taken}"
    );
    let many: Vec<String> = (1..=127).map(|port| format!("127.0.0.9:{port}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    assert!(doors(&endpoints(&many)).unwrap_err().contains("too many"));
    assert!(doors(&endpoints(&many[1..])).is_ok());
}

fn asked(head: &str) -> Result<Asked, http::Bad> {
    http::parse(head.as_bytes(), None)
}

fn passed_on(head: &str) -> String {
    match asked(head) {
        Ok(Asked::Request(request)) => String::from_utf8(request.head(None)).unwrap(),
        other => panic!("{head:?}: {other:?}"),
    }
}

#[test]
fn requests_are_written_anew() {
    for (head, want) in [
        (
            "GET http://Example.org HTTP/1.1\r\nHost: evil.org\r\nHost: more.org\r\nAccept: */*\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: example.org\r\nAccept: */*\r\nConnection: close\r\n\r\n",
        ),
        (
            "GET HTTP://example.org:8080?q=http://evil.org/ HTTP/1.0\r\n\r\n",
            "GET /?q=http://evil.org/ HTTP/1.0\r\nHost: example.org:8080\r\nConnection: close\r\n\r\n",
        ),
        (
            "POST http://[::1]:8080/a//b HTTP/1.1\r\nconnection: X-Mine, close\r\nx-mine: 1\r\nKeep-Alive: 5\r\n\
             Proxy-Authorization: Basic eA==\r\nProxy-Connection: keep-alive\r\nTE: trailers\r\nUpgrade: h2c\r\n\
             X-Yours:  2 \r\nContent-Length: 3\r\n\r\n",
            "POST /a//b HTTP/1.1\r\nHost: [::1]:8080\r\nX-Yours: 2\r\nContent-Length: 3\r\nConnection: close\r\n\r\n",
        ),
    ] {
        assert_eq!(passed_on(head), want);
    }
    // To another proxy the address is whole.
    let Ok(Asked::Request(request)) = asked("GET http://example.org:81/x HTTP/1.1\r\n\r\n") else {
        panic!("not a request");
    };
    assert_eq!(
        String::from_utf8(request.head(Some(Some("Basic eA==")))).unwrap(),
        "GET http://example.org:81/x HTTP/1.1\r\nHost: example.org:81\r\nProxy-Authorization: Basic eA==\r\n\
         Connection: close\r\n\r\n"
    );
    // Bytes above ASCII go through as they are.
    let head = b"GET http://e.org/ HTTP/1.1\r\nX: \xff\xc3\xa9\r\n\r\n";
    let Ok(Asked::Request(request)) = http::parse(head, None) else {
        panic!("not a request");
    };
    assert!(
        request
            .head(None)
            .windows(6)
            .any(|w| w == b"X: \xff\xc3\xa9")
    );
}

#[test]
fn heads_that_can_be_read_in_two_ways_are_refused() {
    for head in [
        "",
        "\r\n\r\n",
        "GET http://e.org/ HTTP/1.1\r\n",
        "GET http://e.org/\r\n\r\n",
        "GET  http://e.org/ HTTP/1.1\r\n\r\n",
        "GET http://e.org/ x HTTP/1.1\r\n\r\n",
        "GET http://e.org/ HTTP/2.0\r\n\r\n",
        "GET http://e.org/ HTTP/1.1 \r\n\r\n",
        "G T http://e.org/ HTTP/1.1\r\n\r\n",
        "GET\thttp://e.org/\tHTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: e.org\r\n\r\n",
        "GET * HTTP/1.1\r\nHost: e.org\r\n\r\n",
        "GET e.org:80 HTTP/1.1\r\n\r\n",
        "GET https://e.org/ HTTP/1.1\r\n\r\n",
        "GET ftp://e.org/ HTTP/1.1\r\n\r\n",
        "GET file:///etc/passwd HTTP/1.1\r\n\r\n",
        "GET http:///x HTTP/1.1\r\n\r\n",
        "GET http://u@e.org/ HTTP/1.1\r\n\r\n",
        "GET http://e.org\\@f.org/ HTTP/1.1\r\n\r\n",
        "GET http://e.org#@f.org/ HTTP/1.1\r\n\r\n",
        "GET http://e.org/#x HTTP/1.1\r\n\r\n",
        "GET http://2130706433/ HTTP/1.1\r\n\r\n",
        "GET http://e.org/\u{e9} HTTP/1.1\r\n\r\n",
        "GET http://e.org/ HTTP/1.1\nHost: x\r\n\r\n",
        "GET http://e.org/ HTTP/1.1\r\nA: 1\nB: 2\r\n\r\n",
        "GET http://e.org/ HTTP/1.1\r\nA: 1\rB: 2\r\n\r\n",
        "GET http://e.org/ HTTP/1.1\r\nA: 1\0\r\n\r\n",
        "GET http://e.org/ HTTP/1.1\r\nA: 1\r\n folded\r\n\r\n",
        "GET http://e.org/ HTTP/1.1\r\nA : 1\r\n\r\n",
        "GET http://e.org/ HTTP/1.1\r\n: 1\r\n\r\n",
        "GET http://e.org/ HTTP/1.1\r\nnothing\r\n\r\n",
        "POST http://e.org/ HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n",
        "POST http://e.org/ HTTP/1.1\r\nContent-Length: 1, 1\r\n\r\n",
        "POST http://e.org/ HTTP/1.1\r\nContent-Length: +1\r\n\r\n",
        "POST http://e.org/ HTTP/1.1\r\nContent-Length:\r\n\r\n",
        "POST http://e.org/ HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n",
        "POST http://e.org/ HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        "POST http://e.org/ HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
        "POST http://e.org/ HTTP/1.1\r\nTransfer-Encoding: identity\r\n\r\n",
        "POST http://e.org/ HTTP/1.1\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
        "POST http://e.org/ HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n",
        "POST http://e.org/ HTTP/1.1\r\nConnection: content-length\r\nContent-Length: 1\r\n\r\n",
        "CONNECT e.org HTTP/1.1\r\n\r\n",
        "CONNECT http://e.org:443 HTTP/1.1\r\n\r\n",
        "CONNECT e.org:443/ HTTP/1.1\r\n\r\n",
        "CONNECT u@e.org:443 HTTP/1.1\r\n\r\n",
    ] {
        assert!(asked(head).is_err(), "{head:?}");
    }
    let read = asked("CONNECT E.org:443 HTTP/1.1\r\nHost: evil.org:443\r\n\r\n");
    assert_eq!(
        read,
        Ok(Asked::Tunnel(Target::parse("e.org:443", None).unwrap()))
    );
    let Ok(Asked::Request(request)) =
        asked("POST http://e.org/ HTTP/1.1\r\nTransfer-Encoding: Chunked\r\n\r\n")
    else {
        panic!("not a request");
    };
    assert_eq!(request.body, Body::Chunked);
}

#[test]
fn inside_a_tunnel_the_host_is_known() {
    let tunnel = Target::parse("e.org:80", None).unwrap();
    for (head, is_taken) in [
        ("GET /x HTTP/1.1\r\nHost: evil.org\r\n\r\n", true),
        ("GET http://e.org/x HTTP/1.1\r\n\r\n", true),
        ("GET http://evil.org/x HTTP/1.1\r\n\r\n", false),
        ("GET e.org/x HTTP/1.1\r\n\r\n", false),
        ("CONNECT e.org:80 HTTP/1.1\r\n\r\n", false),
    ] {
        let read = http::parse(head.as_bytes(), Some(&tunnel));
        assert_eq!(read.is_ok(), is_taken, "{head:?}");
        if let Ok(Asked::Request(request)) = read {
            let head = String::from_utf8(request.head(None)).unwrap();
            assert!(
                head.starts_with("GET /x HTTP/1.1\r\nHost: e.org\r\n"),
                "{head}"
            );
        }
    }
}

#[test]
fn chunks_and_answers() {
    for (line, want) in [
        ("0\r\n", Some(0)),
        ("fF\r\n", Some(255)),
        ("5;x=y\r\n", Some(5)),
        ("5 \r\n", Some(5)),
        ("\r\n", None),
        ("5\n", None),
        ("5\r\r\n", None),
        ("-5\r\n", None),
        ("+5\r\n", None),
        ("0x5\r\n", None),
        (" 5\r\n", None),
        ("5;a\nb\r\n", None),
        ("ffffffffffffffff\r\n", None),
    ] {
        assert_eq!(http::chunk_size(line.as_bytes()), want, "{line:?}");
    }
    assert_eq!(http::status(b"HTTP/1.1 200 OK\r\n"), Some(200));
    assert_eq!(http::status(b"HTTP/1.0 407\r\n\r\n"), Some(407));
    assert_eq!(http::status(b"SSH-2.0-x 200 \r\n"), None);
    assert_eq!(http::status(b"HTTP/1."), None);
}

/// A first message of TLS with these extensions, in records of so many bytes.
pub(super) fn client_hello(extensions: &[(u16, Vec<u8>)], record: usize) -> Vec<u8> {
    let mut all = Vec::new();
    for (kind, content) in extensions {
        all.extend(kind.to_be_bytes());
        all.extend(u16::try_from(content.len()).unwrap().to_be_bytes());
        all.extend(content);
    }
    let mut body = vec![3, 3];
    body.extend([7; 32]);
    // No session, one cipher suite, no compression.
    body.extend([0, 0, 2, 0x13, 1, 1, 0]);
    body.extend(u16::try_from(all.len()).unwrap().to_be_bytes());
    body.extend(all);
    let mut message = vec![1];
    message.extend(&u32::try_from(body.len()).unwrap().to_be_bytes()[1..]);
    message.extend(body);
    let mut out = Vec::new();
    for part in message.chunks(record) {
        out.extend([22, 3, 1]);
        out.extend(u16::try_from(part.len()).unwrap().to_be_bytes());
        out.extend(part);
    }
    out
}

/// The extension with the name of a host.
pub(super) fn server_name(name: &str) -> (u16, Vec<u8>) {
    let length = u16::try_from(name.len()).unwrap();
    let mut content = (length + 3).to_be_bytes().to_vec();
    content.push(0);
    content.extend(length.to_be_bytes());
    content.extend(name.as_bytes());
    (0, content)
}

#[test]
fn the_name_in_tls() {
    let name = |n: &str| Hello::Name(Some(n.to_owned()));
    let other = (0x2b, vec![2, 3, 4]);
    for record in [1, 5, 60, 4000] {
        let bytes = client_hello(&[other.clone(), server_name("api.example.org")], record);
        assert_eq!(hello::read(&bytes), name("api.example.org"));
        // However much has come: never another answer.
        for cut in 0..bytes.len() {
            assert_eq!(
                hello::read(&bytes[..cut]),
                Hello::Partial,
                "{cut} of {record}"
            );
        }
        let more = [&bytes[..], b"early data"].concat();
        assert_eq!(hello::read(&more), name("api.example.org"));
    }
    assert_eq!(
        hello::read(&client_hello(&[other], 4000)),
        Hello::Name(None)
    );
    let is_wrong = |bytes: &[u8]| matches!(hello::read(bytes), Hello::Wrong(_));
    let twice = [server_name("a.org"), server_name("b.org")];
    let (_, two) = server_name("a.org");
    let two_in_one = (0, [&[0, 16], &two[2..], &two[2..]].concat());
    for extensions in [
        &twice[..],
        &[two_in_one],
        &[(0, vec![])],
        &[(0, vec![0, 9, 0, 0, 200, b'a'])],
        &[server_name("a.org"), (0xfe0d, vec![0])],
        &[(0xffce, vec![0]), server_name("a.org")],
    ] {
        assert!(is_wrong(&client_hello(extensions, 4000)), "{extensions:?}");
    }
    for bytes in [
        &b"GET / HTTP/1.1\r\n"[..],
        b"SSH-2.0-x\r\n",
        &[22, 2, 0, 0, 1, 1],
        &[22, 3, 1, 0, 0],
        &[22, 3, 1, 0, 4, 2, 0, 0, 0],
        &[22, 3, 1, 0, 5, 1, 0xff, 0xff, 0xff, 0],
        &[0x80, 0x2e, 1, 0, 2],
    ] {
        assert!(is_wrong(bytes), "{bytes:?}");
    }
    let endless = client_hello(&[(0x15, vec![0; MAX_HELLO - 100])], 1);
    assert!(is_wrong(&endless[..MAX_HELLO + 1]));
}

proptest! {
    #[test]
    fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..200), cut in 0..200_usize) {
        let _ = hello::read(&bytes);
        let _ = http::parse(&bytes, None);
        let _ = http::chunk_size(&bytes);
        let _ = http::status(&bytes);
        let mut hello = client_hello(&[server_name("api.example.org")], 4000);
        let at = cut % hello.len();
        hello.truncate(at);
        hello.extend(&bytes);
        // Whatever it is cut and patched with: a name of its own making, or none.
        let _ = hello::read(&hello);
    }

    #[test]
    fn what_is_read_is_read_the_same_again(text in "[a-zA-Z0-9.\\-_\\[\\]:%@x ]{1,24}(:[0-9]{1,5})?") {
        if let Ok(target) = Target::parse(&text, Some(80)) {
            let again = target.to_string();
            prop_assert_eq!(Target::parse(&again, None), Ok(target), "{}", again);
        }
    }

    /// What is a name here is none of the addresses that the system's resolver would read in it.
    #[test]
    fn a_name_is_no_number(text in "(0[xX])?[0-9a-fA-F]{1,8}(\\.(0[xX])?[0-9a-fA-F]{1,3}){0,3}\\.?") {
        if let Ok(Host::Name(name)) = Host::parse(&text) {
            let last = name.rsplit('.').next().unwrap().to_owned();
            let digits = last.strip_prefix("0x").unwrap_or(&last);
            prop_assert!(last.parse::<u64>().is_err(), "{}", text);
            prop_assert!(!last.starts_with("0x") || u64::from_str_radix(digits, 16).is_err(), "{}", text);
        }
    }

    /// A name never reaches what is not given out on the internet, however the address is dressed.
    #[test]
    fn no_dress_hides_an_address(a in 0..=255_u8, b in any::<u8>(), c in any::<u8>(), d in any::<u8>()) {
        let plain = std::net::Ipv4Addr::new(a, b, c, d);
        let bits = plain.to_bits();
        let (high, low) = ((bits >> 16) as u16, bits as u16);
        let plain_is_public = Reach::Public.check(IpAddr::V4(plain)).is_ok();
        for dressed in [
            plain.to_ipv6_mapped(),
            std::net::Ipv6Addr::new(0, 0, 0, 0, 0xffff, 0, high, low),
            std::net::Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, high, low),
            std::net::Ipv6Addr::new(0x2002, high, low, 0, 0, 0, 0, 1),
        ] {
            prop_assert_eq!(Reach::Public.check(IpAddr::V6(dressed)).is_ok(), plain_is_public, "{}", dressed);
            let read = Host::parse(&format!("[{dressed}]"));
            prop_assert!(read.is_err(), "{}", dressed);
        }
    }

    #[test]
    fn no_request_leaves_with_another_host(host in "[a-z.]{0,12}", own in "[ -~]{0,20}", path in "[!-~]{0,20}") {
        let head = format!("GET http://{host}{path} HTTP/1.1\r\nHost: {own}\r\n\r\n");
        if let Ok(Asked::Request(request)) = asked(&head) {
            let sent = String::from_utf8(request.head(None)).unwrap();
            let hosts: Vec<&str> = sent.lines().filter(|l| l.to_ascii_lowercase().starts_with("host:")).collect();
            prop_assert_eq!(hosts.len(), 1);
            let host = hosts[0].strip_prefix("Host: ").unwrap();
            prop_assert_eq!(Target::parse(host, Some(80)), Ok(request.target));
            prop_assert_eq!(sent.matches("\r\n\r\n").count(), 1);
        }
    }
}
