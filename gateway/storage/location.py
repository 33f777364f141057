"""Parses the URL of a networked store from the `store` setting, without any driver.

Errors are ValueErrors whose text never repeats the URL, because it may contain a password.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote

_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^\[\]:@/?#\s]+)(?::([0-9]{1,5}))?")
_MOST_PORT = 65535
_REDIS_PORT = 6379
_SENTINEL_PORT = 26379
_REDIS_OPTIONS = frozenset(
    {"ca_file", "cluster", "password_file", "prefix", "sentinel", "sentinel_password_file"}
)
_POSTGRES_OPTIONS = frozenset({"direct", "password_file", "pgbouncer"})
# Options with libpq's names (postgresql.org/docs/current/libpq-connect.html), and `search_path`.
_POSTGRES_DRIVER_OPTIONS = frozenset(
    {"host", "search_path", "sslcert", "sslkey", "sslmode", "sslrootcert", "target_session_attrs"}
)
_SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")

Host = tuple[str, int | None]


@dataclass(frozen=True, slots=True)
class _Url:
    scheme: str
    user: str
    password: str = field(repr=False)
    hosts: tuple[Host, ...]
    path: str
    options: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class RedisLocation:
    """A Redis or Valkey server, the sentinels that know it, or a Cluster.

    Attributes:
        hosts: The server, the sentinels if `sentinel` names the master they watch, or some of the
            nodes if `is_cluster`.
        password_file: Read on every connect; "" if the URL has the password, or none.
        ca_file: Certificates to trust, PEM; "" for the system's.
        sentinel_password_file: For the sentinels themselves; "" if they need none.
        prefix: The prefix of all keys, in a Cluster's hash tag.
    """

    hosts: tuple[tuple[str, int], ...]
    user: str
    password: str = field(repr=False)
    password_file: str
    database: int
    is_tls: bool
    ca_file: str
    is_cluster: bool
    sentinel: str
    sentinel_password_file: str
    prefix: str

    @classmethod
    def read(cls, text: str) -> "RedisLocation":
        """Parse ``redis[s]://[user:password@]host[:port][,…][/database][?option=value&…]``.

        Raises:
            ValueError: `text` has another form.
        """
        url = _read_url(text, _REDIS_OPTIONS)
        sentinel = url.options.get("sentinel", "")
        if not url.hosts:
            raise ValueError("names no host")
        is_cluster = _is_cluster(url, sentinel)
        if len(url.hosts) > 1 and not sentinel and not is_cluster:
            raise ValueError(
                "several hosts are sentinels or a Cluster: add ?sentinel=NAME, of the master, or"
                " ?cluster=1"
            )
        if re.fullmatch(r"[0-9]{0,4}", url.path) is None:
            raise ValueError("the part after the host is the number of a database")
        prefix = url.options.get("prefix", "gatepost")
        if re.fullmatch(r"[A-Za-z0-9_.:-]{1,64}", prefix) is None:
            raise ValueError("prefix is up to 64 letters, digits and any of _ . : -")
        is_tls = url.scheme == "rediss"
        if "ca_file" in url.options and not is_tls:
            raise ValueError("ca_file needs rediss://")
        default_port = _SENTINEL_PORT if sentinel else _REDIS_PORT
        return cls(
            hosts=tuple((host, port or default_port) for host, port in url.hosts),
            user=url.user,
            password=url.password,
            password_file=url.options.get("password_file", ""),
            database=int(url.path or 0),
            is_tls=is_tls,
            ca_file=url.options.get("ca_file", ""),
            is_cluster=is_cluster,
            sentinel=sentinel,
            sentinel_password_file=url.options.get("sentinel_password_file", ""),
            prefix=prefix,
        )


def _is_cluster(url: _Url, sentinel: str) -> bool:
    given = url.options.get("cluster", "0")
    if given not in ("0", "1"):
        raise ValueError("cluster is 0 or 1")
    if given == "1" and sentinel:
        raise ValueError("has both sentinel and cluster")
    if given == "1" and url.path not in ("", "0"):
        raise ValueError("a Cluster has no database but 0")
    return given == "1"


@dataclass(frozen=True, slots=True)
class PostgresLocation:
    """A PostgreSQL database.

    Attributes:
        hosts: In the order they are tried; empty if `options` has `host`, a directory.
        password_file: Read on every connect; "" if the URL has the password, or none.
        is_pooled: Whether a pooler in front may use another connection for each transaction.
        direct: The server without the pooler, for LISTEN; None to use the same address.
        options: For the driver.
    """

    hosts: tuple[Host, ...]
    user: str
    password: str = field(repr=False)
    password_file: str
    database: str
    is_pooled: bool
    direct: Host | None
    options: Mapping[str, str]

    @classmethod
    def read(cls, text: str) -> "PostgresLocation":
        """Parse ``postgresql://[user[:password]@][host[:port][,…]]/database[?option=value&…]``.

        Raises:
            ValueError: `text` has another form.
        """
        url = _read_url(text, _POSTGRES_OPTIONS | _POSTGRES_DRIVER_OPTIONS)
        if bool(url.hosts) == ("host" in url.options):
            raise ValueError("names no host" if not url.hosts else "names its host twice")
        if not url.path:
            raise ValueError("names no database: postgresql://host/database")
        mode = url.options.get("sslmode", "prefer")
        if mode not in _SSL_MODES:
            raise ValueError(f"sslmode is one of {', '.join(_SSL_MODES)}")
        if url.options.get("pgbouncer", "0") not in ("0", "1"):
            raise ValueError("pgbouncer is 0 or 1")
        direct = url.options.get("direct")
        return cls(
            hosts=url.hosts,
            user=url.user,
            password=url.password,
            password_file=url.options.get("password_file", ""),
            database=url.path,
            is_pooled=url.options.get("pgbouncer") == "1",
            direct=None if direct is None else _read_host(direct),
            options={
                name: value
                for name, value in url.options.items()
                if name in _POSTGRES_DRIVER_OPTIONS
            },
        )


def _read_url(text: str, known: Collection[str]) -> _Url:
    if not text.isprintable() or " " in text or "#" in text:
        raise ValueError("has a space, a control or a # in it (write %20, %23)")
    scheme, _, rest = text.partition("://")
    rest, _, query = rest.partition("?")
    authority, _, path = rest.partition("/")
    login, _, hosts = authority.rpartition("@")
    user, _, password = login.partition(":")
    options = dict(parse_qsl(query, keep_blank_values=True))
    unknown = sorted(options.keys() - known)
    if unknown:
        raise ValueError(f"has an unknown option (one of: {', '.join(sorted(known))})")
    if "" in options.values():
        raise ValueError("has an option without a value")
    if password and "password_file" in options:
        raise ValueError("has both a password and a password_file")
    return _Url(
        scheme=scheme,
        user=unquote(user),
        password=unquote(password),
        hosts=tuple(_read_host(host) for host in hosts.split(",")) if hosts else (),
        path=unquote(path),
        options=options,
    )


def _read_host(text: str) -> Host:
    found = _HOST.fullmatch(text)
    if found is None or (found[2] is not None and not 1 <= int(found[2]) <= _MOST_PORT):
        raise ValueError("has a host that is not one (write host:port)")
    return found[1].strip("[]"), None if found[2] is None else int(found[2])
