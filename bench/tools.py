"""What the measurements share: starting what is measured, loading it, and telling what was found.

What is measured has one core; whoever loads it and the upstream have another.
"""

import asyncio
import json
import os
import platform
import re
import resource
import shutil
import signal
import socket
import subprocess
import sys
import time
from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from issuer import AUDIENCE, start_issuer

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from gateway.accounts.manager import load_accounts  # noqa: E402
from gateway.credentials.kept_keys import load_key_sealer  # noqa: E402
from gateway.credentials.key_format import new_key  # noqa: E402
from gateway.credentials.keys import ApiKeys  # noqa: E402
from gateway.credentials.tokens import TokenFamilies  # noqa: E402
from gateway.model import Identity  # noqa: E402
from gateway.sessions import Limits, ProviderTokens, Sealer, SessionManager  # noqa: E402
from gateway.sessions.all_sessions import token_store  # noqa: E402
from gateway.storage.sqlite import SqliteStore  # noqa: E402

SECRET = "a-secret-only-for-measuring-0123456789"
TESTED_CORE, OTHER_CORE = "0", "1"
CONNECTIONS = 32
PATH = "/notes/7?page=2"
# What Firefox sends with a fetch from a page.
BROWSER = {
    "User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    "Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
    "Accept-Language": "en-US,en;q=0.5",
    "Accept-Encoding": "gzip, deflate, br, zstd",
    "Referer": "http://localhost/",
    "Sec-Fetch-Dest": "empty",
    "Sec-Fetch-Mode": "cors",
    "Sec-Fetch-Site": "same-origin",
    "Priority": "u=4",
}
API_KEY = new_key(lambda length: b"k" * length)
# Where the client is believed to be a page of the gateway's own origin.
ORIGIN = "http://gatepost.test"
HOST = "gatepost.test"


@dataclass(frozen=True)
class Server:
    """Something that listens, and the processes whose work is measured.

    Attributes:
        fields: What a client must send for the app to be reached: a session's cookie.
        token: The gateway's own access token of the same person.
        log: What it wrote.
    """

    name: str
    port: int
    pids: list[int]
    log: Path
    fields: dict[str, str] = field(default_factory=dict)
    token: str = ""

    def get(self, path: str = PATH) -> bytes:
        """A GET as a browser sends it."""
        fields = {"Host": HOST, **BROWSER, **self.fields}
        lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        return f"GET {path} HTTP/1.1\r\n{lines}\r\n".encode()


def asked_about(path: str) -> dict[str, str]:
    """The fields of nginx's question about `path`."""
    return {
        "X-Original-Method": "GET",
        "X-Original-URL": f"{ORIGIN}:80{path}",
        "X-Forwarded-For": "192.0.2.1",
    }


def asked(doc: str, *, rounds: int | None = None) -> ArgumentParser:
    """The options that all measurements have; see `trees_of`."""
    parser = ArgumentParser(description=doc, formatter_class=RawDescriptionHelpFormatter)
    parser.add_argument("--compiled", type=Path, help="a tree made by scripts/compile")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    if rounds is not None:
        parser.add_argument("--rounds", type=int, default=rounds)
    return parser


def trees_of(arguments: Namespace) -> dict[str, Path]:
    """Which gateways to measure, by what to call them."""
    compiled: Path | None = arguments.compiled
    if compiled is None:
        return {"gatepost, interpreted": ROOT}
    if not any(compiled.glob("gateway/message/request_head.*.so")):
        sys.exit(f"{compiled} is not compiled: run `make compile`")
    return {"gatepost": compiled.resolve(), "gatepost, interpreted": ROOT}


def require(*programs: str) -> None:
    """End kindly where a program is missing."""
    # Debian puts nginx where only root looks.
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    for program in programs:
        if shutil.which(program) is None:
            sys.exit(f"{program} is missing: `make bench` sets it up")


