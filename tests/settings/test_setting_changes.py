"""What a reload changes is told without secrets."""

from typing import get_args

import pytest
import yaml

from gateway.settings.load import load
from gateway.settings.scalars import Section
from gateway.settings.schema import Settings
from gateway.settings.setting_changes import setting_changes

BASE = {
    "public_url": "https://notes.example.com",
    "upstreams": {"app": "http://127.0.0.1:9"},
    "api_keys": {},
    "routes": [
        {"name": "board", "prefix": "/board", "access": {"allow": [{"group": "board"}]}},
        {"name": "rest", "prefix": "/", "access": "signed_in"},
    ],
}
APP = {"url": "http://127.0.0.1:9"}
HOOK = {"secret": "s" * 40}
SECRET = "a-secret-of-somebody-0123456789abcdef"


@pytest.fixture
def loaded(tmp_path):
    def run(settings, **environ):
        path = tmp_path / "gatepost.yaml"
        path.write_text(yaml.safe_dump({**BASE, **settings}, sort_keys=False))
        return load(path, environ)

    return run


@pytest.fixture
def changes(loaded):
    """The changes from one configuration to another."""

    def run(old, new, **environ):
        one, other = loaded(old, **environ), loaded(new, **environ)
        hidden = one.document.filled | other.document.filled
        return setting_changes(one.settings, other.settings, hidden.__contains__)

    return run


def told(found):
    return {it.path: (it.old, it.new) for it in found}


def test_nothing_changed(changes):
    assert changes({}, {}) == ()


def test_values_are_as_people_write_them(changes):
    found = changes(
        {"sessions": {"idle_timeout": "8h"}},
        {
            "sessions": {"idle_timeout": "30m", "cookie": {"same_site": "strict"}},
            "log": {"level": "debug"},
        },
    )

    assert told(found) == {
        "sessions.idle_timeout": ("8h", "30m"),
        "sessions.cookie.same_site": ("lax", "strict"),
        "log.level": ("info", "debug"),
    }


def test_a_route_is_found_by_its_name(changes):
    board = {**BASE["routes"][0], "access": {"allow": [{"group": ["board", "staff"]}]}}
    new = {"name": "new", "path": "/new", "access": "public"}

    found = changes({}, {"routes": [new, board, BASE["routes"][1]]})

    assert told(found) == {
        "routes[new].name": (None, "new"),
        "routes[new].path": (None, "/new"),
        "routes[new].access": (None, "public"),
        "routes[new].upstream": (None, "app"),
        "routes[board].access.allow[0].group": ("board", "board, staff"),
    }


def test_what_is_removed_is_told(changes):
    found = changes({"smtp": {"url": "smtp://127.0.0.1:25", "from": "a@b.test"}}, {})

    assert told(found)["smtp.from"] == ("a@b.test", None)


@pytest.mark.parametrize(
    ("old", "new", "path"),
    [
        ({}, {"secret": SECRET}, "secret"),
        ({}, {"secret": SECRET, "store": "redis://user:pw@127.0.0.1:1/0"}, "store"),
        (
            {},
            {"upstreams": {"app": {**APP, "request_headers": {"set": {"X-Token": SECRET}}}}},
            "upstreams.app.request_headers.set.X-Token.value",
        ),
        (
            {},
            {"upstreams": {"app": {**APP, "response_headers": {"set": {"X-Token": SECRET}}}}},
            "upstreams.app.response_headers.set.X-Token",
        ),
        (
            {},
            {
                "routes": [
                    {**BASE["routes"][0], "access": {"allow": {"header": {"X-Token": SECRET}}}}
                ]
            },
            "routes[board].access.allow[0].header.X-Token",
        ),
    ],
)
def test_a_secret_is_only_said_to_have_changed(changes, old, new, path):
    found = changes(old, new)

    (change,) = [it for it in found if it.path == path]
    assert (change.old, change.new, change.is_hidden) == (None, None, True)
    assert SECRET not in repr(found)
    assert "pw@" not in repr(found)


@pytest.mark.parametrize(
    ("new", "path", "shown"),
    [
        (
            {
                "accounts": {
                    "hooks": [{"http": {"url": f"https://a.test/x?t={SECRET}", "secret": "s" * 40}}]
                }
            },
            "accounts.hooks[0].http.url",
            "https://a.test/x?…",
        ),
        (
            {
                "routes": [
                    {
                        **BASE["routes"][0],
                        "access": {"allow": {"when": f"headers['x-token'] == '{SECRET}'"}},
                    }
                ]
            },
            "routes[board].access.allow[0].when",
            "headers['x-token'] == \"…\"",
        ),
    ],
)
def test_a_secret_within_a_value_is_left_out(changes, new, path, shown):
    found = changes({}, new)

    assert told(found)[path][1] == shown
    assert SECRET not in repr([(it.old, it.new) for it in found])


def test_what_comes_from_the_environment_is_not_shown(changes):
    found = changes(
        {"pages": {"name": "Notes"}},
        {
            "pages": {"name": "${TITLE}"},
            "upstreams": {"app": "http://${HOST}:9"},
        },
        TITLE="of the environment",
        HOST="hidden.test",
    )

    assert {it.path for it in found if it.is_hidden} == {"pages.name", "upstreams.app.url"}
    assert "hidden.test" not in repr(found)
    assert "of the environment" not in repr(found)


def test_there_are_never_too_many(changes):
    routes = [{"name": f"r{it}", "path": f"/{it}", "access": "public"} for it in range(300)]

    assert len(changes({}, {"routes": routes})) == 200


def test_a_long_value_is_cut(changes):
    (change,) = changes({}, {"pages": {"name": "x" * 60}, "data_dir": "/" + "y" * 500})[:1]

    assert len(change.new) == 200


def sections(annotation, seen):
    if isinstance(annotation, type) and issubclass(annotation, Section):
        if annotation not in seen:
            seen.add(annotation)
            for info in annotation.model_fields.values():
                sections(info.annotation, seen)
        return
    for inner in get_args(annotation):
        sections(inner, seen)


def test_every_secret_of_the_schema_is_hidden_by_its_model():
    """`setting_changes` relies on it."""
    seen: set[type[Section]] = set()
    sections(Settings, seen)
    names = {
        f"{section.__name__}.{name}"
        for section in seen
        for name, info in section.model_fields.items()
        if info.repr and ("SecretText" in str(section.__annotations__.get(name, ""))
                          or name in ("secret", "password", "client_secret", "client_key", "dsn"))
    }  # fmt: skip

    assert len(seen) > 40
    assert not names
