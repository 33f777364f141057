"""The tokens of one sign-in: kept, renewed once, revoked."""

import json
import socket
from dataclasses import asdict, dataclass, field

from gateway.cli.login.asking import Answer, ask
from gateway.cli.login.failure import NOT_SIGNED_IN, CommandError
from gateway.cli.login.keeping import Keeper, locked
from gateway.cli.login.server import Server

CLIENT = "gatepost-cli"
_OK, _SERVER_ERROR, _TOO_MANY = 200, 500, 429
# Renewed this long before the end, or a quarter of a shorter lifetime before.
_MARGIN_S = 60.0
_MOST_DEVICE_CHARS = 60


@dataclass(frozen=True, slots=True)
class Tokens:
    """What is kept of a sign-in.

    Attributes:
        resource: What the tokens are for; None for the gateway as a whole.
        expires_at: When the access token ends, in seconds since the epoch.
    """

    url: str
    resource: str | None
    token_endpoint: str
    revocation_endpoint: str
    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    scope: str
    expires_at: float
    lifetime_s: float

    def is_fresh(self, now: float) -> bool:
        """Whether the access token lasts for a while yet."""
        return self.expires_at - now > min(_MARGIN_S, self.lifetime_s / 4)

    @property
    def told(self) -> dict[str, object]:
        """What may be shown."""
        return {
            "url": self.url,
            "resource": self.resource,
            "scope": self.scope,
            "expires_at": int(self.expires_at),
        }


def name_of(url: str, resource: str | None) -> str:
    """The name under which tokens are kept."""
    return url if resource is None else f"{url} {resource}"


def device_name() -> str:
    """What the account page calls this sign-in."""
    host = "".join(c for c in socket.gethostname() if c.isprintable())
    return f"gatepost on {host}"[:_MOST_DEVICE_CHARS]


def of_answer(answer: Answer, server: Server, url: str, resource: str | None, now: float) -> Tokens:
    """The tokens that the gateway gave.

    Raises:
        CommandError: It gave none.
    """
    if answer.status != _OK:
        raise CommandError(f"{url} gives no tokens: {answer.why}")
    lifetime_s = answer.number("expires_in", 0.0)
    tokens = Tokens(
        url=url,
        resource=resource,
        token_endpoint=server.token_endpoint,
        revocation_endpoint=server.revocation_endpoint,
        access_token=answer.text("access_token"),
        refresh_token=answer.text("refresh_token"),
        scope=answer.text("scope"),
        expires_at=now + lifetime_s,
        lifetime_s=lifetime_s,
    )
    if not tokens.access_token or not tokens.refresh_token:
        raise CommandError(f"{url} answered without tokens")
    return tokens


def keep(keeper: Keeper, tokens: Tokens) -> None:
    """Keep `tokens` in place of those of an earlier sign-in, which end.

    Raises:
        CommandError: They cannot be kept; then they end.
    """
    name = name_of(tokens.url, tokens.resource)
    try:
        with locked(keeper, name):
            before = _read(keeper, name)
            keeper.write(name, json.dumps(asdict(tokens)))
    except CommandError:
        _revoke(tokens)
        raise
    if before is not None:
        _revoke(before)


def fresh(keeper: Keeper, name: str, now: float) -> Tokens:
    """The tokens under `name`, renewed if they end soon.

    Raises:
        CommandError: There are none, they are no longer good, or the gateway does not answer.
    """
    with locked(keeper, name):
        tokens = _read(keeper, name)
        if tokens is None:
            raise _not_signed_in(name)
        if tokens.is_fresh(now):
            return tokens
        asked = {
            "grant_type": "refresh_token",
            "refresh_token": tokens.refresh_token,
            "client_id": CLIENT,
        }
        answer = ask(tokens.token_endpoint, asked)
        if answer.error in ("invalid_grant", "invalid_client"):
            keeper.delete(name)
            raise _not_signed_in(name)
        server = Server("", "", tokens.token_endpoint, tokens.revocation_endpoint, "")
        renewed = of_answer(answer, server, tokens.url, tokens.resource, now)
        keeper.write(name, json.dumps(asdict(renewed)))
        return renewed


def end(keeper: Keeper, name: str) -> None:
    """Revoke the tokens under `name`, and forget them.

    Raises:
        CommandError: There are none, or the gateway does not answer; then they are kept.
    """
    with locked(keeper, name):
        tokens = _read(keeper, name)
        if tokens is None:
            raise _not_signed_in(name)
        answer = ask(tokens.revocation_endpoint, _revocation(tokens))
        if answer.status >= _SERVER_ERROR or answer.status == _TOO_MANY:
            raise CommandError(f"{tokens.url} did not revoke the tokens: {answer.why}; try again")
        keeper.delete(name)


def _revoke(tokens: Tokens) -> None:
    """As far as the gateway answers; otherwise they end by themselves."""
    try:
        ask(tokens.revocation_endpoint, _revocation(tokens))
    except CommandError:
        return


def _revocation(tokens: Tokens) -> dict[str, str]:
    return {"token": tokens.refresh_token, "client_id": CLIENT}


def _read(keeper: Keeper, name: str) -> Tokens | None:
    text = keeper.read(name)
    if text is None:
        return None
    try:
        return Tokens(**json.loads(text))
    except (ValueError, TypeError):
        # Of another version.
        return None


def _not_signed_in(name: str) -> CommandError:
    url, _, resource = name.partition(" ")
    more = f" --resource {resource}" if resource else ""
    return CommandError(
        f"you are not signed in to {url}: run gatepost login {url}{more}", NOT_SIGNED_IN
    )
