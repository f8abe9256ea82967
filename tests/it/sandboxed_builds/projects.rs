//! One project a language, and what its tests do: files, processes, threads, a server on the loopback.

use super::*;

#[test]
fn cargo_builds_with_scripts_macros_and_packages_that_the_user_has() {
    if lacks("cc") {
        return;
    }
    for mut site in everybody() {
        if !site.rust() {
            continue;
        }
        let own = std::env::var("CARGO_HOME")
            .unwrap_or_else(|_| format!("{}/.cargo", std::env::var("HOME").unwrap_or_default()));
        let registry = Path::new(&own).join("registry/cache");
        let has_itoa = fs::read_dir(registry)
            .into_iter()
            .flatten()
            .flatten()
            .flat_map(|index| fs::read_dir(index.path()).into_iter().flatten().flatten())
            .any(|file| file.file_name().to_string_lossy().starts_with("itoa-1."));
        if !has_itoa {
            eprintln!("SKIPPED: itoa is not in cargo's cache");
        }
        let dependency = if has_itoa { "itoa = \"1\"\n" } else { "" };
        site.write(
            "Cargo.toml",
            &format!(
                "[package]\nname = \"small\"\nversion = \"0.1.0\"\nedition = \"2021\"\n[workspace]\n[dependencies]\n\
                 beside = {{ path = \"beside\" }}\nderive = {{ path = \"derive\" }}\n{dependency}"
            ),
        );
        site.write(
            "build.rs",
            "fn main() {\n    let out = std::env::var(\"OUT_DIR\").unwrap();\n    \
             std::fs::write(format!(\"{out}/made.rs\"), \"pub const MADE: u32 = 41;\").unwrap();\n    \
             println!(\"cargo::rerun-if-changed=build.rs\");\n}\n",
        );
        let show = match has_itoa {
            true => "itoa::Buffer::new().format(beside::one() + MADE).to_owned()",
            false => "(beside::one() + MADE).to_string()",
        };
        site.write(
            "src/lib.rs",
            &format!(
                "include!(concat!(env!(\"OUT_DIR\"), \"/made.rs\"));\n#[derive(derive::Named)]\npub struct Thing;\n\
                 /// ```\n/// assert_eq!(small::answer(), \"42\");\n/// ```\n\
                 pub fn answer() -> String {{ {show} }}\n"
            ),
        );
        site.write(
            "src/main.rs",
            "fn main() { println!(\"{}\", small::answer()); }\n",
        );
        site.write(
            "tests/whole.rs",
            r#"
use std::io::{Read, Write};

#[test]
fn the_program_answers() {
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_small")).output().unwrap();
    assert_eq!(output.stdout, b"42\n");
    assert_eq!(small::Thing::name(), "named");
}

#[test]
fn a_server_of_its_own_is_reached() {
    let server = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let place = server.local_addr().unwrap();
    let one = std::thread::spawn(move || server.accept().unwrap().0.write_all(b"hello").unwrap());
    let mut said = String::new();
    std::net::TcpStream::connect(place).unwrap().read_to_string(&mut said).unwrap();
    one.join().unwrap();
    assert_eq!(said, "hello");
}

#[test]
fn temporary_files_are_made_and_renamed() {
    let folder = std::env::temp_dir().join("of-the-test");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("a"), "a").unwrap();
    std::fs::rename(folder.join("a"), folder.join("b")).unwrap();
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn pairs_of_sockets_are_to_be_had() {
    let (mut a, mut b) = std::os::unix::net::UnixStream::pair().unwrap();
    a.write_all(b"x").unwrap();
    b.read_exact(&mut [0]).unwrap();
}
"#,
        );
        let member = |name: &str, more: &str| {
            format!("[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"2021\"\n{more}")
        };
        site.write("beside/Cargo.toml", &member("beside", ""));
        site.write("beside/src/lib.rs", "pub fn one() -> u32 { 1 }\n");
        site.write(
            "derive/Cargo.toml",
            &member("derive", "[lib]\nproc-macro = true\n"),
        );
        site.write(
            "derive/src/lib.rs",
            "use proc_macro::TokenStream;\n#[proc_macro_derive(Named)]\npub fn named(_: TokenStream) -> TokenStream {\n    \
             \"impl Thing { pub fn name() -> &'static str { \\\"named\\\" } }\".parse().unwrap()\n}\n",
        );
        site.works("cargo build && cargo test").says("4 passed");
        // A second time only what changed, and the program runs.
        site.write("beside/src/lib.rs", "pub fn one() -> u32 { 1 + 0 }\n");
        site.works("cargo test --offline && cargo run -q")
            .says("42");
        site.works("cargo metadata --format-version 1 > /dev/null && cargo --version && rustc -vV");
    }
}

