"""The apps that get tokens: what each may trade for them, and how."""

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
        name: In the configuration.
        provider: Where its users sign in, as asked in the app's own name.
        subjects: Judges the tokens that it exchanges.
        redirect_uris: Where its codes are sent to; none where it brings no codes.
    """

    name: str
    provider: Provider
    subjects: SubjectTokens
    redirect_uris: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Apps:
    """What the endpoints need to give tokens, renew and end them.

    Attributes:
        known: The apps by each name they may call themselves by: the one they have here, and the
            one they have at their provider.
    """

    known: Mapping[str, App]
    tokens: TokenFamilies
    once: OneTimeExchange
