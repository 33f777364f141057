"""What a client says about itself, in a document or when it registers (RFC 7591, section 2).  Pure.

All of it is a stranger's text: names are cleaned, URIs are judged, and nothing else is kept.
"""

import json
import re
import unicodedata
from collections.abc import Mapping

from gateway.settings.tokens import check_redirect_uri

Metadata = Mapping[str, object]

_MOST_URIS = 20
_LONGEST_URI = 2000
_LONGEST_NAME = 60
_MOST_MARKS = 2
# With a secret in the form or in Basic (RFC 7591, section 2).
SECRET_METHODS = frozenset({"client_secret_post", "client_secret_basic"})


class MetadataError(Exception):
    """What the client says cannot be taken; the message quotes nothing of it.

    Attributes:
        error: The code of RFC 7591, section 3.2.2.
    """

    def __init__(self, about: str, error: str = "invalid_client_metadata") -> None:
        super().__init__(about)
        self.error = error


def read_metadata(data: bytes) -> Metadata:
    """The JSON object in `data`.

    Raises:
        MetadataError: It is none, or it names a member twice, so that readers could differ.
    """
    try:
        found = json.loads(data.decode("utf-8"), object_pairs_hook=_once, parse_constant=_refuse)
    except (ValueError, RecursionError):
        raise MetadataError("is not JSON") from None
    if not isinstance(found, dict):
        raise MetadataError("is not a JSON object")
    return found


def redirect_uris_of(metadata: Metadata) -> tuple[str, ...]:
    """The redirect URIs.

    Raises:
        MetadataError: There is none, or one of them is none that a client may have.
    """
    given = _texts(metadata, "redirect_uris")
    if not given:
        raise MetadataError("needs redirect_uris, a list of texts", "invalid_redirect_uri")
    if len(given) > _MOST_URIS:
        raise MetadataError(f"has more than {_MOST_URIS} redirect_uris", "invalid_redirect_uri")
    for number, uri in enumerate(given):
        problem = _problem_of(uri)
        if problem:
            raise MetadataError(f"redirect_uris[{number}] {problem}", "invalid_redirect_uri")
    return tuple(dict.fromkeys(given))


def check_flow(metadata: Metadata) -> None:
    """Refuse a client that cannot use authorization codes.

    Raises:
        MetadataError: Its `grant_types` or `response_types` do not have them.
    """
    for name, needed in (("grant_types", "authorization_code"), ("response_types", "code")):
        if name in metadata and needed not in (_texts(metadata, name) or ()):
            raise MetadataError(f"{name} must have {needed}")


def auth_method_of(metadata: Metadata) -> str:
    """How the client wants to prove itself at ``token``; ``none`` if it does not say.

    Raises:
        MetadataError: It is no text.
    """
    method = metadata.get("token_endpoint_auth_method", "none")
    if not isinstance(method, str):
        raise MetadataError("token_endpoint_auth_method must be a text")
    return method


def name_of(metadata: Metadata) -> str:
    """The client's name, safe to show; ``""`` if it has none.

    Without control and format characters, which turn the text around it, and piles of marks.
    """
    given = metadata.get("client_name")
    if not isinstance(given, str):
        return ""
    # Long enough for every name that is shown, and nothing is done for ten million characters.
    composed = unicodedata.normalize("NFC", given[: _LONGEST_NAME * 10])
    kept: list[str] = []
    marks = 0
    for character in composed:
        category = unicodedata.category(character)
        marks = marks + 1 if category[0] == "M" else 0
        if category[0] == "C" and not character.isspace():
            continue
        if marks <= _MOST_MARKS:
            kept.append(character)
    name = re.sub(r"\s+", " ", "".join(kept)).strip()
    return name if len(name) <= _LONGEST_NAME else name[: _LONGEST_NAME - 1].rstrip() + "…"


def _problem_of(uri: str) -> str:
    if len(uri) > _LONGEST_URI:
        return "is too long"
    try:
        check_redirect_uri(uri)
    except ValueError:
        return (
            "must be https, http on a loopback address, or an app's own scheme, without user name,"
            " fragment and wildcard"
        )
    return ""


def _texts(metadata: Metadata, name: str) -> list[str] | None:
    given = metadata.get(name)
    if not isinstance(given, list) or not all(isinstance(it, str) for it in given):
        return None
    return given


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a member is there twice")
    return found


def _refuse(constant: str) -> object:
    # NaN and Infinity are not JSON.
    raise ValueError(constant)
