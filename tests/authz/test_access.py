from dataclasses import dataclass
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.authz.access import Access, Item, compile_access, compile_items, decide
from gateway.authz.facts import MET, Broken, Facts, Result, Unmet, Unreadable
from gateway.model import ANONYMOUS, Allow, Deny, SignIn, StepUp
from gateway.settings.access import AccessRules, ConditionSettings
from tests.builders import make_identity, make_request

NOW = 1_800_000_000


def rules(**given: object) -> Access:
    return compile_access(AccessRules.model_validate(given))


@pytest.mark.parametrize(
    ("word", "anonymous", "known"),
    [
        ("public", Allow(), Allow()),
        ("optional", Allow(), Allow()),
        ("signed_in", SignIn(), Allow()),
        ("sign_in", SignIn("sign-in-requested"), SignIn("sign-in-requested")),
        ("denied", Deny("denied"), Deny("denied")),
        ("gone", Deny("gone", status=410), Deny("gone", status=410)),
    ],
)
def test_what_a_word_decides(make_facts, word, anonymous, known):
    assert decide(compile_access(word), make_facts(identity=ANONYMOUS)) == anonymous
    assert decide(compile_access(word), make_facts()) == known


@pytest.mark.parametrize(
    ("access", "looks"),
    [
        (compile_access("public"), False),
        (compile_access("optional"), True),
        (compile_access("signed_in"), True),
        (compile_access("sign_in"), True),
        (compile_access("denied"), False),
        (compile_access("gone"), False),
        (rules(allow=[{"user": "alice"}]), True),
    ],
)
def test_whose_credentials_count(access, looks):
    assert access.looks_at_credentials is looks


RULES = [
    # settings, facts, decision
    ({"allow": [{"group": "admins"}]}, {"groups": ("admins",)}, Allow),
    ({"allow": [{"group": "admins"}]}, {}, "group-missing"),
    ({"allow": {"group": "admins"}}, {"groups": ("admins",)}, Allow),
    ({"allow": [{"group": "a"}, {"user": "alice"}]}, {}, Allow),  # any item is enough
    ({"allow": [{"group": "a"}, {"user": "bob"}]}, {}, "group-missing"),
    ({"allow": [{"group": "a", "user": "alice"}]}, {}, "group-missing"),  # all must hold
    ({"allow": [{"group": "a", "user": "alice"}]}, {"groups": ("a",)}, Allow),
    ({"allow": [{"claim": {"a": "1", "b": "2"}}]}, {"claims": {"a": 1}}, "claim-missing"),
    ({"allow": [{"claim": {"a": "1", "b": "2"}}]}, {"claims": {"a": 1, "b": 2}}, Allow),
    ({"deny": [{"user": "bob"}]}, {}, Allow),  # deny alone: all who are signed in, less those
    ({"deny": [{"user": "alice"}]}, {}, "denied-by-rule"),
    ({"allow": [{"user": "alice"}], "deny": [{"user": "alice"}]}, {}, "denied-by-rule"),
    ({"deny": [{"user": "alice", "group": "x"}]}, {}, Allow),
    ({"deny": [{"group": "x"}, {"user": "alice"}]}, {}, "denied-by-rule"),
    # Missing satisfies no allow and leaves a deny unmet.
    ({"allow": [{"email_domain": "a.example"}]}, {}, "email-domain-not-allowed"),
    ({"deny": [{"email_domain": "a.example"}]}, {}, Allow),
    # Unreadable satisfies no allow and meets a deny.
    ({"allow": [{"group": "a"}]}, {"groups": ("a",), "unreadable": {"groups"}}, "fact-unreadable"),
    ({"deny": [{"group": "a"}]}, {"unreadable": {"groups"}}, "fact-unreadable"),
    ({"deny": [{"group": "a", "user": "bob"}]}, {"unreadable": {"groups"}}, Allow),
    ({"deny": [{"group": "a", "user": "alice"}]}, {"unreadable": {"groups"}}, "fact-unreadable"),
    ({"allow": [{"group": "a"}, {"user": "alice"}]}, {"unreadable": {"groups"}}, Allow),
]


@pytest.mark.parametrize(("settings", "known", "decision"), RULES)
def test_what_rules_decide(make_facts, settings, known, decision):
    decided = decide(rules(**settings), make_facts(**known))

    assert decided == Allow() if decision is Allow else decided.reason == decision
    assert isinstance(decided, Allow if decision is Allow else Deny)


@pytest.mark.parametrize(
    "settings", [{"allow": [{"ip": "0.0.0.0/0"}]}, {"deny": [{"method": "GET"}]}]
)
def test_rules_always_ask_who_it_is_first(make_facts, settings):
    assert decide(rules(**settings), make_facts(identity=ANONYMOUS)) == SignIn()


GOLD = {"acr": ["gold", "platinum"]}


