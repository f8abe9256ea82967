//! Set-up commands fetch packages: from a registry on the loopback that the user's own settings name, through the
//! gateway. Checks reach it not.

use super::*;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// Serves files of the web by their path, as long as the tests run.
struct Registry {
    url: String,
    files: Arc<Mutex<BTreeMap<String, Vec<u8>>>>,
}

impl Registry {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let files: Arc<Mutex<BTreeMap<String, Vec<u8>>>> = Arc::default();
        let served = Arc::clone(&files);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let served = Arc::clone(&served);
                std::thread::spawn(move || answer(&stream, &served));
            }
        });
        Self { url, files }
    }

    fn put(&self, path: &str, bytes: impl Into<Vec<u8>>) {
        let mut files = self.files.lock().unwrap();
        files.insert(path.to_owned(), bytes.into());
    }
}

fn answer(stream: &TcpStream, files: &Mutex<BTreeMap<String, Vec<u8>>>) {
    let mut reader = BufReader::new(stream);
    let mut first = String::new();
    let _ = reader.read_line(&mut first);
    let mut line = String::new();
    while reader.read_line(&mut line).is_ok_and(|n| n > 2) {
        line.clear();
    }
    let path = first.split(' ').nth(1).unwrap_or_default().to_owned();
    // Through a proxy the whole address stands there.
    let path = match path.split_once("://") {
        Some((_, rest)) => rest.find('/').map_or("/", |at| &rest[at..]).to_owned(),
        None => path,
    };
    let found = files.lock().unwrap().get(&path).cloned();
    let (status, body) = match found {
        Some(body) => ("200 OK", body),
        None => ("404 Not Found", Vec::new()),
    };
    let kind = match path.rsplit('.').next() {
        Some("tgz" | "whl" | "zip") => "application/octet-stream",
        _ if body.starts_with(b"{") => "application/json",
        _ => "text/html",
    };
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    let mut stream = stream;
    let _ = stream.write_all(head.as_bytes());
    if !first.starts_with("HEAD") {
        let _ = stream.write_all(&body);
    }
}

#[test]
fn npm_fetches_from_the_registry_of_the_users_settings() {
    if lacks("node") || lacks("npm") {
        return;
    }
    for site in everybody() {
        let registry = Registry::start();
        site.write(
            "near/package.json",
            r#"{"name": "near", "version": "1.0.0", "main": "near.js"}"#,
        );
        site.write("near/near.js", "module.exports = 42;\n");
        site.trusted("cd near && npm pack --silent --pack-destination ..");
        let package = fs::read(site.project.join("near-1.0.0.tgz")).unwrap();
        fs::remove_file(site.project.join("near-1.0.0.tgz")).unwrap();
        registry.put("/near/-/near-1.0.0.tgz", package);
        registry.put(
            "/near",
            format!(
                r#"{{"name": "near", "dist-tags": {{"latest": "1.0.0"}}, "versions": {{"1.0.0":
                   {{"name": "near", "version": "1.0.0", "dist": {{"tarball": "{}/near/-/near-1.0.0.tgz"}}}}}}}}"#,
                registry.url
            ),
        );
        let settings = format!(
            "registry={}/\n//elsewhere.example.org/:_authToken=a-token-of-the-user\n",
            registry.url
        );
        fs::write(site.base.join("home/.npmrc"), settings).unwrap();
        site.write(
            "package.json",
            r#"{"name": "small", "version": "1.0.0", "dependencies": {"near": "1.0.0"}}"#,
        );
        let install = "npm install --no-audit --no-fund && npm ci --no-audit --no-fund && \
                       node -e \"process.exit(require('near') === 42 ? 0 : 1)\"";
        site.under("setup", install).expect(0);
        site.under("setup", "npm config list --json; cat ~/.npmrc; env")
            .lacks("a-token-of-the-user");
        // What was installed is there for checks; the registry is not.
        site.works("node -e \"process.exit(require('near') === 42 ? 0 : 1)\"");
        let refused =
            site.run("rm -rf node_modules && npm ci --no-audit --no-fund --fetch-retries=0");
        assert_ne!(refused.code, 0, "{}", refused.out);
    }
}

/// Makes a wheel, which is an archive with some files about itself.
const WHEEL: &str = r#"
import base64, hashlib, zipfile
files = {
    "near.py": "def answer():\n    return 42\n",
    "near-1.0.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: near\nVersion: 1.0.0\n",
    "near-1.0.0.dist-info/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
}
def line(name, text):
    digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
    return f"{name},sha256={digest},{len(text)}\n"
record = "".join(line(n, t) for n, t in files.items()) + "near-1.0.0.dist-info/RECORD,,\n"
with zipfile.ZipFile("near-1.0.0-py3-none-any.whl", "w") as z:
    for name, text in files.items():
        z.writestr(name, text)
    z.writestr("near-1.0.0.dist-info/RECORD", record)
"#;

#[test]
fn pip_fetches_from_the_index_of_the_users_settings() {
    for mut site in everybody() {
        if !site.pytest() {
            continue;
        }
        let registry = Registry::start();
        site.write("wheel.py", WHEEL);
        site.trusted("python3 wheel.py");
        let name = "near-1.0.0-py3-none-any.whl";
        let wheel = fs::read(site.project.join(name)).unwrap();
        fs::remove_file(site.project.join(name)).unwrap();
        registry.put(&format!("/files/{name}"), wheel);
        let page = format!(
            "<!DOCTYPE html><html><body><a href=\"/files/{name}\">{name}</a></body></html>"
        );
        registry.put("/simple/near/", page);
        let folder = site.base.join("home/.config/pip");
        fs::create_dir_all(&folder).unwrap();
        let place = registry
            .url
            .replace("http://", "http://someone:a-password-of-the-user@");
        let settings = format!(
            "[global]\nextra-index-url = {place}/other\nindex-url = {}/simple\n",
            registry.url
        );
        fs::write(folder.join("pip.conf"), settings).unwrap();
        site.under(
            "setup",
            "python3 -m venv .venv && .venv/bin/pip install --disable-pip-version-check near==1.0.0 && \
             .venv/bin/python -c 'import near; assert near.answer() == 42'",
        )
        .expect(0);
        site.under("setup", "cat ~/.config/pip/pip.conf; env")
            .says("index-url")
            .lacks("a-password-of-the-user");
        site.works(".venv/bin/python -c 'import near; assert near.answer() == 42'");
        let refused = site.run(".venv/bin/pip download --retries 0 --no-cache-dir near==1.0.0");
        assert_ne!(refused.code, 0, "{}", refused.out);
    }
}
