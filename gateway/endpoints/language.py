"""``POST language``: remembers in which language this browser gets the pages."""

from gateway import responses
from gateway.endpoints.deps import Deps
from gateway.endpoints.origin import is_same_origin
from gateway.endpoints.parameters import read_whole_form
from gateway.message.public_url import home_of
from gateway.message.request import Request
from gateway.message.response import Response
from gateway.message.return_to import safe_return_to
from gateway.pages import languages

_YEAR_S = 365 * 86400


class LanguageChoice:
    """Handler of ``language``, which every page has a form for."""

    def __init__(self, deps: Deps) -> None:
        self._deps = deps

    async def choose(self, request: Request, body: bytes) -> Response:
        """``language`` and, if wanted, ``return_to``: back to that page."""
        # Another site could otherwise post a form that leaves people with a language they cannot
        # read.
        if not is_same_origin(request):
            return responses.problem(request, 403, "cross-site")
        form = read_whole_form(body) or {}
        language = form.get("language", "")
        if language not in languages() or not form.keys() <= {"language", "return_to"}:
            return responses.problem(request, 400, "invalid-request")
        home = home_of(request)
        cookie = self._deps.cookies.own_cookie(
            request, responses.LANGUAGE_COOKIE, language, _YEAR_S
        )
        where = safe_return_to(form.get("return_to", home), home)
        return responses.redirect(request, where, fields=(cookie,))
