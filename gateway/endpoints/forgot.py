"""``forgot``: mails a link to a new password, and tells nobody whether there is an account."""

from collections.abc import AsyncIterator

from gateway import responses
from gateway.credentials.forgotten import Forgotten
from gateway.credentials.local import Local
from gateway.endpoints.deps import Deps
from gateway.endpoints.local_sign_in import too_many_tries
from gateway.endpoints.origin import is_same_origin
from gateway.endpoints.parameters import read_whole_form
from gateway.mail.letter import Letter
from gateway.mail.letters import Letters
from gateway.mail.outbox import Outbox
from gateway.message.public_url import own_path
from gateway.message.request import Request
from gateway.message.response import Response

_FIELDS = frozenset({"name"})


class Forgot:
    """Handlers of the page where people ask for a new password."""

    def __init__(self, deps: Deps, local: Local, forgotten: Forgotten, outbox: Outbox) -> None:
        self._deps = deps
        self._local = local
        self._forgotten = forgotten
        self._outbox = outbox

    async def show(self, request: Request, _body: bytes) -> Response:
        """``GET``: the form."""
        return _page(request, is_asked=False)

    async def ask(self, request: Request, body: bytes) -> Response:
        """``POST`` of ``name``: a user name or an e-mail address.

        The response is the same, and there at the same time, whether there is an account or not:
        even the look-up begins after it.
        """
        if not is_same_origin(request):
            return responses.problem(request, 403, "cross-site")
        form = read_whole_form(body) or {}
        if form.keys() != _FIELDS:
            return responses.problem(request, 400, "invalid-request")
        wait_s = self._local.asked.take(request.client, self._deps.clock())
        if wait_s:
            return too_many_tries(request, wait_s)
        name = form["name"].strip()
        self._outbox.post(lambda: self._letters(name))
        return _page(request, is_asked=True)

    async def _letters(self, name: str) -> AsyncIterator[Letter]:
        outbox = self._outbox
        async for link in self._forgotten.links(name):
            # Of the configuration, never of this request: its host may be anybody's choice.
            url = outbox.link(responses.RESET_PATH, link.token)
            yield Letters(outbox.host).new_password(link.to, link.user, url)


def _page(request: Request, *, is_asked: bool) -> Response:
    return responses.page(
        request,
        200,
        "forgot",
        action=own_path(request, responses.FORGOT_PATH),
        sign_in_url=own_path(request, responses.SIGN_IN_PATH),
        is_asked=is_asked,
    )
