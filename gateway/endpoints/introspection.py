"""``introspect``: describes one of the gateway's tokens or keys (RFC 7662)."""

from dataclasses import replace

from gateway import responses
from gateway.authn import Authenticated, Rejected
from gateway.credentials.key_format import parse_key
from gateway.credentials.keys import ApiKeys
from gateway.credentials.token_format import PREFIXES, GatewayToken, parse_token
from gateway.credentials.tokens import TokenFamilies
from gateway.endpoints.authorization_server import issuer_of
from gateway.endpoints.deps import Deps
from gateway.endpoints.oauth import OAuthError, read_oauth_form, refusal, required
from gateway.endpoints.token_clients import TokenClients
from gateway.message.request import Request
from gateway.message.response import Response
from gateway.model import Deny, Identity
from gateway.responses import Admission

# Section 2.1: callers must be authorized, or anyone could test tokens here.
SCOPE = "introspect"
_KEYS_ONLY = Admission(frozenset({"api_key"}), scopes=(SCOPE,))


class Introspection:
    """Handler of ``introspect``, for holders of an API key with the scope ``introspect``."""

    def __init__(self, deps: Deps, clients: TokenClients | None, keys: ApiKeys) -> None:
        """Describe the tokens of `clients`, if any, and the keys in `keys`."""
        self._deps = deps
        self._clients = clients
        self._keys = keys

    async def tell(self, request: Request, body: bytes) -> Response:
        """``POST`` of a form: 200 with ``active``, and the other members if it is active."""
        outcome = None if self._deps.identify is None else await self._deps.identify(request)
        if isinstance(outcome, Rejected):
            return responses.rejected(
                request, outcome.reason, _KEYS_ONLY, presented=outcome.kind, status=outcome.status
            )
        if not isinstance(outcome, Authenticated) or outcome.identity.credential != "api_key":
            return responses.rejected(request, "sign-in-required", _KEYS_ONLY)
        if SCOPE not in outcome.identity.scopes:
            missing = Deny("scope-missing")
            return responses.for_decision(request, missing, _KEYS_ONLY, identity=outcome.identity)
        try:
            text = required(read_oauth_form(request, body), "token")
        except OAuthError as refused:
            return refusal(request, refused)
        found = await self._find(text, request.received_at)
        gives_access = not text.startswith(PREFIXES["refresh"])
        answer = {"active": False} if found is None else _described(request, *found, gives_access)
        return responses.json_answer(request, 200, answer)

    async def _find(self, text: str, now: float) -> tuple[Identity, tuple[str, ...]] | None:
        """The identity and resources of a credential that is valid at `now`, or None."""
        token, key = parse_token(text), parse_key(text)
        if token is not None and self._clients is not None:
            found = await _find_token(self._clients.tokens, token, now)
            client = None if found is None else found[0].client
            # Tokens of a removed client are not valid.
            return found if self._clients.name_of(client or "") == client else None
        entry = None if key is None else await self._keys.load(key, now)
        if entry is None or now >= entry.record.expires_at:
            return None
        return entry.identity, ()


async def _find_token(
    tokens: TokenFamilies, token: GatewayToken, now: float
) -> tuple[Identity, tuple[str, ...]] | None:
    if token.use == "refresh":
        session = await tokens.session_of(token, now)
        if session is None:
            return None
        until = int(tokens.renewable_until(session))
        return replace(session.identity, expires_at=until), session.resources
    known = tokens.recall(token, now) or await tokens.load(token, now)
    if known is None or now >= known.expires_at:
        return None
    return known.identity, known.session.resources


def _described(
    request: Request, identity: Identity, resources: tuple[str, ...], gives_access: bool
) -> dict[str, object]:
    """The members of section 2.2, and the facts that are configured under `claims`."""
    about = {
        "active": True,
        "scope": " ".join(sorted(identity.scopes)),
        "client_id": identity.client,
        "aud": list(resources) or None,
        "username": identity.user,
        # RFC 6749, section 7.1: the type is for access tokens only.
        "token_type": "Bearer" if gives_access else None,
        "exp": identity.expires_at,
        "sub": identity.subject,
        "iss": issuer_of(request),
        "email": identity.email,
        "name": identity.name,
        "groups": identity.groups or None,
        "roles": identity.roles or None,
    }
    return {name: value for name, value in about.items() if value is not None}
