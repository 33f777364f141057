"""An administrator sees who asks for access, and answers."""

import pytest
from markupsafe import escape

from tests.e2e.at_desk import CROSS, MARKUP, Person, add_people, settings
from tests.fixtures.gateway import gateways

ROUTES = [
    {
        "name": MARKUP,
        "prefix": "/wiki",
        "access": {"allow": [{"role": "staff"}]},
        "launch": {"name": MARKUP, "ask": True},
    },
    {"name": "rest", "prefix": "/", "access": "signed_in"},
]
PAGE = "/access-requests"


@pytest.fixture(scope="module")
def gateway(tmp_path_factory):
    with gateways(tmp_path_factory.mktemp("desk")) as start:
        started = start(settings(routes=ROUTES))
        add_people(started, "ann", "bob", "cleo")
        yield started


def test_who_asks_is_shown_with_what_they_miss_and_answered(gateway):
    ann, bob = Person(gateway, "ann"), Person(gateway, "bob")
    assert "No requests for access." in ann.desk(PAGE).text
    assert bob.form("/_gatepost/account", ask_access=MARKUP).status_code == 303

    page = ann.desk(PAGE).text
    [item] = ann.call("GET", "access-requests").json()["items"]
    assert MARKUP not in page
    assert str(escape(MARKUP)) in page
    assert "allow[0] would pass with role: staff" in page
    assert "person" not in item
    expected = ("bob", MARKUP, "role-missing", "open")
    assert tuple(item[it] for it in ("user", "route", "reason", "state")) == expected

    form = {"id": item["id"], "state": "declined"}
    assert ann.act(PAGE, CROSS, **form).status_code == 403
    assert bob.act(PAGE, **form).status_code == 403
    assert ann.act(PAGE, **form).status_code == 303
    assert "declined" in bob.page("/_gatepost/account").text
    [item] = ann.call("GET", "access-requests").json()["items"]
    assert (item["state"], item["answered_by"]) == ("declined", "ann")

    done = [it["action"] for it in ann.call("GET", "journal").json()["items"]]
    assert done[:2] == ["access.decline", "own.access.ask"]


def test_calls_answer_too_and_refuse_what_is_none(gateway):
    ann, cleo = Person(gateway, "ann"), Person(gateway, "cleo")
    cleo.form("/_gatepost/account", ask_access=MARKUP)
    items = ann.call("GET", "access-requests").json()["items"]
    [request_id] = [it["id"] for it in items if it["user"] == "cleo"]
    one = f"access-requests/{request_id}"

    for body in ({"state": "open"}, {"state": None}, {}, {"state": "done", "more": 1}):
        assert ann.call("PATCH", one, body).status_code == 400
    assert ann.call("PATCH", "access-requests/unknown", {"state": "done"}).status_code == 404
    assert cleo.call("PATCH", one, {"state": "done"}).status_code == 403
    answered = ann.call("PATCH", one, {"state": "done"})
    assert (answered.status_code, answered.json()["state"]) == (200, "done")
    for form in (
        {"id": request_id},
        {"id": "x", "state": "done"},
        {"id": request_id, "state": "x"},
    ):
        assert "Nothing was changed" in ann.act(PAGE, **form).text
