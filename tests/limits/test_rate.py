"""When a request is in time."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.limits.rate import Rate, Taken, TooSoon, take

NOW = 1_800_000_000.0


def run(rate, times):
    """Which requests at `times` pass."""
    full_at, passed = 0.0, []
    for now in times:
        taken = take(rate, full_at, now)
        if isinstance(taken, Taken):
            full_at = taken.full_at
        passed.append(isinstance(taken, Taken))
    return passed


@pytest.mark.parametrize("requests", [1, 2, 100, 10_000])
def test_all_of_them_may_come_at_once_and_one_more_may_not(requests):
    passed = run(Rate(requests, 60.0), [NOW] * (requests + 1))

    assert passed == [True] * requests + [False]


@pytest.mark.parametrize(("later_s", "passes"), [(19.99, False), (20.01, True)])
def test_room_for_one_more_comes_evenly(later_s, passes):
    passed = run(Rate(3, 60.0), [NOW, NOW, NOW, NOW + later_s, NOW + later_s])

    assert passed == [True, True, True, passes, False]


def test_the_wait_is_until_one_would_pass():
    rate = Rate(2, 60.0)

    assert take(rate, NOW + 60, NOW) == TooSoon(30.0)
    assert isinstance(take(rate, NOW + 60, NOW + 30), Taken)


def test_a_clock_that_is_set_back_locks_nobody_out():
    rate = Rate(2, 60.0)

    over = take(rate, NOW + 60, NOW - 86_400)

    assert over == TooSoon(30.0)


@given(
    st.integers(1, 50),
    st.floats(0.1, 1000),
    st.lists(st.floats(0, 100), min_size=1, max_size=200),
)
def test_never_more_than_a_bucket_and_what_flows_in(requests, per_s, gaps):
    times = []
    for gap in gaps:
        times.append((times[-1] if times else NOW) + gap)

    passed = run(Rate(requests, per_s), times)

    took_s = times[-1] - times[0]
    assert sum(passed) <= requests + took_s / per_s * requests + 1e-3
    assert passed[0]