@pytest.mark.parametrize(
    ("settings", "known", "decision"),
    [
        ({"allow": [GOLD]}, {}, StepUp("acr-not-allowed", ("gold", "platinum"))),
        ({"allow": [{"max_age": "5m"}]}, {"authenticated_at": NOW - 301},
         StepUp("sign-in-too-old", (), 300)),
        ({"allow": [{"amr": "mfa"}]}, {"amr": ("pwd",)},
         StepUp("amr-missing", (), 0, ("mfa",))),
        ({"allow": [{"amr": ["otp", "mfa"]}]}, {}, StepUp("amr-missing", (), 0, ("mfa", "otp"))),
        ({"allow": [{"max_age": "5m", "group": "a", **GOLD}]}, {"groups": ("a",)},
         StepUp("acr-not-allowed", ("gold", "platinum"), 300)),
        ({"allow": [{"max_age": "5m", "amr": "mfa"}]}, {}, StepUp("amr-missing", (), 0, ("mfa",))),
        ({"allow": [{"max_age": "5m", "amr": "mfa"}]}, {"amr": ("mfa",)},
         StepUp("sign-in-too-old", (), 300)),
        # The second item would do after a step-up, the first would not.
        ({"allow": [{"group": "a"}, GOLD]}, {}, StepUp("acr-not-allowed", ("gold", "platinum"))),
        # Something else fails too, or cannot be read.
        ({"allow": [{"group": "a", **GOLD}]}, {}, Deny("group-missing", "any of 'a'")),
        ({"allow": [GOLD]}, {"unreadable": {"acr"}}, Deny("fact-unreadable", "acr cannot be read")),
        # A deny that hits is never stepped up from.
        ({"allow": [GOLD], "deny": [{"user": "alice"}]}, {},
         Deny("denied-by-rule", "deny[0]: user: alice")),
        # There is nobody to ask behind a key.
        ({"allow": [GOLD]}, {"credential": "api_key"}, Deny("acr-not-allowed", "acr is None")),
        ({"allow": [GOLD]}, {"credential": "bearer"},
         StepUp("acr-not-allowed", ("gold", "platinum"))),
        ({"allow": [GOLD, {"user": "alice"}]}, {}, Allow()),
    ],
)  # fmt: skip
def test_who_is_asked_to_prove_it_anew(make_facts, settings, known, decision):
    assert decide(rules(**settings), make_facts(**known)) == decision


@dataclass(frozen=True, slots=True)
class Says:
    """A condition with a fixed answer."""

    result: Result

    @classmethod
    def of(cls, value: Result) -> tuple["Says", ...]:
        return (cls(value),)

    def check(self, _: Facts) -> Result:
        if isinstance(self.result, Broken):
            raise KeyError("boom")
        return self.result


ANSWERS = [
    MET,
    Unmet("no"),
    Unmet("weak", step_up=StepUp("weak", ("gold",))),
    Unreadable("?"),
    Broken("!"),
]


def item(*results: Result) -> Item:
    return Item(
        tuple(map(Says, results)), tuple(f"says {type(r).__name__}" for r in results), "[0]"
    )


@pytest.mark.parametrize(
    "access",
    [
        Access("rules", allow=(item(Broken("!")),)),
        Access("rules", deny=(item(Broken("!")),)),
        Access("rules", allow=(item(Unmet("no"), Broken("!")), item(MET))),
        Access("rules", allow=(item(MET),), deny=(item(Unmet("no"), Broken("!")),)),
    ],
)
def test_a_condition_that_fails_is_a_deny(make_facts, access):
    decided = decide(access, make_facts())

    assert isinstance(decided, Deny)
    assert decided.reason == "decision-failed"
    assert "KeyError" in decided.detail
    assert "boom" not in decided.detail


ITEMS = st.lists(st.lists(st.sampled_from(ANSWERS), min_size=1, max_size=3), max_size=3)


@given(ITEMS, ITEMS)
def test_nothing_but_a_met_rule_allows(allow, deny):
    access = Access("rules", tuple(item(*i) for i in allow), tuple(item(*i) for i in deny))
    facts = Facts(make_request(), make_identity(), 0.0)
    decided = decide(access, facts)

    def is_met(results):
        return all(r == MET for r in results)

    def meets_a_deny(results):
        broken = any(isinstance(r, Broken) for r in results)
        return broken or not any(isinstance(r, Unmet) for r in results)

    if any(map(meets_a_deny, deny)):
        assert isinstance(decided, Deny)
    elif allow and not any(map(is_met, allow)):
        assert isinstance(decided, Deny | StepUp)
    elif not allow:
        assert decided == Allow()


def test_what_makes_no_sense_is_refused_when_it_is_compiled():
    with pytest.raises(ValueError, match="unknown access"):
        compile_access("everyone")
    with pytest.raises(ValueError, match="neither allow nor deny"):
        compile_access(AccessRules.model_construct(allow=(), deny=()))
    with pytest.raises(ValueError, match="needs a condition"):
        compile_items([ConditionSettings.model_construct()])


def test_labels_say_what_the_file_says():
    (compiled,) = compile_items(
        [
            ConditionSettings.model_validate(
                {"ip": ["10.0.0.0/8", "::1"], "claim": {"/a": ["1", "2"], "b": "3"},
                 "max_age": "15m", "user": "alice"}
            )
        ]
    )  # fmt: skip

    assert compiled.labels == (
        "user: alice",
        "claim /a: 1, 2",
        "claim b: 3",
        "ip: 10.0.0.0/8, ::1/128",
        "max_age: 900 s",
    )
    assert len(compiled.conditions) == len(compiled.labels)


@pytest.mark.parametrize(("one", "two"), list(product(ANSWERS, repeat=2)))
def test_deny_wins_over_everything(make_facts, one, two):
    access = Access("rules", allow=(item(one), item(two)), deny=(item(MET),))

    assert decide(access, make_facts()) == Deny("denied-by-rule", "deny[0]: says Met")
