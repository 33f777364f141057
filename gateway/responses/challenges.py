"""The ``WWW-Authenticate`` fields of a 401 or 403."""

from gateway.kinds import ISSUED, SCHEMES, schemes_of
from gateway.message.public_url import base_of, origin_of
from gateway.message.request import Request
from gateway.message.response import FieldList
from gateway.pages.reasons import reason_for
from gateway.responses.admission import Admission
from gateway.responses.locations import SIGN_IN_PATH


def challenges(
    request: Request, admission: Admission, error: dict[str, str] | None = None
) -> FieldList:
    """A ``WWW-Authenticate`` field for each scheme the route accepts (RFC 9110, section 11.6.1).

    A 401 must carry a challenge even if the route accepts only sessions, so sessions have their
    own scheme.  Clients skip schemes they do not know, and its parameter names the sign-in URL.
    """
    error = error or {}
    schemes = admission.challenges or _schemes(request, admission.credentials, told=bool(error))
    return tuple(_challenge_of(scheme, request, admission, error) for scheme in schemes)


def _schemes(request: Request, accepted: frozenset[str], *, told: bool) -> tuple[str, ...]:
    """The schemes of a 401 if the route names none; `told` if a credential was refused."""
    # Keys are also accepted as Bearer tokens.  Clients of container registries take a Bearer
    # challenge for a token server's address, so only a client that sent a bad key that way gets it.
    wanted = schemes_of(accepted, all_of_them=told and not _sent_basic(request))
    # Browsers would open a password dialog over the page.  DAV clients, however, send a password
    # only after a Basic challenge (RFC 7617, section 2.1).
    if _opens_a_dialog(request):
        wanted -= {"basic"}
        wanted = wanted or schemes_of(accepted, all_of_them=True) - {"basic"}
    return tuple(scheme for scheme in SCHEMES if scheme in wanted) or ("gatepost",)


def _challenge_of(
    scheme: str, request: Request, admission: Admission, error: dict[str, str]
) -> tuple[str, str]:
    match scheme:
        case "bearer":
            where = where_to_go(request, admission)
            return challenge("Bearer", realm="gatepost", **error, **where)
        case "basic":
            return challenge("Basic", realm="gatepost", charset="UTF-8")
        case "gatepost":
            return challenge("Gatepost", sign_in=request.public_url + SIGN_IN_PATH)
        case _:
            return challenge(scheme.capitalize(), realm="gatepost")


def where_to_go(request: Request, admission: Admission) -> dict[str, str]:
    """The scope that a token needs, and the URL of the document that names the issuers.

    RFC 6750, section 3; RFC 9728, section 5.1.  MCP clients use both.
    """
    found = {}
    if admission.scopes:
        found["scope"] = " ".join(admission.scopes)
    if admission.resource_metadata is not None and admission.credentials & ISSUED:
        found["resource_metadata"] = _resource_metadata(request, admission)
    return found


def _resource_metadata(request: Request, admission: Admission) -> str:
    """The URL of the document that names the accepted issuers (RFC 9728, section 5.1)."""
    where, path = admission.resource_metadata or "", request.target.path
    if not where.startswith("/"):
        return where
    own = (it for it in admission.resources if path == it or path.startswith(it + "/"))
    # The resource's path follows the well-known path (RFC 9728, section 3.1).
    base = base_of(request.public_url)
    return origin_of(request.public_url) + where + next(own, base)


def _sent_basic(request: Request) -> bool:
    values = request.fields.all(b"authorization")
    return any(value[:6].lower() == b"basic " for value in values)


def _opens_a_dialog(request: Request) -> bool:
    """Whether a browser would answer a Basic challenge with an unwanted dialog."""
    fields = request.fields
    if fields.has(b"sec-fetch-mode") or fields.has(b"x-requested-with"):
        return True
    return fields.has(b"hx-request") or (request.method == "POST" and request.is_navigation)


def token_error(reason: str) -> dict[str, str]:
    """The `error` of RFC 6750, section 3.1; the description may have no quote or backslash."""
    return {"error": "invalid_token", "error_description": reason_for(reason, 401).title}


def challenge(scheme: str, **parameters: str) -> tuple[str, str]:
    """One ``WWW-Authenticate`` field, without characters that its values cannot carry."""
    quoted = (f'{name}="{_quotable(value)}"' for name, value in parameters.items())
    return "WWW-Authenticate", f"{scheme} {', '.join(quoted)}"


def _quotable(value: str) -> str:
    """The characters of `value` that a quoted-string holds unescaped (RFC 9110, section 5.6.4)."""
    return "".join(c for c in value if " " <= c <= "~" and c not in '"\\')
