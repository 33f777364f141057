"""The groups of a user who is in too many for a token ("groups overage" of Entra ID).

The token then says that they are elsewhere, and a directory lists them, page by page.  What it says
of where is not followed: the address comes from the profile or the file.
"""

import asyncio
import logging
from collections.abc import Awaitable, Mapping

from gateway.errors import ProviderUnavailableError
from gateway.oidc.claim_look_up import has_claim
from gateway.oidc.errors import UserinfoRefusedError
from gateway.oidc.facts import is_elsewhere
from gateway.oidc.http import ProviderHttp
from gateway.oidc.notices import Notices
from gateway.oidc.oauth2_claims import UNREAD
from gateway.oidc.oauth2_client import read_groups
from gateway.oidc.registration import Registration

_log = logging.getLogger(__name__)

# However many pages there are, a user waits for them.
_ALL_PAGES_S = 15.0
_HINT = "for Entra ID, ask for the scope User.Read, and for no scope of another API"


async def all_groups(
    claims: Mapping[str, object],
    access_token: str | None,
    registration: Registration,
    http: ProviderHttp,
    notices: Notices,
) -> Mapping[str, object]:
    """The claim of groups, if `claims` say that it is elsewhere and it can be read there; else {}.

    The access token is good there only if it was asked for with the directory's scopes.

    Raises:
        ProviderUnavailableError: the directory gave no usable answer.
    """
    where, name = registration.groups_overage, _name_elsewhere(claims, registration)
    if where is None or name is None or access_token is None:
        return {}
    try:
        async with asyncio.timeout(_ALL_PAGES_S):
            found = await read_groups(http, where, access_token)
    except TimeoutError as error:
        raise ProviderUnavailableError(f"{where.endpoint}: the groups did not come in time") from (
            error
        )
    except UserinfoRefusedError as error:
        notices.say("groups_overage", f"groups_overage: {error}: {_HINT}")
        return {}
    if found == [UNREAD]:
        notices.say(
            "groups_overage",
            f"groups_overage: {where.endpoint}: the access token may not read the groups: {_HINT}",
        )
    return {name: found}


async def groups_or_unread(
    asked: Awaitable[Mapping[str, object]], who: str
) -> Mapping[str, object]:
    """What `asked`, a call of `all_groups`, gives; if it fails, {}, and the groups stay unread."""
    try:
        return await asked
    except ProviderUnavailableError as error:
        _log.warning("%s: groups_overage: %s", who, error)
        return {}


def _name_elsewhere(claims: Mapping[str, object], registration: Registration) -> str | None:
    """The claim of groups that is elsewhere; a pointer further into it would not fit the list."""
    names = registration.claims.groups
    if any(has_claim(claims, name) for name in names):
        return None
    plain = (name.removeprefix("/") for name in names)
    return next((it for it in plain if "/" not in it and is_elsewhere(claims, it)), None)
