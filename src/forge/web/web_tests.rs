//! The exchange against a real server on loopback.

use super::*;
use chrono::{DateTime, TimeDelta, Utc};
use serde::Deserialize;
use serde_json::{Value, json};
use std::cell::Cell;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread::JoinHandle;

struct Fixed;

impl Clock for Fixed {
    fn now(&self) -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000, 0).unwrap()
    }
}

impl Rng for Fixed {
    fn bytes(&self) -> [u8; 16] {
        [0; 16]
    }
}

/// Answers one request after the other with what it is given; an empty answer closes the connection.
struct Server {
    address: String,
    thread: JoinHandle<Vec<String>>,
}

impl Server {
    fn new(answers: impl FnOnce(&str) -> Vec<String>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let answers = answers(&address);
        let thread = std::thread::spawn(move || {
            let mut requests = Vec::new();
            for answer in answers {
                let (mut stream, _) = listener.accept().unwrap();
                requests.push(read_request(&stream));
                // The client may hang up first.
                let _ = stream.write_all(answer.as_bytes());
            }
            requests
        });
        Self { address, thread }
    }

    fn requests(self) -> Vec<String> {
        self.thread.join().unwrap()
    }
}

fn read_request(stream: &TcpStream) -> String {
    let mut reader = BufReader::new(stream);
    let (mut text, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        if let Some(n) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = n.trim().parse().unwrap();
        }
        text.push_str(&line);
        if line == "\r\n" {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    text + &String::from_utf8(body).unwrap()
}

fn answer(status: &str, headers: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status}\r\nconnection: close\r\n{headers}content-length: {}\r\n\r\n{body}",
        body.len()
    )
}

const CLOSED: &str = "";

fn hosted(address: &str) -> Hosted {
    Hosted {
        api: Endpoint::parse(&format!("{address}/api")).unwrap(),
        graphql: Some(Endpoint::parse(&format!("{address}/graphql")).unwrap()),
        web: address.to_owned(),
        repository: "o/r".to_owned(),
        token: Some(SecretString::from("secret-of-the-test")),
        private_hosts: vec![],
        retry: RetryPolicy {
            max_retries: 3,
            base: Duration::from_millis(1),
            cap: Duration::from_millis(1),
            max_wait: Duration::from_secs(1),
        },
        connect_timeout: Duration::from_secs(20),
        answer_timeout: Duration::from_secs(20),
    }
}

const DIALECT: Dialect = Dialect {
    name: "GitHub",
    auth: Auth::Bearer,
    headers: &[("accept", "application/vnd.github+json")],
    paging: Paging::Told,
};

fn web(address: &str) -> Web {
    Web::new(&hosted(address), DIALECT, Rc::new(Fixed), Rc::new(Fixed)).unwrap()
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(future)
}

#[derive(Debug, Deserialize, PartialEq)]
struct Thing {
    n: u64,
}

