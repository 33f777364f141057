"""What is a right response of a passkey, and what is not."""

import secrets
from contextlib import suppress
from dataclasses import replace

import pytest

from gateway.credentials.local_proofs import MULTI_FACTOR
from gateway.credentials.passkey_proofs import (
    PasskeyRefusedError,
    Site,
    WrongPasskeyError,
    challenge_of,
    credential_id_of,
    decoded,
    encoded,
    judge_new,
    judge_use,
    proof_of,
    user_handle_of,
)
from tests.fixtures.authenticator import (
    AT,
    BE,
    BS,
    EDDSA,
    ES256,
    RS256,
    UP,
    UV,
    b64,
    register,
    use,
)

ORIGIN = "https://notes.example.com:8443"
SITE = Site("notes.example.com", ORIGIN)
CHALLENGE = bytes(range(32))
ASKED = {
    "challenge": b64(CHALLENGE),
    "rp": {"id": SITE.rp_id},
    "user": {"id": b64(b"1243c871b3e0804689e7871fb007c01b")},
}


def made(**how):
    key, credential = register(ASKED, ORIGIN, **how)
    return key, judge_new(credential, CHALLENGE, SITE, name="Key", now=1000.5)


@pytest.mark.parametrize("algorithm", [ES256, EDDSA, RS256])
def test_a_passkey_is_added_and_used(algorithm):
    key, passkey = made(algorithm=algorithm)
    assert passkey.credential_id == key.credential_id
    assert (passkey.name, passkey.rp_id, passkey.created_at) == ("Key", SITE.rp_id, 1000)
    assert (passkey.last_used_at, passkey.transports) == (None, ("internal", "hybrid"))

    used = judge_use(use(key, ASKED, ORIGIN), CHALLENGE, SITE, passkey, 2000.5)

    assert used == replace(passkey, last_used_at=2000)


@pytest.mark.parametrize(
    "how",
    [
        {"challenge": b64(bytes(32))},
        {"origin": "https://evil.example.com"},
        {"origin": "https://notes.example.com"},
        {"origin": "http://notes.example.com:8443"},
        {"rp_id": "example.com"},
        {"kind": "webauthn.get"},
        {"flags": UP | AT},
        {"flags": UV | AT},
        {"flags": UP | UV},
        {"flags": UP | UV | AT | BS},
        {"algorithm": -37},
        {"credential_id": bytes(1024)},
        {"crossOrigin": True},
        {"crossOrigin": "yes"},
        {"topOrigin": "https://evil.example.com"},
    ],
    ids=str,
)
def test_what_is_not_added(how):
    origin = how.get("origin", ORIGIN)
    rest = {name: value for name, value in how.items() if name != "origin"}
    _, credential = register(ASKED, origin, **rest)

    with pytest.raises(PasskeyRefusedError):
        judge_new(credential, CHALLENGE, SITE, name="", now=0)


@pytest.mark.parametrize(
    "how",
    [
        {"challenge": b64(bytes(32))},
        {"origin": "https://evil.example.com"},
        {"origin": "https://notes.example.com"},
        {"origin": ORIGIN + "/"},
        {"origin": None},
        {"rp_id": "example.com"},
        {"kind": "webauthn.create"},
        {"flags": UP},
        {"flags": UV},
        {"flags": 0},
        {"flags": UP | UV | BE},
        {"flags": UP | UV | BS},
        {"crossOrigin": True},
        {"topOrigin": "https://evil.example.com"},
    ],
    ids=str,
)
def test_what_does_not_sign_in(how):
    key, passkey = made()
    origin = how.get("origin", ORIGIN)
    rest = {name: value for name, value in how.items() if name != "origin"}
    credential = use(key, ASKED, origin, **rest)

    with pytest.raises(WrongPasskeyError):
        judge_use(credential, CHALLENGE, SITE, passkey, 0)


def test_a_signature_is_of_this_key_and_of_what_was_sent():
    key, passkey = made()
    other, _ = made()
    good = use(key, ASKED, ORIGIN)
    judge_use(good, CHALLENGE, SITE, passkey, 0)

    forged = use(other, ASKED, ORIGIN)
    stolen = {**good, "response": {**good["response"], "signature": b64(bytes(70))}}
    foreign = {**forged, "id": good["id"], "rawId": good["rawId"]}
    raised = use(key, ASKED, ORIGIN, count=9)
    moved = raised["response"]["authenticatorData"]
    changed = {**good, "response": {**good["response"], "authenticatorData": moved}}
    for credential in (forged, stolen, foreign, changed, {**good, "rawId": forged["id"]}):
        with pytest.raises(WrongPasskeyError):
            judge_use(credential, CHALLENGE, SITE, passkey, 0)


