"""Endpoints of a provider that oauth2-proxy's options give, as settings of the provider."""

from gateway.importing.emit import Noted, Value, literal
from gateway.importing.given import Given
from gateway.settings.addresses import parse_web_url

_SETTINGS = {
    "login_url": "authorization_endpoint",
    "redeem_url": "token_endpoint",
    "oidc_jwks_url": "jwks_uri",
    "profile_url": "userinfo_endpoint",
}
_NEEDED = ("login_url", "redeem_url", "oidc_jwks_url")
# Their profile_url is Microsoft Graph's, which describes users in another form.
_GRAPH = frozenset({"azure", "entra-id"})


def endpoints(given: Given, settings: dict[str, Value], kind_name: str, *, derived: bool) -> None:
    """Take over the endpoints of OpenID Connect.

    `derived` means that the issuer came from `login_url`: then they are in its discovery document.
    """
    taken = [] if derived else [it for it in _SETTINGS if _takes(given, settings, it, kind_name)]
    if given.is_on("skip_oidc_discovery") and not set(_NEEDED) <= set(taken):
        missing = [_SETTINGS[it] for it in _NEEDED if it not in taken]
        message = f"the discovery document is asked for unless you write {', '.join(missing)}"
        given.say("differs", "skip_oidc_discovery", message)


def _takes(given: Given, settings: dict[str, Value], option: str, kind_name: str) -> bool:
    url = given.text(option)
    if not url:
        return False
    if option == "profile_url" and kind_name in _GRAPH:
        given.say("no equal", option, "Microsoft Graph has no userinfo: claims are in the ID token")
        return False
    try:
        parse_web_url(url)
    except ValueError:
        given.say("to do", option, f"is not a URL: write {_SETTINGS[option]}")
        return False
    settings[_SETTINGS[option]] = Noted(literal(url), option)
    return True
