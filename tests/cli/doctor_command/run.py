"""`gatepost doctor` as it is run, and the proxy in front of a gateway."""

import asyncio
import json
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.fixtures.gateway import clean_environment
from tests.proxies.conftest import running

ROOT = Path(__file__).parents[3]
# What a busy machine may add.
SLOW = {"store-round-trip"}
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@dataclass(frozen=True)
class Report:
    """What the command found."""

    status: int
    findings: list[dict]
    stderr: str

    def of(self, name: str) -> list[dict]:
        """The findings with this id."""
        return [it for it in self.findings if it["id"] == name]

    def one(self, name: str) -> dict:
        """The only finding with this id."""
        (found,) = self.of(name)
        return found

    def level(self, name: str) -> str:
        """The level of the only finding with this id."""
        return self.one(name)["level"]

    def amiss(self, level: str) -> dict[str, str]:
        """What is said, by the ids of the findings of `level`."""
        return {it["id"]: it["says"] for it in self.findings if it["level"] == level}


async def doctor_text(config: Path, *arguments: str, **environ: str) -> tuple[int, str, str]:
    """Exit status, standard output and standard error."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "gateway", "doctor", "-c", str(config), *arguments),
        cwd=ROOT,
        env=clean_environment(environ),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    stdout, stderr = await process.communicate()
    assert "Traceback" not in stderr.decode()
    return process.returncode, stdout.decode(), stderr.decode()


async def doctor(config: Path, *arguments: str, **environ: str) -> Report:
    """The report of ``gatepost doctor --json``."""
    status, stdout, stderr = await doctor_text(config, "--json", *arguments, **environ)
    assert status in (0, 1), stderr
    return Report(status, json.loads(stdout), stderr)


@contextmanager
def nginx(
    directory: Path, port: int, gateway_port: int, *lines: str, listen: str = ""
) -> Iterator[None]:
    """A real nginx on `port` in front of the gateway, with `lines` where it forwards."""
    directory.mkdir(exist_ok=True)
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    paths = "".join(f"{name}_temp_path {directory}/{name};" for name in kinds)
    config = directory / "nginx.conf"
    inside = "\n".join(lines)
    config.write_text(
        f"daemon off; worker_processes 1; pid {directory}/pid;\n"
        f"events {{ }}\nhttp {{ access_log off; {paths}\n"
        f"server {{ listen {listen or f'127.0.0.1:{port}'};\n"
        f"location / {{ proxy_pass http://127.0.0.1:{gateway_port}; {inside} }} }} }}\n"
    )
    with running(["nginx", "-c", str(config), "-p", str(directory)], directory, port, accepts):
        yield


def accepts(port: int) -> bool:
    """Whether something listens on `port`."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=2).close()
    except OSError:
        return False
    return True


def registered(provider, public_url, **changes):
    """A client at the provider with all our URIs, as the configuration names it."""
    client = provider.register(
        f"{public_url}/_gatepost/callback/id",
        post_logout_redirect_uris=[f"{public_url}/_gatepost/logout"],
        **changes,
    )
    return {
        "issuer": provider.issuer,
        "client_id": client.client_id,
        "client_secret": client.client_secret,
        "scopes": ["openid", "email"],
    }
