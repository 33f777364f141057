"""Templates for field values, filled from an identity.  Pure."""

from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from gateway.model import Identity
from gateway.settings.templates import PLACEHOLDER

Read = Callable[[Identity], str | None]


@dataclass(frozen=True, slots=True)
class Template:
    """Literal text and placeholders, in order."""

    parts: tuple[str | Read, ...]

    def fill(self, identity: Identity) -> str | None:
        """The value for `identity`; None if a part is missing or the value is not sendable."""
        filled = []
        for part in self.parts:
            text = part if isinstance(part, str) else part(identity)
            if text is None:
                return None
            filled.append(text)
        value = "".join(filled)
        return value if is_sendable(value) else None


def is_sendable(value: str) -> bool:
    """Whether `value` reaches an app unchanged.

    Control characters are never sent.  Readers strip white space at the ends, so one name could
    pass for another.
    """
    return bool(value) and value == value.strip() and value.isprintable()


def compile_template(text: str, user_header: str = "user") -> Template:
    """Compile `text`, whose placeholders were checked when the configuration was loaded.

    ``{user}`` reads the attribute `user_header` of an identity.
    """
    parts: list[str | Read] = []
    at = 0
    for found in PLACEHOLDER.finditer(text):
        if found.start() > at:
            parts.append(text[at : found.start()])
        name = user_header if found[1] == "user" else found[1]
        parts.append(_reader(name, found[2]))
        at = found.end()
    if at < len(text):
        parts.append(text[at:])
    return Template(tuple(parts))


def literal(text: str) -> Template:
    """`text` without placeholders: braces are literal."""
    return Template((text,))


def account_secret(name: str, prefix: str = "") -> Template:
    """`prefix` followed by the account's secret of that name."""
    read: Read = lambda identity: identity.secrets.get(name)  # noqa: E731 - one of many readers
    return Template((prefix, read) if prefix else (read,))


def basic(user: Template, password: Template) -> Template:
    """HTTP Basic credentials (RFC 7617, section 2)."""

    def read(identity: Identity) -> str | None:
        name, secret = user.fill(identity), password.fill(identity)
        # A colon ends the user name: the rest would be read as part of the password.
        if name is None or secret is None or ":" in name:
            return None
        return b64encode(f"{name}:{secret}".encode()).decode()

    return Template(("Basic ", read))


def _reader(name: str, argument: str | None) -> Read:
    if name == "claim":
        return _claim_reader(argument or "")
    if name in ("groups", "roles"):
        return lambda identity: _joined(getattr(identity, name))
    return lambda identity: getattr(identity, name) or None


def _claim_reader(pointer: str) -> Read:
    # RFC 6901; a name without a leading slash is a single member.
    names = pointer[1:].split("/") if pointer.startswith("/") else [pointer]
    path = [n.replace("~1", "/").replace("~0", "~") for n in names]

    def read(identity: Identity) -> str | None:
        value: object = identity.claims
        for name in path:
            if not isinstance(value, Mapping) or name not in value:
                return None
            value = value[name]
        return _as_text(value)

    return read


def _as_text(value: object) -> str | None:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return _joined(value)
    return None


def _joined(values: Sequence[str]) -> str | None:
    # A comma inside a name would split it into two names, so such a name is left out.
    return ",".join([v for v in values if is_sendable(v) and "," not in v]) or None
