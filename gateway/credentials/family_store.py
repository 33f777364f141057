"""Token families in the store: sealed, one for each session behind tokens."""

from gateway.credentials.family import Family, decode_family, encode_family
from gateway.sessions.manager import SessionManager
from gateway.sessions.session import Session
from gateway.storage.store import Store

_PURPOSE = "token-family"
# A margin, because the time of a session's last use is written late.
_LONGER_S = 300.0


class FamilyStore:
    """See the module."""

    def __init__(self, store: Store, sessions: SessionManager) -> None:
        """Use the current sealer and limits of `sessions`."""
        self._store = store
        self._sessions = sessions

    async def read(self, session_id: str) -> tuple[Family | None, bytes | None]:
        """The session's family, None if it cannot be read; and its stored bytes.

        Raises:
            StoreUnavailableError: The store could not answer.
        """
        key = _store_key(session_id)
        data = await self._store.get(key)
        if data is None:
            return None, None
        opened = self._sessions.sealer.open_sealed(_PURPOSE, data, context=key.encode())
        return (None if opened is None else decode_family(opened)), data

    async def swap(self, session: Session, expected: bytes | None, family: Family) -> bool:
        """Replace `expected` with `family`; False if the store holds something else by now.

        Raises:
            StoreUnavailableError: The store could not answer.
        """
        key = _store_key(session.session_id)
        sealer, limits = self._sessions.sealer, self._sessions.limits
        # As long as the session lives without use, plus a margin.
        return await self._store.compare_and_swap(
            key,
            expected,
            sealer.seal(_PURPOSE, encode_family(family), context=key.encode()),
            ttl_s=limits.idle_s + _LONGER_S,
        )

    async def delete(self, session: Session) -> None:
        """Remove the family of `session`.

        Raises:
            StoreUnavailableError: The store could not answer.
        """
        await self._store.delete(_store_key(session.session_id))


def _store_key(session_id: str) -> str:
    return f"token-family:{session_id}"