def allow_many_descriptors() -> int:
    """Raise the limit of open files as far as it goes; what it is then."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(400):
        if process.poll() is not None:
            sys.exit(f"{process.args!r} ended with {process.returncode}: {log.read_text()}")
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    sys.exit(f"{process.args!r} does not listen on {port}")


@contextmanager
def running(
    cores: str, command: Sequence[str], port: int, log: Path, tree: Path = ROOT
) -> Iterator[subprocess.Popen[bytes]]:
    """`command`, on these cores, from when it listens on `port`."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            ["taskset", "-c", cores, *command], stdout=output, stderr=output, cwd=tree
        )
    try:
        wait_for(port, process, log)
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def children(pid: int) -> list[int]:
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(child) for child in text.split()]


def cpu_ns(pids: Sequence[int]) -> int:
    """CPU time of all threads of `pids` so far."""
    total = 0
    for pid in pids:
        for stat in Path(f"/proc/{pid}/task").glob("*/schedstat"):
            total += int(stat.read_text().split()[0])
    return total


def memory_kib(pids: Sequence[int], which: str = "VmRSS") -> int:
    """Resident memory; with "VmHWM" the most there was since `forget_peak`."""
    total = 0
    for pid in pids:
        found = re.search(rf"{which}:\s+([0-9]+) kB", Path(f"/proc/{pid}/status").read_text())
        total += int(found[1]) if found else 0
    return total


def forget_peak(pids: Sequence[int]) -> None:
    for pid in pids:
        Path(f"/proc/{pid}/clear_refs").write_text("5")


