"""Judges what a browser says of a passkey (Web Authentication Level 3, section 7).  Pure.

py_webauthn checks signatures and flags.  Added here is what it leaves to its caller.
"""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import orjson

from gateway.accounts.passkey import Passkey
from gateway.credentials.local_proofs import DEVICE_PASSKEY, SYNCED_PASSKEY, Proof
from gateway.errors import GatewayError

if TYPE_CHECKING:
    from webauthn.helpers.structs import CredentialDeviceType

CHALLENGE_BYTES = 32
MAX_NAME = 100
# Web Authentication Level 3, section 4, "Credential ID".
_MAX_ID_BYTES = 1023
# Section 5.4.3: a user handle has at most 64 bytes.
_ACCOUNT_ID = re.compile(rb"[0-9A-Za-z_-]{1,64}")
_MOST_TRANSPORTS = 10
_QUOTED = 200
# ES256, EdDSA and RS256: the first two are what authenticators have, the last is for Windows Hello.
ALGORITHMS = (-7, -8, -257)

Credential = Mapping[str, Any]


class WrongPasskeyError(GatewayError):
    """No account can be signed in to with this passkey; the message is for the log."""

    reason = "wrong-passkey"
    status = 401


class PasskeyRefusedError(GatewayError):
    """The passkey may not be added; the message is for the log."""

    reason = "passkey-refused"
    status = 400


@dataclass(frozen=True, slots=True)
class Site:
    """The site that a passkey is for.

    Attributes:
        rp_id: Its host (section 4, "Relying Party Identifier").
        origin: Its public URL, as the browser must name it.
    """

    rp_id: str
    origin: str


def proof_of(passkey: Passkey, *, after_password: bool = False) -> Proof:
    """What a sign-in with `passkey` proves.

    Its owner has the key (`pop`; `swk` where the authenticator may copy it to other devices, else
    `hwk`) and unlocked it: two factors.  There is no attestation, so this is what the authenticator
    says of itself.
    """
    alone = SYNCED_PASSKEY if passkey.can_be_copied else DEVICE_PASSKEY
    return replace(alone, amr=("pwd", *alone.amr)) if after_password else alone


def encoded(data: bytes) -> str:
    """`data` as WebAuthn's JSON has it: base64url without padding."""
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def decoded(text: object) -> bytes | None:
    """The bytes that `encoded` wrote as `text`; None if it did not."""
    if not isinstance(text, str) or not text.isascii():
        return None
    try:
        data = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError:
        return None
    return data if encoded(data) == text else None


def challenge_of(credential: Credential) -> bytes | None:
    """The challenge that `credential` says it responds to; None if it names none.

    Only to find the challenge that was given: `judge_new` and `judge_use` compare them.
    """
    said = _client_data(credential).get("challenge")
    challenge = decoded(said)
    return challenge if challenge is not None and len(challenge) == CHALLENGE_BYTES else None


def credential_id_of(credential: Credential) -> bytes | None:
    """The id of the passkey that was used; None if it has none."""
    found = decoded(credential.get("id"))
    return found if found and len(found) <= _MAX_ID_BYTES else None


def user_handle_of(credential: Credential) -> str | None:
    """The account id that the authenticator keeps with the passkey; None if it names none."""
    response = credential.get("response")
    handle = decoded(response.get("userHandle")) if isinstance(response, Mapping) else None
    # It leads to a record in the store, so it must look like an id.
    if handle is None or _ACCOUNT_ID.fullmatch(handle) is None:
        return None
    return handle.decode("ascii")


