"""The account page's section for API keys."""

import shlex
from collections.abc import Mapping, Set

from gateway import responses
from gateway.credentials.key_record import KeyRecord
from gateway.credentials.key_request import KeyRefusedError, read_key_request
from gateway.credentials.keys import TooManyKeysError
from gateway.endpoints.account_section import Told
from gateway.endpoints.fresh import SignInTooOldError, prove_anew_here
from gateway.endpoints.own_keys import OwnKeys
from gateway.message.public_url import OWN_PREFIX, own_path
from gateway.message.request import Request
from gateway.pages.reasons import REASONS
from gateway.sessions.session import Session
from gateway.settings.api_keys import ApiKeySettings
from gateway.settings.scalars import format_duration
from gateway.storage.store import Clock
from gateway.wording import phrase

# Lifetimes offered in the form, up to `max_lifetime`.
_LIFETIMES_S = tuple(days * 86400.0 for days in (30, 7, 90, 180, 365))
SCOPE_FIELD = "scope:"
_TOO_MANY = REASONS[TooManyKeysError.reason].explanation
_CREATE = frozenset({"create_key", "key_name", "expires_in"})


def lifetimes(rules: ApiKeySettings) -> list[str]:
    """The lifetimes that a form offers."""
    found = [it for it in _LIFETIMES_S if it <= rules.max_lifetime] or [rules.max_lifetime]
    return [format_duration(it) for it in found]


class KeySection:
    """Lists, creates and revokes the user's keys."""

    name = "keys"

    def __init__(self, own: OwnKeys, clock: Clock) -> None:
        self._own = own
        self._clock = clock

    async def shown(self, request: Request, session: Session) -> Mapping[str, object]:
        """The keys, and what the form offers."""
        now, rules = self._clock(), self._own.rules
        return {
            "rows": [_row(record, now) for record in await self._own.of(session.identity)],
            "scopes": rules.grantable_scopes,
            "lifetimes": lifetimes(rules),
            "copy_script_url": own_path(request, responses.COPY_SCRIPT_PATH),
            **dict.fromkeys(("made", "made_name", "curl", "prove_anew_url", "refused")),
        }

    def takes(self, fields: Set[str]) -> bool:
        """``revoke_key`` revokes the key with that id; ``create_key`` creates one."""
        others = {name for name in fields if not name.startswith(SCOPE_FIELD)}
        return fields == {"revoke_key"} or ("create_key" in fields and others <= _CREATE)

    async def act(self, request: Request, session: Session, form: Mapping[str, str]) -> Told | None:
        """Revoke a key, or create one, which the page shows this once."""
        if "revoke_key" in form:
            await self._own.revoke(request, session, form["revoke_key"])
            return None
        return await self._create(request, session, form)

    async def _create(self, request: Request, session: Session, form: Mapping[str, str]) -> Told:
        own = self._own
        scopes = [name.removeprefix(SCOPE_FIELD) for name in form if name.startswith(SCOPE_FIELD)]
        try:
            own.require_fresh(session)
            wanted = read_key_request(
                form.get("key_name"), scopes, form.get("expires_in"), own.rules
            )
            key, record = await own.create(request, session, wanted)
        except SignInTooOldError as error:
            anew = prove_anew_here(request, session, own.rules.fresh_sign_in)
            return Told(error.status, {"prove_anew_url": anew})
        except KeyRefusedError as error:
            return Told(error.status, {"refused": str(error)})
        except TooManyKeysError as error:
            return Told(error.status, {"refused": phrase(_TOO_MANY)})
        curl = _curl(request, own.rules.header, key)
        return Told(201, {"made": key, "made_name": record.name, "curl": curl})


def _curl(request: Request, field: str, key: str) -> str:
    """A command that shows whose key it is."""
    where = f"{request.public_url}{OWN_PREFIX}/whoami"
    return f"curl -H {shlex.quote(f'{field}: {key}')} {shlex.quote(where)}"


def _row(record: KeyRecord, now: float) -> dict[str, object]:
    return {
        "id": record.key_id,
        "name": record.name,
        "scopes": record.scopes,
        "routes": record.routes,
        "is_over": now >= record.expires_at,
        "expires": record.expires_at,
        "created": record.created_at,
        "last_used": record.last_used_at,
    }
