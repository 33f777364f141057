"""Reasons for which a sign-in at a provider does not end in a session."""

from collections.abc import Mapping
from types import MappingProxyType

from gateway.pages.reason import Reason

_AGAIN = "Start the sign-in again."
_AGAIN_OR_TELL = "Start again; if it goes on, give the request id to whoever runs this site."


def _failed(
    title: str, explanation: str, advice: str = _AGAIN_OR_TELL, status: int = 400
) -> Reason:
    return Reason(status, title, explanation, advice, sign_in=True)


SIGN_IN: Mapping[str, Reason] = MappingProxyType(
    {
        "state-mismatch": _failed(
            "This sign-in was not started here",
            "The provider's answer does not belong to a sign-in that this browser began.",
            _AGAIN + " Bookmarks of the provider's page and the back button cannot finish one.",
        ),
        "flow-expired": _failed(
            "The sign-in took too long",
            "Too much time went by between leaving for the provider and coming back.",
            _AGAIN,
        ),
        "nonce-mismatch": _failed(
            "The provider's answer is for another sign-in",
            "The identity token was made for a sign-in other than this one.",
        ),
        "issuer-mismatch": _failed(
            "The answer came from another provider",
            "The answer names an issuer other than the one that was asked.",
            _AGAIN_OR_TELL + " There, compare `issuer` with what the log says.",
        ),
        "issuer-misconfigured": _failed(
            "This site names its provider wrongly",
            "What the provider publishes is not that of the configured issuer.",
            "Whoever runs this site must compare `issuer` with what the provider calls itself,"
            " character by character; the log has both.",
            502,
        ),
        "provider-token-too-large": _failed(
            "The provider's token is too large",
            "The provider put more into a token than the 32 KiB that the gateway takes.",
            "Whoever runs this site should have the provider put less into it, fewer groups for"
            " example. Trying again does not help.",
            502,
        ),
        "invalid-id-token": _failed(
            "The provider's proof does not hold",
            "The identity token's signature, issuer, audience, algorithm or lifetime is wrong.",
            "Try again. Whoever runs this site should compare `client_id`, `issuer` and the"
            " clocks of both sides.",
            502,
        ),
        "provider-error": _failed(
            "The provider did not sign you in",
            "The provider ended the sign-in with an error of its own.",
            status=403,
        ),
        "access-refused": _failed(
            "The sign-in was cancelled",
            "The provider says that access was refused, by you or by its rules.",
            "Start again, or ask whoever runs the provider for access to this site.",
            403,
        ),
        "code-refused": _failed(
            "The provider refused its own code",
            "The code that ends the sign-in was used before, has expired, or belongs elsewhere.",
        ),
        "client-refused": _failed(
            "The provider does not know this site",
            "The provider refused the gateway's client id or secret.",
            "Whoever runs this site should check `client_id`, the secret and `client_auth`.",
            502,
        ),
        "provider-unavailable": Reason(
            503,
            "The provider cannot be reached",
            "The sign-in provider does not answer, or not as its protocol says; people already"
            " signed in are not affected.",
            "Try again in a moment.",
            sign_in=True,
            retry_after_s=10,
        ),
        "sign-in-loop": Reason(
            508,
            "Signing in goes round in circles",
            "This browser completed several sign-ins within seconds, and each time came back"
            " without a session.",
            "See the likely causes below.",
            sign_in=True,
        ),
        "user-missing": _failed(
            "The provider did not say who you are",
            "The claim that names the user is missing or cannot be read.",
            "Whoever runs this site should check `claims.user` and the scopes of the provider.",
            403,
        ),
        "subject-mismatch": _failed(
            "The provider spoke of somebody else",
            "Two answers of the provider about one sign-in name different people.",
        ),
        "refresh-refused": Reason(
            401,
            "Your session has ended",
            "The provider no longer vouches for this session.",
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
            "The provider's logout token does not hold.",
            "Compare issuer, client id and clocks of provider and gateway.",
        ),
    }
)
