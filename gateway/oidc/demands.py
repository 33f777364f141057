"""What a provider demands that Gatepost does not do; pure."""

from collections.abc import Iterator, Mapping

# Responses wrapped in a JWT (JARM 1.0, section 2.3).
JARM_MODES = frozenset({"jwt", "query.jwt", "fragment.jwt", "form_post.jwt"})
SIGNED_REQUESTS = "require_signed_request_object"
MODES = "response_modes_supported"


def unmet_demands(document: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    """The members of a discovery `document` that no sign-in can meet, each with what it demands."""
    # RFC 9101, section 10.5.
    if document.get(SIGNED_REQUESTS) is True:
        yield (
            SIGNED_REQUESTS,
            "the provider accepts only signed authorization requests (JAR, RFC 9101), which "
            "Gatepost does not support",
        )
    modes = document.get(MODES)
    if isinstance(modes, list) and modes and JARM_MODES.issuperset(map(str, modes)):
        yield MODES, "the provider only sends signed answers (JARM), which Gatepost cannot read"
