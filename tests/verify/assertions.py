"""Assertions that tests make themselves, good and bad, with the key that the gateway has."""

import hashlib
import hmac
import json
from base64 import urlsafe_b64encode
from pathlib import Path
from typing import Any

from joserfc import jwt
from joserfc.jwk import ECKey

from gateway.assembly.serving import clock
from gateway.mutate.signer import load_signer, new_signing_key
from gateway.sealing.sealer import Sealer
from gateway.storage import open_store
from tests.fixtures.gateway import SECRET

AUDIENCE = "notes"
Jwk = dict[str, str]


async def keys_of(data_dir: Path) -> list[Jwk]:
    """The private keys of the gateway with this directory, newest first; made if there are none."""
    store = open_store("sqlite", data_dir, clock)
    try:
        return (await load_signer(store, Sealer((SECRET.encode(),))))._keys
    finally:
        await store.aclose()


async def rotate(data_dir: Path) -> list[Jwk]:
    """Give the gateway, which must not run, a new key to sign with beside the old ones."""
    keys = [new_signing_key(), *await keys_of(data_dir)]
    store = open_store("sqlite", data_dir, clock)
    try:
        sealed = Sealer((SECRET.encode(),)).seal("assertion-key", json.dumps(keys).encode())
        await store.put("assertion-key", sealed, ttl_s=None)
    finally:
        await store.aclose()
    return keys


def claims_of(issuer: str, **changes: Any) -> dict[str, Any]:
    """The claims of a good assertion; None removes one."""
    now = int(clock())
    claims = {
        "iss": issuer,
        "aud": AUDIENCE,
        "sub": "8f1c2e",
        "user": "zoë",
        "email": "zoe@example.com",
        "groups": ["staff", "admins"],
        "roles": [],
        "credential": "session",
        "provider": "zitadel",
        "account_id": "a1",
        "iat": now,
        "nbf": now,
        "exp": now + 60,
        "jti": "1",
        **changes,
    }
    return {name: value for name, value in claims.items() if value is not None}


def signed(key: Jwk, claims: dict[str, Any], **header: str) -> str:
    """`claims` as the gateway signs them; `header` changes members of the header."""
    members = {"alg": "ES256", "typ": "gatepost+jwt", "kid": key["kid"], **header}
    return jwt.encode(members, claims, ECKey.import_key(key), algorithms=[members["alg"]])


def forgeries(key: Jwk, issuer: str) -> dict[str, list[str]]:
    """What must be refused, by name: the values of the field."""
    good = claims_of(issuer)
    stranger = {**new_signing_key(), "kid": key["kid"]}
    now = int(clock())
    head, payload, signature = signed(key, good).split(".")
    root = _part({**good, "user": "root"})
    changed = {
        "expired": {"exp": now - 30, "iat": now - 90, "nbf": now - 90},
        "not yet valid": {"iat": now + 90, "nbf": now + 90, "exp": now + 150},
        "for another audience": {"aud": "wiki"},
        "of another issuer": {"iss": "https://other.example.com"},
        "without exp": {"exp": None},
        "without nbf": {"nbf": None},
        "without audience": {"aud": None},
        "without issuer": {"iss": None},
        "without user": {"user": None},
    }
    return {
        "no field": [],
        "an empty field": [""],
        "two fields": [signed(key, good), signed(key, good)],
        "no JWT": ["zoë".encode().decode("latin-1")],
        "another key, same kid": [signed(stranger, good)],
        "another key, unknown kid": [signed({**stranger, "kid": "made-up"}, good)],
        "another payload": [f"{head}.{root}.{signature}"],
        "no signature": [f"{head}.{payload}."],
        "alg none": [f"{_header('none', key)}.{payload}."],
        "alg none, signed": [f"{_header('none', key)}.{payload}.{signature}"],
        "HS256 with the public key": [_hs256(key, payload)],
        "another typ": [signed(key, good, typ="JWT")],
        **{name: [signed(key, claims_of(issuer, **claims))] for name, claims in changed.items()},
    }


def _hs256(key: Jwk, payload: str) -> str:
    # CVE-2015-9235: the text of the public key taken for a shared secret.
    public = ECKey.import_key(key).as_pem(private=False)
    message = f"{_header('HS256', key)}.{payload}".encode()
    mac = hmac.new(public, message, hashlib.sha256).digest()
    return f"{message.decode()}.{urlsafe_b64encode(mac).rstrip(b'=').decode()}"


def _header(algorithm: str, key: Jwk) -> str:
    return _part({"alg": algorithm, "typ": "gatepost+jwt", "kid": key["kid"]})


def _part(value: dict[str, Any]) -> str:
    return urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()
