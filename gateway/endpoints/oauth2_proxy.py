"""The paths of oauth2-proxy that browsers visit, by `compatibility: oauth2-proxy`.

With a single provider, and no local accounts, a sign-in that begins here also ends here, at the
redirect URI that oauth2-proxy had.  This is safe because the answer can come from no other
provider (RFC 9700, section 4.4).  Otherwise a sign-in begins on the gateway's own page.
"""

import re
from collections.abc import Collection
from urllib.parse import quote, unquote

from gateway import responses
from gateway.endpoints.callback import Callback
from gateway.endpoints.deps import Deps
from gateway.endpoints.logout import Logout
from gateway.endpoints.origin import is_same_origin
from gateway.endpoints.parameters import SignInRequest, is_loop, read_form
from gateway.endpoints.sign_in import OAUTH2_PREFIX, SignIn
from gateway.endpoints.table import Endpoints, Methods
from gateway.endpoints.whoami import Whoami
from gateway.message.request import Request
from gateway.message.response import Response
from gateway.message.return_to import safe_return_to
from gateway.model import Identity
from gateway.settings.addresses import parse_origin

_RETURN_PATH = f"{OAUTH2_PREFIX}return"
_SIGN_OUT_PATH = f"{OAUTH2_PREFIX}sign_out"
_MOST_CHARS = 4000
_URL = re.compile(r"(https?://[^/?#\\\s@]+)(/.*)?", re.DOTALL | re.IGNORECASE)


class OAuth2ProxyPages:
    """Handlers of ``start``, ``sign_in``, ``sign_out``, ``callback`` and ``return``."""

    def __init__(self, deps: Deps, shared: Collection[str]) -> None:
        """`shared` are the public URLs whose hosts have one session cookie."""
        self._deps = deps
        self._shared = frozenset(shared)
        self._sign_in = SignIn(deps)
        self._callback = Callback(deps, self._sign_in)
        self._logout = Logout(deps)
        providers = tuple(deps.providers.values())
        self._only = providers[0] if deps.local is None and len(providers) == 1 else None

    def methods(self) -> dict[str, Methods]:
        """The handlers by path."""
        found: dict[str, Methods] = {
            f"{OAUTH2_PREFIX}start": {"GET": self.start},
            f"{OAUTH2_PREFIX}sign_in": {"GET": self.sign_in},
            _SIGN_OUT_PATH: {"GET": self.ask, "POST": self.end},
            _RETURN_PATH: {"GET": self.go_on},
            f"{OAUTH2_PREFIX}userinfo": {"GET": Whoami(self._deps, userinfo).tell},
        }
        if self._only is not None:
            found[f"{OAUTH2_PREFIX}callback"] = {"GET": self.receive, "POST": self.receive}
        return found

    async def start(self, request: Request, _body: bytes) -> Response:
        """Begin a sign-in that returns to ``rd``."""
        wanted = self._wanted(request)
        if not wanted.startswith("/"):
            # A sign-in returns to a path on its own host; from there, the browser goes on.
            wanted = f"{_RETURN_PATH}?rd={quote(wanted, safe='')}"
        if self._only is None:
            return responses.redirect(request, responses.sign_in_location(request, wanted))
        return await self._sign_in.begin(request, self._only, SignInRequest(wanted))

    async def sign_in(self, request: Request, body: bytes) -> Response:
        """As `start` for a navigation; 401 for a script, which no redirect helps."""
        if not request.is_navigation:
            return responses.rejected(request, "sign-in-required")
        return await self.start(request, body)

    async def receive(self, request: Request, body: bytes) -> Response:
        """As the gateway's own ``callback``."""
        name = next(iter(self._deps.providers))
        return await self._callback.receive(request, name, body)

    async def go_on(self, request: Request, _body: bytes) -> Response:
        """Redirect to ``rd`` after a sign-in."""
        return responses.redirect(request, self._wanted(request))

    async def ask(self, request: Request, body: bytes) -> Response:
        """Sign out if the user or a page of this site navigates here, else ask."""
        says_where_from = request.fields.has(b"sec-fetch-site")
        if says_where_from and request.is_navigation and is_same_origin(request):
            return await self.end(request, body)
        session = await self._deps.session(request)
        if session is None:
            return await self._left(request)
        query = f"?{request.target.query}" if request.target.query else ""
        return self._logout.question(request, session, _SIGN_OUT_PATH + query)

    async def end(self, request: Request, _body: bytes) -> Response:
        """End the session, then go to ``rd``, or to the provider's sign-out if there is none."""
        if not is_same_origin(request):
            return responses.problem(request, 403, "cross-site")
        return await self._left(request)

    async def _left(self, request: Request) -> Response:
        session = await self._logout.end_sessions(request)
        wanted = self._wanted(request, default="")
        if wanted:
            fields = self._logout.forget(request, session)
            response = responses.redirect(request, wanted, fields=fields)
        else:
            response = await self._logout.leave(request, session)
        return response if session is None else response.about(session.identity)

    def _wanted(self, request: Request, default: str = "/") -> str:
        """Where ``rd``, or else the proxy's field, leads: a path, or a URL of a shared host."""
        rd = read_form(request.target.query).get("rd")
        if rd is None and request.target.path not in (_SIGN_OUT_PATH, _RETURN_PATH):
            rd = request.fields.text(b"x-auth-request-redirect")
        return judge(rd, request.public_url, self._shared) or default if rd else default


def judge(rd: str, public_url: str, shared: Collection[str]) -> str:
    """Where `rd` leads from `public_url`; ``""`` if a browser must not be sent there."""
    if len(rd) > _MOST_CHARS:
        return ""
    found = _URL.fullmatch(rd)
    if found is None:
        return _path(rd)
    path = _path(found[2] or "/")
    try:
        origin = parse_origin(found[1])
    except ValueError:
        return ""
    if not path or origin == public_url:
        return path
    return origin + path if public_url in shared and origin in shared else ""


def _path(rd: str) -> str:
    safe = safe_return_to(rd)
    # Back to the beginning of a sign-in would be a loop.
    is_bad = is_loop(safe, "") or unquote(safe).startswith(OAUTH2_PREFIX)
    return "" if is_bad or (safe == "/" and rd != "/") else safe


def userinfo(identity: Identity) -> dict[str, object]:
    """The JSON of ``userinfo``, with oauth2-proxy's names."""
    name = identity.claims.get("preferred_username")
    return {
        "user": identity.user,
        "email": identity.email or "",
        "groups": list(identity.groups),
        "preferredUsername": name if isinstance(name, str) else "",
    }


def build_oauth2_proxy(deps: Deps, shared: Collection[str]) -> Endpoints:
    """The endpoints under ``/oauth2/``; see `OAuth2ProxyPages`."""
    return Endpoints(OAuth2ProxyPages(deps, shared).methods(), {})
