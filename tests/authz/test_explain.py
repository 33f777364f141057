import pytest

from gateway.authz.access import Access, Item, compile_access
from gateway.authz.explain import try_items
from gateway.model import ANONYMOUS
from gateway.settings.access import AccessRules

REPORTS = compile_access(
    AccessRules.model_validate(
        {
            "allow": [{"group": "admins"}, {"scope": "reports:read", "ip": "192.0.2.0/24"}],
            "deny": [{"email_domain": "contractors.example.com"}],
        }
    )
)


def told(access, facts):
    return [(trial.where, [*map(str, trial.findings)]) for trial in try_items(access, facts)]


def test_each_condition_is_told_with_what_it_found(make_facts):
    facts = make_facts(unreadable={"groups"}, email="a@example.com")

    assert told(REPORTS, facts) == [
        (
            "deny[0]",
            [
                "unmet       email_domain: contractors.example.com"
                " (email-domain-not-allowed: domain is 'example.com')"
            ],
        ),
        (
            "allow[0]",
            ["unreadable  group: admins (fact-unreadable: groups cannot be read)"],
        ),
        (
            "allow[1]",
            [
                "unmet       scope: reports:read (scope-missing: any of 'reports:read')",
                "met         ip: 192.0.2.0/24",
            ],
        ),
    ]


def test_conditions_are_told_to_the_anonymous_too(make_facts):
    trials = try_items(REPORTS, make_facts(identity=ANONYMOUS))

    assert [trial.where for trial in trials] == ["deny[0]", "allow[0]", "allow[1]"]


@pytest.mark.parametrize("word", ["public", "optional", "signed_in", "sign_in", "denied", "gone"])
def test_a_word_has_no_conditions(make_facts, word):
    assert told(compile_access(word), make_facts()) == []


class Fails:
    @classmethod
    def of(cls, value):
        return (cls(),)

    def check(self, facts):
        raise ZeroDivisionError


def test_a_failure_is_told_once_for_its_item(make_facts):
    access = Access("rules", allow=(Item((Fails(), Fails()), ("a: 1", "b: 2"), "[0]"),))

    assert told(access, make_facts()) == [
        (
            "allow[0]",
            ["failed      a: 1; b: 2 (decision-failed: ZeroDivisionError in a: 1, b: 2)"],
        )
    ]
