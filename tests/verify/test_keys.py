import json
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from gateway.mutate.signer import new_signing_key
from gateway.verify.keys import MAX_AGE_S, MIN_INTERVAL_S, Keys, KeysUnavailableError, read_keys
from tests.fixtures.network import take_free_port
from tests.patience import PATIENCE_S


@pytest.fixture
def keys(key_set, monotonic):
    return Keys(key_set.url, monotonic=monotonic)


def wait_for(condition):
    end = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def look_up(keys, kid):
    if keys.is_due(kid):
        keys.refresh(kid)
    return keys.find(kid)


def test_keys_are_fetched_once_and_kept(keys, key_set):
    kid = key_set.keys[0]["kid"]

    assert key_set.fetched == 0
    assert [look_up(keys, kid).as_dict(private=False)["x"] for _ in range(3)] == [
        key_set.keys[0]["x"]
    ] * 3
    assert key_set.fetched == 1


def test_made_up_key_ids_cause_one_fetch_in_an_interval(keys, key_set, monotonic):
    kid = key_set.keys[0]["kid"]
    look_up(keys, kid)

    for fetched in (2, 3):
        monotonic.now += MIN_INTERVAL_S
        for number in range(50):
            assert look_up(keys, f"made-up-{number}") is None
        assert key_set.fetched == fetched
    monotonic.now += MIN_INTERVAL_S - 0.1
    assert look_up(keys, "made-up") is None
    assert key_set.fetched == 3
    assert look_up(keys, kid) is not None


def test_a_new_key_is_fetched_when_it_is_first_seen_and_the_old_one_stays(keys, key_set, monotonic):
    old, new = key_set.keys[0], new_signing_key()
    look_up(keys, old["kid"])
    monotonic.now += MIN_INTERVAL_S
    key_set.keys.insert(0, new)

    assert look_up(keys, new["kid"]) is not None
    assert look_up(keys, old["kid"]) is not None
    assert key_set.fetched == 2


def test_a_key_that_was_given_up_is_not_trusted_for_longer_than_the_set_may_be_kept(
    keys, key_set, monotonic
):
    old, new = key_set.keys[0], new_signing_key()
    look_up(keys, old["kid"])
    key_set.keys[:] = [new]

    monotonic.now += MAX_AGE_S - 0.1
    assert look_up(keys, old["kid"]) is not None
    monotonic.now += 0.2
    assert look_up(keys, old["kid"]) is None
    assert look_up(keys, new["kid"]) is not None
    assert key_set.fetched == 2


@pytest.mark.parametrize(
    "fault",
    [
        {"status": 500},
        {"status": 204},
        {"body": b"x" * 70_000},
        {"body": b"<html>"},
        {"body": b"[]"},
        {"body": b'{"keys": []}'},
        {"body": b'{"keys": {}}'},
    ],
)
def test_keys_that_are_held_outlive_an_outage(keys, key_set, monotonic, fault):
    kid = key_set.keys[0]["kid"]
    look_up(keys, kid)
    for name, value in fault.items():
        setattr(key_set, name, value)

    monotonic.now += MAX_AGE_S
    for _ in range(5):
        assert look_up(keys, kid) is not None
        assert look_up(keys, "made-up") is None
    assert key_set.fetched == 2


def test_without_any_key_nothing_can_be_verified_and_the_next_try_is_soon(keys, key_set, monotonic):
    kid = key_set.keys[0]["kid"]
    key_set.status = 503

    for _ in range(5):
        with pytest.raises(KeysUnavailableError, match=key_set.url):
            look_up(keys, kid)
    assert key_set.fetched == 1
    key_set.status = 200
    monotonic.now += 1
    assert look_up(keys, kid) is not None


def test_a_gateway_that_is_not_there_yields_no_key():
    with pytest.raises(KeysUnavailableError):
        look_up(Keys(f"http://127.0.0.1:{take_free_port()}/"), "k")


def test_a_redirect_is_not_followed(keys, key_set):
    key_set.status, key_set.location = 302, key_set.url + "?again"

    with pytest.raises(KeysUnavailableError):
        look_up(keys, "k")
    assert key_set.fetched == 1


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://gateway/jwks.json", "gateway", ""])
def test_only_http_is_fetched(url):
    with pytest.raises(ValueError, match="http or https"):
        Keys(url)


def test_threads_that_need_the_same_unknown_key_share_one_fetch(key_set):
    looks = []
    keys = Keys(key_set.url, monotonic=lambda: looks.append(1) or 1000.0)
    key_set.hold.clear()

    with ThreadPoolExecutor(8) as pool:
        found = [pool.submit(look_up, keys, key_set.keys[0]["kid"]) for _ in range(8)]
        # Each looks whether a fetch is due, and the one that fetches looks once more.
        wait_for(lambda: len(looks) >= 9)
        key_set.hold.set()

    assert all(each.result() for each in found)
    assert key_set.fetched == 1


def test_a_thread_that_finds_the_set_stale_does_not_wait_for_another_that_fetches(
    keys, key_set, monotonic
):
    kid = key_set.keys[0]["kid"]
    look_up(keys, kid)
    monotonic.now += MAX_AGE_S
    key_set.hold.clear()

    with ThreadPoolExecutor(1) as pool:
        fetching = pool.submit(keys.refresh, kid)
        wait_for(lambda: key_set.fetched == 2)
        assert look_up(keys, kid) is not None
        assert not fetching.done()
        key_set.hold.set()


def as_json(*members):
    return json.dumps({"keys": list(members)}).encode()


def public(**changes):
    return {k: v for k, v in {**new_signing_key(), **changes}.items() if k != "d" and v is not None}


def test_other_keys_in_the_set_are_skipped():
    good = public()
    bare = public(use=None, alg=None)
    others = [
        public(use="enc"),
        public(alg="ES384"),
        public(crv="P-384"),
        public(kty="RSA"),
        public(kid=None),
        public(kid=""),
        public(kid=7),
        public(x=7),
        public(y=None),
        public(x=good["y"], y=good["x"]),
        public(x="!"),
        "key",
        None,
    ]

    assert set(read_keys(as_json(*others, good, bare))) == {good["kid"], bare["kid"]}


def test_a_private_part_that_was_published_is_not_kept():
    key = new_signing_key()

    assert not read_keys(as_json(key))[key["kid"]].is_private
