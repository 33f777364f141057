"""Identity lines: what they say, how long they are kept, and that the assertion verifies."""

import asyncio
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.jwk import KeySet

from gateway.accounts.manager import load_accounts
from gateway.errors import StoreUnavailableError
from gateway.model import ANONYMOUS, Identity
from gateway.mutate.identity import AssertionRules, IdentityFields, assertion_claims
from gateway.mutate.signer import load_signer
from gateway.mutate.templates import compile_template, literal
from gateway.sealing.sealer import Sealer
from gateway.storage import open_store
from gateway.storage.memory import MemoryStore

NOW = 1_800_000_000
RULES = AssertionRules("Gatepost-Assertion", "https://notes.example.com", "notes", 60)
ALICE = Identity(
    user="alice",
    subject="s1",
    issuer="https://id.example.com",
    credential="session",
    provider="zitadel",
    email="alice@example.com",
    name="Alice",
    groups=("staff",),
    session_id="abc",
    acr="2",
    amr=("pwd", "otp"),
    authenticated_at=NOW - 10,
    account_id="acc1",
    scopes=frozenset({"b", "a"}),
)


def make(sign=lambda claims: f"jwt-{claims['jti']}", rules=RULES, always=None, **templates):
    numbers = iter(range(1000))
    return IdentityFields(
        {name.replace("_", "-"): template for name, template in templates.items()},
        always or {},
        rules,
        sign,
        lambda: str(next(numbers)),
    )


def test_the_lines_are_the_fields_in_order_and_the_assertion():
    fields = make(
        Remote_User=compile_template("{user}"),
        Remote_Role=compile_template("{roles}"),
        always={"X-Fixed": literal("{user}")},
    )

    assert fields.lines(ALICE, NOW) == (
        b"Remote-User: alice\r\nX-Fixed: {user}\r\nGatepost-Assertion: jwt-0\r\n"
    )


def test_nobody_gets_constants_and_neither_identity_nor_assertion():
    """A literal in the identity's mapping says something of an identity: there is none."""
    fields = make(
        Remote_User=compile_template("{user}"),
        X_Role=compile_template("member"),
        always={"X-Fixed": literal("on"), "X-Of": compile_template("{user}")},
    )

    assert fields.lines(ANONYMOUS, NOW) == b"X-Fixed: on\r\n"
    assert fields.lines(ALICE, NOW).startswith(
        b"Remote-User: alice\r\nX-Role: member\r\nX-Fixed: on\r\nX-Of: alice\r\n"
    )


def test_without_an_assertion_there_is_none():
    assert make(rules=None, Remote_User=literal("x")).lines(ALICE, NOW) == b"Remote-User: x\r\n"


@pytest.mark.parametrize(("later_s", "kept"), [(0, True), (29.9, True), (30, False), (31, False)])
def test_lines_are_kept_for_half_the_assertions_life(later_s, kept):
    fields = make()

    first = fields.lines(ALICE, NOW)

    assert (fields.lines(ALICE, NOW + later_s) == first) is kept


def test_two_identities_never_share_lines():
    fields = make(Remote_User=compile_template("{user}"))
    names = [f"user{number}" for number in range(50)]

    # Each is forgotten at once, so that its place in memory may be the next one's.
    found = [
        fields.lines(Identity(user=name, subject=name, issuer="i", credential="session"), NOW)
        for name in names
    ]

    assert [line.partition(b"\r\n")[0] for line in found] == [
        f"Remote-User: {name}".encode() for name in names
    ]


@pytest.mark.parametrize(
    ("expires_at", "exp"),
    [
        (None, NOW + 60),
        (NOW + 3600, NOW + 60),
        (NOW + 60, NOW + 60),
        (NOW + 59, NOW + 59),
        (NOW + 11, NOW + 11),
        (NOW + 9, NOW + 10),
        (NOW, NOW + 10),
        # A token is taken for a minute after its end, should the issuer's clock be behind.
        (NOW - 59, NOW + 10),
    ],
)
def test_an_assertion_ends_with_the_proof_but_never_before_anybody_can_read_it(expires_at, exp):
    identity = Identity("alice", "s1", "i", "session", expires_at=expires_at)

    assert assertion_claims(identity, RULES, now=NOW, token_id="1")["exp"] == exp


