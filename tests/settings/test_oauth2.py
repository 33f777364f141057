"""Providers with `type: oauth2`: their profiles, and mistakes."""

import pytest

from gateway.errors import SettingsError
from gateway.oidc.configured import register
from gateway.settings.load import load
from gateway.settings.oauth2_profiles import OAUTH2_PROFILES

FILE = """
public_url: https://notes.example.com
upstreams: {{app: http://127.0.0.1:3000}}
providers:
  oidc: {{issuer: https://id.example.com, client_id: notes}}
  hub: {{client_id: x, client_secret: y, {settings}}}
{more}
"""
GENERIC = (
    "type: oauth2, issuer: https://hub.example, authorization_endpoint: https://hub.example/a,"
    " token_endpoint: https://hub.example/t, userinfo_endpoint: https://hub.example/u"
)


def loaded(tmp_path, settings, more=""):
    file = tmp_path / "gatepost.yaml"
    file.write_text(FILE.format(settings=settings, more=more))
    return load(file, {}).settings


@pytest.mark.parametrize("profile", sorted(set(OAUTH2_PROFILES) - {"generic"}))
def test_a_profile_needs_no_more_than_a_client(tmp_path, profile):
    own = "" if OAUTH2_PROFILES[profile].issuer else ", issuer: https://git.example.com/"
    settings = loaded(tmp_path, f"type: oauth2, profile: {profile}{own}")

    hub = register("hub", settings.providers["hub"])

    endpoints = hub.oauth2
    for name in ("authorization_endpoint", "token_endpoint", "userinfo_endpoint"):
        assert getattr(endpoints, name).startswith("https://")
        assert "{" not in getattr(endpoints, name)
        assert "//" not in getattr(endpoints, name).removeprefix("https://")
    assert hub.scopes
    # A login or an e-mail address changes hands.
    assert not {"login", "username", "email", "nickname"} & set(endpoints.subject)
    assert "offline_access" not in hub.scopes


def test_what_the_file_gives_replaces_what_the_profile_says(tmp_path):
    settings = loaded(
        tmp_path,
        "type: oauth2, profile: github, issuer: https://ghe.example,"
        " userinfo_endpoint: https://ghe.example/api/v3/user, recheck: 5m,"
        " groups_endpoint: https://ghe.example/api/v3/user/orgs,"
        " claims: {subject: /user/id, group: login}, scopes: [read:user]",
    )
    hub = register("hub", settings.providers["hub"])

    assert (hub.issuer, hub.scopes) == ("https://ghe.example", ("read:user",))
    assert hub.oauth2.userinfo_endpoint == "https://ghe.example/api/v3/user"
    assert hub.oauth2.emails_endpoint == "https://api.github.com/user/emails"
    assert (hub.oauth2.subject, hub.oauth2.recheck_s) == (("/user/id",), 300)
    assert [(it.endpoint, it.members) for it in hub.oauth2.groups] == [
        ("https://ghe.example/api/v3/user/orgs", ("login",))
    ]


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ("type: oauth2", "issuer"),
        ("type: oauth2, issuer: https://hub.example", "needs authorization_endpoint"),
        ("type: oauth2, profile: keycloak, issuer: https://hub.example", "is of OpenID Connect"),
        ("profile: github, issuer: https://github.com", "needs type: oauth2"),
        ("issuer: https://a.example, recheck: 5m", "recheck needs type: oauth2"),
        ("issuer: https://a.example, emails_endpoint: https://a.example/t", "needs type: oauth2"),
        ("issuer: https://a.example, claims: {subject: id}", "needs type: oauth2"),
        (f"{GENERIC}, backchannel_logout: true", "needs OpenID Connect"),
        (f"{GENERIC}, claims: {{group: name}}", "needs groups_endpoint"),
        (f"{GENERIC}, recheck: 0s", "recheck"),
        ("issuer: https://a.example, roles_in: 1", "roles_in needs type: oauth2"),
        ("type: oauth2, profile: github, roles_in: 1", "roles_in needs roles_endpoint"),
        ("type: oauth2, profile: discord, roles_in: ../1", "is not a group's id"),
        (
            f"{GENERIC}, roles_in: 1, roles_endpoint: 'https://hub.example/{{group}}'",
            "roles_in needs groups_endpoint",
        ),
        (
            "type: oauth2, profile: discord, roles_endpoint: 'https://discord.com/api/{group}'",
            "roles_endpoint needs roles_in",
        ),
        (
            f"{GENERIC}, groups_endpoint: https://hub.example/g, roles_in: 1,"
            " roles_endpoint: 'https://hub.example/?g={{group}}'",
            "in its path",
        ),
        (
            "type: oauth2, profile: discord, token_endpoint: https://a.example/t, roles_in: 1,"
            " userinfo_endpoint: https://a.example/u, groups_endpoint: https://a.example/g",
            "roles_in needs roles_endpoint, since token_endpoint is another service's",
        ),
        (
            "type: oauth2, profile: github, claims: {groups: {map: {Acme: staff}}}",
            '"Acme" never comes',
        ),
        ("issuer: https://a.example, claims: {groups: {unmapped: drop}}", "drop needs map"),
        ("issuer: https://a.example, claims: {groups: {split: ''}}", "is empty"),
        ('issuer: https://a.example, claims: {groups: {prefix: "a\\n"}}', "control characters"),
        ("issuer: https://a.example, claims: {split: ','}", "unknown setting"),
        (f"{GENERIC}, client_auth: private_key_jwt", "client_key"),
        (GENERIC.replace("https://hub.example,", "https://id.example.com/,"), "would be the same"),
        (GENERIC.replace("https://hub.example/u", "ftp://hub.example/u"), "not an http or https"),
    ],
)
def test_a_mistake_is_told(tmp_path, settings, told):
    with pytest.raises(SettingsError) as raised:
        loaded(tmp_path, settings)

    assert any(told in it for it in raised.value.problems), raised.value.problems


