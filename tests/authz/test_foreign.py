"""Refused is what would be refused whoever asked; the rest is for the app to judge."""

import pytest

from gateway.authz.access import compile_access, decide
from gateway.authz.conditions import CONDITIONS
from gateway.authz.facts import Met
from gateway.authz.foreign import decide_foreign, try_foreign
from gateway.model import ANONYMOUS, Allow, Deny
from gateway.settings.access import AccessRules
from tests.authz.test_access import rules

PASSED = Allow("foreign-credential")
OFFICE = "192.0.2.0/24"
ELSEWHERE = "10.0.0.0/8"


@pytest.mark.parametrize(
    ("word", "decision"),
    [
        ("signed_in", PASSED),
        ("optional", PASSED),
        # Where no credential is looked at, none is foreign.
        ("public", Deny("denied")),
        ("sign_in", Deny("denied")),
        ("denied", Deny("denied")),
        ("gone", Deny("denied")),
    ],
)
def test_what_a_word_decides(make_facts, word, decision):
    assert decide_foreign(compile_access(word), make_facts(identity=ANONYMOUS)) == decision


RULES = [
    # What is asked of the user is the app's to judge.
    ({"allow": [{"group": "admins"}]}, "foreign-credential"),
    ({"allow": [{"user": "alice"}, {"scope": "x"}]}, "foreign-credential"),
    ({"allow": [{"credential": "session"}]}, "foreign-credential"),
    ({"allow": [{"acr": "gold"}, {"max_age": 60}]}, "foreign-credential"),
    ({"deny": [{"user": "bob"}]}, "foreign-credential"),
    ({"deny": [{"email_domain": "a.example"}, {"claim": {"a": "1"}}]}, "foreign-credential"),
    # What is asked of the request must hold, whoever asks.
    ({"allow": [{"ip": OFFICE}]}, "foreign-credential"),
    ({"allow": [{"ip": ELSEWHERE}]}, "ip-not-allowed"),
    ({"allow": [{"ip": ELSEWHERE, "group": "admins"}]}, "ip-not-allowed"),
    ({"allow": [{"ip": OFFICE, "group": "admins"}]}, "foreign-credential"),
    ({"allow": [{"ip": ELSEWHERE}, {"group": "admins"}]}, "foreign-credential"),
    ({"allow": [{"method": "POST", "user": "alice"}]}, "method-not-allowed"),
    ({"allow": [{"method": "GET", "user": "bob"}]}, "foreign-credential"),
    ({"allow": [{"header": {"X-A": "1"}}]}, "header-missing"),
    ({"allow": [{"header": {"X-App": "1"}, "role": "r"}]}, "foreign-credential"),
    ({"deny": [{"ip": OFFICE}]}, "denied-by-rule"),
    ({"deny": [{"ip": ELSEWHERE}]}, "foreign-credential"),
    ({"deny": [{"method": "GET"}]}, "denied-by-rule"),
    ({"deny": [{"header": {"X-App": "1"}}]}, "denied-by-rule"),
    ({"allow": [{"group": "a"}], "deny": [{"ip": OFFICE}]}, "denied-by-rule"),
    # An expression is of the request where it reads nothing else.
    ({"allow": [{"when": "method == 'POST'"}]}, "when-unmet"),
    ({"allow": [{"when": "method == 'GET'", "user": "bob"}]}, "foreign-credential"),
    ({"allow": [{"when": "method == 'POST' && 'a' in groups"}]}, "foreign-credential"),
    ({"deny": [{"when": "method == 'GET'"}]}, "denied-by-rule"),
    ({"deny": [{"when": "method == 'POST'"}]}, "foreign-credential"),
    ({"deny": [{"when": "method == 'GET' || 'a' in groups"}]}, "denied-by-rule"),
    ({"deny": [{"when": "!('a' in groups)"}]}, "foreign-credential"),
    ({"deny": [{"when": "user != 'alice'"}]}, "foreign-credential"),
    ({"deny": [{"when": "headers['x-two'] == '1'"}]}, "fact-unreadable"),
    # A deny is of those who meet all of it, and nobody is known to.
    ({"deny": [{"ip": OFFICE, "group": "a"}]}, "foreign-credential"),
    # A repeated field cannot be read: it satisfies no allow and meets a deny.
    ({"allow": [{"header": {"X-Two": "1"}, "user": "a"}]}, "fact-unreadable"),
    ({"deny": [{"header": {"X-Two": "1"}}]}, "fact-unreadable"),
]


@pytest.fixture
def facts(make_facts):
    fields = [(b"X-App", b"1"), (b"X-Two", b"1"), (b"X-Two", b"2")]
    return make_facts(identity=ANONYMOUS, fields=fields)


@pytest.mark.parametrize(("settings", "reason"), RULES)
def test_what_rules_decide(facts, settings, reason):
    decision = decide_foreign(rules(**settings), facts)

    assert decision.reason == reason
    assert isinstance(decision, Allow if reason == "foreign-credential" else Deny)


def test_an_explanation_says_what_is_left_to_the_app(facts):
    access = rules(
        allow=[{"group": "admins", "ip": OFFICE}], deny=[{"user": "bob"}, {"method": "PUT"}]
    )

    told = [(it.where, [*map(str, it.findings)]) for it in try_foreign(access, facts)]
    assert told == [
        ("deny[0]", ["unmet       user: bob (user-not-allowed: user is '')"]),
        ("deny[1]", ["unmet       method: PUT (method-not-allowed: method is 'GET')"]),
        ("allow[0]", [f"met         ip: {OFFICE}", "for the app group: admins"]),
    ]


def test_an_identity_does_not_count(make_facts):
    access = rules(deny=[{"user": "alice"}])

    assert isinstance(decide(access, make_facts()), Deny)
    assert decide_foreign(access, make_facts()) == PASSED


class Broken:
    """A condition with a defect."""

    def check(self, facts):
        """Fail."""
        raise ZeroDivisionError


@pytest.mark.parametrize("side", ["allow", "deny"])
def test_a_condition_that_fails_is_a_deny(facts, monkeypatch, side):
    access = rules(**{side: [{"ip": OFFICE}]})
    (item,) = getattr(access, side)
    monkeypatch.setattr(type(item.conditions[0]), "check", Broken.check)

    assert decide_foreign(access, facts).reason == "decision-failed"


def test_nobody_meets_a_condition_about_the_user(facts):
    values = {"claim": {"a": "1"}, "header": {"X-App": "1"}, "max_age": "1h", "ip": OFFICE}
    values |= {"method": "GET", "credential": "session", "email": "a@x"}
    values |= {"time": {"zone": "UTC"}, "country": "CZ", "when": "user == ''"}
    met = set()
    for name in CONDITIONS:
        settings = AccessRules.model_validate({"allow": [{name: values.get(name, "x")}]})
        (item,) = compile_access(settings, lambda address: "CZ").allow
        if all(isinstance(result, Met) for result in item.judge(facts)):
            met.add(name)

    assert met == {"ip", "method", "header", "time", "country"}
