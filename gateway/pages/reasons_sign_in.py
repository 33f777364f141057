"""Reasons why a sign-in at a provider fails."""

from collections.abc import Mapping
from types import MappingProxyType

from gateway.pages.reason import Reason

_AGAIN = "Start the sign-in again."
_AGAIN_OR_TELL = (
    "Start again. If it keeps failing, send the request id to the operator of this site."
)


def _failed(
    title: str, explanation: str, advice: str = _AGAIN_OR_TELL, status: int = 400
) -> Reason:
    return Reason(status, title, explanation, advice, sign_in=True)


SIGN_IN: Mapping[str, Reason] = MappingProxyType(
    {
        "state-mismatch": _failed(
            "This sign-in was not started here",
            "The provider's response does not belong to a sign-in that this browser started.",
            _AGAIN + " A bookmark of the provider's page, or the back button, cannot complete one.",
        ),
        "flow-expired": _failed(
            "The sign-in took too long",
            "Too much time passed between leaving for the provider and coming back.",
            _AGAIN,
        ),
        "step-up-impossible": _failed(
            "This provider cannot do what the page asks for",
            "The page needs to know when you signed in, which this provider does not tell.",
            "Sign in another way, if this site offers one. The operator of this site should not use"
            " max_age for users of a provider of plain OAuth 2.0.",
            403,
        ),
        "nonce-mismatch": _failed(
            "The provider's response is for another sign-in",
            "The ID token was issued for a different sign-in.",
        ),
        "issuer-mismatch": _failed(
            "The response came from another provider",
            "The response names a different issuer than expected.",
            _AGAIN_OR_TELL + " Operators: compare `issuer` with the log.",
        ),
        "issuer-misconfigured": _failed(
            "This site's provider is misconfigured",
            "The configured issuer differs from the one that the provider publishes.",
            "The operator of this site must set `issuer` exactly as the provider writes it. The log"
            " has both.",
            502,
        ),
        "provider-token-too-large": _failed(
            "The provider's token is too large",
            "The provider sent a token larger than the 32 KiB that the gateway accepts.",
            "Trying again does not help. The operator of this site must make the token smaller at"
            " the provider, for example with fewer groups.",
            502,
        ),
        "invalid-id-token": _failed(
            "The provider's ID token is not valid",
            "The ID token's signature, issuer, audience, algorithm or lifetime is wrong.",
            "Try again. The operator of this site should check `client_id`, `issuer` and the"
            " clocks of gateway and provider.",
            502,
        ),
        "provider-error": _failed(
            "The provider did not sign you in",
            "The provider ended the sign-in with an error.",
            status=403,
        ),
        "access-refused": _failed(
            "The sign-in was cancelled",
            "You or the provider's rules refused access.",
            "Start again, or ask the operator of the provider for access to this site.",
            403,
        ),
        "code-refused": _failed(
            "The provider refused its own code",
            "The sign-in code was used before, has expired, or belongs to another client.",
        ),
        "client-refused": _failed(
            "The provider does not know this site",
            "The provider refused the gateway's client id or secret.",
            "The operator of this site should check `client_id`, the secret and `client_auth`.",
            502,
        ),
        "provider-unavailable": Reason(
            503,
            "The provider cannot be reached",
            "The sign-in provider does not answer, or its response is not valid. Users who are"
            " already signed in are not affected.",
            "Try again in a moment.",
            sign_in=True,
            retry_after_s=10,
        ),
        "sign-in-unfinished": _failed(
            "Your sign-in was not completed",
            "The provider signed you in, but the gateway could not save your session.",
            "Start it again in a moment. If it keeps failing, send the request id to the operator"
            " of this site.",
            503,
        ),
        "sign-in-loop": Reason(
            508,
            "The sign-in is looping",
            "This browser completed several sign-ins within seconds, and returned without a session"
            " each time.",
            "See the likely causes below.",
            sign_in=True,
        ),
        "user-missing": _failed(
            "The provider did not send your user name",
            "The claim that names the user is missing or cannot be read.",
            "The operator of this site should check `claims.user` and the scopes of the provider.",
            403,
        ),
        "subject-mismatch": _failed(
            "The provider described another person",
            "Two responses of the provider about one sign-in name different people.",
        ),
        "refresh-refused": Reason(
            401,
            "Your session has ended",
            "The provider has ended this session.",
            "Sign in again.",
            sign_in=True,
        ),
        "unknown-provider": _failed(
            "No such provider",
            "No sign-in provider has this name.",
            "Go to the sign-in page and choose one.",
            404,
        ),
        "invalid-logout-token": Reason(
            400,
            "Invalid logout token",
            "The provider's logout token is not valid.",
            "Compare the issuer, client id and clocks of provider and gateway.",
        ),
    }
)
