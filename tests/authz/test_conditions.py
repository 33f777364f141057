"""One table for all conditions: setting, facts, and what the condition makes of them.

Each condition has a row of every kind it can give: met, unmet, missing (unmet for want of the
fact), unreadable.  A condition that is not in the table, or lacks a kind, fails the suite.
"""

from ipaddress import ip_network

import pytest

from gateway.authz.conditions import CONDITIONS
from gateway.authz.facts import MET as FOUND
from gateway.authz.facts import Met, Unmet, Unreadable
from gateway.authz.identity_conditions import EmailDomainIs, EmailIs
from gateway.authz.message_conditions import McpMethodIs
from gateway.authz.request_conditions import IpIn
from gateway.authz.sign_in_conditions import MAX_SKEW_S
from gateway.message.json_rpc import Message
from gateway.model import ANONYMOUS
from gateway.settings.access import WHOEVER_ASKS, ConditionSettings
from tests.authz.conftest import condition_of

NOW = 1_800_000_000
MET, UNMET, MISSING, UNREADABLE = "met", "unmet", "missing", "unreadable"
EVERYTHING = frozenset({"*"})
# Each reaches kim's mailbox by somebody's reading, or looks as if it did; oauth2-proxy
# CVE-2026-40574 took the second "@" for the one that counts.
NO_ADDRESS = [
    *("kim@korp.com.", " kim@korp.com", "kim@korp.com ", "kim@korp.com\n", "\tkim@korp.com"),
    *("ki m@korp.com", "kim\t@korp.com", "kim\x7f@korp.com", "kim\u202e@korp.com", "kim@ korp.com"),
    *("kim@evil@korp.com", "kim@korp.com@evil.example", '"kim@evil.example"@korp.com'),
    *("<kim@korp.com>", "Kim <kim@korp.com>", "kim@korp.com,lee@evil.example", ""),
]
HOURS = {"days": "mon-fri", "from": "08:00", "to": "18:00", "zone": "UTC"}
WEDNESDAY_10 = 1_799_834_400
DEEP = {"claims": {"a": {"b": ["x", 1, True, 1.5, "y/z"], "~/": "t", "n": None}, "s": "x"}}

