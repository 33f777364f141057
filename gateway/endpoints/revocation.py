"""``revoke``: ends a token or key of the gateway; possession is enough (RFC 7009)."""

from gateway import responses
from gateway.authserver.sign_ins import SignIns
from gateway.credentials.key_format import ApiKey, parse_key
from gateway.credentials.keys import ApiKeys
from gateway.credentials.token_format import GatewayToken, parse_token
from gateway.endpoints.oauth import (
    OAuthError,
    asking_client,
    read_oauth_form,
    refusal,
    required,
    take_turn,
)
from gateway.endpoints.token_clients import TokenClients
from gateway.message.request import Request
from gateway.message.response import Response
from gateway.record.journal import OWN, Actor, Journal, Target


class Revocation:
    """Handler of ``revoke``."""

    def __init__(
        self,
        clients: TokenClients | None,
        keys: ApiKeys | None,
        sign_ins: SignIns | None,
        journal: Journal,
    ) -> None:
        """Revoke the tokens of `clients`, which come from `sign_ins`, and the `keys`, if any."""
        self._sign_ins = sign_ins
        self._clients = clients
        self._keys = keys
        self._journal = journal

    async def revoke(self, request: Request, body: bytes) -> Response:
        """``POST`` of a form: 200, even if there was nothing to revoke (section 2.2)."""
        try:
            form = read_oauth_form(request, body)
            text = required(form, "token")
            token, key = parse_token(text), parse_key(text)
            if token is not None and self._clients is not None:
                await self._end(request, asking_client(request, form), self._clients, token)
            elif key is not None and self._keys is not None:
                await self._revoke(request, self._keys, key)
        except OAuthError as refused:
            return refusal(request, refused)
        return Response(200, (responses.NO_STORE,))

    async def _end(
        self, request: Request, client: str | None, clients: TokenClients, token: GatewayToken
    ) -> None:
        """End the token's session: either token of a family ends the whole family (section 2.1)."""
        tokens = clients.tokens
        counts = not tokens.remembers(token)
        if counts:
            take_turn(tokens.wrong, request)
        with tokens.wrong.weigh(request.client, counts=counts) as turn:
            session = await tokens.sessions.look_up(token.ticket, request.received_at)
            turn.is_bad = session is None
        if session is None:
            return
        if client is not None and clients.name_of(client) != session.client:
            raise OAuthError("invalid_grant", "token-of-another-client")
        if self._sign_ins is not None and session.sign_in is not None:
            # The client knows, so it need not be told.
            await self._sign_ins.without_tokens(session.sign_in)
        await tokens.end(session)

    async def _revoke(self, request: Request, keys: ApiKeys, key: ApiKey) -> None:
        counts = not keys.remembers(key)
        if counts:
            take_turn(keys.wrong, request)
        with keys.wrong.weigh(request.client, counts=counts) as turn:
            entry = await keys.load(key, request.received_at)
            turn.is_bad = entry is None
        if entry is None:
            return
        who, record = entry.identity, entry.record
        target = Target(record.key_id, record.name, who.user, who.account_id)
        async with self._journal.act(Actor.of(who, request), f"{OWN}key.revoke", target, request):
            await keys.revoke(record.key_id)
