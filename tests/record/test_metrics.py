"""Counts of what is frequent are right whenever somebody reads them."""

from gateway.record import outcomes
from gateway.record.metrics import Metrics
from gateway.record.outcomes import Outcomes


def test_a_reader_sees_each_request_once():
    metrics = Metrics()
    answered = metrics.answered("all", "GET", 200, "allow", "public")

    for _ in range(3):
        answered.add(0.003)
        before = dict(metrics.requests)
    answered.add(0.003)

    assert before == {("all", "GET", 200): 3}
    assert metrics.requests == {("all", "GET", 200): 4}
    assert metrics.decisions == {("all", "allow", "public"): 4}
    assert metrics.decisions == {("all", "allow", "public"): 4}
    assert sum(metrics.request_seconds["all"].counts) == 4


def test_requests_with_different_statuses_share_their_decision():
    metrics = Metrics()
    for status in (200, 404, 404):
        metrics.answered("all", "GET", status, "allow", "public").add(0.003)

    assert metrics.requests == {("all", "GET", 200): 1, ("all", "GET", 404): 2}
    assert metrics.decisions == {("all", "allow", "public"): 3}


def test_a_method_that_a_client_invents_adds_nothing_to_the_labels():
    metrics = Metrics()
    for method in ("BREW", "PROPFIND"):
        metrics.answered("all", method, 405, "deny", "method-not-allowed").add(0.001)

    assert metrics.requests == {("all", "other", 405): 2}


def test_good_and_bad_credentials_are_counted():
    metrics = Metrics()
    for outcome in ("success", "invalid", "success"):
        metrics.count_authentication("session", outcome)

    expected = {("session", "success"): 2, ("session", "invalid"): 1}
    assert metrics.authentications == expected
    assert metrics.authentications == expected


def test_outcomes_that_are_forgotten_are_counted_all_the_same(monkeypatch):
    monkeypatch.setattr(outcomes, "_REMEMBERED", 2)
    metrics = Metrics()
    known = Outcomes(metrics)

    for method in ("A", "B", "C", "A", "B", "C"):
        known.get(("all", method, 200, "allow", "public")).answered.add(0.0)

    assert metrics.requests == {("all", "other", 200): 6}