TABLE = [
    ("user", "alice", {}, MET),
    ("user", ["bob", "alice"], {}, MET),
    ("user", "bob", {}, UNMET),
    ("user", "Alice", {}, UNMET),
    ("user", "alice", {"identity": ANONYMOUS}, MISSING),
    ("user", "alice", {"unreadable": EVERYTHING}, MET),  # known by the account, not by a claim
    ("email", "alice@example.com", {"email": "alice@example.com"}, MET),
    ("email", "Alice@Example.com", {"email": "aLICE@example.COM"}, MET),
    ("email", "alice@example.com", {"email": "alice@example.com.evil.example"}, UNMET),
    ("email", "a@b\u00fccher.example", {"email": "A@xn--bcher-kva.example"}, MET),
    ("email", "kate@example.com", {"email": "\u212aate@example.com"}, UNREADABLE),  # Kelvin sign
    *(("email", "kim@korp.com", {"email": address}, UNREADABLE) for address in NO_ADDRESS),
    ("email", "alice@example.com", {"email": None}, MISSING),
    ("email", "a@b.example", {"email": "a@b.example", "unreadable": {"email"}}, UNREADABLE),
    ("email", "a@b.example", {"email": "a@b.example", "unreadable": EVERYTHING}, UNREADABLE),
    ("email_domain", "example.com", {"email": "alice@example.com"}, MET),
    ("email_domain", "Example.COM", {"email": "alice@EXAMPLE.com"}, MET),
    ("email_domain", "@example.com", {"email": "alice@example.com"}, MET),
    *(("email_domain", "korp.com", {"email": address}, UNREADABLE) for address in NO_ADDRESS),
    ("email_domain", "b\u00fccher.example", {"email": "a@xn--bcher-kva.example"}, MET),
    ("email_domain", "xn--bcher-kva.example", {"email": "a@b\u00fccher.example"}, MET),
    ("email_domain", "fass.example", {"email": "a@fa\u00df.example"}, UNMET),
    ("email_domain", "example.com", {"email": "alice@sub.example.com"}, UNMET),
    ("email_domain", "example.com", {"email": "alice@evilexample.com"}, UNMET),
    ("email_domain", "example.com", {"email": "alice@example.com.evil.example"}, UNMET),
    ("email_domain", "example.com", {"email": None}, MISSING),
    ("email_domain", "example.com", {"email": "alice@evil.example@example.com"}, UNREADABLE),
    ("email_domain", "example.com", {"email": '"a@evil.example"@example.com'}, UNREADABLE),
    ("email_domain", "example.com", {"email": "alice"}, UNREADABLE),
    ("email_domain", "example.com", {"email": "@example.com"}, UNREADABLE),
    ("email_domain", "example.com", {"email": "alice@"}, UNREADABLE),
    ("email_domain", "example.com", {"email": "alice@exa mple.com"}, UNREADABLE),
    ("email_domain", "example.com", {"email": "alice@example..com"}, UNREADABLE),
    ("email_domain", "example.com", {"email": "a@\uff45xample.com"}, UNREADABLE),  # full width
    ("email_domain", "example.com", {"email": "a@example\u3002com"}, UNREADABLE),
    ("email_domain", "example.com", {"email": "a@example.com", "unreadable": {"email"}},
     UNREADABLE),
    ("group", "admins", {"groups": ("staff", "admins")}, MET),
    ("group", ["ops", "admins"], {"groups": ("admins",)}, MET),
    ("group", "admins", {"groups": ("Admins", "admins2")}, UNMET),
    ("group", "admins", {}, MISSING),
    ("group", "admins", {"groups": ("admins",), "unreadable": {"groups"}}, UNREADABLE),
    ("group", "admins", {"unreadable": EVERYTHING}, UNREADABLE),
    ("group", "admins", {"groups": ("admins",), "unreadable": {"groups[]"}}, MET),
    ("group", "admins", {"groups": ("staff",), "unreadable": {"groups[]"}}, UNREADABLE),
    ("group", "admins", {"groups": ("staff",), "unreadable": {"roles[]"}}, UNMET),
    ("group", "admins", {"groups": ("admins",), "unreadable": {"roles"}}, MET),
    ("role", "editor", {"roles": ("editor",)}, MET),
    ("role", ["a", "editor"], {"roles": ("b", "editor")}, MET),
    ("role", "editor", {"roles": ("viewer",)}, UNMET),
    ("role", "editor", {}, MISSING),
    ("role", "editor", {"roles": ("editor",), "unreadable": {"roles"}}, UNREADABLE),
    ("role", "editor", {"roles": ("editor",), "unreadable": {"roles[]"}}, MET),
    ("role", "editor", {"roles": ("viewer",), "unreadable": {"roles[]"}}, UNREADABLE),
    ("scope", "gear:read", {"scopes": frozenset({"gear:read"})}, MET),
    ("scope", ["a", "gear:read"], {"scopes": frozenset({"gear:read", "b"})}, MET),
    ("scope", "gear:read", {"scopes": frozenset({"gear"})}, UNMET),
    ("scope", "gear:read", {}, MISSING),
    ("scope", "a", {"scopes": frozenset({"a"}), "unreadable": {"scopes"}}, UNREADABLE),
    ("scope", "a", {"scopes": frozenset({"a"}), "unreadable": EVERYTHING}, MET),
    ("claim", {"s": "x"}, DEEP, MET),
    ("claim", {"/s": "x"}, DEEP, MET),
    ("claim", {"/a/b": "x"}, DEEP, MET),
    ("claim", {"/a/b": ["q", "1"]}, DEEP, MET),
    ("claim", {"/a/b": "true"}, DEEP, MET),
    ("claim", {"/a/b": "1.5"}, DEEP, MET),
    ("claim", {"/a/b/0": "x"}, DEEP, MET),
    ("claim", {"/a/~0~1": "t"}, DEEP, MET),
    ("claim", {"https://x.example/roles": "r"}, {"claims": {"https://x.example/roles": "r"}}, MET),
    ("claim", {"f": "false"}, {"claims": {"f": False}}, MET),
    ("claim", {"t": ["a", "b"]}, {"claims": {"t": ("b",)}}, MET),
    ("claim", {"s": "X"}, DEEP, UNMET),
    ("claim", {"/a/b": "z"}, DEEP, UNMET),
    ("claim", {"/a/b": "1.50"}, DEEP, UNMET),
    ("claim", {"l": "x"}, {"claims": {"l": []}}, UNMET),
    ("claim", {"t": "True"}, {"claims": {"t": True}}, UNMET),
    ("claim", {"a/b": "x"}, DEEP, MISSING),
    ("claim", {"/q": "x"}, DEEP, MISSING),
    ("claim", {"/a/q/r": "x"}, DEEP, MISSING),
    ("claim", {"/a/b/9": "x"}, DEEP, MISSING),
    ("claim", {"/a/n": "x"}, DEEP, MISSING),
    ("claim", {"/a/n/deeper": "x"}, DEEP, MISSING),
    ("claim", {"a": "x"}, DEEP, UNREADABLE),
    ("claim", {"/s/x": "x"}, DEEP, UNREADABLE),
    ("claim", {"/a/b/00": "x"}, DEEP, UNREADABLE),
    ("claim", {"/a/b/x": "x"}, DEEP, UNREADABLE),
    ("claim", {"/a/b/\u0661": "1"}, DEEP, UNREADABLE),
    ("claim", {"l": "x"}, {"claims": {"l": ["x", {}]}}, UNREADABLE),
    ("claim", {"l": "x"}, {"claims": {"l": ["x", None]}}, UNREADABLE),
    ("claim", {"s": "x"}, DEEP | {"unreadable": {"s"}}, UNREADABLE),
    ("claim", {"s": "x"}, DEEP | {"unreadable": {"/s"}}, UNREADABLE),
    ("claim", {"/a/b": "x"}, DEEP | {"unreadable": {"/a/b"}}, UNREADABLE),
    ("claim", {"/a/b": "x"}, DEEP | {"unreadable": {"a"}}, UNREADABLE),
    ("claim", {"/a/b": "x"}, DEEP | {"unreadable": EVERYTHING}, UNREADABLE),
    ("claim", {"/a/b": "x"}, DEEP | {"unreadable": {"s", "groups"}}, MET),
    ("provider", "zitadel", {"provider": "zitadel"}, MET),
    ("provider", ["a", "zitadel"], {"provider": "zitadel"}, MET),
    ("provider", "zitadel", {"provider": "other"}, UNMET),
    ("provider", "zitadel", {}, MISSING),
    ("credential", "session", {}, MET),
    ("credential", ["api_key", "session"], {}, MET),
    ("credential", "api_key", {}, UNMET),
    ("credential", "session", {"identity": ANONYMOUS}, MISSING),
    ("acr", "gold", {"acr": "gold"}, MET),
    ("acr", ["gold", "silver"], {"acr": "silver"}, MET),
    ("acr", "gold", {"acr": "bronze"}, UNMET),
    ("acr", "gold", {}, MISSING),
    ("acr", "gold", {"acr": "gold", "unreadable": {"acr"}}, UNREADABLE),
    ("amr", "mfa", {"amr": ("pwd", "mfa")}, MET),
    ("amr", ["hwk", "mfa"], {"amr": ("mfa",)}, MET),
    ("amr", "mfa", {"amr": ("pwd",)}, UNMET),
    ("amr", "mfa", {}, MISSING),
    ("amr", "mfa", {"amr": ("mfa",), "unreadable": {"amr"}}, UNREADABLE),
    ("max_age", "5m", {"authenticated_at": NOW - 299}, MET),
    ("max_age", "5m", {"authenticated_at": NOW - 300}, MET),
    ("max_age", "5m", {"authenticated_at": NOW - 301}, UNMET),
    ("max_age", "5m", {"authenticated_at": NOW + MAX_SKEW_S}, MET),
    ("max_age", "5m", {"authenticated_at": NOW + MAX_SKEW_S + 1}, UNREADABLE),
    ("max_age", "5m", {}, MISSING),
    ("max_age", "5m", {"authenticated_at": NOW, "unreadable": {"auth_time"}}, UNREADABLE),
    ("ip", "192.0.2.1", {"client": "192.0.2.1"}, MET),
    ("ip", ["10.0.0.0/8", "192.0.2.0/24"], {"client": "192.0.2.255"}, MET),
    ("ip", "192.0.2.0/24", {"client": "::ffff:192.0.2.9"}, MET),
    ("ip", "2001:db8::/32", {"client": "2001:db8::1"}, MET),
    ("ip", "0.0.0.0/0", {"client": "192.0.2.1"}, MET),
    ("ip", "192.0.2.0/24", {"client": "192.0.3.0"}, UNMET),
    ("ip", "0.0.0.0/0", {"client": "2001:db8::1"}, UNMET),
    ("ip", "::/0", {"client": "192.0.2.1"}, UNMET),
    ("ip", "0.0.0.0/0", {"client": "nonsense"}, UNREADABLE),
    ("ip", "0.0.0.0/0", {"client": ""}, UNREADABLE),
    ("method", "GET", {}, MET),
    ("method", ["POST", "GET"], {}, MET),
    ("method", "GET", {"method": "HEAD"}, MET),
    ("method", "GET", {"method": "get"}, UNMET),
    ("method", "HEAD", {}, UNMET),
    ("method", "POST", {}, UNMET),
    ("header", {"X-Tier": "gold"}, {"fields": [(b"x-tier", b"gold")]}, MET),
    ("header", {"X-Tier": ["a", "gold"]}, {"fields": [(b"X-TIER", b"gold")]}, MET),
    ("header", {"X-Tier": "caf\u00e9"}, {"fields": [(b"X-Tier", b"caf\xc3\xa9")]}, MET),
    ("header", {"X-Tier": "gold"}, {"fields": [(b"X-Tier", b"Gold")]}, UNMET),
    ("header", {"X-Tier": "gold"}, {"fields": [(b"X-Tier", b"")]}, UNMET),
    ("header", {"X-Tier": "gold"}, {"fields": [(b"X_Tier", b"gold")]}, UNREADABLE),
    ("header", {"X-Tier": "gold"}, {"fields": [(b"X-Tier", b"gold"), (b"x_tier", b"")]},
     UNREADABLE),
    ("header", {"X-Tier": "gold"}, {}, MISSING),
    ("header", {"X-Tier": "gold"}, {"fields": [(b"X-Tier", b"gold")] * 2}, UNREADABLE),
    ("header", {"X-Tier": "\ufffd"}, {"fields": [(b"X-Tier", b"\xff")]}, UNREADABLE),
    ("mcp_method", "tools/*", {"message": Message("tools/list")}, MET),
    ("mcp_method", ["initialize", "tools/list"], {"message": Message("tools/list")}, MET),
    ("mcp_method", "*", {"message": Message("")}, MET),
    ("mcp_method", "tools/list", {"message": Message("tools/call", "a")}, UNMET),
    ("mcp_method", "tools/list", {"message": Message("")}, UNMET),
    ("mcp_method", "*", {"message": None}, MISSING),
    ("mcp_method", "*", {}, UNREADABLE),
    ("mcp_tool", "delete_*", {"message": Message("tools/call", "delete_note")}, MET),
    ("mcp_tool", "delete_*", {"message": Message("tools/call", "Delete_note")}, UNMET),
    ("mcp_tool", "*", {"message": Message("tools/list")}, MISSING),
    ("mcp_tool", "*", {"message": None}, MISSING),
    ("mcp_tool", "*", {}, UNREADABLE),
    ("time", HOURS, {"at": WEDNESDAY_10}, MET),
    ("time", HOURS, {"at": WEDNESDAY_10 + 10 * 3600}, UNMET),
    ("time", [HOURS, {"from": "20:00", "zone": "UTC"}], {"at": WEDNESDAY_10 + 10 * 3600}, MET),
    ("country", "CZ", {"client": "198.51.100.7"}, MET),
    ("country", ["de", "cz"], {"client": "::ffff:198.51.100.7"}, MET),
    ("country", "SK", {"client": "2001:db8:cc::7"}, MET),
    ("country", "DE", {"client": "198.51.100.7"}, UNMET),
    ("country", "DE", {"client": "10.0.0.1"}, UNREADABLE),
    ("country", "DE", {"client": "unknown"}, UNREADABLE),
    # Of the rest of the language, see when/test_when.py.
    ("when", "claims.s == 'x' && method == 'GET'", DEEP, MET),
    ("when", "claims.s == 'y'", DEEP, UNMET),
    ("when", "claims.q == 'x'", DEEP, MISSING),
    ("when", "claims.s == 1", DEEP, UNREADABLE),
]  # fmt: skip

