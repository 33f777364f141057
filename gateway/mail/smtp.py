"""Hands a message to the mail server."""

import asyncio
import re
import ssl
from collections.abc import Awaitable, Callable
from email.message import EmailMessage
from typing import TYPE_CHECKING

from gateway.errors import GatewayError
from gateway.settings.smtp import SmtpSettings

if TYPE_CHECKING:
    from aiosmtplib import SMTP

_AGAIN_AFTER_S = 2.0
_TRANSIENT = range(400, 500)
# RFC 3463, section 2: the only part of an answer that never quotes an address.
_ENHANCED = re.compile(r"[245]\.[0-9]{1,3}\.[0-9]{1,3}(?= |$)")

Pause = Callable[[float], Awaitable[None]]


class UnsentMailError(GatewayError):
    """The mail server did not take a mail; the message names no address and no content."""

    reason = "mail-not-sent"
    status = 503


async def deliver(
    smtp: SmtpSettings, message: EmailMessage, host: str, pause: Pause = asyncio.sleep
) -> None:
    """Send `message`; `host` is how the gateway introduces itself.

    One failure that may pass, such as a refused connection or an answer 4yz, is tried once more.

    Raises:
        UnsentMailError: The server did not take it.
    """
    from aiosmtplib import SMTPException

    for attempt in (1, 2):
        try:
            await _send(smtp, message, host)
        except (SMTPException, OSError, ValueError) as error:
            told = _told(error)
            if attempt > 1 or not _may_pass(error):
                raise UnsentMailError(f"{smtp.address}: {told}") from None
        else:
            return
        await pause(_AGAIN_AFTER_S)


async def _send(smtp: SmtpSettings, message: EmailMessage, host: str) -> None:
    from aiosmtplib import SMTP

    where, security = smtp.address, smtp.security
    client = SMTP(
        hostname=where.host,
        port=where.port,
        # The default looks up the machine's name, which can take seconds.
        local_hostname=host,
        timeout=smtp.timeout,
        use_tls=security == "tls",
        # True also fails where the server does not offer it: nobody can strip the offer.
        start_tls={"tls": False, "starttls": True, "opportunistic": None}[security],
        tls_context=_tls_context(smtp),
        username=smtp.username,
        password=smtp.password,
    )
    async with client:
        await _hand_over(client, message)


async def _hand_over(client: "SMTP", message: EmailMessage) -> None:
    refused, _ = await client.send_message(message)
    # There is one recipient, and none refused is an error of its own.
    for code, text in refused.values():
        from aiosmtplib import SMTPResponseException

        raise SMTPResponseException(code, text)


def _tls_context(smtp: SmtpSettings) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=smtp.tls.ca_file)
    if smtp.security == "opportunistic" and smtp.tls.ca_file is None:
        # The mail could go without TLS too, so any encryption is better (RFC 7435, section 3).
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _may_pass(error: Exception) -> bool:
    from aiosmtplib import SMTPRecipientsRefused, SMTPResponseException

    if isinstance(error, SMTPRecipientsRefused):
        return all(it.code in _TRANSIENT for it in error.recipients)
    if isinstance(error, SMTPResponseException):
        return error.code in _TRANSIENT
    return isinstance(error, OSError) and not isinstance(error, ssl.SSLError)


def _told(error: Exception) -> str:
    """What went wrong, in words that quote neither an address nor the mail."""
    from aiosmtplib import SMTPRecipientsRefused, SMTPResponseException

    name = type(error).__name__
    if isinstance(error, SMTPRecipientsRefused) and error.recipients:
        return f"{name}: {_told(error.recipients[0])}"
    if isinstance(error, SMTPResponseException):
        found = _ENHANCED.match(error.message)
        return f"{name} {error.code}" + (f" {found[0]}" if found else "")
    if "STARTTLS extension not supported" in str(error):
        return "the server offers no STARTTLS, which is required here"
    cause = error if isinstance(error, OSError) else error.__cause__
    if isinstance(cause, ssl.SSLCertVerificationError):
        return f"{name}: {cause.verify_message}"
    if isinstance(cause, OSError) and cause.strerror:
        return f"{name}: {cause.strerror}"
    return name
