"""What would change a decision follows from what the decision was made by."""

import pytest

from gateway.authz.access import Access, Item, compile_access, decide
from gateway.authz.explain import try_items
from gateway.authz.facts import MET
from gateway.authz.remedy import is_by_rules, remedies
from gateway.authz.witness import witnessed
from gateway.model import ANONYMOUS, Allow
from gateway.settings.access import AccessRules


def access_of(**rules):
    return compile_access(AccessRules.model_validate(rules))


def told(access, facts, *, allowed=False, anonymous=False):
    trials = try_items(access, facts)
    return [str(it) for it in remedies(trials, allowed=allowed, anonymous=anonymous)]


TWO = {"allow": [{"group": "admins"}, {"acr": "gold", "max_age": "5m", "role": "editor"}]}


def test_each_allow_says_what_it_misses(make_facts):
    assert told(access_of(**TWO), make_facts()) == [
        "allow[0] would pass with group: admins",
        "allow[1] would pass after signing in again with acr: gold and signing in again within 5m"
        " with role: editor",
    ]


def test_what_holds_already_is_not_named(make_facts):
    assert told(access_of(**TWO), make_facts(acr="gold", roles=("editor",))) == [
        "allow[0] would pass with group: admins",
        "allow[1] would pass after signing in again within 5m",
    ]


def test_what_cannot_be_read_is_said(make_facts):
    (said,) = told(access_of(allow=[{"group": "admins"}]), make_facts(unreadable={"groups"}))

    assert said == "allow[0] would pass with group: admins, which cannot be read now"


def test_a_deny_that_refuses_comes_first_and_one_that_would_is_told_to_the_allowed(make_facts):
    access = access_of(allow=[{"user": "alice"}], deny=[{"group": "leavers", "role": "editor"}])

    assert told(access, make_facts(user="alice", groups=("leavers",)), allowed=True) == [
        "deny[0] would refuse with role: editor"
    ]
    refused = make_facts(user="alice", groups=("leavers",), roles=("editor",))
    assert told(access, refused) == ["deny[0] refuses, whatever allow says"]


def test_the_anonymous_sign_in_first(make_facts):
    assert told(access_of(**TWO), make_facts(identity=ANONYMOUS), anonymous=True) == [
        "allow[0] would pass after signing in with group: admins",
        "allow[1] would pass after signing in with role: editor and acr: gold and max_age: 300 s",
    ]


@pytest.mark.parametrize(
    ("reason", "by_rules"),
    [("group-missing", True), ("denied-by-rule", True), ("cross-site", False)],
)
def test_only_what_rules_refuse_for_is_theirs(make_facts, reason, by_rules):
    trials = try_items(access_of(allow=[{"group": "admins"}]), make_facts())

    assert is_by_rules(trials, reason) is by_rules
    assert not is_by_rules((), reason)


class Counts:
    """Holds the first time only, so that asking again would tell something else."""

    def __init__(self):
        self.asked = 0

    def check(self, facts):
        self.asked += 1
        if self.asked > 1:
            raise ZeroDivisionError
        return MET


def test_what_a_decision_was_made_by_is_what_is_told(make_facts):
    counts = Counts()
    access = witnessed(Access("rules", allow=(Item((counts,), ("a: 1",), "[0]"),)))
    facts = make_facts()

    assert isinstance(decide(access, facts), Allow)
    assert [str(it).split()[0] for trial in try_items(access, facts) for it in trial.findings] == [
        "met"
    ]
    assert counts.asked == 1


def test_a_witness_asks_again_for_another_request_or_identity(make_facts):
    counts = Counts()
    access = witnessed(Access("rules", allow=(Item((counts,), ("a: 1",), "[0]"),)))

    assert isinstance(decide(access, make_facts()), Allow)
    assert decide(access, make_facts()).reason == "decision-failed"
    assert counts.asked == 2
