"""The apps that get tokens: what each may exchange for them, and how."""

from collections.abc import Mapping
from dataclasses import dataclass

from gateway.credentials.one_time_exchange import OneTimeExchange
from gateway.credentials.tokens import TokenFamilies
from gateway.oidc.provider import Provider
from gateway.oidc.subject_token import SubjectTokens


@dataclass(frozen=True, slots=True)
class App:
    """One app.

    Attributes:
        name: Its name in the configuration.
        provider: Its users' provider, called with the app's own client id.
        subjects: Verifies the subject tokens that it exchanges.
        redirect_uris: Its registered redirect URIs; empty if it exchanges no codes.
    """

    name: str
    provider: Provider
    subjects: SubjectTokens
    redirect_uris: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Apps:
    """What the endpoints need to issue, renew and revoke tokens.

    Attributes:
        known: The apps by each of their client ids: their name in the configuration, and their
            client id at the provider.
    """

    known: Mapping[str, App]
    tokens: TokenFamilies
    once: OneTimeExchange