def test_apps_cannot_use_it(tmp_path):
    more = "tokens: {clients: {ios: {provider: hub, redirect_uris: [com.example:/cb]}}}"
    with pytest.raises(SettingsError) as raised:
        loaded(tmp_path, "type: oauth2, profile: github", more)

    assert "has no ID tokens" in raised.value.problems[0]


@pytest.mark.parametrize(("subject", "is_told"), [("id", False), ("login", True), ("/id", True)])
def test_one_service_has_one_kind_of_id(tmp_path, subject, is_told):
    """A user may call themselves by the number of another one."""
    hub = "type: oauth2, profile: github, claims: {subject: id}"
    again = f"type: oauth2, profile: github, claims: {{subject: {subject}}}"
    both = f"{hub}}}\n  again: {{client_id: z, client_secret: y, {again}"

    problems = []
    try:
        loaded(tmp_path, both)
    except SettingsError as error:
        problems = error.problems

    assert any("would be the same" in it for it in problems) is is_told


def test_no_profile_takes_a_name_that_anybody_can_choose_for_the_user():
    # GitLab calls the unique user name a nickname; Bitbucket's nicknames are not unique.
    assert "nickname" not in OAUTH2_PROFILES["bitbucket"].user
    for profile in OAUTH2_PROFILES.values():
        assert not {"name", "display_name", "global_name", "full_name"} & set(profile.user)


@pytest.mark.parametrize("left_out", ["userinfo", "emails", "groups", ""])
def test_the_tokens_of_another_service_go_to_none_of_the_profile(tmp_path, left_out):
    names = [it for it in ("userinfo", "emails", "groups") if it != left_out]
    given = "".join(f", {it}_endpoint: https://ghe.example/{it}" for it in names)
    settings = (
        f"type: oauth2, profile: github, token_endpoint: https://ghe.example/token{given}"
        + (", claims: {group: login}" if "groups" in names else "")
    )

    if left_out:
        with pytest.raises(SettingsError, match=f"{left_out}_endpoint: set that too"):
            loaded(tmp_path, settings)
    else:
        assert loaded(tmp_path, settings)


def test_the_tokens_of_another_service_are_not_revoked_at_that_of_the_profile(tmp_path):
    discord = "type: oauth2, profile: discord"
    elsewhere = ", ".join(
        f"{it}_endpoint: https://d.example/{it}" for it in ("token", "userinfo", "groups")
    )

    own = register("hub", loaded(tmp_path, discord).providers["hub"])
    other = register("hub", loaded(tmp_path, f"{discord}, {elsewhere}").providers["hub"])

    assert own.oauth2.revocation_endpoint.startswith("https://discord.com/")
    assert other.oauth2.revocation_endpoint == ""


