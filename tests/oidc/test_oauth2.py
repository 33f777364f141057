"""What a plain OAuth 2.0 provider is asked while a session lasts, and what follows from it."""

from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

import pytest

from gateway.assembly.session_refresh import Refreshes
from gateway.assembly.token_revocation import Revocations
from gateway.credentials.provider_tokens import kept_tokens
from gateway.errors import ProviderUnavailableError
from gateway.oidc import oauth2
from gateway.oidc.configured import register
from gateway.oidc.errors import UserMissingError
from gateway.oidc.http import ProviderHttp
from gateway.oidc.oauth2 import OAuth2Provider
from gateway.oidc.oauth2_report import examine_oauth2
from gateway.oidc.provider import Provider
from gateway.oidc.registration import Registration
from gateway.oidc.sign_in import begin_sign_in, finish_sign_in
from gateway.sessions.endings import Ended
from gateway.sessions.record import describe
from gateway.sessions.refresh import Later, Over, Refreshed, successor
from gateway.sessions.ticket import new_ticket
from gateway.settings.providers import ProviderSettings
from tests.fixtures.hub import hub
from tests.fixtures.network import take_free_port
from tests.sessions.test_record import make_session

__all__ = ["hub"]

NOW = 1_800_000_000.0


@pytest.fixture
async def http():
    found = ProviderHttp()
    yield found
    await found.aclose()


@pytest.fixture
def make(hub, http):
    """A provider that is the hub: ``make(recheck=…)``."""

    def provider(**changes):
        registration = register("hub", ProviderSettings(**hub.settings(**changes)))
        return OAuth2Provider(registration, registration.oauth2, http, lambda: NOW)

    return provider


@pytest.fixture
def sign_in(hub, http):
    """Sign in, and keep a session: ``await sign_in(provider)``."""

    async def run(provider):
        flow, there = await begin_sign_in(provider, "http://here/callback", "/")
        asked = {name: values[0] for name, values in parse_qs(urlsplit(there).query).items()}
        hub.codes["c"] = (asked["redirect_uri"], asked["code_challenge"])
        found = await finish_sign_in(provider, flow, {"code": "c", "state": asked["state"]})
        return replace(
            make_session(new_ticket(lambda n: b"x" * n)),
            provider="hub",
            identity=found.identity,
            tokens=kept_tokens(found.tokens),
        )

    return run


async def refreshed(provider, session):
    """The session after its refresh, which must succeed."""
    word = await Refreshes({"hub": provider}).ask(session)
    assert isinstance(word, Refreshed)
    return successor(session, word, NOW)


@pytest.mark.parametrize("refreshing", ["never", "kept", "rotated"])
async def test_a_session_is_kept_by_what_the_provider_gave_for_it(make, sign_in, hub, refreshing):
    hub.refreshing = refreshing
    provider = make()
    session = await sign_in(provider)

    for number in range(3):
        hub.orgs = [f"org-{number}"]
        session = await refreshed(provider, session)
        assert session.identity.groups == (f"org-{number}",)

    kept = session.tokens.refresh_token
    if refreshing == "never":
        assert kept == f"access {session.tokens.access_token}"
    else:
        assert kept in hub.refresh_tokens
    assert [it["grant_type"] for it in hub.sent_tokens[1:]] == (
        [] if refreshing == "never" else ["refresh_token"] * 3
    )


@pytest.mark.parametrize("path", ["/user", "/user/emails", "/user/orgs"])
@pytest.mark.parametrize("refreshing", ["kept", "rotated"])
async def test_new_tokens_are_kept_where_the_user_cannot_be_read(
    make, sign_in, hub, refreshing, path
):
    hub.refreshing = refreshing
    provider = make()
    session = await sign_in(provider)
    hub.orgs, hub.fails = ["other"], {path: 500}

    session = await refreshed(provider, session)
    assert session.identity.groups == ("acme",)

    hub.fails = {}
    assert (await refreshed(provider, session)).identity.groups == ("other",)


async def test_new_tokens_are_kept_where_the_user_takes_too_long(make, sign_in, hub, monkeypatch):
    hub.refreshing = "rotated"
    provider = make()
    session = await sign_in(provider)
    monkeypatch.setattr(oauth2, "_DESCRIBED_S", 0.1)
    hub.slow = "/user/orgs"

    session = await refreshed(provider, session)
    hub.go_on.set()

    assert session.identity.groups == ("acme",)
    assert session.tokens.refresh_token in hub.refresh_tokens