# What every request or proven identity has, well-formed, so that a kind cannot come up.
IMPOSSIBLE = {
    ("user", UNREADABLE),
    ("provider", UNREADABLE),
    ("credential", UNREADABLE),
    ("ip", MISSING),
    ("method", MISSING),
    ("method", UNREADABLE),
    ("time", MISSING),
    ("time", UNREADABLE),
    ("country", MISSING),
}


@pytest.mark.parametrize(("name", "setting", "known", "kind"), TABLE)
def test_condition(make_facts, name, setting, known, kind):
    condition = condition_of(name, setting)
    result = condition.check(make_facts(**known))

    assert type(result) is {MET: Met, UNREADABLE: Unreadable}.get(kind, Unmet)


def test_every_condition_is_in_the_table_in_every_way():
    rows = {(name, kind) for name, _, _, kind in TABLE}
    kinds = (MET, UNMET, MISSING, UNREADABLE)

    assert rows == {(name, kind) for name in CONDITIONS for kind in kinds} - IMPOSSIBLE


def test_every_setting_has_its_condition():
    assert set(ConditionSettings.model_fields) == set(CONDITIONS)


def test_what_anonymous_can_meet_is_listed_as_about_the_request(make_facts):
    # Found by what conditions do: one that is not listed would not protect against foreign
    # credentials, and one wrongly listed would refuse all of them.
    met = set()
    for name, setting, known, kind in TABLE:
        condition = condition_of(name, setting)
        if kind == MET and condition.check(make_facts(**known | {"identity": ANONYMOUS})) is FOUND:
            met.add(name)

    assert met == WHOEVER_ASKS


