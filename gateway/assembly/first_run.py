"""Tells the operator how to make the first administrator."""

import logging
import os
import socket
from hashlib import sha256

from gateway.assembly.lasting import Lasting
from gateway.message.public_url import OWN_PREFIX
from gateway.server.place import Place
from gateway.settings.schema import Settings

_log = logging.getLogger(__name__)

_TOLD_S = 10.0


async def announce_setup(settings: Settings, lasting: Lasting, place: Place) -> None:
    """Log the setup token, unless there is an administrator or another worker does.

    Raises:
        StoreUnavailableError: The store cannot answer.
    """
    if not settings.has_local_accounts:
        return
    token = await lasting.local.first_run.token()
    if token is None:
        return
    if place.supervised:
        # The supervisor's workers start together and write to one log: the first one tells.
        where = sha256(f"{socket.gethostname()} {os.getppid()}".encode()).hexdigest()
        if await lasting.store.lock(f"setup-told:{where}", ttl_s=_TOLD_S) is None:
            return
    url = f"{settings.public_url[0]}{OWN_PREFIX}/setup"
    _log.info("setup token: %s (to create the first administrator at %s)", token, url)
