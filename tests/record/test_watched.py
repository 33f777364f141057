"""What a worker keeps of refusals and differences is bounded, and tells of no secret."""

import pytest

from gateway.model import Identity
from gateway.record.audit import Entry
from gateway.record.report import Change, Reloads
from gateway.record.watched import MOST_KEPT, Watched
from gateway.settings.setting_changes import without_secrets
from tests.builders import make_request


def entry(path="/", user=None, at=1000.0):
    found = Entry(make_request(path.encode(), at=at), None, peer="", trusted=False, began_at=0)
    found.decide("deny", "group-missing")
    if user is not None:
        found.identity = Identity(user=user, subject=user, issuer="i", credential="session")
    return found


def test_whoever_is_nobody_does_not_push_out_people():
    watched = Watched()
    watched.refused(entry("/wiki", "bob"), 403)
    for number in range(2 * MOST_KEPT):
        watched.refused(entry(f"/{number}"), 404)

    of_people = [it.path for it in watched.refusals if it.user]
    of_nobody = [it.path for it in watched.refusals if not it.user]
    assert of_people == ["/wiki"]
    assert of_nobody == [f"/{it}" for it in range(MOST_KEPT, 2 * MOST_KEPT)]


@pytest.mark.parametrize(
    ("target", "path"),
    [
        ("/a?token=x", "/a"),
        ("/a;jsessionid=x", "/a…"),
        ("/a%3Ftoken=x", "/a…"),
        ("/" + "b" * 255, "/" + "b" * 255),
        ("/" + "b" * 256, "/" + "b" * 254 + "…"),
    ],
)
def test_a_path_is_cut_where_it_may_hold_a_secret_or_is_long(target, path):
    watched = Watched()
    watched.refused(entry(target), 403)
    watched.differs(entry(target), "shadow", entry(target))

    assert [it.path for it in (*watched.refusals, *watched.differences)] == [path, path]


def test_differences_are_bounded_too():
    watched = Watched()
    for number in range(MOST_KEPT + 1):
        watched.differs(entry(f"/{number}"), "shadow", entry())

    assert [it.path for it in watched.differences][:: MOST_KEPT - 1] == ["/1", f"/{MOST_KEPT}"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("redis://user:pw@h:1/0: refused", "redis://…@h:1/0: refused"),
        ("GET https://id.test/k?appid=7: status 500", "GET https://id.test/k?… status 500"),
        ("routes[0]: unknown setting; did you mean name?", None),
        ("http://h/a@b: no answer", None),
    ],
)
def test_errors_are_told_without_credentials(text, told):
    assert without_secrets(text) == (text if told is None else told)


def test_a_failed_reload_leaves_the_last_change_known():
    change = Change(1.0, (), {}, ("store",))
    worked = Reloads().worked(1.0, change)

    failed = worked.failed(2.0, ("file:1:2: smtp://a:b@c is wrong",))
    again = failed.worked(3.0, None)

    assert (failed.at, failed.succeeded, failed.change) == (2.0, False, change)
    assert failed.problems == ("file:1:2: smtp://…@c is wrong",)
    assert (again.at, again.succeeded, again.problems, again.change) == (3.0, True, (), change)
