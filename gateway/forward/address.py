"""The address of an upstream, its timeouts, and TLS towards it."""

import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Address:
    """An upstream's address: a Unix socket path, or a host and port; `tls` is None for plain."""

    host: str = ""
    port: int = 0
    path: str = ""
    tls: ssl.SSLContext | None = None
    server_name: str | None = None

    def __str__(self) -> str:
        """As in the configuration."""
        if self.path:
            return f"unix:{self.path}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'http' if self.tls is None else 'https'}://{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Timeouts in seconds.

    Attributes:
        connect_s: Until a connection is open.
        response_s: From the end of the request until the response's head.
        idle_s: Without a byte in either direction.
        wake_s: How long a failed connect is retried, while a scaled-to-zero app boots.
    """

    connect_s: float
    response_s: float
    idle_s: float
    wake_s: float


def tls_context(
    *,
    ca_file: Path | None,
    cert_file: Path | None,
    key_file: Path | None,
    insecure_skip_verify: bool,
    protocols: Sequence[str] = ("http/1.1",),
) -> ssl.SSLContext:
    """TLS settings for an upstream; trusts the system's roots unless `ca_file` is given.

    Raises:
        OSError, ssl.SSLError: A file cannot be read or has invalid content.
    """
    context = ssl.create_default_context(cafile=ca_file)
    context.set_alpn_protocols(list(protocols))
    if cert_file is not None:
        context.load_cert_chain(cert_file, key_file)
    if insecure_skip_verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
