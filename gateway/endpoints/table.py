"""Which of the gateway's own endpoints answers a request."""

from collections.abc import Mapping
from functools import partial

from gateway import responses
from gateway.endpoints.account import Account
from gateway.endpoints.authorization_server import AuthorizationServer
from gateway.endpoints.deps import Deps, Handler
from gateway.endpoints.introspection import Introspection
from gateway.endpoints.key_set import KeySetEndpoint
from gateway.endpoints.logout import Logout
from gateway.endpoints.own_keys import OwnKeys
from gateway.endpoints.own_sessions import OwnSessions
from gateway.endpoints.provider_logout import ProviderLogout
from gateway.endpoints.revocation import Revocation
from gateway.endpoints.sign_in import SignIn
from gateway.endpoints.strict import ANYTHING, FORM, JSON, NamedHandler, strict, strict_named
from gateway.endpoints.token import TokenEndpoint
from gateway.endpoints.whoami import Whoami
from gateway.errors import GatewayError
from gateway.message.request import Request
from gateway.message.response import Response

PREFIX = "/_gatepost"
_KEYS = f"{PREFIX}/api/keys"

Methods = Mapping[str, Handler]
NamedMethods = Mapping[str, NamedHandler]


class Endpoints:
    """Everything under ``/_gatepost``; nothing there ever reaches an upstream.

    Raises nothing that a client can cause: a GatewayError becomes its answer here.
    """

    def __init__(self, exact: Mapping[str, Methods], named: Mapping[str, NamedMethods]) -> None:
        """Use `exact` paths, and `named` ones whose last segment is handed to the handler."""
        self._exact = exact
        self._named = named

    def find(self, method: str, path: str) -> Handler:
        """The handler for `path`; where there is none, one that answers 404 or 405."""
        methods = self._exact.get(path)
        if methods is None:
            folder, _, name = path.rpartition("/")
            named = self._named.get(folder) if name else None
            if named is None:
                return _not_found
            methods = {key: partial(handler, name) for key, handler in named.items()}
        handler = methods.get(method)
        if handler is None:
            return partial(_wrong_method, ", ".join(sorted(methods)))
        return partial(_guarded, handler)


async def _guarded(handler: Handler, request: Request, body: bytes) -> Response:
    try:
        return await handler(request, body)
    except GatewayError as error:
        return responses.for_error(request, error)


async def _not_found(request: Request, _body: bytes) -> Response:
    return responses.problem(request, 404, "no-route")


async def _wrong_method(allowed: str, request: Request, _body: bytes) -> Response:
    return responses.problem(request, 405, "method-not-allowed", fields=(("Allow", allowed),))


def build_endpoints(deps: Deps) -> Endpoints:
    """The endpoints over `deps`."""
    sign_in, logout, whoami = SignIn(deps), Logout(deps), Whoami(deps)
    keys = KeySetEndpoint(deps.key_set)
    own, from_provider = OwnSessions(deps, logout), ProviderLogout(deps, logout)
    own_keys = None if deps.keys is None else OwnKeys(deps, *deps.keys, own)
    account = Account(deps, logout, own, own_keys)

    async def login(name: str, request: Request, _body: bytes) -> Response:
        return await sign_in.login(request, name)

    async def callback(name: str, request: Request, body: bytes) -> Response:
        return await sign_in.callback(request, name, body)

    return Endpoints(
        exact={
            f"{PREFIX}/sign-in": {"GET": sign_in.choose, "HEAD": sign_in.choose},
            f"{PREFIX}/keep-fragment.js": {"GET": sign_in.script, "HEAD": sign_in.script},
            f"{PREFIX}/signed-in": {"GET": sign_in.arrived, "HEAD": sign_in.arrived},
            f"{PREFIX}/logout": {
                "GET": logout.ask,
                "HEAD": logout.ask,
                "POST": strict(logout.end, ANYTHING),
            },
            f"{PREFIX}/account": {
                "GET": account.show,
                "HEAD": account.show,
                "POST": strict(account.change, FORM),
            },
            f"{PREFIX}/api/sessions": {
                "GET": own.show,
                "HEAD": own.show,
                "DELETE": strict(own.end_every),
            },
            **_of_keys(own_keys),
            **_of_tokens(deps),
            f"{PREFIX}/whoami": {"GET": whoami.tell, "HEAD": whoami.tell},
            f"{PREFIX}/.well-known/jwks.json": {"GET": keys.serve, "HEAD": keys.serve},
        },
        named={
            f"{PREFIX}/login": {"GET": login, "HEAD": login},
            # Not HEAD: a code is good once, and whoever only looks must not use it up.
            f"{PREFIX}/callback": {"GET": callback, "POST": callback},
            f"{PREFIX}/backchannel-logout": {"POST": from_provider.back_channel},
            f"{PREFIX}/frontchannel-logout": {"GET": from_provider.front_channel},
            f"{PREFIX}/api/sessions": {"DELETE": strict_named(own.end_one)},
            **({} if own_keys is None else {_KEYS: {"DELETE": strict_named(own_keys.revoke_one)}}),
        },
    )


def _of_keys(own: OwnKeys | None) -> dict[str, Methods]:
    if own is None:
        return {}
    return {_KEYS: {"GET": own.show, "HEAD": own.show, "POST": strict(own.make, JSON)}}


def _of_tokens(deps: Deps) -> dict[str, Methods]:
    apps, keys = deps.apps, None if deps.keys is None else deps.keys[0]
    found: dict[str, Methods] = {}
    if apps is not None or keys is not None:
        found[f"{PREFIX}/revoke"] = {"POST": Revocation(apps, keys).revoke}
    if keys is not None:
        found[f"{PREFIX}/introspect"] = {"POST": Introspection(deps, apps, keys).tell}
    if apps is not None:
        server = AuthorizationServer(apps, introspects=keys is not None)
        found[f"{PREFIX}/token"] = {"POST": TokenEndpoint(deps, apps).grant}
        found[f"{PREFIX}/.well-known/oauth-authorization-server"] = {
            "GET": server.tell,
            "HEAD": server.tell,
        }
    return found
