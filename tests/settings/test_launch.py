"""Routes that are listed among the apps, and the pictures that belong to them."""

import pytest

from gateway.errors import SettingsError
from gateway.settings.load import load
from gateway.settings.pages import MAX_ICON_BYTES

FILE = """
auth_mode: standalone
public_url: https://notes.example.com
upstreams: {app: http://a}
%s
routes:
  - {name: wiki, %s, launch: {name: Wiki%s}}
  - {name: rest, prefix: /, access: signed_in}
"""


@pytest.fixture
def read(tmp_path):
    def read_it(route="prefix: /wiki, access: signed_in", launch="", more=""):
        path = tmp_path / "gatepost.yaml"
        path.write_text(FILE % (more, route, launch))
        return load(path, {}).settings.routes[0]

    return read_it


@pytest.mark.parametrize(
    ("route", "launch", "path"),
    [
        ("prefix: /wiki, access: signed_in", "", "/wiki"),
        ("prefix: /wiki, access: signed_in", ", path: /wiki/?a=b", "/wiki/?a=b"),
        ("prefix: [/a b, /c], access: signed_in", "", "/a%20b"),
        ("path: /über, access: signed_in", "", "/%C3%BCber"),
        ("regex: '/(a|b)', access: signed_in", ", path: /b", "/b"),
        ("prefix: /, access: signed_in, methods: [GET, POST]", "", "/"),
    ],
)
def test_where_an_app_begins(read, route, launch, path):
    assert read(route, launch).launch_path == path


@pytest.mark.parametrize(
    ("route", "launch", "said"),
    [
        ("regex: '/(a|b)', access: signed_in", "", "write path, because the route has only"),
        ("prefix: /wiki, access: signed_in", ", path: /other", '"/other" is no path of this'),
        ("prefix: /wiki, access: signed_in", ", path: /wikis", "is no path of this route"),
        ("prefix: /wiki, access: denied", "", "nobody can open a route with access: denied"),
        ("prefix: /wiki, access: gone", "", "nobody can open"),
        ("prefix: /wiki, access: sign_in", "", "nobody can open"),
        ("prefix: /wiki, access: signed_in, methods: POST", "", "by GET, which methods leaves"),
        ("prefix: /wiki, access: signed_in, host: '*.a.example'", "", "a host without a star"),
        ("prefix: /wiki, access: signed_in", ", ask: true", "nobody to ask: write admins"),
        *(
            ("prefix: /, access: signed_in", f", path: '{path}'", "path")
            for path in ("//evil.test", "https://evil.test/", "/\\evil", "/a/../b", "/ü", "/a#b")
        ),
        ("prefix: /, access: signed_in", ", path: /_gatepost/logout", "the gateway's own"),
        ("prefix: /, access: signed_in", ", path: /%2e%2e/b", "path"),
        ("prefix: /, access: signed_in", ", path: /a;b", "path"),
        ("prefix: /, access: signed_in", ", icon_file: none.svg", "cannot read"),
    ],
)
def test_what_is_wrong_with_an_entry(read, route, launch, said):
    with pytest.raises(SettingsError) as caught:
        read(route, launch)

    assert said in str(caught.value)


def test_who_can_be_asked(read):
    assert read(launch=", ask: true", more="admins: [{user: ann}]").launch.ask is True


def test_an_icon_is_a_small_picture(read, tmp_path):
    icon = tmp_path / "icon.svg"
    icon.write_bytes(b"<svg></svg>")
    assert read(launch=", icon_file: icon.svg").launch.icon_file == icon

    for content in (b"GIF89a", b"<svg>" + b" " * MAX_ICON_BYTES):
        icon.write_bytes(content)
        with pytest.raises(SettingsError, match=r"routes\[0\].launch.icon_file|16 KiB"):
            read(launch=", icon_file: icon.svg")


def test_nobody_signs_in_so_nobody_has_an_account_page(tmp_path):
    path = tmp_path / "gatepost.yaml"
    written = FILE % ("api_keys: {}", "prefix: /wiki, access: signed_in", "")
    path.write_text(written.replace("auth_mode: standalone\n", ""))

    with pytest.raises(SettingsError, match="for people who sign in, and nobody can"):
        load(path, {})
