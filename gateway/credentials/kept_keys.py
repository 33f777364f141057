"""The key that API keys' records are sealed under, kept in the store itself."""

import secrets

from gateway.errors import StoreUnavailableError
from gateway.sealing.sealer import MIN_SECRET_BYTES, Sealer
from gateway.sealing.secret import sealed_under_another
from gateway.storage.store import Store

_KEY = "api-keys-key"


async def load_key_sealer(store: Store, sealer: Sealer) -> Sealer:
    """What seals the records of API keys in `store`; the first process to ask makes it.

    API keys outlive every secret of the server's, so that the key is their own.  It is sealed
    anew under the newest secret, so that older ones can be given up.

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
    raise StoreUnavailableError("the key of the API keys was not kept")
