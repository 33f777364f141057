"""What the provider answers to a refresh, in the words the sessions know."""

from dataclasses import replace

import pytest

from gateway.accounts.manager import Accounts
from gateway.assembly.session_refresh import Refreshes
from gateway.assembly.token_revocation import Revocations
from gateway.sessions import ProviderTokens
from gateway.sessions.endings import Ended
from gateway.sessions.record import describe
from gateway.sessions.refresh import Later, Over, Refreshed
from gateway.sessions.ticket import new_ticket
from gateway.storage.memory import MemoryStore
from tests.oidc.hostile import REFRESH_TOKEN, SUBJECT
from tests.sessions.test_record import make_session


@pytest.fixture
def session(hostile, add_provider):
    add_provider()
    found = make_session(new_ticket(lambda n: b"x" * n))
    identity = replace(found.identity, issuer=hostile.issuer, subject=SUBJECT)
    return replace(
        found, provider="hostile", identity=identity, tokens=ProviderTokens("at", "rt", None, 1.0)
    )


@pytest.fixture
def ask(providers, session):
    return lambda: Refreshes(providers).ask(session)


async def test_new_tokens_and_claims(ask, hostile, clock):
    hostile.wrongs.userinfo = {"groups": ["new"]}

    word = await ask()

    assert isinstance(word, Refreshed)
    assert word.tokens.refresh_token == REFRESH_TOKEN
    assert word.tokens.access_expires_at == clock() + 300
    assert word.identity.groups == ("new",)


async def test_no_new_refresh_token_is_normal(ask, hostile):
    hostile.wrongs.tokens = {"refresh_token": None, "id_token": None}

    word = await ask()

    assert isinstance(word, Refreshed)
    assert (word.tokens.refresh_token, word.tokens.id_token) == (None, None)


@pytest.fixture
async def accounts(session):
    """Accounts that know whose the session is."""
    found = Accounts(MemoryStore(lambda: 0.0), b"0" * 32)
    await found.sign_in(session.identity)
    return found


async def seen_after(ask_of, accounts, session):
    """What the account says after the session was refreshed once."""
    account_id, _ = await accounts.named(session.identity.user)
    identity = replace(session.identity, account_id=account_id)
    await ask_of.ask(replace(session, identity=identity))
    await ask_of.aclose()
    return (await accounts.find(account_id)).as_seen(identity.issuer, SUBJECT)


async def test_an_account_is_told_what_is_heard_but_the_user(providers, session, accounts, hostile):
    hostile.wrongs.userinfo = {"groups": ["new"]}

    seen = await seen_after(Refreshes(providers, accounts), accounts, session)

    assert (seen.groups, seen.email) == (("new",), "alice@example.com")
    assert seen.user == session.identity.user


async def test_an_account_is_told_nothing_where_nothing_is_heard(
    providers, session, accounts, hostile
):
    before = session.identity
    for failure in ({"/userinfo": "500"}, {"/token": "500"}):
        hostile.wrongs.failures = failure
        seen = await seen_after(Refreshes(providers, accounts), accounts, session)
        assert (seen.groups, seen.email) == (before.groups, before.email)
    hostile.wrongs.failures = {}
    hostile.wrongs.userinfo = {"groups": ["new"]}

    # Of an app, which may ask for less.
    seen = await seen_after(Refreshes(providers), accounts, session)
    assert seen.groups == before.groups


@pytest.mark.parametrize(
    ("wrongs", "reason"),
    [
        ({"token_answer": (400, {"error": "invalid_grant"})}, "refresh-refused"),
        ({"claims": {"sub": "bob"}}, "subject-mismatch"),
        ({"userinfo": {"sub": "bob"}, "tokens": {"id_token": None}}, "subject-mismatch"),
    ],
)
async def test_what_ends_the_session(ask, hostile, wrongs, reason):
    for name, value in wrongs.items():
        setattr(hostile.wrongs, name, value)

    assert await ask() == Over(reason)


@pytest.mark.parametrize(
    ("wrongs", "word"),
    [
        ({"token_answer": (500, {})}, Later("provider-unavailable")),
        ({"token_answer": (503, {"error": "invalid_grant"})}, Later("provider-unavailable")),
        ({"token_answer": (429, {"error": "invalid_grant"})}, Later("provider-unavailable")),
        ({"token_answer": (401, {"error": "invalid_client"})}, Later("provider-unavailable")),
        ({"token_answer": (400, {"error": "invalid_request"})}, Later("provider-unavailable")),
        ({"token_answer": (200, {})}, Later("provider-unavailable")),
        ({"failures": {"/token": "close"}}, Later("provider-unavailable")),
        ({"failures": {"/token": "garbage"}}, Later("provider-unavailable")),
        ({"tampered": True}, Later("invalid-id-token", provider_fails=False)),
        (
            {"discovery": {"issuer": "https://evil.example"}},
            Later("issuer-misconfigured"),
        ),
    ],
)
async def test_what_keeps_it(ask, hostile, wrongs, word):
    for name, value in wrongs.items():
        setattr(hostile.wrongs, name, value)

    assert await ask() == word


async def test_a_provider_that_is_configured_no_more(ask, providers):
    providers.clear()

    assert await ask() == Later("unknown-provider", provider_fails=False)


async def test_the_token_of_an_app_that_moved_is_not_sent_to_its_new_provider(
    providers, session, hostile
):
    providers["ios"] = providers["hostile"]
    of_app = replace(session, client="ios")
    moved = replace(of_app, provider="former")

    assert isinstance(await Refreshes(providers).ask(of_app), Refreshed)
    forms = len(hostile.forms)
    assert await Refreshes(providers).ask(moved) == Later("unknown-provider", provider_fails=False)

    ended = Ended("id", describe(moved), "rt", "ended")
    revocations = Revocations(providers)
    revocations.session_ended(ended)
    await revocations.aclose()
    assert len(hostile.forms) == forms
    revocations.session_ended(replace(ended, info=describe(of_app)))
    await revocations.aclose()
    assert hostile.forms[-1]["token"] == ["rt"]


@pytest.mark.parametrize("tenants", [(), ("t1",)])
async def test_the_token_of_another_issuer_under_the_same_name_is_not_sent(
    providers, session, hostile, tenants
):
    """A provider was pointed to another issuer, and kept its name in the file."""
    known = providers["hostile"].registration
    template = f"{hostile.issuer}/{{tenantid}}" if tenants else hostile.issuer
    providers["hostile"].registration = replace(known, issuer=template, tenants=tenants)
    identity = replace(session.identity, issuer="https://former.example.com/t1")
    former = replace(session, identity=identity)

    assert await Refreshes(providers).ask(former) == Over("refresh-refused")
    revocations = Revocations(providers)
    revocations.session_ended(Ended("id", describe(former), "rt", "ended"))
    await revocations.aclose()
    assert hostile.requests == []


async def test_the_token_of_a_removed_tenant_is_still_revoked(providers, session, hostile):
    known = providers["hostile"].registration
    issuer = f"{hostile.issuer}/{{tenantid}}"
    providers["hostile"].registration = replace(known, issuer=issuer, tenants=("t1",))

    assert providers["hostile"].issued("rt", f"{hostile.issuer}/t2")
    assert not providers["hostile"].issued("rt", f"{hostile.issuer}/t2/v1")
    assert not providers["hostile"].issued("rt", f"{hostile.issuer}/")
