"""What a hook is told of an account, and what it answers."""

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass

from gateway.model import Identity

_LONGEST = 255  # Characters of an id or a role: they travel in fields.


class AnswerError(ValueError):
    """An answer is not as it must be; the message says how and repeats nothing of it."""


@dataclass(frozen=True, slots=True)
class HookEvent:
    """Something that happened to an account.

    Attributes:
        event: ``create``, ``update`` or ``sign_in``.
        external_id: What an earlier hook called the account; None where none has.
    """

    event: str
    account_id: str
    identity: Identity
    external_id: str | None = None


@dataclass(frozen=True, slots=True)
class HookAnswer:
    """What hooks say of an account; None where they say nothing."""

    external_id: str | None = None
    roles: tuple[str, ...] | None = None

    def then(self, later: "HookAnswer") -> "HookAnswer":
        """Both answers as one: what `later` says counts."""
        return HookAnswer(
            self.external_id if later.external_id is None else later.external_id,
            self.roles if later.roles is None else later.roles,
        )


def encode_event(event: HookEvent) -> bytes:
    """The JSON that HTTP hooks send: ASCII, so that a lone surrogate in a claim is no failure."""
    identity = event.identity
    return json_text(
        {
            "event": event.event,
            "account_id": event.account_id,
            "issuer": identity.issuer,
            "subject": identity.subject,
            "user": identity.user,
            "email": identity.email,
            "name": identity.name,
            "groups": list(identity.groups),
            "claims": dict(identity.claims),
        },
        is_ascii=True,
    ).encode()


def idempotency_key(event: HookEvent) -> str:
    """The key for all tries of one event.

    The creation of an account always has the same one, because the app must make one user however
    often it is told.  Every other event has a key of its own.
    """
    if event.event == "create":
        return f"create-{event.account_id}"
    return f"{event.event}-{event.account_id}-{secrets.token_hex(16)}"


def sql_values(event: HookEvent) -> Mapping[str, str | None]:
    """The value of each parameter a statement may name; lists and claims are JSON."""
    identity = event.identity
    return {
        "event": event.event,
        "account_id": event.account_id,
        "issuer": identity.issuer,
        "subject": identity.subject,
        "user": identity.user,
        "email": identity.email,
        "name": identity.name,
        "groups": json_text(list(identity.groups)),
        "roles": json_text(list(identity.roles)),
        "external_id": event.external_id,
        "claims": json_text(dict(identity.claims)),
    }


def json_text(value: object, *, is_ascii: bool = False) -> str:
    """`value` as JSON, readable in every script unless `is_ascii`; NaN and infinities are null."""
    try:
        text = json.dumps(
            value, ensure_ascii=is_ascii, allow_nan=False, separators=(",", ":"), sort_keys=True
        )
    except ValueError:
        # Python's parser takes NaN from a provider, though it is no JSON (RFC 8259, section 6).
        loose = json.dumps(value, separators=(",", ":"))
        return json_text(json.loads(loose, parse_constant=lambda _: None), is_ascii=is_ascii)
    # A lone surrogate can be escaped, and cannot be sent to a database as it is.
    return text if is_encodable(text) else json_text(value, is_ascii=True)


def is_encodable(text: str) -> bool:
    """Whether `text` has no lone surrogate, which JSON can escape and UTF-8 cannot hold."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def decode_answer(body: bytes) -> HookAnswer:
    """What an HTTP hook's answer says; an empty one says nothing.

    Raises:
        AnswerError: It is not a JSON object, or a member that is read is not as it must be.
    """
    if not body.strip():
        return HookAnswer()
    try:
        members = json.loads(body)
    except (ValueError, RecursionError):
        raise AnswerError("the answer is not JSON") from None
    if not isinstance(members, dict):
        raise AnswerError("the answer is not a JSON object")
    roles = members.get("roles")
    if roles is not None and not isinstance(roles, list):
        raise AnswerError("roles in the answer is not a list")
    return HookAnswer(
        external_id=read_external_id(members.get("external_id")),
        roles=None if roles is None else read_roles(roles),
    )


def read_external_id(value: object) -> str | None:
    """The id `value`, which is text or an integer.

    Raises:
        AnswerError: It is neither, or cannot be sent in a field.
    """
    if value is None:
        return None
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if not _is_sendable(text):
        raise AnswerError(
            "external_id in the answer must be an integer, or printable text of at most"
            f" {_LONGEST} characters"
        )
    return str(text)


def read_roles(values: list[object]) -> tuple[str, ...]:
    """The roles in `values`.

    Raises:
        AnswerError: One is no text, or cannot be sent in a field.
    """
    # Apps read the list as separated by commas.
    if not all(_is_sendable(it) and "," not in str(it) for it in values):
        raise AnswerError(
            "roles in the answer must be a list of printable texts without commas, of at most"
            f" {_LONGEST} characters"
        )
    return tuple(dict.fromkeys(map(str, values)))


def _is_sendable(text: object) -> bool:
    # White space at the ends would be cut off by whoever reads the field.
    return (
        isinstance(text, str)
        and 0 < len(text) <= _LONGEST
        and text.isprintable()
        and text == text.strip()
    )
