"""The mail server that takes the gateway's mails, and their sender."""

from email.utils import parseaddr
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, PlainValidator, WithJsonSchema, model_validator

from gateway.message.mailbox import read_mailbox
from gateway.settings.addresses import is_on_private_network
from gateway.settings.scalars import (
    Address,
    Duration,
    FileName,
    Flag,
    OneOrMany,
    SecretText,
    Section,
    Text,
    quote,
    wrong,
)
from gateway.settings.server_url import address_of, parse_server_url

# RFC 5321, section 4.5.4.2; RFC 8314, section 3.3; RFC 6409, section 3.1.
_PORTS = {"smtp": 25, "smtps": 465, "smtp+starttls": 587}
_LONGEST_TIMEOUT_S = 120.0


def _url(value: object) -> str:
    return parse_server_url(value, _PORTS, "username and password_file")


def _sender(text: str) -> str:
    name, address = parseaddr(text)
    if read_mailbox(address) is None:
        raise wrong(f"{quote(text)} is not an e-mail address (write Notes <notes@example.com>)")
    if not name and text != address:
        raise wrong(f"{quote(text)} is ambiguous (write Notes <notes@example.com>)")
    return text


def _mailbox(text: str) -> str:
    if read_mailbox(text) is None:
        raise wrong(f"{quote(text)} is not an e-mail address")
    return text


def _timeout(seconds: float) -> float:
    if not 0 < seconds <= _LONGEST_TIMEOUT_S:
        raise wrong("must be more than 0 and at most 2m")
    return seconds


class SmtpTlsSettings(Section):
    """How to verify the mail server's certificate."""

    ca_file: FileName | None = Field(None, description="Certificate authorities to trust, PEM.")


class SmtpSettings(Section):
    """The mail server for invitations, links to a new password and other notices.

    Attributes:
        sender: An address, with a name before it or not.
        password: The password itself, even if it comes from `password_file`.
        timeout: Seconds for each step: connecting, and each answer.
    """

    url: Annotated[
        str,
        PlainValidator(_url),
        WithJsonSchema({"type": "string", "pattern": r"^smtp(s|\+starttls)?://[^/?#@]+/?$"}),
    ] = Field(
        description="smtp://HOST[:25] uses STARTTLS if the server offers it;"
        " smtp+starttls://HOST[:587] requires it; smtps://HOST[:465] uses TLS from the start."
    )
    sender: Annotated[Text, AfterValidator(_sender)] = Field(
        alias="from", description="Sender of the mails: `Notes <notes@example.com>`."
    )
    username: Text | None = Field(None, description="User name at the server; requires TLS.")
    password: SecretText | None = Field(
        None, repr=False, description="Password at the server; prefer password_file."
    )
    password_file: FileName | None = Field(None, description="File with the password.")
    tls: SmtpTlsSettings = Field(SmtpTlsSettings(), description="TLS to the server.")
    timeout: Annotated[Duration, AfterValidator(_timeout)] = Field(
        10.0, description="Time to connect, and for each answer; at most 2m."
    )
    notify: Annotated[tuple[Annotated[Text, AfterValidator(_mailbox)], ...], OneOrMany()] = Field(
        (),
        description="Addresses of administrators, who get a mail when somebody asks for access"
        " (routes[].launch.ask).",
    )
    insecure_plaintext: Flag = Field(
        False,
        description="Sends without TLS to a server outside the private network that offers no"
        " STARTTLS.",
    )

    @property
    def address(self) -> Address:
        """Where to connect."""
        return address_of(self.url, _PORTS)

    @property
    def security(self) -> Literal["tls", "starttls", "opportunistic"]:
        """TLS from the start, STARTTLS or no mail, or STARTTLS if it is offered.

        Links are secrets: only within a private network may they travel as plain text.
        """
        if self.url.startswith("smtps:"):
            return "tls"
        if self.url.startswith("smtp+starttls:") or self.username is not None:
            return "starttls"
        is_private = is_on_private_network(self.address.host)
        return "opportunistic" if is_private or self.insecure_plaintext else "starttls"

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if (self.username is None) != (self.password is None):
            raise wrong("set username and password_file together")
        if self.insecure_plaintext and self.username is not None:
            raise wrong("insecure_plaintext: a password is never sent without TLS")
        if self.insecure_plaintext and not self.url.startswith("smtp:"):
            raise wrong("insecure_plaintext contradicts url: write smtp://HOST")
        return self
