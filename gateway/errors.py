"""Errors that end a request, each with a stable public reason and a private detail."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar


class GatewayError(Exception):
    """Base class; never raised directly.

    `reason` goes to the client, the audit log and the metrics label, and `fields` into the
    response.  The exception's message is the detail: it is only logged, because it may quote
    attacker input (always with !r).
    """

    reason: ClassVar[str]
    status: ClassVar[int]
    fields: ClassVar[tuple[tuple[str, str], ...]] = ()


class MalformedRequestError(GatewayError):
    """The request is not well-formed HTTP.  Its framing is in doubt, so the connection closes."""

    reason = "malformed-request"
    status = 400


class AmbiguousPathError(GatewayError):
    """Servers could read the path differently, and not every reading was judged by one route."""

    reason = "ambiguous-path"
    status = 400


class UnknownHostError(GatewayError):
    """No `public_url` and no route has this host."""

    reason = "unknown-host"
    status = 421


class StoreUnavailableError(GatewayError):
    """The store could not answer; the gateway fails closed and keeps every cookie."""

    reason = "store-unavailable"
    status = 503


class AccountError(GatewayError):
    """The identity has no account that it may use; never raised directly."""


class AccountDisabledError(AccountError):
    """The account cannot be used until an operator enables it again."""

    reason = "account-disabled"
    status = 403


class ProviderUnavailableError(GatewayError):
    """The OpenID provider could not be reached, or its response violated the protocol."""

    reason = "provider-unavailable"
    status = 503


class HookFailedError(GatewayError):
    """A hook of `accounts.hooks` failed, so the app does not know the account.

    The message names the hook and never quotes user data, secrets or the app's response.
    """

    reason = "provisioning-failed"
    status = 503


class HeadTooLargeError(GatewayError):
    """The head is longer than `limits.head_bytes`."""

    reason = "head-too-large"
    status = 431


class TargetTooLongError(GatewayError):
    """The request line alone is longer than `limits.head_bytes` (RFC 9110, section 15.5.15)."""

    reason = "target-too-long"
    status = 414


class RequestTimeoutError(GatewayError):
    """The head was not complete within `limits.header_timeout`."""

    reason = "request-timeout"
    status = 408


class TooManyConnectionsError(GatewayError):
    """`limits.connections` connections are already open."""

    reason = "too-many-connections"
    status = 503


class BodyTooLargeError(GatewayError):
    """The body exceeds `limits.body_bytes`, or the limit for the gateway's own forms."""

    reason = "body-too-large"
    status = 413


class InternalError(GatewayError):
    """A bug in the gateway; the log has the details."""

    reason = "internal-error"
    status = 500


class MethodRefusedError(GatewayError):
    """CONNECT and TRACE are never served, whatever the routes say."""

    reason = "method-refused"
    status = 405
    # RFC 9110, section 15.5.6: a 405 lists what is allowed.  An app knows its other methods itself.
    fields = (("Allow", "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"),)


@dataclass(frozen=True, slots=True)
class Finding:
    """One mistake or risk in the configuration; as text, the line printed for it.

    Attributes:
        rule: What kind it is: stable, kebab-case, listed in docs/policy-tests.md.
        message: What is wrong, after the dotted path of the setting.
        place: ``file:line:column``, a file, or ``environment: NAME``; ``""`` if none is known.
    """

    rule: str
    message: str
    place: str = ""

    def __str__(self) -> str:
        return f"{self.place}: {self.message}" if self.place else self.message


class SettingsError(Exception):
    """The configuration is wrong; raised at load only, never while a request is in flight.

    Attributes:
        findings: What is wrong.
        problems: One printable line for each: ``file:line:column: path: what is wrong``.
        files: The files that were read, or should have been; a change to one may correct it.
    """

    def __init__(self, findings: Sequence[Finding | str], files: tuple[Path, ...] = ()) -> None:
        self.findings = [
            Finding("invalid-configuration", it) if isinstance(it, str) else it for it in findings
        ]
        self.problems = [str(it) for it in self.findings]
        super().__init__("\n".join(self.problems))
        self.files = files
