"""Routes that are not enforced, in a file."""

import pytest

from gateway.errors import SettingsError
from gateway.settings.load import load, load_beside
from gateway.settings.shadow import all_enforced, enforced

BASE = """
public_url: https://notes.example.com
upstreams: {notes: http://127.0.0.1:3000}
providers: {zitadel: {issuer: https://id.example.com, client_id: notes}}
routes:
"""
REST = "  - {name: rest, prefix: /, access: signed_in}\n"


@pytest.fixture
def read(tmp_path):
    def read(*routes):
        path = tmp_path / "gatepost.yaml"
        path.write_text(BASE + "".join(f"  - {route}\n" for route in routes) + REST)
        return load(path, {})

    return read


def names(settings):
    return [route.name for route in settings.routes]


def test_it_hides_no_route_but_another_like_it(read):
    wide = "{name: wide, prefix: /, access: denied, enforce: false}"

    assert names(enforced(read(wide).settings)) == ["rest"]
    with pytest.raises(SettingsError, match=r"can never match: routes\[0\] \"wide\" takes all"):
        read(wide, "{name: below, prefix: /x, access: denied, enforce: false}")


def test_a_route_after_one_that_takes_all_its_requests_never_matches(tmp_path):
    path = tmp_path / "gatepost.yaml"
    path.write_text(f"{BASE}{REST}  - {{name: x, prefix: /x, access: denied, enforce: false}}\n")

    with pytest.raises(SettingsError, match="can never match"):
        load(path, {})


def test_one_route_at_least_is_enforced(tmp_path):
    path = tmp_path / "gatepost.yaml"
    path.write_text(BASE + "  - {name: x, prefix: /, access: denied, enforce: false}\n")

    with pytest.raises(SettingsError, match="no route is enforced"):
        load(path, {})


def test_what_it_alone_covers_is_uncovered(tmp_path):
    path = tmp_path / "gatepost.yaml"
    routes = "  - {name: x, prefix: /, access: public, enforce: false}\n"
    path.write_text(f"{BASE}{routes}  - {{name: y, prefix: /y, access: signed_in}}\n")

    assert any("no route matches" in it for it in load(path, {}).warnings)


def test_where_all_are_enforced_nothing_is_in_shadow(read):
    settings = read().settings

    assert enforced(settings) is settings
    assert all_enforced(settings) is None


def test_the_other_file_needs_no_secret_and_keeps_its_place_through_a_reload(read, tmp_path):
    loaded = read()
    other = tmp_path / "other.yaml"
    other.write_text(f"{BASE}{REST}secret_file: missing\n")

    both = load_beside(loaded.path, other, {})

    assert other in both.files
    assert names(both.settings.shadow) == ["rest"]
    assert both.settings.model_copy(update={"routes": ()}).shadow is both.settings.shadow
    assert loaded.settings.shadow is None
