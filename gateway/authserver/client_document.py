"""Reads a client ID metadata document: who the client is, and for how long that is known.  Pure.

draft-ietf-oauth-client-id-metadata-document, sections 4 and 5.
"""

import email.utils
import re
from collections.abc import Mapping

from gateway.authserver.client import Client
from gateway.authserver.client_metadata import (
    MetadataError,
    auth_method_of,
    check_flow,
    name_of,
    read_metadata,
    redirect_uris_of,
)
from gateway.oidc.http import Answer

SHORTEST_S, LONGEST_S = 300.0, 86400.0
_OK = 200
_JSON = re.compile(r"application/(?:[a-z0-9.-]+\+)?json")
_MAX_AGE = re.compile(r'(?:^|[,\s])max-age="?([0-9]{1,10})"?(?:$|[,\s])')
# RFC 9111, section 5.2.2: what no cache may use again without asking.
_ASK_AGAIN = re.compile(r"(?:^|[,\s])no-(?:store|cache)(?:$|[,\s=])")


def client_of(url: str, answer: Answer) -> Client:
    """The client whose document at `url` is `answer`.

    Raises:
        MetadataError: It is no document, or that of another client.
    """
    if answer.status != _OK:
        # A redirect may lead anywhere, so it is not followed.
        raise MetadataError(f"has status {answer.status}")
    if answer.fields.get("content-encoding", "identity").lower() != "identity":
        raise MetadataError("is compressed")
    if _JSON.fullmatch(answer.media_type) is None:
        raise MetadataError("is not application/json")
    metadata = read_metadata(answer.body)
    if metadata.get("client_id") != url:
        raise MetadataError("is of another client_id")
    if "client_secret" in metadata:
        raise MetadataError("has a secret, which all could read")
    if auth_method_of(metadata) != "none":
        raise MetadataError("must have token_endpoint_auth_method none")
    check_flow(metadata)
    client = Client(
        client_id=url,
        name=name_of(metadata),
        redirect_uris=redirect_uris_of(metadata),
        origin="document",
    )
    return client if client.name else client.named(client.host)


def fresh_s(fields: Mapping[str, str]) -> float:
    """For how many seconds an answer may be used again: five minutes to a day."""
    return min(max(_said_s(fields), SHORTEST_S), LONGEST_S)


def _said_s(fields: Mapping[str, str]) -> float:
    said = fields.get("cache-control", "").lower()
    if _ASK_AGAIN.search(said) is not None:
        return 0.0
    max_age = _MAX_AGE.search(said)
    if max_age is not None:
        age = fields.get("age", "0")
        return float(max_age[1]) - (float(age) if re.fullmatch("[0-9]{1,10}", age) else 0.0)
    until, now = _seconds(fields.get("expires")), _seconds(fields.get("date"))
    # Both by the clock of the server.
    return 0.0 if until is None or now is None else until - now


def _seconds(date: str | None) -> float | None:
    if date is None:
        return None
    try:
        return email.utils.parsedate_to_datetime(date).timestamp()
    except (ValueError, TypeError, OverflowError):
        return None