#[test]
fn npm_installs_from_a_lock_file_and_node_tests() {
    if lacks("node") || lacks("npm") {
        return;
    }
    for site in everybody() {
        site.write(
            "near/package.json",
            r#"{"name": "near", "version": "1.0.0", "main": "near.js", "bin": {"near": "near.js"}}"#,
        );
        site.write(
            "near/near.js",
            "#!/usr/bin/env node\nmodule.exports = 42;\nif (require.main === module) console.log('near runs');\n",
        );
        site.write(
            "package.json",
            r#"{"name": "small", "version": "1.0.0", "dependencies": {"near": "file:near-1.0.0.tgz"},
                "scripts": {"test": "node --test", "pretest": "node -e 0",
                            "postinstall": "node -e \"require('fs').writeFileSync('installed', 'yes')\""}}"#,
        );
        site.trusted(
            "cd near && npm pack --silent --pack-destination .. && cd .. && \
             npm install --silent --offline --ignore-scripts --package-lock-only",
        );
        site.write("child.js", "process.send('up');\n");
        site.write(
            "test/whole.test.js",
            r#"
const test = require('node:test'), assert = require('node:assert'), fs = require('node:fs');
const http = require('node:http'), os = require('node:os'), path = require('node:path');
const { fork, execSync, spawnSync } = require('node:child_process');
const { Worker } = require('node:worker_threads');
const once = (from, event) => new Promise((met) => from.once(event, met));

test('a package', () => assert.equal(require('near'), 42));
test('a server on the loopback', async () => {
  const server = http.createServer((_, answer) => answer.end('hello')).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const answer = await fetch(`http://localhost:${server.address().port}/`);
  assert.equal(await answer.text(), 'hello');
  server.close();
  server.closeAllConnections();
});
test('a process that talks', async () => {
  const child = fork(path.join(__dirname, '../child.js'));
  assert.equal(await once(child, 'message'), 'up');
  child.disconnect();
});
test('a thread', async () => {
  const worker = new Worker("require('node:worker_threads').parentPort.postMessage(1)", { eval: true });
  assert.equal(await once(worker, 'message'), 1);
});
test('programs', () => {
  assert.equal(execSync('echo hello').toString(), 'hello\n');
  assert.equal(spawnSync('cat', { input: 'abc' }).stdout.toString(), 'abc');
});
test('files', () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'of-the-test-'));
  fs.writeFileSync(path.join(folder, 'a'), 'a');
  fs.copyFileSync(path.join(folder, 'a'), 'copied');
  fs.unlinkSync('copied');
  fs.rmSync(folder, { recursive: true });
  fs.watch('.').close();
});
test('what the machine is', () => [os.cpus(), os.userInfo(), os.networkInterfaces(), os.hostname()]);
"#,
        );
        site.works("npm ci && test -e installed && npm test && npx near && npm run")
            .says("near runs")
            .says("# pass 7");
        site.works("npm ls && npm --version");
    }
}

const PYTHON_TESTS: &str = r#"
import asyncio, concurrent.futures, http.server, multiprocessing, os, pathlib, socket, sqlite3
import subprocess, tempfile, threading, urllib.request


def square(x):
    return x * x


