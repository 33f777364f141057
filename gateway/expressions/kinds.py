"""The facts that an expression may name, and the kinds of values."""

from dataclasses import dataclass
from enum import Enum


class Kind(Enum):
    """What is known of a value before a request comes.  The value is the word for messages."""

    ANY = "any value"
    BOOL = "true or false"
    NUMBER = "a number"
    TEXT = "text"
    NULL = "null"
    LIST = "a list"
    NAMES = "a list of texts"
    CLAIMS = "the claims"
    HEADERS = "the headers"


@dataclass(frozen=True, slots=True)
class Fact:
    """A fact.

    Attributes:
        about: One sentence, for the documentation.
        of_identity: Whether it depends on who asks.
    """

    kind: Kind
    about: str
    of_identity: bool = True


FACTS = {
    "user": Fact(Kind.TEXT, "User name, as sent to the app."),
    "email": Fact(Kind.TEXT, "Verified e-mail address, in lower case; missing if there is none."),
    "email_domain": Fact(Kind.TEXT, "Domain of `email`, in lower case; missing if there is none."),
    "groups": Fact(Kind.NAMES, "Groups, from the provider and the account."),
    "roles": Fact(Kind.NAMES, "Roles, from the provider and the account."),
    "scopes": Fact(Kind.NAMES, "OAuth scopes granted to the credential."),
    "claims": Fact(Kind.CLAIMS, "The provider's claims, as in its token."),
    "provider": Fact(Kind.TEXT, 'Name of the provider in this file; `""` for a local account.'),
    "credential": Fact(Kind.TEXT, "`session`, `bearer`, `api_key` or `token`."),
    "acr": Fact(Kind.TEXT, "Authentication context class; missing if the provider sent none."),
    "amr": Fact(Kind.NAMES, "Authentication methods."),
    "auth_age": Fact(Kind.NUMBER, "Seconds since the user signed in; missing if unknown."),
    "ip": Fact(Kind.TEXT, "The client's address, after `server.trusted_proxies`.", False),
    "method": Fact(Kind.TEXT, "HTTP method, as sent: `GET`.", False),
    "path": Fact(Kind.TEXT, "Decoded path, as routes compare it.", False),
    "host": Fact(
        Kind.TEXT, "Requested host, in lower case, with a port unless the default.", False
    ),
    "headers": Fact(Kind.HEADERS, "Fields of the request, by names in lower case.", False),
    "now": Fact(Kind.NUMBER, "Seconds since 1970-01-01 UTC.", False),
}
