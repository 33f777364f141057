"""Project Wycheproof's vectors of JOSE, where they are beside the project."""

import json
from pathlib import Path

import pytest

from gateway.oidc.keys import ASYMMETRIC, KeySource, read_keys
from gateway.oidc.tokens import BadTokenError, verify
from tests.oidc.hostile import Wrongs

VECTORS = Path(__file__).parents[3] / "shared" / "data" / "jose"
HERE = pytest.mark.skipif(not VECTORS.is_dir(), reason="the vectors are not there")
# Their payloads are no JSON, so that none is a token: but one fails for that alone.
_HELD = "InvalidPayloadError"


def groups(name):
    """The groups of a file whose key, or keys, are public."""
    path = VECTORS / name
    if not path.is_file():
        return []
    return [it for it in json.loads(path.read_text())["testGroups"] if it.get("public")]


def keys_of(group):
    public = group["public"]
    return public.get("keys", [public])


async def holds(token, keys):
    """Whether the signature of `token` is good."""
    try:
        await verify(token, keys, ASYMMETRIC)
    except BadTokenError as error:
        return str(error).startswith(_HELD)
    return True


@HERE
@pytest.mark.parametrize("name", ["json_web_signature_test.json", "json_web_key_test.json"])
async def test_no_bad_vector_is_taken_and_the_good_ones_are(hostile, http, clock, name):
    taken, refused, wrongly = set(), {}, set()

    async def jwks_uri():
        return f"{hostile.issuer}/jwks"

    for group in groups(name):
        # A key that no provider could have published is never fetched.
        usable = read_keys({"keys": keys_of(group)})
        hostile.wrongs = Wrongs(keys=keys_of(group))
        for test in group["tests"]:
            token, is_good = test["jws"], test["result"] == "valid"
            if not isinstance(token, str) or not usable:
                held = False
            else:
                held = await holds(token, KeySource(jwks_uri, http, clock))
            if held and not is_good:
                wrongly.add(test["tcId"])
            elif held:
                taken.add(test["tcId"])
            elif is_good:
                refused[test["tcId"]] = test["comment"]

    assert taken
    assert (wrongly, refused) == EXPECTED[name]


# What is taken though it should not be, and refused though it need not be.  An RSA key with the
# ROCA weakness (7) is the issuer's choice; keys of RFC 7520 that are meant for one algorithm sign
# with another there (the others).
EXPECTED = {
    "json_web_signature_test.json": (
        set(),
        {346: "Figure20", 347: "Figure27", 350: "Figure20", 351: "Figure27"},
    ),
    "json_web_key_test.json": ({7}, {}),
}