def files_are_written(folder):
    (folder / "a").write_text("a")
    os.rename(folder / "a", folder / "b")
    os.link(folder / "b", folder / "c")
    os.symlink("b", folder / "d")
    os.mkfifo(folder / "e")
    with tempfile.TemporaryFile() as file:
        file.write(b"x")


def processes_share_work():
    with multiprocessing.get_context("fork").Pool(2) as pool:
        assert pool.map(square, [1, 2]) == [1, 4]
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert pool.map(abs, [-1]) == [1]
    with concurrent.futures.ProcessPoolExecutor(2, multiprocessing.get_context("fork")) as pool:
        assert list(pool.map(square, [3])) == [9]
    from multiprocessing import shared_memory

    memory = shared_memory.SharedMemory(create=True, size=64)
    memory.close()
    memory.unlink()


def a_database_in_a_file(folder):
    for file in (folder / "own.db", pathlib.Path("own.db")):
        base = sqlite3.connect(file)
        base.execute("pragma journal_mode = wal")
        base.execute("create table t (a)")
        base.commit()
        base.close()
        file.unlink()


def a_server_is_reached():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), http.server.SimpleHTTPRequestHandler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    assert urllib.request.urlopen(f"http://localhost:{server.server_port}/").status == 200
    server.shutdown()
    thread.join()
    server.server_close()


def sockets_and_children():
    a, b = socket.socketpair()
    a.send(b"x")
    assert b.recv(1) == b"x"
    a.close()
    b.close()
    socket.getaddrinfo("localhost", 80)
    child = subprocess.Popen(["sleep", "60"])
    child.kill()
    child.wait()
    assert subprocess.check_output(["bash", "-c", "cat <(echo hello)"]) == b"hello\n"

    async def several():
        process = await asyncio.create_subprocess_exec("true")
        return await process.wait()

    assert asyncio.run(several()) == 0
"#;

#[test]
fn pytest_runs_with_a_plugin_and_in_an_environment_of_its_own() {
    for mut site in everybody() {
        if !site.pytest() {
            continue;
        }
        site.write("helpers.py", PYTHON_TESTS);
        site.write(
            "conftest.py",
            "import pytest\npytest_plugins = ['own_plugin']\n@pytest.fixture\ndef one():\n    return 1\n",
        );
        site.write(
            "own_plugin.py",
            "def pytest_report_header(config):\n    return 'the plugin is there'\n",
        );
        site.write(
            "test_whole.py",
            "import helpers\n\
             def test_files(tmp_path):\n    helpers.files_are_written(tmp_path)\n\
             def test_processes():\n    helpers.processes_share_work()\n\
             def test_database(tmp_path):\n    helpers.a_database_in_a_file(tmp_path)\n\
             def test_server():\n    helpers.a_server_is_reached()\n\
             def test_sockets():\n    helpers.sockets_and_children()\n\
             def test_fixture(one):\n    assert one == 1\n",
        );
        site.write("pytest.ini", "[pytest]\ntestpaths = test_whole.py\n");
        site.works("python3 -m pytest")
            .says("the plugin is there")
            .says("6 passed");
        // What it kept of the last run is read again.
        site.works("python3 -m pytest --last-failed && test -d .pytest_cache")
            .says("6 passed");
        site.works(
            "python3 -m venv --system-site-packages .venv && .venv/bin/python -m pytest -q && \
             . .venv/bin/activate && python -c 'import sys; assert sys.prefix.endswith(\".venv\")'",
        )
        .says("6 passed");
    }
}

#[test]
fn unittest_runs() {
    if lacks("python3") {
        return;
    }
    for site in everybody() {
        if !Path::new("/usr/bin/python3").exists() {
            eprintln!("SKIPPED: no python3 in /usr/bin");
            continue;
        }
        site.write("helpers.py", PYTHON_TESTS);
        site.write(
            "test_whole.py",
            "import pathlib, tempfile, unittest\nimport helpers\n\
             class Whole(unittest.TestCase):\n\
             \x20   def test_files(self):\n        with tempfile.TemporaryDirectory() as folder:\n            \
             helpers.files_are_written(pathlib.Path(folder))\n            helpers.a_database_in_a_file(pathlib.Path(folder))\n\
             \x20   def test_processes(self):\n        helpers.processes_share_work()\n\
             \x20   def test_sockets(self):\n        helpers.a_server_is_reached()\n        helpers.sockets_and_children()\n",
        );
        site.works("/usr/bin/python3 -m unittest")
            .says("Ran 3 tests");
    }
}