async def test_a_refused_token_and_another_user_end_the_session(make, sign_in, hub):
    provider = make()
    session = await sign_in(provider)
    ask = Refreshes({"hub": provider}).ask

    hub.user["id"] = 2002
    assert await ask(session) == Over("subject-mismatch")
    hub.tokens.clear()
    assert await ask(session) == Over("refresh-refused")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"Retry-After": "60"}, ""),
        ({"X-RateLimit-Remaining": "0"}, ""),
        ({"X-RateLimit-Remaining": "17"}, "You have exceeded a secondary rate limit."),
    ],
)
@pytest.mark.parametrize("path", ["/user", "/user/emails", "/user/orgs"])
async def test_too_many_requests_say_nothing_of_the_user(make, sign_in, hub, path, fields, message):
    """GitHub answers 403 (docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api)."""
    provider = make()
    session = await sign_in(provider)
    hub.fails, hub.failure_fields, hub.failure_message = {path: 403}, fields, message

    found = await Refreshes({"hub": provider}).ask(session)

    assert found == Later("provider-unavailable", provider_fails=False)


@pytest.mark.parametrize(("status", "times"), [(401, 1), (429, 1), (500, 2)])
async def test_who_signs_in_is_asked_for_again_only_after_a_failure(
    make, sign_in, hub, status, times
):
    hub.fails = {"/user": status}

    with pytest.raises(ProviderUnavailableError):
        await sign_in(make())

    assert hub.asked.count("/user") == times


async def test_a_next_page_is_found_whatever_a_proxy_adds(make, sign_in, hub):
    hub.orgs, hub.per_page = [f"org-{number}" for number in range(7)], 3
    first = await sign_in(make())
    hub.more_links = '</style.css>; rel="preload"'

    assert (await sign_in(make())).identity.groups == first.identity.groups == tuple(hub.orgs)


async def test_a_list_without_end_matches_every_deny(make, sign_in, hub):
    hub.orgs, hub.per_page = ["a", "b"], 1
    hub.link_to = f"{hub.origin}/user/orgs?page=1"

    session = await sign_in(make())

    assert set(session.identity.groups) == {"a"}
    assert "groups[]" in session.identity.unreadable


@pytest.mark.parametrize("mark", [1, 1.0, "true", "yes", [True]])
async def test_only_true_marks_an_address(make, sign_in, hub, mark):
    hub.emails = [{"email": "victim@example.com", "primary": True, "verified": mark}]

    assert (await sign_in(make())).identity.email is None


@pytest.mark.parametrize("subject", [1.0, "\u0661", "1\u200b", "é", "1\n", [], False])
async def test_what_only_looks_like_an_id_is_none(make, sign_in, hub, subject):
    hub.user["id"] = subject

    with pytest.raises(UserMissingError):
        await sign_in(make())


async def test_no_member_of_userinfo_says_more_than_who_it_is(make, sign_in, hub):
    hub.user |= {
        "sub": "1",
        "iss": "https://other.example",
        "groups": ["admins"],
        "roles": ["admin"],
        "provider": "other",
        "account_id": "1",
        "acr": "gold",
        "amr": ["mfa"],
        "auth_time": 1_800_000_000,
        "email_verified": True,
    }
    hub.emails = []

    found = (await sign_in(make())).identity

    assert (found.subject, found.issuer, found.provider) == ("1001", "https://github.com", "hub")
    assert (found.groups, found.roles, found.email) == (("acme",), (), None)
    assert (found.acr, found.amr, found.authenticated_at, found.account_id) == (
        None,
        (),
        None,
        None,
    )


async def test_the_tokens_of_another_provider_of_the_same_name_are_not_sent(
    make, sign_in, hub, http
):
    session = await sign_in(make())
    other = make(issuer="https://other.example")
    openid = Provider(
        Registration("hub", issuer=hub.origin, client_id="c", client_secret="s"), http, lambda: NOW
    )
    asked, sent = len(hub.asked), len(hub.sent_tokens)

    for provider in (other, openid):
        assert await Refreshes({"hub": provider}).ask(session) == Over("refresh-refused")
        revocations = Revocations({"hub": provider})
        ended = Ended("id", describe(session), session.tokens.refresh_token, "ended")
        revocations.session_ended(ended)
        await revocations.aclose()

    assert (len(hub.asked), len(hub.sent_tokens)) == (asked, sent)
    assert hub.discoveries == 0