@pytest.mark.parametrize(
    ("hub", "named", "why"),
    [
        ("profile: github", "Acme/ops", 'those of hub are in lower case: write "acme/ops"'),
        ("profile: github", "acme/ops", ""),
        ("profile: github, claims: {groups: {fold_case: false}}", "Acme/ops", ""),
        ("profile: github, claims: {groups: {prefix: 'hub:'}}", "acme", 'begin with "hub:"'),
        ("profile: github, claims: {groups: {prefix: 'hub:'}}", "hub:acme", ""),
        ("profile: github, claims: {groups: {prefix: 'Hub:'}}", "Hub:acme", ""),
        ("profile: github, claims: {groups: {map: {a: Ops}}}", "Ops", ""),
        (
            "profile: github, claims: {groups: {map: {a: Ops}, unmapped: drop}}",
            "ops",
            "it is not in map of hub, which drops all others",
        ),
    ],
)
@pytest.mark.parametrize("access", ["allow", "deny"])
def test_a_group_that_nobody_can_have_is_warned_about(tmp_path, hub, named, why, access):
    warnings = alone(tmp_path, hub, f"routes: [{{name: r, prefix: /, access: {access}}}]", named)

    found = [it for it in warnings if "no provider gives" in it]
    assert len(found) == bool(why)
    assert all(f'the group "{named}"' in it and why in it for it in found)


@pytest.mark.parametrize(
    ("one", "other", "warned"),
    [
        ("{prefix: 'hub:'}", "{prefix: 'oidc:'}", False),
        ("{prefix: 'hub:'}", "groups", True),
        ("{prefix: 'hub:'}", "{prefix: 'hub'}", True),
        ("{prefix: 'hub:'}", "{prefix: 'hub:a'}", True),
        ("{prefix: 'hub:'}", "{map: {x: staff}, unmapped: drop}", False),
        ("{prefix: 'hub:'}", "{map: {x: 'hub:staff'}, unmapped: drop}", True),
        ("groups", "groups", False),
    ],
)
def test_a_prefix_that_keeps_nothing_apart_is_warned_about(tmp_path, one, other, warned):
    file = tmp_path / "gatepost.yaml"
    text = FILE.format(
        settings=f"issuer: 'https://hub.example', claims: {{groups: {one}}}", more=""
    )
    file.write_text(text.replace("client_id: notes", f"client_id: n, claims: {{groups: {other}}}"))
    warnings = load(file, {}).warnings

    assert any("give each provider a prefix" in it for it in warnings) is warned


def test_a_name_with_the_prefix_of_one_provider_needs_no_provider_beside_it(tmp_path):
    file = tmp_path / "gatepost.yaml"
    own = "issuer: 'https://hub.example', claims: {groups: {prefix: 'hub:'}}"
    for name, warned in (("hub:staff", False), ("staff", False), ("oidc:staff", False)):
        more = f"routes: [{{name: r, prefix: /, access: {{allow: {{group: '{name}'}}}}}}]"
        text = FILE.format(settings=own, more=more)
        file.write_text(
            text.replace("client_id: notes", "client_id: n, claims: {groups: {prefix: 'oidc:'}}")
        )
        found = load(file, {}).warnings
        assert any("can come from any provider" in it for it in found) is warned, found


def alone(tmp_path, hub, routes, group):
    """What is warned about if the hub is the only provider, and a rule names `group`."""
    file = tmp_path / "gatepost.yaml"
    routes = routes.replace("access: allow", f"access: {{allow: {{group: '{group}'}}}}")
    routes = routes.replace("access: deny", f"access: {{deny: {{group: '{group}'}}}}")
    file.write_text(
        "public_url: https://notes.example.com\nupstreams: {app: http://127.0.0.1:3000}\n"
        f"providers: {{hub: {{type: oauth2, client_id: x, client_secret: y, {hub}}}}}\n{routes}\n"
    )
    return load(file, {}).warnings
