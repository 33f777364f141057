"""``userinfo``: what an access token lets its client see of the person (OIDC Core 1.0, 5.3)."""

from gateway import responses
from gateway.authserver.person_claims import OPENID, person_claims
from gateway.credentials.token_format import GatewayToken, parse_token
from gateway.endpoints.oauth import OAuthError, read_oauth_form, refusal, take_turn
from gateway.endpoints.token_clients import TokenClients
from gateway.message.request import Request
from gateway.message.response import Response
from gateway.model import Identity

# RFC 6750, section 3.
_NO_TOKEN = (("WWW-Authenticate", 'Bearer realm="gatepost"'),)


class Userinfo:
    """Handler of ``userinfo``."""

    def __init__(self, clients: TokenClients) -> None:
        """Tell about the tokens of `clients`."""
        self._clients = clients

    async def tell(self, request: Request, body: bytes) -> Response:
        """``GET`` or ``POST`` with an access token: 200 with its person's claims."""
        try:
            identity = await self._identity(request, _presented(request, body))
        except OAuthError as refused:
            return refusal(request, refused)
        if OPENID not in identity.scopes:
            missing = OAuthError(
                "insufficient_scope",
                "scope-missing",
                about="the token needs the scope openid",
                status=403,
                fields=_challenge("insufficient_scope", f', scope="{OPENID}"'),
            )
            return refusal(request, missing)
        return responses.json_answer(request, 200, person_claims(identity, identity.scopes))

    async def _identity(self, request: Request, text: str) -> Identity:
        token = parse_token(text)
        if token is None or token.use != "access":
            raise _invalid("malformed-credential" if token is None else "not-an-access-token")
        identity = await self._found(request, token)
        if identity is None:
            raise _invalid("unknown-token")
        if identity.routes is not None:
            # RFC 8707, section 2: tokens for MCP servers are good there alone.
            raise _invalid("token-not-for-resource")
        return identity

    async def _found(self, request: Request, token: GatewayToken) -> Identity | None:
        tokens, now = self._clients.tokens, request.received_at
        known = tokens.recall(token, now)
        if known is None and not tokens.is_dead(token):
            counts = not tokens.remembers(token)
            if counts:
                take_turn(tokens.wrong, request)
            with tokens.wrong.weigh(request.client, counts=counts) as turn:
                known = await tokens.load(token, now)
                turn.is_bad = known is None
            if known is None:
                tokens.remember_bad(token)
        if known is None or now >= known.expires_at:
            return None
        client = known.identity.client
        # Tokens of a removed client are not valid.
        return known.identity if self._clients.name_of(client or "") == client else None


def _presented(request: Request, body: bytes) -> str:
    """The access token, in a field or in a form (RFC 6750, sections 2.1 and 2.2).

    Raises:
        OAuthError: There is none, or there are several.
    """
    found = [it.decode("latin-1") for it in request.fields.all(b"authorization")]
    tokens = [it.partition(" ")[2].strip(" ") for it in found if it.lower().startswith("bearer ")]
    if request.method == "POST" and body:
        posted = read_oauth_form(request, body).get("access_token")
        tokens += [] if posted is None else [posted]
    if len(tokens) > 1 or len(found) > 1:
        about = "the access token is sent twice"
        raise OAuthError(
            "invalid_request",
            "repeated-credential",
            about=about,
            fields=_challenge("invalid_request"),
        )
    if not tokens:
        raise OAuthError("invalid_token", "sign-in-required", status=401, fields=_NO_TOKEN)
    return tokens[0]


def _invalid(reason: str) -> OAuthError:
    return OAuthError("invalid_token", reason, status=401, fields=_challenge("invalid_token"))


def _challenge(error: str, more: str = "") -> tuple[tuple[str, str], ...]:
    return (("WWW-Authenticate", f'Bearer realm="gatepost", error="{error}"{more}'),)