@pytest.mark.parametrize("choice", [{"other_account": True}, {"link_session": "id"}])
@pytest.mark.parametrize(("profile", "prompt"), [("github", ["select_account"]), ("gitea", None)])
async def test_a_prompt_is_sent_only_where_there_is_one(hub, make, choice, profile, prompt):
    issuer = {"issuer": "https://git.example"}
    _, there = await begin_sign_in(make(profile=profile, **issuer), "http://here", "/", **choice)

    asked = parse_qs(urlsplit(there).query, keep_blank_values=True)
    assert asked.get("prompt") == prompt


def as_discord(hub):
    """Make the hub list servers by their ids, with roles in one of them."""
    hub.orgs = ["1001", "1002"]
    hub.member_roles = {"1001": ["77", "78"], "1002": ["99"]}
    return hub.as_discord()


async def test_roles_in_a_group_are_groups_that_only_that_group_gives(make, sign_in, hub):
    provider = make(**as_discord(hub))
    session = await sign_in(provider)
    assert session.identity.groups == ("1001", "1002", "1001:77", "1001:78")
    assert session.identity.unreadable == frozenset()

    hub.member_roles["1001"] = ["78"]
    session = await refreshed(provider, session)
    assert session.identity.groups == ("1001", "1002", "1001:78")


async def test_roles_are_asked_about_in_groups_of_the_user_only(make, sign_in, hub):
    settings = as_discord(hub)
    hub.orgs = ["1002"]

    assert (await sign_in(make(**settings))).identity.groups == ("1002",)
    assert not any("/guilds/" in it for it in hub.asked)


@pytest.mark.parametrize(
    ("roles", "groups"),
    [(None, ()), (["77", None, {"id": "78"}, True], ("1001:77",)), ([], ())],
)
async def test_roles_that_cannot_be_read_match_every_deny(make, sign_in, hub, roles, groups):
    settings = as_discord(hub)
    if roles is None:
        del hub.member_roles["1001"]
    else:
        hub.member_roles["1001"] = roles

    found = (await sign_in(make(**settings))).identity

    assert found.groups == ("1001", "1002", *groups)
    assert found.unreadable == (frozenset() if roles == [] else {"groups[]"})


async def test_a_group_that_is_named_like_a_role_is_none(make, sign_in, hub):
    settings = as_discord(hub)
    hub.orgs, hub.member_roles = ["1001", "1001:77"], {"1001": []}

    found = (await sign_in(make(**settings))).identity

    assert (found.groups, found.unreadable) == (("1001",), {"groups[]"})


async def test_names_go_through_their_steps_at_a_sign_in_and_at_each_recheck(make, sign_in, hub):
    hub.orgs = ["ACME", "Other"]
    claims = {"groups": {"map": {"acme": "staff"}, "prefix": "hub:"}, "group": "login"}
    provider = make(claims=claims)

    session = await sign_in(provider)
    assert session.identity.groups == ("hub:staff", "hub:other")

    hub.orgs = ["Acme"]
    session = await refreshed(provider, session)
    assert session.identity.groups == ("hub:staff",)


async def test_the_report_names_the_lists_and_the_groups_whose_roles_count(make, hub, http):
    provider = make(**as_discord(hub))

    found = await examine_oauth2(provider.registration, provider.registration.oauth2, http)

    says = f"groups from {hub.origin}/user/orgs, and roles in 1001"
    assert says in [it.says for it in found]


async def test_a_host_that_cannot_be_reached_is_one_problem(make, http):
    nowhere = f"http://127.0.0.1:{take_free_port()}"
    addresses = {
        "userinfo_endpoint": f"{nowhere}/user",
        "emails_endpoint": f"{nowhere}/user/emails",
        "groups_endpoint": f"{nowhere}/user/orgs",
    }
    provider = make(**addresses)

    found = await examine_oauth2(provider.registration, provider.registration.oauth2, http)

    [problem] = [it for it in found if it.level == "problem"]
    assert "connection refused" in problem.says
