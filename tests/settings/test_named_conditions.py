"""Named conditions: what a name stands for, and what is said about one that stands for nothing."""

import pickle
from itertools import pairwise

import pytest

from gateway.authz.access import compile_access
from gateway.errors import SettingsError
from gateway.settings.access import AccessRules
from gateway.settings.load import load

BASE = """\
public_url: https://a.example.com
upstreams: {app: "http://app:1"}
providers: {idp: {issuer: "https://id.example.com", client_id: x, client_auth: none}}
"""
STAFF = "conditions: {staff: [{group: staff}, {email_domain: example.com}]}\n"


@pytest.fixture
def load_text(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def load_text(conditions, access, environ=None):
        routes = f"routes: [{{name: r, prefix: /, access: {{{access}}}}}]\n"
        (tmp_path / "gatepost.yaml").write_text(BASE + conditions + routes, encoding="utf-8")
        return load(None, environ or {})

    return load_text


def items(loaded):
    """The compiled items, each with its place."""
    access = compile_access(loaded.settings.routes[0].access)
    return [
        *(f"deny{it.where} {'; '.join(it.labels)}" for it in access.deny),
        *(f"allow{it.where} {'; '.join(it.labels)}" for it in access.allow),
    ]


@pytest.mark.parametrize(
    ("access", "expected"),
    [
        (
            "allow: staff",
            ["allow[0] staff[0] group: staff", "allow[0] staff[1] email_domain: example.com"],
        ),
        (
            "allow: [{group: board}, staff, {user: eve}]",
            [
                "allow[0] group: board",
                "allow[1] staff[0] group: staff",
                "allow[1] staff[1] email_domain: example.com",
                "allow[2] user: eve",
            ],
        ),
        (
            "deny: staff",
            ["deny[0] staff[0] group: staff", "deny[0] staff[1] email_domain: example.com"],
        ),
    ],
)
def test_a_name_stands_for_its_items(load_text, access, expected):
    loaded = load_text(STAFF, access)

    assert items(loaded) == expected
    assert loaded.warnings == ()


def test_a_single_item_need_not_be_a_list(load_text):
    loaded = load_text("conditions: {office: {ip: 10.0.0.0/8, group: x}}\n", "allow: office")

    assert items(loaded) == ["allow[0] office[0] group: x; ip: 10.0.0.0/8"]


def test_a_name_may_stand_for_other_names(load_text):
    defined = """\
conditions:
  everyone: [staff, {user: eve}, board]
  staff: [{group: staff}, board]
  board: {group: board}
"""

    # Each item once, however many names lead to it.
    assert items(load_text(defined, "allow: everyone")) == [
        "allow[0] everyone[1] user: eve",
        "allow[0] everyone staff[0] group: staff",
        "allow[0] everyone board[0] group: board",
    ]


def test_a_long_chain_of_names_is_followed(load_text):
    names = [f"c{number}" for number in range(3000)]
    chain = "".join(f"  {one}: {two}\n" for one, two in pairwise(names))
    loaded = load_text(f"conditions:\n{chain}  c2999: {{user: eve}}\n", "allow: c0")

    [item] = compile_access(loaded.settings.routes[0].access).allow
    assert item.labels == ("user: eve",)


def test_a_variable_defines_one_too(load_text):
    loaded = load_text("", "allow: staff", {"GATEPOST_CONDITIONS__STAFF": "[{group: staff}]"})

    assert items(loaded) == ["allow[0] staff[0] group: staff"]


def test_settings_with_names_reach_other_processes(load_text):
    settings = load_text(STAFF, "allow: staff").settings

    assert pickle.loads(pickle.dumps(settings)) == settings


def problems(load_text, conditions, access):
    with pytest.raises(SettingsError) as caught:
        load_text(conditions, access)
    return [it.removeprefix("gatepost.yaml:") for it in caught.value.problems]


@pytest.mark.parametrize(
    ("conditions", "access", "expected"),
    [
        (
            STAFF,
            "allow: [{group: x}, staf]",
            '5:60: routes[0].access.allow[1]: unknown condition "staf" (did you mean "staff"?)',
        ),
        (
            STAFF,
            "deny: board",
            '5:46: routes[0].access.deny: unknown condition "board" (one of: staff)',
        ),
        (
            "",
            "allow: staff",
            '4:47: routes[0].access.allow: unknown condition "staff": define it in conditions, '
            "or write {group: staff}",
        ),
        (
            "conditions: {a: stuff, staff: {group: s}}\n",
            "allow: [a, staff]",
            '4:17: conditions.a: unknown condition "stuff" (did you mean "staff"?)',
        ),
        (
            "conditions: {a: [{user: u}, b], b: c, c: [a]}\n",
            "allow: a",
            "4:14: conditions.a: stands for itself: a -> b -> c -> a",
        ),
        (
            "conditions: {a: a}\n",
            "allow: a",
            "4:17: conditions.a: stands for itself: a -> a",
        ),
        (
            "conditions: {signed_in: {user: u}}\n",
            "allow: signed_in",
            "4:14: conditions.signed_in: signed_in is a keyword of access: choose another name",
        ),
        (
            "conditions: {a b: {user: u}}\n",
            "allow: a b",
            '4:14: conditions["a b"]: "a b" is not a name (letters, digits, hyphens, underscores)',
        ),
        (
            "conditions: {staff: {grup: s}}\n",
            "allow: staff",
            '4:22: conditions.staff: unknown condition "grup" (did you mean "group"?)',
        ),
        (
            "conditions: {staff: []}\n",
            "allow: staff",
            "4:14: conditions.staff: is empty: set a value or omit it",
        ),
        (
            "conditions: {staff: {}}\n",
            "allow: staff",
            "4:14: conditions.staff: is empty: a condition needs at least one fact",
        ),
        (
            "conditions: [staff]\n",
            "allow: {user: u}",
            "4:1: conditions: must be a mapping, not a list",
        ),
        (
            "conditions: {staff: {provider: ipd}}\n",
            "allow: [staff, staff]",
            '4:32: conditions.staff.provider: unknown provider "ipd" (did you mean "idp"?)',
        ),
        (
            STAFF,
            "allow: [[staff]]",
            "5:48: routes[0].access.allow[0]: must be a mapping, not a list",
        ),
    ],
)
def test_a_mistake_is_one_line_at_its_place(load_text, conditions, access, expected):
    assert problems(load_text, conditions, access) == [expected]


def test_a_name_in_place_of_access_is_told_where_it_belongs(tmp_path):
    path = tmp_path / "gatepost.yaml"
    path.write_text(BASE + STAFF + "routes: [{name: r, prefix: /, access: staff}]\n")
    with pytest.raises(SettingsError) as caught:
        load(path, {})

    assert caught.value.problems == [
        f"{path}:5:39: routes[0].access: staff is a named condition: write {{allow: staff}}"
    ]


def test_every_circle_ends(load_text):
    defined = "conditions: {a: [b, c], b: [a, c], c: [c, {user: u}]}\n"
    [line] = problems(load_text, defined, "allow: [a, b, c]")

    assert "stands for itself" in line


@pytest.mark.parametrize(
    ("conditions", "access", "expected"),
    [
        (STAFF, "allow: {user: u}", ["4:14: conditions.staff: is not used by any route"]),
        # A name that only an unused one refers to is not used either.
        (
            "conditions:\n  a: b\n  b: {user: u}\n  c: {user: u}\n",
            "deny: c",
            [
                "5:6: conditions.a: is not used by any route",
                "6:3: conditions.b: is not used by any route",
            ],
        ),
        (
            "conditions: {a: {group: 'a,b'}}\n",
            "allow: [a, {user: u}], deny: a",
            ['4:25: conditions.a.group: "a,b" is read as one name: write [a, b]'],
        ),
    ],
)
def test_risky_definitions_are_warned_about_once(load_text, conditions, access, expected):
    found = load_text(conditions, access).warnings

    assert [it.removeprefix("gatepost.yaml:") for it in found] == expected


def test_a_rule_that_any_provider_can_meet_is_found_in_its_definition(load_text):
    environ = {"GATEPOST_PROVIDERS__OTHER__ISSUER": "https://other.example.com"} | {
        "GATEPOST_PROVIDERS__OTHER__CLIENT_ID": "x",
        "GATEPOST_PROVIDERS__OTHER__CLIENT_AUTH": "none",
    }
    [warning] = load_text("conditions: {a: [{group: a}]}\n", "allow: a", environ).warnings

    assert warning.startswith("gatepost.yaml:4:18: conditions.a[0]: group can come from any")


def test_a_name_that_was_never_resolved_lets_nobody_in():
    """As where rules are made by something other than a configuration."""
    for name in ("allow", "deny"):
        with pytest.raises(ValueError, match="unknown condition 'staff'"):
            compile_access(AccessRules.model_validate({name: "staff"}))