def test_conditions_on_the_request_have_their_modules():
    modules = {IpIn.__module__, McpMethodIs.__module__}
    classes = {kind for kind in CONDITIONS.values() if kind.__module__ in modules}

    assert classes == {CONDITIONS[name] for name in WHOEVER_ASKS}


@pytest.mark.parametrize("name", sorted(CONDITIONS))
def test_reasons_are_stable_words_and_details_are_for_people(make_facts, name):
    rows = [(setting, known) for n, setting, known, kind in TABLE if n == name and kind != MET]
    for setting, known in rows:
        condition = condition_of(name, setting)
        result = condition.check(make_facts(**known))

        assert result.reason.replace("-", "").isalpha()
        assert result.reason.islower()
        assert result.detail


@pytest.mark.parametrize(
    ("name", "setting", "acr", "max_age_s"),
    [("acr", ["gold", "silver"], ("gold", "silver"), None), ("amr", "mfa", (), 0),
     ("max_age", "5m", (), 300)],
)  # fmt: skip
def test_only_what_the_provider_can_prove_anew_asks_for_a_step_up(
    make_facts, name, setting, acr, max_age_s
):
    condition = condition_of(name, setting)
    step_up = condition.check(make_facts()).step_up

    assert (step_up.acr, step_up.max_age_s) == (acr, max_age_s)


