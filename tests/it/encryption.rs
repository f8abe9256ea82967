//! The client for HTTP against a server that speaks TLS, with a certificate made for the test.

use crate::providers::{Api, Lane, System, config, engine, run};
use codelicious::config::Endpoint;
use codelicious::core::retry::RetryPolicy;
use codelicious::engines::http::{HttpConfig, OpenAiModel};
use codelicious::model::{EngineError, EngineOutcome};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;

/// Names the folder of the certificate to the process that trusts it.
const FOLDER: &str = "TEST_CERTIFICATE_FOLDER";

/// A certificate for `localhost` and its key; None, said loudly, where nothing here makes one.
fn certificate() -> Option<TempDir> {
    let dir = TempDir::new().unwrap();
    let made = Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
            "-days",
            "2",
        ])
        .args([
            "-subj",
            "/CN=localhost",
            "-addext",
            "subjectAltName=DNS:localhost",
            "-addext",
            "basicConstraints=critical,CA:FALSE",
        ])
        .args(["-keyout", "key.pem", "-out", "cert.pem"])
        .current_dir(dir.path())
        .stdin(Stdio::null())
        .output();
    let is_made = made.is_ok_and(|done| done.status.success());
    if !is_made {
        eprintln!("SKIPPED: no `openssl` here that makes a certificate");
    }
    is_made.then_some(dir)
}

/// Answers every connection with a typed ending, once it was asked. The thread goes with the process.
fn serve(folder: &Path) -> u16 {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let certificate = CertificateDer::from_pem_file(folder.join("cert.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_file(folder.join("key.pem")).unwrap();
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for tcp in listener.incoming() {
            // A client that does not trust us hangs up.
            let _ = answer(Arc::clone(&config), tcp.unwrap());
        }
    });
    port
}

fn answer(config: Arc<rustls::ServerConfig>, mut tcp: std::net::TcpStream) -> std::io::Result<()> {
    let mut session = rustls::ServerConnection::new(config).map_err(std::io::Error::other)?;
    let mut stream = rustls::Stream::new(&mut session, &mut tcp);
    let mut request = Vec::new();
    // The body ends with the last message of the conversation.
    while !request.ends_with(b"]}") {
        let mut piece = [0; 4096];
        match stream.read(&mut piece)? {
            0 => return Ok(()),
            n => request.extend_from_slice(&piece[..n]),
        }
    }
    let arguments = r#"{\"summary\": \"s\", \"confidence\": 1, \"rationale\": \"r\"}"#;
    let body = format!(
        "data: {{\"choices\": [{{\"delta\": {{\"tool_calls\": [{{\"index\": 0, \"id\": \"c\", \"function\": \
         {{\"name\": \"complete_chunk\", \"arguments\": \"{arguments}\"}}}}]}}, \"finish_reason\": \"tool_calls\"}}]}}\n\ndata: [DONE]\n\n"
    );
    let head = "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-type: text/event-stream\r\n";
    write!(stream, "{head}content-length: {}\r\n\r\n{body}", body.len())?;
    stream.flush()
}

fn encrypted(host: &str, port: u16) -> HttpConfig {
    HttpConfig {
        endpoint: Endpoint::parse(&format!("https://{host}:{port}/v1")).unwrap(),
        ..config("http://localhost")
    }
}

/// False, said loudly, where the client finds no certificates at all.
fn has_certificates(config: &HttpConfig) -> bool {
    let found = OpenAiModel::new(config.clone(), Rc::new(System)).is_ok();
    if !found {
        eprintln!("SKIPPED: this system has no store of certificates");
    }
    found
}

#[test]
fn a_certificate_that_nobody_vouches_for_ends_it() {
    let Some(folder) = certificate() else { return };
    let config = encrypted("localhost", serve(folder.path()));
    if !has_certificates(&config) {
        return;
    }
    let (report, seen) = run(&engine(Api::OpenAi, config), &Lane::new().job());
    let EngineOutcome::Failed(EngineError::NotStarted { message }) = &report.outcome else {
        panic!("{report:?}")
    };
    assert!(
        message.starts_with("the certificate of localhost:"),
        "{message}"
    );
    assert!(seen.steps.borrow().is_empty(), "nothing is tried again");
}

/// Run in a process of its own by the test below, whose environment says which certificate is trusted.
#[test]
#[ignore = "started by a_trusted_certificate_is_all_it_takes"]
fn trusting_alone() {
    let folder = PathBuf::from(std::env::var_os(FOLDER).expect("given"));
    let port = serve(&folder);
    let (report, _) = run(
        &engine(Api::OpenAi, encrypted("localhost", port)),
        &Lane::new().job(),
    );
    assert!(
        matches!(report.outcome, EngineOutcome::Completed(_)),
        "{report:?}"
    );
    // It vouches for the name, not for the address.
    let (report, _) = run(
        &engine(Api::OpenAi, encrypted("127.0.0.1", port)),
        &Lane::new().job(),
    );
    assert!(
        matches!(
            report.outcome,
            EngineOutcome::Failed(EngineError::NotStarted { .. })
        ),
        "{report:?}"
    );
}

#[test]
fn a_trusted_certificate_is_all_it_takes() {
    let Some(folder) = certificate() else { return };
    let alone = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "encryption::trusting_alone",
            "--ignored",
            "--nocapture",
        ])
        .env("SSL_CERT_FILE", folder.path().join("cert.pem"))
        .env_remove("SSL_CERT_DIR")
        .env(FOLDER, folder.path())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&alone.stdout);
    let errors = String::from_utf8_lossy(&alone.stderr);
    assert!(
        alone.status.success() && text.contains("1 passed"),
        "{text}{errors}"
    );
}

#[test]
fn a_server_that_never_shakes_hands_is_no_connection() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut config = encrypted("127.0.0.1", listener.local_addr().unwrap().port());
    if !has_certificates(&config) {
        return;
    }
    config.connect_timeout = Duration::from_millis(200);
    let once = RetryPolicy {
        max_retries: 0,
        ..RetryPolicy::default()
    };
    let engine = engine(Api::OpenAi, config).with_retry(once);
    let (report, _) = run(&engine, &Lane::new().job());
    assert_eq!(
        report.outcome,
        EngineOutcome::Failed(EngineError::NoConnection { seconds: 0 })
    );
}