/// Puts a module into a folder as Go keeps those that it fetched.
const GO_MODULE: &str = r#"
import os, sys, zipfile
place = os.path.join(sys.argv[1], "cache/download/example.org/dep/@v")
os.makedirs(place, exist_ok=True)
mod = "module example.org/dep\n\ngo 1.16\n"
open(os.path.join(place, "v1.0.0.info"), "w").write('{"Version":"v1.0.0","Time":"2024-01-01T00:00:00Z"}')
open(os.path.join(place, "v1.0.0.mod"), "w").write(mod)
open(os.path.join(place, "list"), "w").write("v1.0.0\n")
with zipfile.ZipFile(os.path.join(place, "v1.0.0.zip"), "w") as z:
    z.writestr("example.org/dep@v1.0.0/go.mod", mod)
    z.writestr("example.org/dep@v1.0.0/dep.go", "package dep\n\nfunc Six() int { return 6 }\n")
"#;

#[test]
fn go_builds_vets_and_tests_with_modules_that_the_user_has() {
    if lacks("go") || lacks("python3") {
        return;
    }
    for site in everybody() {
        site.write(
            "go.mod",
            "module example.org/small\n\ngo 1.16\n\nrequire example.org/dep v1.0.0\n",
        );
        site.write(
            "main.go",
            "package main\n\nimport (\n\t\"fmt\"\n\n\t\"example.org/small/inner\"\n)\n\nfunc main() { fmt.Println(inner.Answer()) }\n",
        );
        site.write(
            "inner/inner.go",
            "package inner\n\nimport \"example.org/dep\"\n\nfunc Answer() int { return dep.Six() * Seven() }\n",
        );
        let (with_c, without) = (
            "package inner\n\n// static int seven(void) { return 7; }\nimport \"C\"\n\nfunc Seven() int { return int(C.seven()) }\n",
            "package inner\n\nfunc Seven() int { return 7 }\n",
        );
        site.write(
            "inner/seven.go",
            if lacks("gcc") { without } else { with_c },
        );
        site.write(
            "inner/inner_test.go",
            r#"package inner

import (
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

func TestAnswer(t *testing.T) {
	if Answer() != 42 {
		t.Fatal(Answer())
	}
	if err := os.WriteFile(filepath.Join(t.TempDir(), "a"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := exec.Command("go", "version").Run(); err != nil {
		t.Fatal(err)
	}
}

func TestServer(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer server.Close()
	if _, err := http.Get(server.URL); err != nil {
		t.Fatal(err)
	}
}
"#,
        );
        site.write("module.py", GO_MODULE);
        // As a user has it who fetched the module once; the sums are written down then as well.
        let modules = site.base.join("home/go/pkg/mod");
        let modules = modules.display();
        site.trusted(&format!(
            "python3 module.py {modules} && export GOFLAGS='-mod=mod -modcacherw' GOSUMDB=off \
             GOPROXY=file://{modules}/cache/download && go list -m all > /dev/null && go build -o /dev/null . && test -s go.sum"
        ));
        site.works("go build ./... && go vet ./... && go test ./... && go run .")
            .says("42")
            .says("ok");
        site.works("go test ./... > /dev/null && go test ./...")
            .says("(cached)");
    }
}

#[test]
fn make_builds_a_program_in_c() {
    if lacks("make") || lacks("cc") {
        return;
    }
    for site in everybody() {
        site.write(
            "main.c",
            "#include <stdio.h>\nint add(int, int);\nint main(void) { printf(\"%d\\n\", add(1, 2)); return 0; }\n",
        );
        site.write("add.c", "int add(int a, int b) { return a + b; }\n");
        site.write(
            "Makefile",
            "all: app\napp: main.o add.o\n\t$(CC) -o $@ $^\ntest: app\n\ttest \"$$(./app)\" = 3\n\
             \t./app > $$(mktemp)\nlib.a: add.o\n\tar rcs $@ $^\nclean:\n\trm -f *.o app lib.a\n.PHONY: all test clean\n",
        );
        site.works("make -j4 test lib.a && make clean && make -s test");
    }
}

/// Python's tests of whether a pseudo-terminal works, and whether files can be put straight below `/tmp`.
#[test]
fn terminals_and_temporary_files_of_its_own() {
    for site in everybody() {
        if !Path::new("/usr/bin/python3").exists() {
            eprintln!("SKIPPED: no python3 in /usr/bin");
            continue;
        }
        site.write(
            "terminal.py",
            "import os, pty\n\
             ends = []\n\
             def read(fd):\n    data = os.read(fd, 1024)\n    ends.append(data)\n    return data\n\
             code = pty.spawn(['sh', '-c', 'test -t 0 && test -t 1 && tty && stty -a > /dev/null'], read)\n\
             assert code == 0, (code, ends)\n\
             assert b'/dev/pts/' in b''.join(ends), ends\n",
        );
        site.works("/usr/bin/python3 terminal.py");
        if site.base.starts_with("/tmp") {
            eprintln!("SKIPPED: there is no /var/tmp to work in, and /tmp stays what it is");
            continue;
        }
        let name = format!("codelicious-test-{}", std::process::id());
        let inside = format!(
            "echo x > /tmp/{name} && mv /tmp/{name} /tmp/{name}-2 && cat /tmp/{name}-2 && mktemp /tmp/x.XXXXXX && \
             test \"$(ls $TMPDIR | head -1)\" != '' && printf '#!/bin/sh\\necho ran' > /tmp/run && chmod +x /tmp/run && /tmp/run"
        );
        site.works(&inside).says("ran");
        assert!(!Path::new("/tmp").join(&name).exists());
        assert!(!Path::new("/tmp").join(format!("{name}-2")).exists());
        // Another command's are another's.
        site.works(&format!("! test -e /tmp/{name}-2"));
    }
}

#[test]
fn git_works_in_a_repository_and_in_one_that_a_test_makes() {
    for site in everybody() {
        site.write("a.txt", "a\n");
        let who = "[user]\n\tname = Grace\n\temail = grace@localhost\n[core]\n\tpager = false\n";
        fs::write(site.base.join("home/.gitconfig"), who).unwrap();
        site.trusted("git add -A && git commit -qm 'A commit'");
        site.works("git status --short && git log --oneline && git diff && git show HEAD:a.txt && git ls-files")
            .says("A commit");
        site.works(
            "cd \"$(mktemp -d)\" && git init -q . && echo x > x && git add x && \
             git commit -qm X && git clone -q . copy && git -C copy log --format='%s by %an'",
        )
        .says("X by Grace");
    }
}

#[test]
fn shells_have_what_scripts_expect() {
    for site in everybody() {
        for line in [
            "date && TZ=Europe/Paris date && locale > /dev/null",
            "id && hostname && uname -a && nproc",
            "cd ~ && echo x > .a-file && cat .a-file && test -w ~",
            "echo x | tee /dev/stderr > /dev/stdout",
            "cat <<'END' > script && chmod +x script && ./script\n#!/usr/bin/env bash\nread -r a < <(echo 1); echo $a\nEND",
            "sleep 0 & wait && (ulimit -n 256; true) && trap 'true' EXIT",
            "tar cf a.tar .git && tar tf a.tar > /dev/null && rm a.tar && ln -s . here && rm here && touch -d yesterday f && rm f",
            "find . -name nothing && awk 'BEGIN { print 1 }' && sed s/a/b/ < /dev/null && printf x | sha256sum",
            "ps > /dev/null || ! command -v ps",
            "df . > /dev/null && du -s . > /dev/null && test -r /etc/ssl/certs",
        ] {
            site.works(line);
        }
    }
}
