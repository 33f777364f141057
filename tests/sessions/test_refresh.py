import pytest

from gateway.sessions.refresh import NEVER, Refreshed, due_at, has_lapsed, pause_s, successor
from gateway.sessions.session import ProviderTokens
from gateway.sessions.ticket import new_ticket
from tests.sessions.conftest import make_identity
from tests.sessions.test_record import make_session


@pytest.mark.parametrize(
    ("issued_at", "expires_at", "due"),
    [
        (1000.0, 4600.0, 4540.0),  # A minute ahead,
        (1000.0, 1100.0, 1080.0),  # or a fifth of a short lifetime.
        (1000.0, 1001.0, 1001.0),  # At most once a second,
        (1000.0, 1000.0, 1001.0),
        (1000.0, 900.0, 1001.0),  # even if it was over when it came.
        (None, 4600.0, 4540.0),  # Written by a version that did not note when.
        (1000.0, None, 4600.0),  # The provider does not say: an hour.
        (None, None, NEVER),
    ],
)
def test_when_the_provider_is_asked(issued_at, expires_at, due):
    assert due_at(ProviderTokens("at", "rt", None, expires_at, issued_at)) == due
    assert due_at(ProviderTokens("at", None, None, expires_at, issued_at)) == NEVER


@pytest.mark.parametrize(("now", "lapsed"), [(99.9, False), (100, True), (100.1, True)])
def test_an_access_token_is_over_at_its_last_instant(now, lapsed):
    assert has_lapsed(ProviderTokens("at", "rt", None, 100.0), now) is lapsed
    assert not has_lapsed(ProviderTokens("at", "rt"), now)


def test_a_pause_grows_and_has_an_end():
    assert [pause_s(n) for n in (1, 2, 3)] == [5, 10, 20]
    assert pause_s(10**6) == 300


def test_what_the_answer_leaves_out_stays():
    session = make_session(new_ticket(lambda n: b"x" * n))
    old = session.tokens

    after = successor(
        session, Refreshed(make_identity(), ProviderTokens("at2", None, None, 99.0)), 50.0
    )

    assert after.tokens == ProviderTokens("at2", old.refresh_token, old.id_token, 99.0, 50.0)
    assert after.provider_sid == session.provider_sid
    assert after.identity.access_token == "at2"


def test_what_the_provider_says_counts_but_not_whose_session_it_is():
    session = make_session(new_ticket(lambda n: b"x" * n))
    now_called = make_identity("renamed", groups=("new",), email=None)

    after = successor(session, Refreshed(now_called, ProviderTokens("at2", "rt2"), "sid2"), 50.0)

    assert (after.identity.groups, after.identity.email) == (("new",), None)
    assert (after.tokens.refresh_token, after.provider_sid) == ("rt2", "sid2")
    for kept in ("user", "account_id", "external_id", "expires_at", "session_id"):
        assert getattr(after.identity, kept) == getattr(session.identity, kept)
