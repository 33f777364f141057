"""How many mails of a kind may be caused for one account: counted in the store, for all workers."""

import json

from gateway.accounts.manager import Accounts

MOST_MAILS = 3
MAILS_PER_S = 3600.0
# A swap is lost only to another mail for the same account at the same moment.
_SWAP_ATTEMPTS = 5


async def may_mail(accounts: Accounts, kind: str, account_id: str) -> bool:
    """Count a mail of `kind` for the account; False if there were three in the last hour.

    Raises:
        StoreUnavailableError: The store cannot answer.
    """
    records = accounts.records
    for _ in range(_SWAP_ATTEMPTS):
        now = accounts.clock()
        sealed, data = await records.note("mails-sent", kind, account_id)
        # A time ahead of the clock was written before the clock was set back: it counts.
        sent = [at for at in json.loads(data or b"[]") if now - at < MAILS_PER_S]
        if len(sent) >= MOST_MAILS:
            return False
        if await records.swap_note(
            "mails-sent",
            kind,
            account_id,
            expected=sealed,
            data=json.dumps([*sent, now]).encode(),
            ttl_s=MAILS_PER_S,
        ):
            return True
    return False
