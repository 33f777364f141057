"""Checks what a provider offers beyond the sign-in, against the configuration; pure."""

from collections.abc import Collection, Iterator, Mapping
from email.utils import parsedate_to_datetime

from gateway.oidc.finding import Finding, names_in, shown
from gateway.oidc.registration import OFFLINE, Registration

Document = Mapping[str, object]

# Tokens are refused a minute outside their time (gateway.oidc.id_token), so warn at half of that.
CLOCK_WARNING_S = 30.0
CLOCK_PROBLEM_S = 60.0


def judge_extras(
    document: Document,
    registration: Registration,
    *,
    backchannel_logout: bool,
    wanted_claims: Collection[str] = (),
) -> Iterator[Finding]:
    """Findings on scopes, claims, refresh and sign-out in `document`.

    `wanted_claims` are the claims that rules and header fields use.
    """
    yield from _scopes(document, registration)
    if registration.offline_session:
        yield _offline_session(registration)
    else:
        yield from _offline(document, registration)
    yield _userinfo(document)
    yield from _claims(document, registration, wanted_claims)
    yield from _sign_out(document, registration, backchannel_logout=backchannel_logout)


def _scopes(document: Document, registration: Registration) -> Iterator[Finding]:
    offered = names_in(document, "scopes_supported")
    if offered is None:
        says = f"asked for are {shown(registration.scopes)}; the provider does not list its scopes"
        yield Finding("note", "scopes", says)
        return
    # The list may be incomplete (RFC 8414, section 2), but most providers refuse unknown scopes.
    unknown = [it for it in registration.scopes if it not in offered]
    if unknown:
        yield Finding(
            "warning",
            "scopes",
            f"asked for and not in scopes_supported: {shown(unknown)}",
            f"allow them at the provider, or remove them from providers.{registration.name}.scopes",
        )
    else:
        yield Finding("ok", "scopes", shown(registration.scopes))


def _offline(document: Document, registration: Registration) -> Iterator[Finding]:
    offered = names_in(document, "scopes_supported") or ()
    asked = OFFLINE in registration.scopes
    grants = names_in(document, "grant_types_supported")
    if asked and grants is not None and "refresh_token" not in grants:
        yield Finding(
            "warning",
            "refresh",
            f"grant_types_supported has no refresh_token, and {OFFLINE} is asked for",
            "allow refresh tokens at the provider",
        )
    elif asked and not _asks_for_consent(registration):
        # OpenID Connect Core 1.0, section 11: without consent the provider may ignore the scope.
        yield Finding(
            "note",
            "refresh",
            f"some providers ignore {OFFLINE} without a consent page",
            "if sessions are not refreshed, add authorize_params: {prompt: consent}",
        )
    elif asked:
        yield Finding("ok", "refresh", f"{OFFLINE} with prompt=consent")
    elif OFFLINE in offered:
        yield Finding(
            "note",
            "refresh",
            f"{OFFLINE} is offered and not asked for: without a refresh token, a session does not "
            "notice changes at the provider",
            f"add {OFFLINE} to providers.{registration.name}.scopes",
        )


def _offline_session(registration: Registration) -> Finding:
    if OFFLINE not in registration.scopes:
        return Finding("ok", "refresh", f"a refresh token comes without {OFFLINE}")
    return Finding(
        "warning",
        "refresh",
        f"with {OFFLINE} the provider keeps an offline session: a sign-out there does not end the "
        "session here, and only users with the role of that name can sign in",
        f"remove {OFFLINE} from providers.{registration.name}.scopes: a refresh token comes "
        "without it",
    )


def _asks_for_consent(registration: Registration) -> bool:
    prompt = registration.authorize_params.get("prompt", ())
    return "consent" in (prompt.split() if isinstance(prompt, str) else prompt)


def _userinfo(document: Document) -> Finding:
    if document.get("userinfo_endpoint") is None:
        says = "there is no userinfo_endpoint: every claim must be in the ID token"
        return Finding("note", "userinfo", says)
    return Finding("ok", "userinfo", "asked if the ID token lacks a claim")


def _claims(
    document: Document, registration: Registration, wanted: Collection[str]
) -> Iterator[Finding]:
    offered = names_in(document, "claims_supported")
    if offered is None:
        return
    claims = registration.claims
    mapped = {
        "user": claims.user,
        "email": claims.email,
        "name": claims.name,
        "groups": claims.groups,
        "roles": claims.roles,
        **{f"claim {name}": (name,) for name in wanted},
    }
    unlisted = [
        f"{fact} ({', '.join(names)})"
        for fact, names in mapped.items()
        if names and not any(_member(name) in offered for name in names)
    ]
    if unlisted:
        yield Finding(
            "note",
            "claims",
            f"not in claims_supported: {shown(unlisted)}",
            "providers may send more than they list: sign in, and look at /_gatepost/whoami",
        )
    else:
        yield Finding("ok", "claims", "all mapped claims are in claims_supported")


def _member(name: str) -> str:
    """The top-level claim of a plain name or a JSON pointer (RFC 6901)."""
    if not name.startswith("/"):
        return name
    return name[1:].partition("/")[0].replace("~1", "/").replace("~0", "~")


def _sign_out(
    document: Document, registration: Registration, *, backchannel_logout: bool
) -> Iterator[Finding]:
    if document.get("end_session_endpoint") is None:
        yield Finding(
            "warning",
            "sign-out",
            "there is no end_session_endpoint: a sign-out ends the session here and not at the "
            "provider, so the next sign-in in the same browser may ask for no password",
            "turn on RP-initiated logout at the provider, if it can",
        )
    else:
        yield Finding("ok", "sign-out", "goes on to the provider")
    offered = document.get("backchannel_logout_supported") is True
    setting = f"providers.{registration.name}.backchannel_logout"
    if offered and backchannel_logout:
        yield Finding("ok", "back-channel logout", "offered and accepted")
    elif offered:
        says = f"offered, and {setting} is off"
        do = "turn it on, and a sign-out at the provider ends the session here too"
        yield Finding("note", "back-channel logout", says, do)
    elif backchannel_logout:
        yield Finding(
            "warning",
            "back-channel logout",
            "not offered (backchannel_logout_supported): a sign-out at the provider does not end "
            "the session here",
            f"turn it on at the provider, or set {setting}: false",
        )


def judge_clock(date: str, age: str, now: float, whose: str = "the provider") -> Finding:
    """The difference between the response's ``Date`` and `now`, the middle of the exchange.

    `age` is the response's ``Age``: seconds it spent in a cache (RFC 9111, section 5.1).  `whose`
    clock it is.
    """
    try:
        sent_at = parsedate_to_datetime(date).timestamp()
    except (ValueError, OverflowError):
        return Finding("note", "clock", f"{whose} sends no readable Date")
    cached_s = int(age) if age.isascii() and age.isdigit() and len(age) < 10 else 0  # noqa: PLR2004
    return judge_ahead(sent_at + cached_s - now, whose)


def judge_ahead(ahead_s: float, whose: str) -> Finding:
    """The finding on `whose` clock, which is `ahead_s` seconds ahead of this machine's."""
    off_s = abs(ahead_s)
    if off_s <= CLOCK_WARNING_S:
        return Finding("ok", "clock", f"within {CLOCK_WARNING_S:.0f} seconds")
    way = "ahead of" if ahead_s > 0 else "behind"
    says = f"{whose}'s is {off_s:.0f} seconds {way} this machine's"
    do = "set both by NTP: tokens are refused once they differ by more than a minute"
    return Finding("problem" if off_s > CLOCK_PROBLEM_S else "warning", "clock", says, do)
