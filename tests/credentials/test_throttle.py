"""How often one address may be wrong."""

import asyncio
import contextlib

import pytest

from gateway.credentials.throttle import Throttle
from gateway.errors import StoreUnavailableError

NOW = 1_000_000.0


def taken(throttle, client, tries, now=NOW):
    return sum(throttle.take(client, now) == 0 for _ in range(tries))


def test_a_bucket_full_and_then_one_at_a_time():
    throttle = Throttle(allowed=20, per_s=60)

    assert taken(throttle, "192.0.2.1", 2000) == 20
    assert throttle.take("192.0.2.1", NOW) == pytest.approx(3.0)
    assert taken(throttle, "192.0.2.1", 10, NOW + 1.0) == 0
    assert taken(throttle, "192.0.2.1", 10, NOW + 3.0) == 1
    assert taken(throttle, "192.0.2.2", 10) == 10


def test_what_was_good_does_not_count():
    throttle = Throttle(allowed=2, per_s=60)
    for _ in range(100):
        assert throttle.take("192.0.2.1", NOW) == 0
        throttle.give_back("192.0.2.1")
    throttle.give_back("192.0.2.9")


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2001:db8::1", "2001:db8::ffff", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("192.0.2.1", "192.0.2.2", False),
        ("", "unix", False),
        ("::nonsense", "::nonsense", True),
    ],
)
def test_whose_tries_count_together(one, other, same):
    throttle = Throttle(allowed=1, per_s=60)
    assert throttle.take(one, NOW) == 0
    assert (throttle.take(other, NOW) > 0) == same


def test_a_clock_that_is_set_back_locks_nobody_out_for_longer():
    throttle = Throttle(allowed=1, per_s=60)
    throttle.take("192.0.2.1", NOW + 1e6)
    assert throttle.take("192.0.2.1", NOW) <= 60
    assert throttle.take("192.0.2.1", NOW + 60) == 0


def test_many_addresses_take_bounded_memory():
    throttle = Throttle(allowed=1, per_s=60)
    for number in range(8193):
        throttle.take(f"10.0.{number // 256}.{number % 256}", NOW)

    # The first is forgotten by then, the second is not.
    assert throttle.take("10.0.0.1", NOW) > 0
    assert throttle.take("10.0.0.0", NOW) == 0


@pytest.mark.parametrize(
    ("ends", "counted"),
    [
        (None, True),
        ("good", False),
        (StoreUnavailableError("down"), False),
        # Whoever leaves before the answer has had a try.
        (asyncio.CancelledError(), True),
    ],
)
def test_a_try_is_kept_unless_it_was_good_or_nobody_could_tell(ends, counted):
    throttle = Throttle(allowed=1, per_s=60)
    throttle.take("192.0.2.1", 0.0)

    with (
        contextlib.suppress(StoreUnavailableError, asyncio.CancelledError),
        throttle.weigh("192.0.2.1", counts=True) as turn,
    ):
        if isinstance(ends, BaseException):
            raise ends
        turn.is_bad = ends is None

    assert (throttle.wait_s("192.0.2.1", 0.0) > 0) is counted


def test_what_was_not_taken_is_not_given_back():
    throttle = Throttle(allowed=1, per_s=60)
    throttle.take("192.0.2.1", 0.0)

    with throttle.weigh("192.0.2.1", counts=False) as turn:
        turn.is_bad = False

    assert throttle.wait_s("192.0.2.1", 0.0) > 0
