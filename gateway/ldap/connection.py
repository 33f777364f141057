"""One connection to a directory.  Blocks: its calls belong into a thread.

ldap3 writes and reads the messages.  TLS is Python's own, so that the certificate is checked by
OpenSSL and not by ldap3's copy of an old function.
"""

import ssl
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import ldap3
from ldap3.core.exceptions import LDAPExceptionError

from gateway.errors import ProviderUnavailableError
from gateway.ldap.entry import Entry
from gateway.ldap.plan import Plan

_SUCCESS, _SIZE_EXCEEDED, _NO_SUCH_OBJECT = 0, 4, 32
# RFC 4511, appendix A: no such password for this name, or not to be used (any more).
_REFUSED = frozenset({19, _NO_SUCH_OBJECT, 34, 48, 49, 50, 53})

Scope = Literal["BASE", "SUBTREE"]


@dataclass(frozen=True, slots=True)
class Found:
    """What a search found; `is_whole` if that is all there is."""

    entries: tuple[Entry, ...]
    is_whole: bool


class _Tls(ldap3.Tls):
    """Wraps sockets with a context that checks the certificate and its name."""

    def __init__(self, plan: Plan) -> None:
        super().__init__(validate=ssl.CERT_REQUIRED)
        cafile = None if plan.ca_file is None else str(plan.ca_file)
        self._context = ssl.create_default_context(cafile=cafile)
        self._host = plan.address.host

    def wrap_socket(self, connection: Any, do_handshake: bool = False) -> None:
        """See ldap3.Tls."""
        del do_handshake
        connection.socket = self._context.wrap_socket(connection.socket, server_hostname=self._host)


class Connection:
    """An open connection, on which TLS is established."""

    def __init__(self, plan: Plan, ldap: Any) -> None:
        self._plan = plan
        self._ldap = ldap

    def bind(self, dn: str, password: str) -> bool:
        """Whether the directory takes `password` for `dn`.

        Raises:
            ProviderUnavailableError: It cannot tell.
        """
        # RFC 4513, section 5.1.2: without a password this would be an anonymous bind, and succeed.
        if not dn or not password:
            return False
        try:
            secret = password.encode()
        except UnicodeEncodeError:
            return False
        with _failures():
            self._ldap.rebind(dn, secret, authentication=ldap3.SIMPLE, read_server_info=False)
        code = self._ldap.result["result"]
        if code == _SUCCESS:
            return True
        if code in _REFUSED:
            return False
        raise _unexpected("bind", self._ldap.result)

    def bind_searcher(self) -> None:
        """Bind the account that searches, or nobody.

        Raises:
            ProviderUnavailableError: It is refused.
        """
        plan = self._plan
        if plan.bind_dn:
            if not self.bind(plan.bind_dn, plan.bind_password):
                raise ProviderUnavailableError(f"ldap: the account {plan.bind_dn!r} is refused")
            return
        with _failures():
            self._ldap.user = self._ldap.password = None
            self._ldap.authentication = ldap3.ANONYMOUS
            self._ldap.bind(read_server_info=False)
        if self._ldap.result["result"] != _SUCCESS:
            raise _unexpected("anonymous bind", self._ldap.result)

    def search(
        self, base: str, scope: Scope, wanted: str, attributes: Sequence[str], most: int
    ) -> Found:
        """The entries that match `wanted`, at most `most`.

        Raises:
            ProviderUnavailableError: There is no answer, or not the whole one.
        """
        with _failures():
            self._ldap.search(
                base,
                wanted,
                search_scope=getattr(ldap3, scope),
                dereference_aliases=ldap3.DEREF_NEVER,
                attributes=list(attributes),
                size_limit=most + 1,
                time_limit=self._plan.timeout_s,
            )
            code, response = self._ldap.result["result"], self._ldap.response or ()
            found = [_entry(it) for it in response if it["type"] == "searchResEntry"]
        if code == _NO_SUCH_OBJECT and scope == "BASE":
            return Found((), is_whole=True)
        if code not in (_SUCCESS, _SIZE_EXCEEDED):
            raise _unexpected(f"search below {base!r}", self._ldap.result)
        # A server may have a lower limit of its own.
        is_whole = code == _SUCCESS and len(found) <= most
        return Found(tuple(found[:most]), is_whole=is_whole)


def _entry(found: Mapping[str, Any]) -> Entry:
    values: dict[str, list[bytes]] = {}
    for name, given in found["raw_attributes"].items():
        values.setdefault(str(name).lower(), []).extend(given)
    return Entry(str(found["dn"]), values)


def _unexpected(what: str, result: Mapping[str, Any]) -> ProviderUnavailableError:
    # Servers put details about the person into the message, so only the code is told.
    return ProviderUnavailableError(f"ldap: {what}: {result['description']}")


@contextmanager
def connected(plan: Plan) -> Iterator[Connection]:
    """A connection to the directory of `plan`.

    Raises:
        ProviderUnavailableError: It does not answer, or its certificate is refused.
    """
    with _failures():
        needs_tls = plan.is_tls or plan.start_tls
        server = ldap3.Server(
            plan.address.host,
            port=plan.address.port,
            use_ssl=plan.is_tls,
            tls=_Tls(plan) if needs_tls else None,
            get_info=ldap3.NONE,
            connect_timeout=plan.timeout_s,
        )
        ldap = ldap3.Connection(
            server,
            # A directory that refers elsewhere would be sent the password there.
            auto_referrals=False,
            auto_bind=ldap3.AUTO_BIND_NONE,
            auto_encode=False,
            auto_escape=False,
            check_names=False,
            client_strategy=ldap3.SYNC,
            raise_exceptions=False,
            read_only=True,
            receive_timeout=plan.timeout_s,
        )
    try:
        with _failures():
            ldap.open(read_server_info=False)
            if plan.start_tls and not ldap.start_tls(read_server_info=False):
                raise ProviderUnavailableError("ldap: the server refuses StartTLS")
        yield Connection(plan, ldap)
    finally:
        _close(ldap)


def _close(ldap: Any) -> None:
    socket = ldap.socket
    try:
        ldap.unbind()
    except (LDAPExceptionError, OSError):
        pass
    finally:
        # ldap3 forgets sockets that failed while they were opened.
        if socket is not None:
            socket.close()


@contextmanager
def _failures() -> Iterator[None]:
    """Turn the exceptions of ldap3 into ours.

    ldap3 raises many kinds, and not all are its own when an answer is no LDAP.
    """
    try:
        yield
    except ProviderUnavailableError:
        raise
    except Exception as error:
        raise ProviderUnavailableError(f"ldap: {type(error).__name__}: {error}") from error
