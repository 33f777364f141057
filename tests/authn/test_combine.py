from dataclasses import dataclass, field

import pytest

from gateway.authn import (
    Authenticated,
    NotPresented,
    Pending,
    Rejected,
    authenticate_all,
    judge_all,
)
from gateway.authn.combine import combine, same_account
from gateway.model import Identity
from tests.builders import make_request

LAPSED = Rejected("session-expired", lapsed=True)
BAD = Rejected("unknown-credential")
ABSENT = NotPresented()


def good(user="alice", credential="bearer", **facts):
    return Authenticated(
        Identity(user=user, subject=user, issuer="i", credential=credential, **facts)
    )


ALICE, BOB = good(), good("bob")
ALICES_SESSION = good(credential="session")
CONFLICT = Rejected("conflicting-credentials", "of different accounts", status=400)


@dataclass
class Stated:
    """An authenticator for values of the Authorization field that start with its own scheme."""

    outcome: object
    scheme: bytes = b"Ours"
    in_memory: bool = True
    credential: str = "bearer"
    fields: frozenset[bytes] = frozenset({b"authorization"})
    cookies: frozenset[str] = frozenset()
    asked: list[str] = field(default_factory=list)

    def recognises(self, field, value):
        return field in self.fields and value.startswith(self.scheme)

    def judge(self, request):
        self.asked.append("judge")
        return self.outcome if self.in_memory else Pending(self.ask)

    async def ask(self):
        self.asked.append("ask")
        return self.outcome


@pytest.mark.parametrize(
    ("outcomes", "combined"),
    [
        ([], ABSENT),
        ([ABSENT, ABSENT], ABSENT),
        ([ALICE], ALICE),
        ([ABSENT, ALICE], ALICE),
        ([ALICE, ALICES_SESSION], ALICE),
        ([ALICES_SESSION, ALICE], ALICES_SESSION),
        ([ALICE, BOB], CONFLICT),
        ([ALICE, ALICES_SESSION, BOB], CONFLICT),
        ([BAD], BAD),
        ([BAD, ALICE], BAD),
        ([ALICE, BAD], BAD),
        ([ALICE, BOB, BAD], BAD),
        ([ABSENT, LAPSED], LAPSED),
        ([LAPSED, BAD], BAD),
        ([BAD, LAPSED], BAD),
        # Beside a good credential nothing goes on as anonymous.
        ([ALICE, LAPSED], Rejected("session-expired")),
        ([LAPSED, ALICE], Rejected("session-expired")),
    ],
)
def test_one_outcome_comes_of_several(outcomes, combined):
    assert combine(outcomes) == combined


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ({}, {}, True),
        ({}, {"user": "bob"}, False),
        ({"account_id": "1"}, {"account_id": "1", "user": "bob"}, True),
        ({"account_id": "1"}, {"account_id": "2"}, False),
        ({"account_id": "1"}, {}, True),
        ({"account_id": "1"}, {"user": "bob"}, False),
    ],
)
def test_an_account_is_known_by_its_id_or_its_user(one, other, same):
    assert same_account(good(**one).identity, good(**other).identity) is same


@pytest.mark.parametrize(
    ("fields", "outcome"),
    [
        ([], ALICE),
        ([(b"Authorization", b"Ours x")], ALICE),
        (
            [(b"Authorization", b"Basic Zm9v")],
            Rejected("unknown-credential", "no authenticator recognises b'authorization'"),
        ),
        (
            [(b"AUTHORIZATION", b"")],
            Rejected("unknown-credential", "no authenticator recognises b'authorization'"),
        ),
        (
            [(b"X-API-Key", b"Ours x")],
            Rejected("unknown-credential", "no authenticator recognises b'x-api-key'"),
        ),
        (
            [(b"Authorization", b"Ours x"), (b"authorization", b"Ours x")],
            Rejected("repeated-credential", "2 b'authorization' fields", status=400),
        ),
        (
            [(b"Authorization", b"Ours x"), (b"X-Api-Key", b"y")],
            Rejected("unknown-credential", "no authenticator recognises b'x-api-key'"),
        ),
    ],
)
async def test_a_stated_credential_nobody_recognises_is_never_anonymous(fields, outcome):
    authenticators = [Stated(ALICE), Stated(ABSENT, b"Theirs")]
    request = make_request(fields=fields)

    assert judge_all(request, authenticators) == outcome


async def test_what_is_not_guarded_is_for_the_app(request):
    foreign = make_request(fields=[(b"Authorization", b"Basic Zm9v")])

    assert judge_all(foreign, [Stated(ABSENT)], guarded=()) == ABSENT


async def test_every_credential_is_judged_even_after_a_good_one():
    authenticators = [Stated(ALICE), Stated(BAD)]

    assert await authenticate_all(make_request(), authenticators) == BAD
    assert [len(it.asked) for it in authenticators] == [1, 1]


@pytest.mark.parametrize("cold", [(0,), (1,), (2,), (0, 1), (0, 2), (1, 2), (0, 1, 2)])
@pytest.mark.parametrize(
    ("outcomes", "combined"),
    [
        ((ALICE, ALICES_SESSION, ABSENT), ALICE),
        ((ABSENT, ALICE, BAD), BAD),
        ((ALICE, ABSENT, BOB), CONFLICT),
    ],
)
async def test_what_memory_does_not_know_is_asked_about_once(cold, outcomes, combined):
    authenticators = [
        Stated(outcome, in_memory=index not in cold) for index, outcome in enumerate(outcomes)
    ]

    found = judge_all(make_request(), authenticators)

    assert isinstance(found, Pending)
    assert await found.ask() == combined
    for index, it in enumerate(authenticators):
        assert it.asked == (["judge", "ask"] if index in cold else ["judge"])


def test_where_nobody_judges_nothing_is_presented():
    assert judge_all(make_request(), []) == ABSENT


def test_who_found_nothing_is_not_asked_about_the_same_fields_again():
    absent, present = Stated(ABSENT), Stated(ALICE)
    authenticators, others = (absent, present), (absent, Stated(BOB))
    request = make_request()

    assert [judge_all(request, authenticators) for _ in range(3)] == [ALICE] * 3
    assert (len(absent.asked), len(present.asked)) == (1, 3)
    # Neither by other authenticators, nor with another public URL, whose cookies have other names.
    assert judge_all(request, others) == BOB
    request.public_url = "https://other.example.com"
    assert judge_all(request, authenticators) == ALICE
    assert len(absent.asked) == 3


def test_whether_a_credential_is_good_is_asked_each_time():
    authenticator = Stated(ALICE)
    authenticators, request = (Stated(ABSENT), authenticator), make_request()
    assert judge_all(request, authenticators) == ALICE

    authenticator.outcome = BAD

    assert judge_all(request, authenticators) == BAD