def judge_new(
    credential: Credential, challenge: bytes, site: Site, *, name: str, now: float
) -> Passkey:
    """The passkey that `credential` registers (section 7.1).

    Raises:
        PasskeyRefusedError: Something about it is wrong.
    """
    # Imported late: takes a twelfth of a second, and few gateways ever need it.
    from webauthn import verify_registration_response
    from webauthn.helpers.cose import COSEAlgorithmIdentifier

    _refuse_frames(credential, PasskeyRefusedError)
    try:
        found = verify_registration_response(
            credential=dict(credential),
            expected_challenge=challenge,
            expected_rp_id=site.rp_id,
            expected_origin=site.origin,
            require_user_verification=True,
            supported_pub_key_algs=[COSEAlgorithmIdentifier(it) for it in ALGORITHMS],
        )
    # It parses CBOR and certificates that anyone may write: whatever it raises is a refusal.
    except Exception as error:
        raise PasskeyRefusedError(_said(error)) from error
    if len(found.credential_id) > _MAX_ID_BYTES:
        raise PasskeyRefusedError("its id is too long")
    if found.credential_id != credential_id_of(credential):
        raise PasskeyRefusedError("two ids")
    return Passkey(
        credential_id=found.credential_id,
        public_key=found.credential_public_key,
        sign_count=found.sign_count,
        name=name,
        rp_id=site.rp_id,
        created_at=int(now),
        transports=_transports(credential),
        can_be_copied=_can_be_copied(found.credential_device_type),
        is_backed_up=found.credential_backed_up,
    )


def judge_use(
    credential: Credential, challenge: bytes, site: Site, passkey: Passkey, now: float
) -> Passkey:
    """`passkey` after its use by `credential` (section 7.2).

    Raises:
        WrongPasskeyError: It was not used for this challenge, at this site, by its verified owner.
    """
    from webauthn import verify_authentication_response

    _refuse_frames(credential, WrongPasskeyError)
    try:
        found = verify_authentication_response(
            credential=dict(credential),
            expected_challenge=challenge,
            expected_rp_id=site.rp_id,
            expected_origin=site.origin,
            credential_public_key=passkey.public_key,
            # Compared below, after the signature is known to be right.
            credential_current_sign_count=0,
            require_user_verification=True,
        )
    except Exception as error:  # As above.
        raise WrongPasskeyError(_said(error)) from error
    if found.credential_id != passkey.credential_id:
        raise WrongPasskeyError("it is another passkey")
    if _can_be_copied(found.credential_device_type) != passkey.can_be_copied:
        raise WrongPasskeyError("whether it can be copied has changed")
    if not passkey.allows(found.new_sign_count):
        raise WrongPasskeyError(
            f"passkey {passkey.passkey_id}: its counter went from {passkey.sign_count} to"
            f" {found.new_sign_count}: the key may have been copied"
        )
    return replace(
        passkey,
        sign_count=found.new_sign_count,
        last_used_at=int(now),
        is_backed_up=found.credential_backed_up,
    )


def _refuse_frames(credential: Credential, error: type[GatewayError]) -> None:
    # Sections 7.1 and 7.2: whether a page of another site may frame the ceremony is ours to say.
    said = _client_data(credential)
    if said.get("crossOrigin", False) is not False or "topOrigin" in said:
        raise error("it was used in a frame of another site")


def _client_data(credential: Credential) -> Mapping[str, Any]:
    response = credential.get("response")
    raw = decoded(response.get("clientDataJSON")) if isinstance(response, Mapping) else None
    try:
        said = orjson.loads(raw or b"")
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


def _transports(credential: Credential) -> tuple[str, ...]:
    """Hints that the browser reads again; the known words only."""
    from webauthn.helpers.structs import AuthenticatorTransport

    response = credential.get("response")
    said = response.get("transports") if isinstance(response, Mapping) else None
    known = {it.value for it in AuthenticatorTransport}
    listed = said[:_MOST_TRANSPORTS] if isinstance(said, list) else []
    return tuple(dict.fromkeys(it for it in listed if isinstance(it, str) and it in known))


def _can_be_copied(kind: "CredentialDeviceType") -> bool:
    return kind.value == "multi_device"


def _said(error: Exception) -> str:
    # It may quote what the client sent.
    return repr(str(error)[:_QUOTED])
