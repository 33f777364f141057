"""Calls a plain OAuth 2.0 provider, whose answers are looser than OpenID Connect's."""

import json
from dataclasses import replace
from urllib.parse import parse_qsl

from gateway.errors import GatewayError, ProviderUnavailableError
from gateway.oidc.client import ProviderClient
from gateway.oidc.discovery import Metadata
from gateway.oidc.errors import UserinfoRefusedError, UserinfoThrottledError
from gateway.oidc.http import Answer, ProviderHttp
from gateway.oidc.oauth2_claims import (
    UNREAD,
    group_names,
    items_of,
    next_page,
    roles_in,
    too_many,
)
from gateway.settings.oauth2_profiles import GROUP, GroupList, MemberRoles

_OK = 200
_BAD_REQUEST = 400
_FORM = "application/x-www-form-urlencoded"
# RFC 6750, section 3.1: the token has ended.
_TOKEN_ENDED = 401
# The token may not read this: a scope was not asked for, or the user did not grant it.
_FORBIDDEN = 403
_TOO_MANY_REQUESTS = 429
_NOT_ALLOWED = frozenset({_FORBIDDEN, 404})
_MAX_PAGES = 20
_MAX_MEMBERS = 100
# Gitea and Forgejo have one error for these, and tell them apart in words.
_DESCRIBED_ERRORS = {
    ("unauthorized_client", "invalid client secret"): "invalid_client",
    ("unauthorized_client", "invalid empty client secret"): "invalid_client",
    ("unauthorized_client", "client is not authorized"): "invalid_grant",
}
# GitHub's own words for those of RFC 6749, section 5.2.
_ERROR_CODES = {
    "bad_verification_code": "invalid_grant",
    "bad_refresh_token": "invalid_grant",
    "incorrect_client_credentials": "invalid_client",
}


async def read_document(http: ProviderHttp, url: str, access_token: str) -> object:
    """The JSON document at `url`; None if the token may not read it.

    Raises:
        UserinfoRefusedError: the token has ended.
        UserinfoThrottledError: the user asked too often.
        ProviderUnavailableError: there is no readable answer.
    """
    answer = await _get(http, url, access_token)
    return None if answer is None else answer.json()


async def read_groups(http: ProviderHttp, where: GroupList, access_token: str) -> list[object]:
    """The names in a list, page by page; `UNREAD` in place of what cannot be read.

    Raises:
        UserinfoRefusedError: the token has ended.
        UserinfoThrottledError: the user asked too often.
        ProviderUnavailableError: there is no readable answer.
    """
    names: list[object] = []
    url: str | None = where.endpoint
    for _ in range(_MAX_PAGES):
        answer = None if url is None else await _get(http, url, access_token)
        if url is None or answer is None:
            return names if url is None else [*names, UNREAD]
        document = answer.json()
        names += group_names(items_of(document), where.members)
        if too_many(names):
            break
        url = next_page(url, answer.fields.get("link", ""), document)
    return names if url is None else [*names, UNREAD]


async def read_roles(
    http: ProviderHttp, where: MemberRoles, group: str, access_token: str
) -> list[object]:
    """The user's roles in `group`, as ``group:role``; `UNREAD` for what cannot be read.

    Raises:
        UserinfoRefusedError: the token has ended.
        UserinfoThrottledError: the user asked too often.
        ProviderUnavailableError: there is no readable answer.
    """
    document = await read_document(http, where.endpoint.replace(GROUP, group), access_token)
    return [UNREAD] if document is None else roles_in(group, document, where.at)


async def _get(http: ProviderHttp, url: str, access_token: str) -> Answer | None:
    answer = await http.get(url, fields={"Authorization": f"Bearer {access_token}"})
    if answer.status == _TOKEN_ENDED:
        raise UserinfoRefusedError(f"{url}: the access token is refused")
    if _is_throttled(answer):
        raise UserinfoThrottledError(f"{url}: too many requests of this user")
    if answer.status in _NOT_ALLOWED:
        return None
    if answer.status != _OK:
        raise ProviderUnavailableError(f"{url}: status {answer.status}")
    return answer


class OAuth2Client(ProviderClient):
    """As `ProviderClient`, for looser answers."""

    async def _post(
        self,
        metadata: Metadata,
        url: str,
        parameters: list[tuple[str, str]],
        timeout_s: float | None = None,
    ) -> Answer:
        return _normal(await super()._post(metadata, url, parameters, timeout_s))


def _is_throttled(answer: Answer) -> bool:
    """Whether there were too many requests, which GitHub may tell by 403."""
    if answer.status != _FORBIDDEN:
        return answer.status == _TOO_MANY_REQUESTS
    if "retry-after" in answer.fields or answer.fields.get("x-ratelimit-remaining") == "0":
        return True
    return b"rate limit" in answer.body.lower()


def _normal(answer: Answer) -> Answer:
    """An answer of the token endpoint, as RFC 6749, section 5, has it.

    Some services send a form for JSON, 200 for an error, commas between scopes, or no token type.
    """
    try:
        document = _members(answer)
    except (GatewayError, ValueError):
        return answer
    scope = document.get("scope")
    if isinstance(scope, str):
        document["scope"] = scope.replace(",", " ")
    error = document.get("error")
    if isinstance(error, str):
        described = (error, str(document.get("error_description")))
        document["error"] = _DESCRIBED_ERRORS.get(described, _ERROR_CODES.get(error, error))
    document.setdefault("token_type", "bearer")
    status = _BAD_REQUEST if error is not None and answer.status == _OK else answer.status
    return replace(answer, status=status, body=json.dumps(document).encode())


def _members(answer: Answer) -> dict[str, object]:
    if answer.media_type != _FORM:
        return answer.json_object()
    text = answer.body.decode("utf-8", "replace")
    return dict[str, object](parse_qsl(text, max_num_fields=_MAX_MEMBERS))
