"""What an account's records say, and how user names are compared.  Pure."""

import json
import unicodedata
from string import ascii_lowercase, ascii_uppercase

_LOWER = str.maketrans(ascii_uppercase, ascii_lowercase)


def fold_user(user: str) -> str:
    """`user` as the laxest app compares it: ``Alice`` and ``alice`` are one user name."""
    # Unicode 15.0, section 3.13: compatibility caseless matching, less its first step.
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", user).casefold())


def fold_email(email: str) -> str:
    """`email` as two spellings of one mailbox are compared: without the case of ASCII letters.

    Nothing more: a look-alike may be another person's mailbox.
    """
    return email.translate(_LOWER)


def encode_record(account_id: str) -> bytes:
    """The written form of what an identity, or a user name, belongs to."""
    return json.dumps({"version": 1, "account_id": account_id}).encode()


def decode_record(data: bytes) -> str:
    """The account id written in `data`.

    Raises:
        ValueError: `data` is none of `encode_record`.
    """
    record = json.loads(data)
    if not isinstance(record, dict) or record.get("version") != 1:
        raise ValueError("no record of this version")
    return str(record["account_id"])
