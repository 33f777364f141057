"""When hours begin and end, on which day, and what clocks that change make of it."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from gateway.authz.facts import Met, Unmet
from tests.authz.conftest import condition_of

WORK = {"days": "mon-fri", "from": "08:00", "to": "18:00", "zone": "Europe/Prague"}
NIGHT = {"days": "fri, sat", "from": "22:00", "to": "06:00", "zone": "Europe/Prague"}
SUNDAY = {"days": "sun", "zone": "Europe/Prague"}
SMALL = {"from": "02:00", "to": "03:00", "zone": "Europe/Prague"}
# 13 January 2027 is a Wednesday.
TABLE = [
    (WORK, "2027-01-13T07:59:59", False),
    (WORK, "2027-01-13T08:00:00", True),
    (WORK, "2027-01-13T17:59:59", True),
    (WORK, "2027-01-13T18:00:00", False),
    (WORK, "2027-01-16T12:00:00", False),
    (WORK, "2027-07-14T08:00:00", True),
    # The night belongs to the day on which it begins.
    (NIGHT, "2027-01-15T05:59:59", False),
    (NIGHT, "2027-01-15T21:59:59", False),
    (NIGHT, "2027-01-15T22:00:00", True),
    (NIGHT, "2027-01-16T00:00:00", True),
    (NIGHT, "2027-01-16T05:59:59", True),
    (NIGHT, "2027-01-16T06:00:00", False),
    (NIGHT, "2027-01-16T23:00:00", True),
    (NIGHT, "2027-01-17T05:59:59", True),
    (NIGHT, "2027-01-17T22:00:00", False),
    (NIGHT, "2027-01-18T05:00:00", False),
    (SUNDAY, "2027-01-16T23:59:59", False),
    (SUNDAY, "2027-01-17T00:00:00", True),
    (SUNDAY, "2027-01-17T23:59:59", True),
    (SUNDAY, "2027-01-18T00:00:00", False),
    ([WORK, SUNDAY], "2027-01-17T12:00:00", True),
    ({"from": "20:00", "zone": "Europe/Prague"}, "2027-01-17T23:59:59", True),
    ({"to": "06:00", "zone": "Europe/Prague"}, "2027-01-17T00:00:00", True),
    ({"to": "06:00", "zone": "Europe/Prague"}, "2027-01-17T06:00:00", False),
    ({"from": "06:00", "to": "00:00", "zone": "Europe/Prague"}, "2027-01-17T23:59:59", True),
    ({"from": "06:00", "to": "00:00", "zone": "Europe/Prague"}, "2027-01-17T00:00:00", False),
]  # fmt: skip


def at(text):
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo("Europe/Prague")).timestamp()


@pytest.mark.parametrize(("hours", "moment", "is_met"), TABLE)
def test_hours(make_facts, hours, moment, is_met):
    result = condition_of("time", hours).check(make_facts(at=at(moment)))

    assert isinstance(result, Met if is_met else Unmet)


@pytest.mark.parametrize(
    ("moment", "is_met"),
    [
        # On 28 March 2027 clocks go from 02:00 to 03:00, which is 01:00 UTC.
        ("2027-03-28T00:59:59+00:00", False),
        ("2027-03-28T01:00:00+00:00", False),
        ("2027-03-27T01:30:00+00:00", True),
        # On 31 October 2027 they go from 03:00 back to 02:00, at 01:00 UTC.
        ("2027-10-31T00:30:00+00:00", True),
        ("2027-10-31T01:30:00+00:00", True),
        ("2027-10-31T02:00:00+00:00", False),
    ],
)
def test_an_hour_is_missing_or_comes_twice_where_clocks_change(make_facts, moment, is_met):
    now = datetime.fromisoformat(moment).timestamp()
    result = condition_of("time", SMALL).check(make_facts(at=now))

    assert isinstance(result, Met if is_met else Unmet)


def test_a_night_over_a_change_of_clocks_is_whole(make_facts):
    night = {"days": "sat", "from": "22:00", "to": "06:00", "zone": "Europe/Prague"}
    condition = condition_of("time", night)
    start = datetime.fromisoformat("2027-03-27T21:00:00+00:00").timestamp()
    met = [
        isinstance(condition.check(make_facts(at=start + 3600 * hour)), Met)
        for hour in range(-1, 9)
    ]

    assert met == [False, *[True] * 7, False, False]


def test_what_time_it_is_is_told(make_facts):
    result = condition_of("time", [WORK, NIGHT]).check(make_facts(at=at("2027-01-13T19:30:00")))

    assert result.reason == "outside-hours"
    assert result.detail == "it is Wed 19:30 in Europe/Prague"
