"""A mail as an RFC 5322 message.  Pure apart from the random Message-ID."""

import re
import secrets
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime, parseaddr
from typing import TYPE_CHECKING

from gateway.errors import GatewayError
from gateway.message.mailbox import a_labels, read_mailbox
from gateway.wording import phrase

if TYPE_CHECKING:
    from email.message import EmailMessage

_ID_BYTES = 16
_HOST = re.compile(r"[A-Za-z0-9.-]+")
# Characters of a name in a mail; the longest user name has 128.
_MAX_NAME = 200
# Each begins another line for some reader: controls, surrogates, line and paragraph separators.
# Format characters (Cf) could show a link in another order than it has.
_BREAKS = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


class UnmailableError(GatewayError):
    """No mail can be sent to this address."""

    reason = "user-name-refused"
    status = 400


@dataclass(frozen=True, slots=True)
class Letter:
    """A mail that is still to be written.

    Attributes:
        kind: For the log, which names no address and no content.
        to: One address.
        paragraphs: Of the text; each is one line or more.
    """

    kind: str
    to: str = field(repr=False)
    subject: str = field(repr=False)
    paragraphs: Sequence[str] = field(repr=False)


def mailable(address: str) -> str:
    """`address` as it is sent to: in ASCII, because not every server on the way knows SMTPUTF8.

    The local part keeps its case; a domain beyond ASCII becomes A-labels (RFC 5890).

    Raises:
        UnmailableError: It is no address, or its local part is beyond ASCII.
    """
    local, _, domain = address.partition("@")
    labels = a_labels(domain)
    # `read_mailbox` allows neither controls nor quotes: nothing can begin another field or command.
    if read_mailbox(address) is None or labels is None:
        raise UnmailableError(phrase("This address cannot receive mail from here."))
    return f"{local}@{labels}"


def plain(text: str) -> str:
    """`text` of anybody's on one line, without invisible characters, at most 200 characters."""
    shown = "".join("?" if unicodedata.category(c) in _BREAKS else c for c in text[:_MAX_NAME])
    # Python decodes an encoded word (RFC 2047) in a value it is given, line breaks and all.
    return shown.replace("=?", "= ?").strip()


def write(letter: Letter, sender: str, host: str, now: float) -> "EmailMessage":
    """The message; `sender` is `smtp.from`, `host` the gateway's own, and `now` in seconds.

    Raises:
        UnmailableError: The address cannot be sent to.
    """
    from email.headerregistry import Address  # With a parser that takes a while to load.
    from email.message import EmailMessage
    from email.policy import SMTP

    name, own = parseaddr(sender)
    # 7bit, because not every server on the way knows 8BITMIME.
    message = EmailMessage(policy=SMTP.clone(cte_type="7bit"))
    message["From"] = Address(plain(name) or host, addr_spec=mailable(own))
    message["To"] = Address(addr_spec=mailable(letter.to))
    message["Subject"] = plain(letter.subject)
    message["Date"] = format_datetime(datetime.fromtimestamp(now, UTC))
    domain = host if _HOST.fullmatch(host) else "localhost"
    message["Message-ID"] = f"<{secrets.token_hex(_ID_BYTES)}@{domain}>"
    # RFC 3834, section 5: no vacation notice answers it.
    message["Auto-Submitted"] = "auto-generated"
    message.set_content("\n\n".join(letter.paragraphs) + "\n")
    return message