@pytest.mark.parametrize("ttl_s", [1, 5, 10, 60, 600])
@given(expires_in_s=st.none() | st.integers(-70, 700), later_s=st.floats(0, 700))
def test_no_line_goes_out_with_an_assertion_that_is_over(ttl_s, expires_in_s, later_s):
    fields = make(json.dumps, AssertionRules("A", "i", "a", ttl_s))
    expires_at = None if expires_in_s is None else NOW + expires_in_s
    identity = Identity("alice", "s1", "i", "session", expires_at=expires_at)
    fields.lines(identity, NOW + 0.9)

    found = json.loads(fields.lines(identity, NOW + 0.9 + later_s).removeprefix(b"A: "))
    assert found["iat"] < found["exp"] <= found["iat"] + ttl_s
    assert NOW + 0.9 + later_s < found["exp"]


def test_what_is_known_is_claimed_and_nothing_else():
    assert assertion_claims(ALICE, RULES, now=NOW, token_id="1") == {
        "iss": "https://notes.example.com",
        "aud": "notes",
        "sub": "s1",
        "user": "alice",
        "email": "alice@example.com",
        "name": "Alice",
        "groups": ["staff"],
        "roles": [],
        "scope": "a b",
        "credential": "session",
        "provider": "zitadel",
        "account_id": "acc1",
        "sid": "abc",
        "acr": "2",
        "amr": ["pwd", "otp"],
        "auth_time": NOW - 10,
        "iat": NOW,
        "nbf": NOW,
        "exp": NOW + 60,
        "jti": "1",
    }


async def test_any_library_verifies_it_by_the_key_set():
    signer = await load_signer(MemoryStore(lambda: float(NOW)), Sealer((b"0" * 32,)))
    fields = make(signer.sign)
    line = fields.lines(ALICE, NOW).decode()
    name, _, value = line.strip().partition(": ")

    token = jwt.decode(value, KeySet.import_key_set(_read(signer)), algorithms=["ES256"])

    assert name == "Gatepost-Assertion"
    assert token.header["typ"] == "gatepost+jwt"
    assert token.header["kid"] == _read(signer)["keys"][0]["kid"]
    assert token.claims["user"] == "alice"
    assert token.claims["exp"] == NOW + 60
    assert "d" not in _read(signer)["keys"][0]


CLAIMS = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=8),
    lambda inside: st.lists(inside, max_size=3) | st.dictionaries(st.text(max_size=4), inside),
    max_leaves=6,
)


@pytest.fixture(scope="module")
def signer():
    return asyncio.run(load_signer(MemoryStore(lambda: float(NOW)), Sealer((b"0" * 32,))))


@pytest.fixture(scope="module")
def read(signer):
    """What a library reads in an assertion."""
    keys = KeySet.import_key_set(_read(signer))
    return lambda assertion: jwt.decode(assertion, keys, algorithms=["ES256"]).claims


@given(st.dictionaries(st.text(max_size=8), CLAIMS, max_size=3))
def test_whatever_is_claimed_a_library_reads_the_same(signer, read, claims):
    assert read(signer.sign(claims)) == claims


def test_a_signature_whose_numbers_begin_with_zeros_is_as_long_as_others(signer, read):
    # One in 128 has such a number.
    assertions = [signer.sign({"jti": str(number)}) for number in range(1000)]

    assert {len(assertion.rpartition(".")[2]) for assertion in assertions} == {86}
    assert [read(each)["jti"] for each in assertions] == [str(n) for n in range(1000)]


async def test_its_key_outlives_every_secret():
    store = MemoryStore(lambda: float(NOW))
    old, new = b"0" * 32, b"1" * 32
    found = [await load_signer(store, Sealer(secrets)) for secrets in ((old,), (new, old), (new,))]

    assert len({signer.document for signer in found}) == 1
    with pytest.raises(StoreUnavailableError, match="sealed under another secret"):
        await load_signer(store, Sealer((old,)))


@pytest.mark.parametrize("secrets", [(b"0" * 32,), (b"1" * 32, b"0" * 32)])
async def test_many_that_load_at_once_have_one_key(tmp_path, secrets):
    store = open_store("sqlite", tmp_path, lambda: float(NOW))
    if len(secrets) > 1:
        await load_signer(store, Sealer((b"0" * 32,)))
        await load_accounts(store, Sealer((b"0" * 32,)))
    found = await asyncio.gather(*(load_signer(store, Sealer(secrets)) for _ in range(16)))
    await asyncio.gather(*(load_accounts(store, Sealer(secrets)) for _ in range(16)))
    await store.aclose()

    assert len({signer.document for signer in found}) == 1


def _read(signer):
    return json.loads(signer.document)
