"""Two questions never share an answer: no key that coalesces or remembers is a concatenation.

Traefik CVE-2026-71326: calls were coalesced under password and hash side by side, so that another
split of the same text was let in.
"""

import itertools
import re
import secrets

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.accounts.manager import Accounts
from gateway.credentials.key_format import new_key, parse_key
from gateway.credentials.key_record import Owner, owner_indexes
from gateway.credentials.one_time_exchange import Brought
from gateway.endpoints.provider_logout import once_key
from gateway.oidc.introspection import _key
from gateway.oidc.keys import VerificationKey, _matching
from gateway.sealing.sealer import Sealer
from gateway.sessions.record import sid_indexes, subject_indexes
from gateway.sessions.ticket import new_ticket
from gateway.storage.memory import MemoryStore
from tests.oidc.hostile import KEYS

# The private ones too: the attack is on the key, and what is public shows only its digest.
SEALER = Sealer((b"0" * 32,))
ACCOUNTS = Accounts(MemoryStore(lambda: 0.0), b"0" * 32)


@st.composite
def split_twice(draw, parts):
    """One text cut into `parts` in two ways; what might stand between parts is in the text."""
    text = draw(st.text(alphabet='a:\0\n|/ ,"?', min_size=1, max_size=12))
    cuts = st.lists(st.integers(0, len(text)), min_size=parts - 1, max_size=parts - 1)
    found = []
    for _ in range(2):
        at = [0, *sorted(draw(cuts)), len(text)]
        found.append(tuple(text[i:j] for i, j in itertools.pairwise(at)))
    return found


def of_keys(issuer, subject):
    return owner_indexes(SEALER, Owner("alice", subject, issuer))[0]


KEYS_OF_TWO = {
    "account": lambda *parts: ACCOUNTS.records._key("identity", parts),
    "sessions of a subject": lambda *parts: subject_indexes(SEALER, *parts)[0],
    "sessions of a sid": lambda *parts: sid_indexes(SEALER, *parts)[0],
    "API keys of a subject": of_keys,
    "logout token": once_key,
    "any digest": lambda *parts: SEALER.digests(*parts)[0],
}
KEYS_OF_THREE = {
    "introspection": _key,
    "what was traded": lambda *parts: Brought(*parts, ()).store_key,
    "what proves it": lambda *parts: Brought("", "", "", parts).extra_key,
}


@pytest.mark.parametrize("name", KEYS_OF_TWO)
@given(split_twice(2))
def test_another_split_of_two_parts_is_another_key(name, pair):
    one, other = pair

    assert (KEYS_OF_TWO[name](*one) == KEYS_OF_TWO[name](*other)) is (one == other)


@pytest.mark.parametrize("name", KEYS_OF_THREE)
@given(split_twice(3))
def test_another_split_of_three_parts_is_another_key(name, pair):
    one, other = pair

    assert (KEYS_OF_THREE[name](*one) == KEYS_OF_THREE[name](*other)) is (one == other)


@given(st.lists(st.text(alphabet="aRSPE256", max_size=6), unique=True, max_size=4), st.data())
def test_a_signing_key_is_found_by_id_and_algorithm_each_for_itself(kids, data):
    algorithms = ["RS256", "PS256"]
    published = tuple(
        VerificationKey(kid, ("RSA", ""), data.draw(st.sampled_from(algorithms)), KEYS["rsa"])
        for kid in kids
    )

    for kid in [*kids, *(key.kid + key.algorithm for key in published)]:
        for algorithm in algorithms:
            found = [(key.kid, key.algorithm) for key in _matching(published, kid, algorithm)]
            assert set(found) <= {(kid, algorithm)}


def test_what_is_known_by_one_part_alone_has_one_form():
    # Refreshes, and all else of a session, by its id; API keys by theirs.
    assert re.fullmatch(r"[0-9a-f]{64}", new_ticket(secrets.token_bytes).session_id)
    assert re.fullmatch(r"[0-9a-f]{16}", parse_key(new_key(secrets.token_bytes)).key_id)