def _nginx_config(folder: Path, inside: str) -> str:
    paths = "".join(
        f"{name}_temp_path {folder}/{name};"
        for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    return (
        f"daemon off; worker_processes 1; pid {folder}/pid; error_log {folder}/error.log;\n"
        "worker_rlimit_nofile 20000; events { worker_connections 12000; }\n"
        f"http {{ access_log off; keepalive_requests 1000000000; {paths}\n{inside}\n}}\n"
    )


def _start_nginx(stack: ExitStack, folder: Path, core: str, inside: str, port: int) -> Server:
    folder.mkdir()
    config = folder / "nginx.conf"
    config.write_text(_nginx_config(folder, inside))
    command = ["nginx", "-c", str(config), "-p", str(folder), "-e", f"{folder}/e.log"]
    log = folder / "out.log"
    process = stack.enter_context(running(core, command, port, log))
    return Server("nginx", port, [process.pid, *children(process.pid)], log)


def start_upstream(stack: ExitStack, folder: Path, cores: str = OTHER_CORE) -> Server:
    """An app that answers 1 KiB at once."""
    port = free_port()
    inside = f"server {{ listen 127.0.0.1:{port}; return 200 {'x' * 1024}; }}"
    return _start_nginx(stack, folder / "upstream", cores, inside, port)


def start_nginx(
    stack: ExitStack, folder: Path, upstream: int, more: str = "", *, connection: str = '""'
) -> Server:
    """The base: nginx with nothing but `proxy_pass`; `more` is put into its location."""
    port = free_port()
    inside = (
        f"upstream app {{ server 127.0.0.1:{upstream}; keepalive 64;"
        " keepalive_requests 1000000000; }\n"
        f"server {{ listen 127.0.0.1:{port}; client_max_body_size 0; location / {{"
        f" proxy_pass http://app; proxy_http_version 1.1; proxy_set_header Host $host;"
        f" proxy_set_header Connection {connection}; {more} }} }}"
    )
    return _start_nginx(stack, folder / "nginx", TESTED_CORE, inside, port)


def start_caddy(stack: ExitStack, folder: Path, upstream: int) -> Server:
    """The nearest peer: Go's reverse proxy, without authentication."""
    folder = folder / "caddy"
    folder.mkdir()
    port = free_port()
    config = folder / "Caddyfile"
    config.write_text(
        "{\n\tadmin off\n\tauto_https off\n\tpersist_config off\n}\n"
        f"http://:{port} {{\n\tbind 127.0.0.1\n\treverse_proxy 127.0.0.1:{upstream}\n}}\n"
    )
    command = ["caddy", "run", "--config", str(config), "--adapter", "caddyfile"]
    log = folder / "log"
    process = stack.enter_context(running(TESTED_CORE, command, port, log))
    return Server("caddy", port, [process.pid], log)


def start_app(stack: ExitStack, folder: Path) -> int:
    """The app of bench/app.py: bodies and tunnels; its port."""
    port = free_port()
    command = [sys.executable, str(ROOT / "bench" / "app.py"), str(port)]
    stack.enter_context(running(OTHER_CORE, command, port, folder / "app.log"))
    return port


def start_relay(stack: ExitStack, folder: Path, upstream: int) -> Server:
    """The floor: what uvloop takes to pass bytes on unread; see bench/relay.py."""
    port = free_port()
    command = [sys.executable, str(ROOT / "bench" / "relay.py"), str(port), str(upstream)]
    log = folder / "relay.log"
    process = stack.enter_context(running(TESTED_CORE, command, port, log))
    return Server("bare uvloop relay", port, [process.pid], log)


async def _make_session(data_dir: Path) -> tuple[str, str]:
    """A session's cookie and an app's token, made by the gateway's code in the store it will open.

    `API_KEY` speaks for the same person.
    """
    store = SqliteStore(data_dir / "gatepost.db", time.time)
    manager = SessionManager(
        store, Sealer((SECRET.encode(),)), Limits(8 * 3600, 7 * 86400), clock=time.time
    )
    accounts = await load_accounts(store, Sealer((SECRET.encode(),)))
    identity = Identity(
        user="alice",
        subject="2438-alice",
        issuer="https://id.example.com",
        provider="oidc",
        credential="session",
        email="alice@example.com",
        name="Alice Liddell",
        groups=("admins", "staff"),
        claims={"sub": "2438-alice"},
    )
    identity = await accounts.sign_in(identity)
    cookie, _ = await manager.create(
        identity,
        ProviderTokens(access_token="x" * 40),
        provider_sid=None,
        ip="127.0.0.1",
        device="bench",
        now=time.time(),
    )
    await manager.aclose()
    sealer = await load_key_sealer(store, Sealer((SECRET.encode(),)))
    keys = ApiKeys(store, sealer, accounts, time.time, random=lambda length: b"k" * length)
    await keys.create(
        identity, name="bench", scopes=(), routes=(), lifetime_s=86400, now=time.time()
    )
    part, sealer = token_store(store), Sealer((SECRET.encode(),))
    apps = SessionManager(part, sealer, Limits(30 * 86400, 90 * 86400), clock=time.time)
    issued = await TokenFamilies(part, apps, 86400, clock=time.time).issue(
        identity, ProviderTokens(), client="app", device="bench", ip="127.0.0.1", provider_sid=None
    )
    await apps.aclose()
    await store.aclose()
    return cookie, issued.access_token


def _gateway_config(
    folder: Path, port: int, upstream: int, routes: int, server: dict[str, object]
) -> dict[str, object]:
    filler = [
        {
            "name": f"r{i}",
            "prefix": f"/area{i}",
            "access": {"allow": [{"group": f"g{i}"}, {"email_domain": "example.org"}]},
        }
        for i in range(routes - 2)
    ]
    policy = {
        "allow": [{"group": "admins", "email_domain": "example.com"}],
        "deny": [{"user": "eve"}],
    }
    admin = f"127.0.0.1:{free_port()}"
    return {
        "public_url": ORIGIN,
        "secret": SECRET,
        "data_dir": str(folder / "data"),
        "server": {"listen": f"127.0.0.1:{port}", "admin_listen": admin, **server},
        "upstreams": {"app": f"http://127.0.0.1:{upstream}"},
        "providers": {"oidc": {"issuer": "https://id.example.com", "client_id": "bench"}},
        "api_keys": {},
        "tokens": {"clients": {"app": {"provider": "oidc"}}},
        "bearer": [{"issuer": start_issuer(), "audiences": [AUDIENCE]}],
        "routes": [
            {"name": "public", "prefix": "/public", "access": "public"},
            *filler,
            {"name": "app", "prefix": "/", "access": policy},
        ],
        "audit": {"file": str(folder / "audit.log")},
    }


def configure_gateway(
    folder: Path, upstream: int, routes: int = 200, **server: object
) -> tuple[Path, int, str, str]:
    """A configuration: the file, the port it will listen on, a session's cookie, a token."""
    port = free_port()
    (folder / "data").mkdir(mode=0o700, parents=True)
    cookie, token = asyncio.run(_make_session(folder / "data"))
    config = folder / "gatepost.json"
    config.write_text(json.dumps(_gateway_config(folder, port, upstream, routes, server)))
    return config, port, cookie, token


def serve_command(config: Path) -> list[str]:
    return [sys.executable, "-m", "gateway", "serve", "-c", str(config)]


def start_gateway(
    stack: ExitStack,
    folder: Path,
    name: str,
    tree: Path,
    upstream: int,
    routes: int = 200,
    *,
    cores: str = TESTED_CORE,
    **server: object,
) -> Server:
    """`gatepost serve` of `tree`, with a session that its policy of `routes` routes lets in."""
    folder = Path(folder / re.sub("[^a-z0-9]", "-", f"{name} {routes} {server}".lower()))
    config, port, cookie, token = configure_gateway(folder, upstream, routes, **server)
    log = folder / "log"
    process = stack.enter_context(running(cores, serve_command(config), port, log, tree))
    pids = [process.pid, *children(process.pid)]
    return Server(name, port, pids, log, {"Cookie": f"gatepost={cookie}"}, token)


@dataclass(frozen=True)
class Load:
    """What one run of wrk found."""

    requests: int
    requests_s: float
    cpu_us: float


def load(server: Server, path: str, fields: dict[str, str], seconds: int) -> Load:
    """Load `server` with wrk from the other core; every answer must be a success."""
    told = [part for name, value in fields.items() for part in ("-H", f"{name}: {value}")]
    url = f"http://127.0.0.1:{server.port}{path}"
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "-H", f"Host: {HOST}", *told, url]
    before = cpu_ns(server.pids)
    output = subprocess.run(
        ["taskset", "-c", OTHER_CORE, *command], capture_output=True, text=True, check=True
    ).stdout
    spent = cpu_ns(server.pids) - before
    found = re.search(r"([0-9]+) requests in(?s:.*)Requests/sec: +([0-9.]+)", output)
    if found is None or "Non-2xx" in output or "Socket errors" in output:
        sys.exit(f"{server.name}: {output}")
    requests = int(found[1])
    return Load(requests, float(found[2]), spent / requests / 1000)


