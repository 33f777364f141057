"""The written form of an account.  Pure.

The standard library's JSON, because claims are the provider's: an integer over 64 bits or a lone
surrogate, both legal JSON, must not make a sign-in fail.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from gateway.accounts.account import Account, Invitation, plain_facts
from gateway.accounts.passkey import plain_passkey, rich_passkey
from gateway.accounts.second_factor import read_second_factor
from gateway.model import Identity

_VERSION = 2
_TUPLES = frozenset({"groups", "roles"})


def encode_account(account: Account) -> bytes:
    """The written form."""
    whole: dict[str, Any] = {
        "version": _VERSION,
        "disabled": account.is_disabled,
        "seen": [plain_facts(identity) for identity in account.seen],
        "subjects": account.subjects,
        "names": account.names,
        "external_id": account.external_id,
        "roles": account.roles,
        "groups": account.groups,
        "password": account.password,
        "passkeys": [plain_passkey(it) for it in account.passkeys],
        "secrets": dict(account.secrets),
        "invitations": [asdict(it) for it in account.invitations],
        "created_at": account.created_at,
        "client": account.is_client,
        "provisioned": account.is_provisioned,
        "admin": account.is_admin,
        "merged_into": account.merged_into,
        "imported": account.imported,
    }
    if account.second_factor is not None:
        whole["second_factor"] = asdict(account.second_factor)
    return json.dumps(whole, separators=(",", ":")).encode()


def decode_account(data: bytes) -> Account:
    """The account written in `data`.

    Raises:
        ValueError: `data` is none of `encode_account`, of this version.
    """
    try:
        whole = json.loads(data)
        if whole["version"] != _VERSION:
            raise ValueError("no account of this version")
        return Account(
            subjects=tuple((issuer, subject) for issuer, subject in whole["subjects"]),
            seen=tuple(map(_identity, whole["seen"])),
            names=tuple(whole["names"]),
            external_id=whole["external_id"],
            roles=tuple(whole["roles"]),
            groups=tuple(whole["groups"]),
            password=whole["password"],
            # Accounts that were written before there were passkeys have none.
            passkeys=tuple(map(rich_passkey, whole.get("passkeys", ()))),
            second_factor=read_second_factor(whole.get("second_factor")),
            secrets=dict(whole["secrets"]),
            invitations=tuple(Invitation(**it) for it in whole["invitations"]),
            created_at=whole["created_at"],
            is_client=whole["client"],
            # Fail closed: anything but false counts as disabled.
            is_disabled=whole["disabled"] is not False,
            is_provisioned=whole["provisioned"],
            is_admin=whole["admin"] is True,
            merged_into=whole["merged_into"],
            imported=whole.get("imported"),
        )
    except (TypeError, KeyError, AttributeError, RecursionError) as error:
        raise ValueError("no account") from error


def _identity(written: Mapping[str, Any]) -> Identity:
    rich = dict(written)
    for name in _TUPLES & rich.keys():
        rich[name] = tuple(rich[name])
    rich["unreadable"] = frozenset(rich.get("unreadable", ()))
    return Identity(credential="session", **rich)