@pytest.mark.parametrize(
    ("known", "said", "good"),
    [(0, 0, True), (0, 1, True), (5, 6, True), (5, 5, False), (5, 4, False), (5, 0, False)],
)
def test_a_counter_only_rises_unless_there_is_none(known, said, good):
    key, passkey = made()
    credential = use(key, ASKED, ORIGIN, count=said)
    passkey = replace(passkey, sign_count=known)

    if good:
        assert judge_use(credential, CHALLENGE, SITE, passkey, 0).sign_count == said
    else:
        with pytest.raises(WrongPasskeyError, match="may have been copied"):
            judge_use(credential, CHALLENGE, SITE, passkey, 0)


def test_what_is_proven_is_true_of_the_key():
    _, device = made()
    key, synced = made(flags=UP | UV | AT | BE)
    assert (synced.can_be_copied, synced.is_backed_up) == (True, False)
    used = judge_use(use(key, ASKED, ORIGIN, flags=UP | UV | BE | BS), CHALLENGE, SITE, synced, 0)
    assert used.is_backed_up

    assert proof_of(device).amr == ("pop", "hwk", "mfa")
    assert proof_of(synced).amr == ("pop", "swk", "mfa")
    assert proof_of(device, after_password=True).amr == ("pwd", "pop", "hwk", "mfa")
    assert proof_of(device).acr == MULTI_FACTOR


# Parts of a response that anyone may write.
JUNK = [None, 1, "", "=", "!", "é", "A", [], {}, b64(b"\xff\xfe"), b64(b"[" * 5000), "A" * 5000]


@pytest.mark.parametrize("junk", JUNK, ids=lambda it: str(it)[:8])
def test_junk_is_a_refusal_and_never_an_error(junk):
    key, passkey = made()
    _, new = register(ASKED, ORIGIN)
    old = use(key, ASKED, ORIGIN)
    for good, judge in ((new, _judge_new), (old, lambda it: _judge_use(it, passkey))):
        wholes = [{**good, name: junk} for name in good]
        wholes += [{**good, "response": {**good["response"], it: junk}} for it in good["response"]]
        for whole in wholes:
            challenge_of(whole), credential_id_of(whole), user_handle_of(whole)
            judge(whole)
        judge({})


def _judge_new(credential):
    # Junk as transports is harmless; whatever else it is, nothing else is raised.
    with suppress(PasskeyRefusedError):
        judge_new(credential, CHALLENGE, SITE, name="", now=0)


def _judge_use(credential, passkey):
    with suppress(WrongPasskeyError):
        judge_use(credential, CHALLENGE, SITE, passkey, 0)


def test_the_log_has_one_line_whatever_was_sent():
    key, passkey = made()
    credential = use(key, ASKED, "https://evil.test\nINFO all is well")
    with pytest.raises(WrongPasskeyError) as refused:
        judge_use(credential, CHALLENGE, SITE, passkey, 0)
    assert "evil.test" in str(refused.value)
    assert "\n" not in str(refused.value)


def test_random_bytes_are_a_refusal():
    for _ in range(200):
        response = {
            "clientDataJSON": register(ASKED, ORIGIN)[1]["response"]["clientDataJSON"],
            "attestationObject": b64(secrets.token_bytes(100)),
        }
        credential = {"id": "AA", "rawId": "AA", "type": "public-key", "response": response}
        with pytest.raises(PasskeyRefusedError):
            judge_new(credential, CHALLENGE, SITE, name="", now=0)


def test_what_leads_to_the_store_looks_like_an_id():
    key, _ = made()
    good = use(key, ASKED, ORIGIN)
    assert user_handle_of(good) == "1243c871b3e0804689e7871fb007c01b"
    for handle in (b"", b"a/b", b"a b", b"\xff", b"a" * 65, b"account:1", b"a\n"):
        assert user_handle_of(use(key, ASKED, ORIGIN, user_handle=handle)) is None
    assert credential_id_of({"id": b64(bytes(1023))}) == bytes(1023)
    assert credential_id_of({"id": b64(bytes(1024))}) is None


@pytest.mark.parametrize("text", ["QQ==", "QR", "Q", "Q Q", "Q+", "Q/", "QQ\n", "é", None, 5])
def test_only_one_spelling_is_read(text):
    assert decoded(text) is None
    assert decoded("QQ") == b"A"
    assert encoded(b"A") == "QQ"
