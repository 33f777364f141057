"""In which language a request gets its page, and where to choose another one."""

from collections.abc import Mapping

from gateway.message.language import look_up
from gateway.message.public_url import OWN_PREFIX, inner_path, own_path
from gateway.message.request import Request
from gateway.message.return_to import safe_return_to
from gateway.pages import languages

# Of one host, and never sent to the app.
LANGUAGE_COOKIE = "gatepost-language"
LANGUAGE_PATH = f"{OWN_PREFIX}/language"
# To open it again would use the code of the provider twice.
_ONCE = f"{OWN_PREFIX}/callback/"


def language_of(request: Request) -> str:
    """The language that the visitor chose, else prefers, else the default."""
    offered = languages()
    for chosen in request.cookies(LANGUAGE_COOKIE):
        if chosen in offered:
            return chosen
    return look_up(request.fields.all(b"accept-language"), offered) or offered[0]


def choice_of_language(request: Request) -> Mapping[str, str] | None:
    """Where the page sends a choice, and which page is shown then; None if it offers none.

    Only a page that was opened by GET can be opened again in another language.
    """
    here = request.target.raw.decode("latin-1")
    can_be_opened_again = (
        request.method == "GET"
        and safe_return_to(here) == here
        and not inner_path(request).startswith(_ONCE)
    )
    if len(languages()) == 1 or not can_be_opened_again:
        return None
    return {"action": own_path(request, LANGUAGE_PATH), "return_to": here}
