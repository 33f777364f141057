"""A passkey of an account: the public half of a key that only its owner's device can use.  Pure."""

from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

_ID_CHARACTERS = 16


@dataclass(frozen=True, slots=True)
class Passkey:
    """A credential as WebAuthn calls it (Web Authentication Level 3, section 4).

    Attributes:
        credential_id: Chosen by the authenticator; at most 1,023 bytes.
        public_key: A COSE key (RFC 9052, section 7).
        sign_count: The authenticator's counter when last used; many always say 0.
        name: Its owner's name for it, or the device it was added on.
        rp_id: The host that it is for.
        created_at: In seconds since the epoch, as `last_used_at`; None for never.
        transports: How its device is reached; a hint for browsers.
        can_be_copied: Whether the authenticator may copy it to other devices (flag BE).
        is_backed_up: Whether it has done so (flag BS).
    """

    credential_id: bytes
    public_key: bytes
    sign_count: int
    name: str
    rp_id: str
    created_at: int
    last_used_at: int | None = None
    transports: tuple[str, ...] = ()
    can_be_copied: bool = False
    is_backed_up: bool = False

    @property
    def passkey_id(self) -> str:
        """Names it in lists and logs."""
        return sha256(self.credential_id).hexdigest()[:_ID_CHARACTERS]

    def allows(self, sign_count: int) -> bool:
        """Whether a use that counts `sign_count` comes after the last one.

        A counter that stands still or goes back means that there are two copies of a key that
        cannot be copied (section 6.1.1), or that a use is repeated.
        """
        return sign_count > self.sign_count or sign_count == self.sign_count == 0


def plain_passkey(passkey: Passkey) -> dict[str, Any]:
    """The passkey as JSON has it."""
    return {
        "id": b64encode(passkey.credential_id).decode(),
        "public_key": b64encode(passkey.public_key).decode(),
        "sign_count": passkey.sign_count,
        "name": passkey.name,
        "rp_id": passkey.rp_id,
        "created_at": passkey.created_at,
        "last_used_at": passkey.last_used_at,
        "transports": passkey.transports,
        "can_be_copied": passkey.can_be_copied,
        "backed_up": passkey.is_backed_up,
    }


def rich_passkey(written: Mapping[str, Any]) -> Passkey:
    """The passkey that `plain_passkey` wrote.

    Raises:
        ValueError, KeyError, TypeError: `written` is none.
    """
    return Passkey(
        credential_id=b64decode(written["id"], validate=True),
        public_key=b64decode(written["public_key"], validate=True),
        sign_count=int(written["sign_count"]),
        name=written["name"],
        rp_id=written["rp_id"],
        created_at=written["created_at"],
        last_used_at=written["last_used_at"],
        transports=tuple(written["transports"]),
        can_be_copied=written["can_be_copied"] is True,
        is_backed_up=written["backed_up"] is True,
    )