fn thing(n: u64) -> String {
    answer("200 OK", "", &format!(r#"{{"n":{n},"unknown":true}}"#))
}

fn first_lines(requests: &[String]) -> Vec<&str> {
    requests.iter().map(|r| r.lines().next().unwrap()).collect()
}

#[test]
fn a_request_and_its_answer() {
    let server = Server::new(|_| vec![thing(7), thing(8), answer("204 No Content", "", "")]);
    let web = web(&server.address);
    block_on(async {
        let route = || Route::new(["things", "a/b"]);
        assert_eq!(
            web.get::<Thing>(route().query("q", "x y")).await.unwrap(),
            Thing { n: 7 }
        );
        let body = json!({"name": "é"});
        let made: Thing = web.post(route(), &body).await.unwrap();
        assert_eq!(made, Thing { n: 8 });
        web.write::<()>(Method::Delete, route(), &json!({}))
            .await
            .unwrap();
    });
    let requests = server.requests();
    assert_eq!(
        first_lines(&requests),
        [
            "GET /api/things/a%2Fb?q=x%20y HTTP/1.1",
            "POST /api/things/a%2Fb HTTP/1.1",
            "DELETE /api/things/a%2Fb HTTP/1.1"
        ]
    );
    let heads: Vec<String> = requests.iter().map(|r| r.to_ascii_lowercase()).collect();
    for head in &heads {
        assert!(
            head.contains("authorization: bearer secret-of-the-test\r\n"),
            "{head}"
        );
        assert!(
            head.contains("accept: application/vnd.github+json\r\n"),
            "{head}"
        );
        assert!(head.contains("user-agent: codelicious/"), "{head}");
    }
    assert!(!heads[0].contains("content-type"), "{}", heads[0]);
    assert!(heads[1].contains("content-type: application/json\r\n"));
    assert!(requests[1].ends_with(r#"{"name":"é"}"#));
}

#[test]
fn tokens_stand_where_the_forge_looks_for_them() {
    for (auth, line) in [
        (Auth::Bearer, "authorization: bearer secret-of-the-test\r\n"),
        (Auth::Token, "authorization: token secret-of-the-test\r\n"),
    ] {
        let server = Server::new(|_| vec![thing(1)]);
        let dialect = Dialect { auth, ..DIALECT };
        let web = Web::new(
            &hosted(&server.address),
            dialect,
            Rc::new(Fixed),
            Rc::new(Fixed),
        );
        block_on(web.unwrap().get::<Thing>(Route::new(["x"]))).unwrap();
        assert!(
            server.requests()[0].to_ascii_lowercase().contains(line),
            "{line}"
        );
    }
}

#[test]
fn what_failed_for_a_moment_is_asked_again() {
    for (what, first) in [
        ("cut off", CLOSED.to_owned()),
        (
            "half",
            "HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{".to_owned(),
        ),
        ("server error", answer("502 Bad Gateway", "", "<html>")),
        (
            "limited for a moment",
            answer("429 Too Many Requests", "retry-after-ms: 3\r\n", "{}"),
        ),
        (
            "limited by words",
            answer(
                "403 Forbidden",
                "retry-after: 0\r\n",
                r#"{"message":"API rate limit exceeded"}"#,
            ),
        ),
    ] {
        let server = Server::new(|_| vec![first.clone(), first, thing(7)]);
        let web = web(&server.address);
        let got: Thing =
            block_on(web.get(Route::new(["x"]))).unwrap_or_else(|e| panic!("{what}: {e:?}"));
        assert_eq!(got, Thing { n: 7 }, "{what}");
        assert_eq!(server.requests().len(), 3, "{what}");
    }
}

#[test]
fn asking_again_has_an_end() {
    let bad = || {
        answer(
            "503 Service Unavailable",
            "",
            r#"{"message":"later, secret-of-the-test"}"#,
        )
    };
    let server = Server::new(|_| (0..4).map(|_| bad()).collect());
    let failure = block_on(web(&server.address).get::<Thing>(Route::new(["x"]))).unwrap_err();
    assert_eq!(failure.error.kind, ForgeErrorKind::Transient);
    assert_eq!(
        failure.error.message,
        "GitHub, GET /x: it answered 503: later, [redacted] (asked 4 times)"
    );
    assert_eq!(server.requests().len(), 4);
}

#[test]
fn a_limit_that_is_too_far_away_is_told_and_not_waited_for() {
    let until = |s| Some(Fixed.now() + TimeDelta::seconds(s));
    for (status, headers, want) in [
        ("429 Too Many Requests", "retry-after: 600\r\n", until(600)),
        (
            "403 Forbidden",
            "x-ratelimit-remaining: 0\r\nx-ratelimit-reset: 1800003600\r\n",
            until(3600),
        ),
        (
            "503 Service Unavailable",
            "retry-after: 600\r\n",
            until(600),
        ),
    ] {
        let server = Server::new(|_| vec![answer(status, headers, "{}")]);
        let web = web(&server.address);
        let failure = block_on(web.post::<Thing>(Route::new(["x"]), &json!({}))).unwrap_err();
        // After a 5xx nobody knows whether it was done, so the caller looks first.
        if status.starts_with('5') {
            assert!(failure.perhaps_done, "{status}");
        } else {
            assert_eq!(
                failure.error.kind,
                ForgeErrorKind::Limited { until: want },
                "{status}"
            );
            assert!(!failure.perhaps_done, "{status}");
        }
        assert_eq!(server.requests().len(), 1);
    }
    let server = Server::new(|_| {
        vec![answer(
            "503 Service Unavailable",
            "retry-after: 600\r\n",
            "{}",
        )]
    });
    let failure = block_on(web(&server.address).get::<Thing>(Route::new(["x"]))).unwrap_err();
    assert_eq!(
        failure.error.kind,
        ForgeErrorKind::Limited { until: until(600) }
    );
    drop(server.requests());
}

#[test]
fn a_post_is_repeated_only_where_nothing_was_done() {
    for (what, first) in [
        ("cut off", CLOSED.to_owned()),
        ("server error", answer("500 Internal Server Error", "", "")),
        ("garbage", answer("201 Created", "", "<html>")),
    ] {
        let server = Server::new(|_| vec![first]);
        let failure = block_on(web(&server.address).post::<Thing>(Route::new(["x"]), &json!({})))
            .unwrap_err();
        assert!(failure.perhaps_done, "{what}: {failure:?}");
        assert_eq!(server.requests().len(), 1, "{what}");
    }
    let limited = answer("429 Too Many Requests", "", "");
    let server = Server::new(|_| vec![limited, thing(1)]);
    let got: Thing = block_on(web(&server.address).post(Route::new(["x"]), &json!({}))).unwrap();
    assert_eq!(got, Thing { n: 1 });
    assert_eq!(server.requests().len(), 2);

    // Nobody listens: surely nothing was done.
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", free.local_addr().unwrap());
    drop(free);
    let failure = block_on(web(&address).post::<Thing>(Route::new(["x"]), &json!({}))).unwrap_err();
    assert!(!failure.perhaps_done, "{failure:?}");
    assert_eq!(failure.error.kind, ForgeErrorKind::Transient);
    assert!(
        failure.error.message.ends_with("(asked 4 times)"),
        "{failure:?}"
    );
}

#[test]
fn what_must_come_to_be_once_is_looked_for_before_it_is_asked_for_again() {
    // After so many looks it is there.
    for (there_after, posts, looks) in [(1, 1, 1), (2, 2, 2), (9, 4, 4)] {
        let server = Server::new(|_| vec![CLOSED.to_owned(); posts]);
        let looked = Cell::new(0);
        let web = web(&server.address);
        let made = block_on(web.create_once(Route::new(["x"]), &json!({}), async || {
            looked.set(looked.get() + 1);
            Ok((looked.get() == there_after).then_some(Thing { n: 5 }))
        }));
        match made {
            Ok(made) => assert_eq!(made, Thing { n: 5 }),
            Err(failure) => assert!(there_after == 9 && failure.perhaps_done),
        }
        assert_eq!(looked.get(), looks);
        assert_eq!(server.requests().len(), posts);
    }
}

#[test]
fn what_was_cut_off_is_given_time_before_it_is_looked_for() {
    let web = web("http://127.0.0.1:9");
    let ms = Duration::from_millis;
    for (pause, want) in [(None, 1), (Some(0), 1), (Some(1), 1), (Some(7), 7)] {
        assert_eq!(web.before_look(pause.map(ms)), ms(want), "{pause:?}");
    }
}

#[test]
fn a_limit_is_told_of_what_must_come_to_be_once_and_holds_for_all() {
    let until = Some(Fixed.now() + TimeDelta::seconds(600));
    let limited = ForgeErrorKind::Limited { until };
    let busy = answer("503 Service Unavailable", "retry-after: 600\r\n", "{}");
    for can_look in [true, false] {
        let server = Server::new(|_| vec![busy.clone()]);
        let web = web(&server.address);
        let route = || Route::new(["x"]);
        block_on(async {
            let look = async || match can_look {
                true => Ok(None),
                false => Err(web.protocol(&web.ask(Method::Get, &route(), None)?, "no")),
            };
            let made = web.create_once::<Thing>(route(), &json!({}), look).await;
            assert_eq!(made.unwrap_err().error.kind, limited);
            // Nothing more is sent, wherever it would go.
            let read = web.get::<Thing>(route()).await.unwrap_err();
            let written = web.write::<Thing>(Method::Put, route(), &json!({})).await;
            let asked = web.graphql::<Thing>("query { n }", json!({})).await;
            for failure in [read, written.unwrap_err(), asked.unwrap_err()] {
                assert_eq!(failure.error.kind, limited);
                assert!(!failure.perhaps_done, "{failure:?}");
            }
        });
        assert_eq!(server.requests().len(), 1);
    }
}

#[test]
fn a_host_that_nothing_is_sent_to_is_said_with_what_to_do() {
    let mut hosted = hosted("http://127.0.0.1:9");
    hosted.api = Endpoint::parse("https://10.0.0.1/api").unwrap();
    let error = Web::new(&hosted, DIALECT, Rc::new(Fixed), Rc::new(Fixed)).map(drop);
    let remedy = error.unwrap_err().remedy;
    assert!(remedy.contains("private_hosts"), "{remedy}");
    let web = web("http://127.0.0.1:9");
    let ask = web.ask(Method::Get, &Route::new(["x"]), None).unwrap();
    let message = "the certificate is not trusted".to_owned();
    let failure = web.unanswered(&ask, &NetError::NotStarted { message });
    assert_eq!(failure.error.kind, ForgeErrorKind::Protocol);
    assert!(
        failure.error.remedy.contains("SSL_CERT_FILE"),
        "{failure:?}"
    );
}

#[test]
fn lists_are_read_to_their_end_and_at_the_same_host() {
    let page = |headers: &str, n: &[u64]| {
        let items: Vec<Value> = n.iter().map(|n| json!({ "n": n })).collect();
        answer("200 OK", headers, &json!(items).to_string())
    };
    let numbers = |found: Result<Vec<Thing>, Failure>| -> Vec<u64> {
        found.unwrap().into_iter().map(|t| t.n).collect()
    };
    let route = || Route::new(["list"]).query("per_page", 2);

    let server = Server::new(|address| {
        vec![
            page(
                &format!("link: <{address}/other?page=2>; rel=\"next\"\r\n"),
                &[1, 2],
            ),
            page(
                &format!("link: <{address}/other?page=1>; rel=\"prev\"\r\n"),
                &[3],
            ),
        ]
    });
    assert_eq!(
        numbers(block_on(web(&server.address).list(route()))),
        [1, 2, 3]
    );
    let requests = server.requests();
    assert_eq!(
        first_lines(&requests),
        [
            "GET /api/list?per_page=2 HTTP/1.1",
            "GET /other?page=2 HTTP/1.1"
        ]
    );

    let server = Server::new(|_| {
        vec![
            page("x-next-page: 2\r\n", &[1]),
            page("x-next-page: \r\n", &[2]),
        ]
    });
    assert_eq!(
        numbers(block_on(web(&server.address).list(route()))),
        [1, 2]
    );
    assert_eq!(
        first_lines(&server.requests())[1],
        "GET /api/list?per_page=2&page=2 HTTP/1.1"
    );

    let server = Server::new(|_| vec![page("link: <http://127.0.0.2/x>; rel=\"next\"\r\n", &[1])]);
    let failure = block_on(web(&server.address).list::<Thing>(route())).unwrap_err();
    assert_eq!(failure.error.kind, ForgeErrorKind::Protocol);
    drop(server.requests());

    // A list without an end.
    let server = Server::new(|_| {
        (0..MAX_PAGES)
            .map(|n| page(&format!("x-next-page: {}\r\n", n + 2), &[1]))
            .collect()
    });
    let failure = block_on(web(&server.address).list::<Thing>(route())).unwrap_err();
    assert!(
        failure.error.message.contains("more than 50 pages"),
        "{failure:?}"
    );
    assert_eq!(server.requests().len(), MAX_PAGES);
}

#[test]
fn lists_are_read_by_number_where_links_are_not_to_be_relied_on() {
    let page = |headers: &str, body: &str| answer("200 OK", headers, body);
    let linked = "link: <http://127.0.0.2/x>; rel=\"next\"\r\n";
    let counted = "x-total-count: 3\r\n";
    // What is answered, and whether the count is of the whole list.
    for (answers, has_total, n) in [
        (
            vec![
                page(&format!("{linked}{counted}"), r#"[{"n":1},{"n":2}]"#),
                page(counted, r#"[{"n":3}]"#),
            ],
            true,
            3,
        ),
        (
            vec![
                page("", r#"[{"n":1}]"#),
                page("", r#"[{"n":2}]"#),
                page("", "[]"),
            ],
            true,
            2,
        ),
        (vec![page(counted, "[]")], true, 0),
        (
            vec![
                page("x-total-count: 1\r\n", r#"[{"n":1}]"#),
                page("x-total-count: 0\r\n", "null"),
            ],
            false,
            1,
        ),
    ] {
        let times = answers.len();
        let server = Server::new(|_| answers);
        let dialect = Dialect {
            paging: Paging::Numbered,
            ..DIALECT
        };
        let web = Web::new(
            &hosted(&server.address),
            dialect,
            Rc::new(Fixed),
            Rc::new(Fixed),
        )
        .unwrap();
        let found: Vec<Thing> = block_on(async {
            match has_total {
                true => web.list(Route::new(["x"])).await,
                false => web.list_by_number(Route::new(["x"]), false).await,
            }
        })
        .unwrap();
        assert_eq!(found.len(), n);
        let requests = server.requests();
        assert_eq!(requests.len(), times);
        let last = format!("GET /api/x?page={times} HTTP/1.1");
        assert_eq!(first_lines(&requests).pop(), Some(last.as_str()));
    }
}

#[test]
fn what_did_not_change_is_not_sent_again() {
    let server = Server::new(|_| {
        vec![
            answer("200 OK", "etag: \"one\"\r\n", r#"{"n":1}"#),
            answer("304 Not Modified", "", ""),
            answer("200 OK", "etag: \"two\"\r\n", r#"{"n":2}"#),
            answer("304 Not Modified", "", ""),
        ]
    });
    let web = web(&server.address);
    block_on(async {
        for n in [1, 1, 2, 2] {
            assert_eq!(
                web.get::<Thing>(Route::new(["x"])).await.unwrap(),
                Thing { n }
            );
        }
    });
    let asked: Vec<bool> = server
        .requests()
        .iter()
        .map(|r| r.contains("if-none-match: \"one\"") || r.contains("if-none-match: \"two\""))
        .collect();
    assert_eq!(asked, [false, true, true, true]);
}

#[test]
fn redirects_are_followed_at_the_same_host_only() {
    let moved = |to: &str| answer("301 Moved Permanently", &format!("location: {to}\r\n"), "");
    let server = Server::new(|address| vec![moved(&format!("{address}/repositories/1")), thing(1)]);
    let got: Thing = block_on(web(&server.address).get(Route::new(["repos"]))).unwrap();
    assert_eq!(got, Thing { n: 1 });
    assert_eq!(
        first_lines(&server.requests())[1],
        "GET /repositories/1 HTTP/1.1"
    );

    let server = Server::new(|_| vec![moved("/api/repositories/1?q=x"), thing(1)]);
    let got: Thing = block_on(web(&server.address).get(Route::new(["repos"]))).unwrap();
    assert_eq!(got, Thing { n: 1 });
    assert_eq!(
        first_lines(&server.requests())[1],
        "GET /api/repositories/1?q=x HTTP/1.1"
    );

    let server = Server::new(|_| vec![moved("//evil.example/x")]);
    let failure = block_on(web(&server.address).get::<Thing>(Route::new(["repos"]))).unwrap_err();
    assert_eq!(failure.error.kind, ForgeErrorKind::Protocol);
    drop(server.requests());

    let server = Server::new(|_| vec![moved("https://evil.example/x")]);
    let failure = block_on(web(&server.address).get::<Thing>(Route::new(["repos"]))).unwrap_err();
    assert_eq!(failure.error.kind, ForgeErrorKind::Protocol);
    assert!(
        failure
            .error
            .message
            .contains("redirects to https://evil.example/x"),
        "{failure:?}"
    );
    drop(server.requests());

    let server =
        Server::new(|address| (0..4).map(|_| moved(&format!("{address}/again"))).collect());
    let failure = block_on(web(&server.address).get::<Thing>(Route::new(["repos"]))).unwrap_err();
    assert!(failure.error.message.contains("in a circle"), "{failure:?}");
    drop(server.requests());
}

#[test]
fn refusals_say_what_was_asked_and_what_to_do() {
    for (status, body, kind, message, remedy) in [
        (
            "401 Unauthorized",
            r#"{"message":"Bad credentials"}"#,
            ForgeErrorKind::Auth,
            "GitHub, GET /repos/o/r: it answered 401: Bad credentials",
            "make a new one",
        ),
        (
            "403 Forbidden",
            r#"{"message":"Resource not accessible by personal access token"}"#,
            ForgeErrorKind::Forbidden,
            "GitHub, GET /repos/o/r: it answered 403: Resource not accessible by personal access token",
            "give the token the right",
        ),
        (
            "404 Not Found",
            "",
            ForgeErrorKind::NotFound,
            "GitHub, GET /repos/o/r: it answered 404",
            "may not see",
        ),
    ] {
        let server = Server::new(|_| vec![answer(status, "", body)]);
        let failure = block_on(web(&server.address).get::<Thing>(Route::new(["repos", "o", "r"])))
            .unwrap_err();
        assert_eq!(failure.error.kind, kind);
        assert_eq!(failure.error.message, message);
        assert!(
            failure.error.remedy.contains(remedy),
            "{}",
            failure.error.remedy
        );
        drop(server.requests());
    }
    let odd =
        block_on(web("http://127.0.0.1:9").get::<Thing>(Route::new(["users", ".."]))).unwrap_err();
    assert_eq!(odd.error.kind, ForgeErrorKind::Refused);
}

#[test]
fn graphql_and_its_errors() {
    let limited = r#"{"errors":[{"type":"RATE_LIMITED","message":"API rate limit exceeded"}]}"#;
    let server = Server::new(|_| {
        vec![
            answer("502 Bad Gateway", "", ""),
            answer("200 OK", "", limited),
            answer(
                "200 OK",
                "",
                r#"{"errors":[{"message":"Something went wrong while executing your query."}]}"#,
            ),
            answer("200 OK", "", r#"{"data":{"n":3}}"#),
            answer(
                "200 OK",
                "",
                r#"{"errors":[{"message":"Field 'x' doesn't exist","extensions":{"code":"undefinedField"}}]}"#,
            ),
            answer(
                "200 OK",
                "",
                r#"{"data":null,"errors":[{"type":"NOT_FOUND","message":"Could not resolve"}]}"#,
            ),
        ]
    });
    let web = web(&server.address);
    block_on(async {
        let got: Thing = web
            .graphql("query { n }", json!({"id": "x"}))
            .await
            .unwrap();
        assert_eq!(got, Thing { n: 3 });
        for kind in [ForgeErrorKind::Refused, ForgeErrorKind::NotFound] {
            let failure = web
                .graphql::<Thing>("query { n }", json!({}))
                .await
                .unwrap_err();
            assert_eq!(failure.error.kind, kind);
        }
    });
    let requests = server.requests();
    assert_eq!(first_lines(&requests)[0], "POST /graphql HTTP/1.1");
    assert!(requests[0].ends_with(r#"{"query":"query { n }","variables":{"id":"x"}}"#));
}

#[test]
fn a_server_that_never_answers_is_not_waited_for() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut hosted = hosted(&format!("http://{}", listener.local_addr().unwrap()));
    hosted.answer_timeout = Duration::from_millis(20);
    hosted.retry.max_retries = 1;
    let web = Web::new(&hosted, DIALECT, Rc::new(Fixed), Rc::new(Fixed)).unwrap();
    let failure = block_on(web.post::<Thing>(Route::new(["x"]), &json!({}))).unwrap_err();
    assert!(
        failure.perhaps_done || failure.error.message.contains("no connection"),
        "{failure:?}"
    );
    assert_eq!(failure.error.kind, ForgeErrorKind::Transient);
}