def machine() -> str:
    """The machine, in a line."""
    model = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    nginx = subprocess.run(["nginx", "-v"], capture_output=True, text=True, check=False).stderr
    return (
        f"{model[1] if model else 'unknown CPU'}, {os.cpu_count()} cores,"
        f" Linux {platform.release()}, Python {platform.python_version()},"
        f" {nginx.strip().rpartition(' ')[2]}, load average {os.getloadavg()[0]:.1f}"
    )


def report(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]], *, as_json: bool):
    """Print the table: the first column is a name, the others are numbers."""
    if as_json:
        named = [dict(zip(columns, row, strict=True)) for row in rows]
        print(json.dumps({"measured": title, "machine": machine(), "rows": named}))
        return
    cells = [[_shown(value) for value in row] for row in rows]
    widths = [max(len(c), *(len(row[i]) for row in cells)) for i, c in enumerate(columns)]
    print(f"\n{title}\n{machine()}\n")
    for line in (list(columns), ["-" * width for width in widths], *cells):
        first, *others = (
            cell.ljust(width) if i == 0 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        print("| " + " | ".join([first, *others]) + " |")


def _shown(value: object) -> str:
    if value is None:
        return "-"
    if not isinstance(value, float):
        return f"{value:,}" if isinstance(value, int) else str(value)
    return f"{value:,.0f}" if value >= 1000 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def tell(text: str) -> None:
    """Say how far it is."""
    print(f"· {text}", file=sys.stderr, flush=True)
