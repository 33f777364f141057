import pytest

from gateway.authz.access import Access, Item, compile_access, decide
from gateway.authz.explain import explain
from gateway.model import ANONYMOUS, SignIn
from gateway.settings.access import AccessRules

REPORTS = compile_access(
    AccessRules.model_validate(
        {
            "allow": [{"group": "admins"}, {"scope": "reports:read", "ip": "192.0.2.0/24"}],
            "deny": [{"email_domain": "contractors.example.com"}],
        }
    )
)


def test_each_condition_is_told_with_what_it_found(make_facts):
    told = explain(REPORTS, make_facts(unreadable={"groups"}, email="a@example.com"))

    assert told.lines() == [
        "access: rules",
        "deny[0]:",
        "  unmet       email_domain: contractors.example.com"
        " (email-domain-not-allowed: domain is 'example.com')",
        "allow[0]:",
        "  unreadable  group: admins (fact-unreadable: groups cannot be read)",
        "allow[1]:",
        "  unmet       scope: reports:read (scope-missing: any of 'reports:read')",
        "  met         ip: 192.0.2.0/24",
    ]


@pytest.mark.parametrize(
    "known",
    [
        {},
        {"groups": ("admins",)},
        {"scopes": frozenset({"reports:read"})},
        {"email": "a@contractors.example.com", "groups": ("admins",)},
        {"identity": ANONYMOUS},
    ],
)
def test_the_explanation_ends_in_the_decision(make_facts, known):
    facts = make_facts(**known)

    assert explain(REPORTS, facts).decision == decide(REPORTS, facts)


def test_conditions_are_told_to_the_anonymous_too(make_facts):
    told = explain(REPORTS, make_facts(identity=ANONYMOUS))

    assert told.decision == SignIn()
    assert [trial.where for trial in told.trials] == ["deny[0]", "allow[0]", "allow[1]"]


@pytest.mark.parametrize("word", ["public", "optional", "signed_in", "sign_in", "denied", "gone"])
def test_a_word_needs_no_trials(make_facts, word):
    told = explain(compile_access(word), make_facts())

    assert told.lines() == [f"access: {word}"]
    assert told.decision == decide(compile_access(word), make_facts())


class Fails:
    @classmethod
    def of(cls, value):
        return (cls(),)

    def check(self, facts):
        raise ZeroDivisionError


def test_a_failure_is_told_once_for_its_item(make_facts):
    access = Access("rules", allow=(Item((Fails(), Fails()), ("a: 1", "b: 2")),))
    told = explain(access, make_facts())

    assert told.lines()[2:] == [
        "  failed      a: 1; b: 2 (decision-failed: ZeroDivisionError in a: 1, b: 2)"
    ]
    assert told.decision.reason == "decision-failed"