def test_no_other_condition_asks_for_a_step_up(make_facts):
    for name, setting, known, kind in TABLE:
        if kind in (UNMET, MISSING) and name not in ("acr", "amr", "max_age"):
            condition = condition_of(name, setting)

            assert condition.check(make_facts(**known)).step_up is None


@pytest.mark.parametrize("name", ["claim", "header"])
def test_a_mapping_asks_for_each_of_its_names(name):
    settings = ConditionSettings.model_validate({name: {"a": "1", "b": ["2", "3"]}})

    assert len(CONDITIONS[name].of(getattr(settings, name))) == 2


def test_networks_are_compared_as_numbers():
    (condition,) = CONDITIONS["ip"].of((ip_network("10.0.0.0/8"), ip_network("::1/128")))

    assert condition.networks == ((4, 10 << 24, 255 << 24), (6, 1, 2**128 - 1))


@pytest.mark.parametrize(
    "domain", ["", "exa mple.com", "a..b", "a.b.", "\uff45xample.com", "a@b.example"]
)
def test_what_is_no_domain_is_refused_when_the_configuration_is_loaded(domain):
    with pytest.raises(ValueError, match="not a domain"):
        EmailDomainIs.of(("example.com", domain))


@pytest.mark.parametrize("address", NO_ADDRESS)
def test_what_is_no_address_is_refused_when_the_configuration_is_loaded(address):
    with pytest.raises(ValueError, match="not an e-mail address"):
        EmailIs.of(("kim@korp.com", address))
