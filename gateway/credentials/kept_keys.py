"""The key that seals the records of API keys, kept in the store itself."""

import secrets

from gateway.errors import StoreUnavailableError
from gateway.sealing.sealer import MIN_SECRET_BYTES, Sealer
from gateway.sealing.secret import sealed_under_another
from gateway.storage.store import Store

_KEY = "api-keys-key"


async def load_key_sealer(store: Store, sealer: Sealer) -> Sealer:
    """The sealer for the API key records in `store`; the first process to call this creates it.

    API keys outlive the server's secrets, so their records have a key of their own.  It is
    resealed under the newest secret, so that older secrets can be removed.

    Raises:
        StoreUnavailableError: The store cannot answer, or the key is sealed under another secret.
    """
    for _ in range(3):
        sealed = await store.get(_KEY)
        key = secrets.token_bytes(MIN_SECRET_BYTES)
        if sealed is not None:
            opened = sealer.open_sealed(_KEY, sealed)
            if opened is None:
                raise sealed_under_another("the key of the API keys")
            if sealer.is_newest(sealed):
                return Sealer((opened,))
            key = opened
        if await store.compare_and_swap(_KEY, sealed, sealer.seal(_KEY, key), ttl_s=None):
            return Sealer((key,))
    raise StoreUnavailableError("the key of the API keys could not be saved")
