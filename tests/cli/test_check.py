"""`gatepost check` as it is run."""

import json
import os
import textwrap
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner

from gateway.cli.check import check_command
from gateway.settings.data_dir import data_dir_warning
from gateway.settings.schema import Settings

DOCS = Path(__file__).parents[2] / "docs"
BARE = {"public_url": "https://a.example.com", "upstreams": {"app": "http://app:1"}}
SHARED = {"store": "redis://cache", "secret": "x" * 32}
NO_LOGOUT = "backchannel_logout: no}, idp:"
RIGHT = """\
public_url: https://a.example.com
upstreams: {app: "http://app:1"}
providers: {idp: {issuer: "https://id.example.com", client_id: x, client_auth: none}}
"""
REGISTER = """\
note: 0.0.0.0:8080 is plain http and public_url is https://a.example.com: a proxy in front must \
terminate TLS. Over http, sign-ins fail, because browsers send these cookies only over https. \
Add it to server.trusted_proxies, or every client has the proxy's address; or terminate TLS in the \
gateway with server.tls
register at idp:
  redirect URI: https://a.example.com/_gatepost/callback/idp
  post-logout redirect URI: https://a.example.com/_gatepost/logout
  back-channel logout URI: https://a.example.com/_gatepost/backchannel-logout/idp
"""


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def run(text, *arguments, **environ):
        (tmp_path / "gatepost.yaml").write_text(text, encoding="utf-8")
        return CliRunner().invoke(check_command, arguments, env=environ)

    return run


def test_a_right_file_is_summed_up(run):
    result = run(RIGHT)

    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == "gatepost.yaml: ok, 1 route, 1 upstream, 1 provider\n" + REGISTER


def test_warnings_do_not_fail(run):
    result = run(RIGHT.replace("https://a", "http://a"), "-c", "gatepost.yaml")

    assert result.exit_code == 0
    assert result.stderr.startswith("warning: gatepost.yaml:1:13: public_url: http://a.example.com")


def test_strict_makes_warnings_fail(run):
    risky = RIGHT.replace("https://a", "http://a")

    assert run(RIGHT, "--strict").exit_code == 0
    result = run(risky, "--strict")
    assert result.exit_code == 1
    assert result.stderr.startswith("warning: gatepost.yaml:1:13: public_url: ")
    assert result.stdout.startswith("gatepost.yaml: not ok, there are warnings, 1 route")
    result = run(risky, "--strict", "--json")
    assert (result.exit_code, json.loads(result.stdout)["ok"]) == (1, False)
    assert run("foo: 1\n", "--strict").exit_code == 2


@contextmanager
def nobody():
    """The effective user who owns nothing, because root may write everywhere."""
    is_root = os.geteuid() == 0
    if is_root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if is_root:
            os.seteuid(0)


@pytest.mark.parametrize("below", ["", "new/data"])
def test_a_data_dir_that_cannot_be_written_is_warned_about(tmp_path, below):
    kept = tmp_path / "kept"
    kept.mkdir(mode=0o500)
    settings = Settings(**BARE, data_dir=kept / below)

    with nobody():
        warning = data_dir_warning(settings)
        elsewhere = data_dir_warning(Settings(**BARE, data_dir=kept, **SHARED))

    assert warning.startswith(f"data_dir: {kept / below} cannot be written by this user (uid ")
    assert elsewhere is None


@pytest.mark.parametrize("below", ["", "data"])
def test_a_data_dir_that_can_be_no_directory_is_an_error(run, tmp_path, below):
    (tmp_path / "file").touch()
    result = run(f"{RIGHT}data_dir: file/{below}\n")

    assert result.exit_code == 2
    assert result.stderr.startswith("data_dir: file")
    assert result.stderr.endswith("is not a directory\n")


def test_a_warning_about_the_data_dir_is_one_of_all(run, monkeypatch):
    # The system's answer stands in, because root may write everywhere.
    monkeypatch.setattr(os, "access", lambda *_, **__: False)

    assert "warning: data_dir: " in run(RIGHT).stderr
    assert run(RIGHT, "--strict").exit_code == 1


def test_every_error_is_printed_and_the_status_is_2(run):
    result = run("public_url: x\nfoo: 1\n")

    assert (result.exit_code, result.stdout) == (2, "")
    assert [line.split(": ")[0] for line in result.stderr.splitlines()] == [
        "gatepost.yaml:1:1",
        "gatepost.yaml:1:13",
        "gatepost.yaml:2:1",
    ]


def test_the_environment_alone_will_do(run, tmp_path):
    (tmp_path / "gatepost.yaml").unlink(missing_ok=True)
    environ = {
        "GATEPOST_PUBLIC_URL": "https://a",
        "GATEPOST_UPSTREAM": "http://a",
        "GATEPOST_OIDC_ISSUER": "https://i",
        "GATEPOST_OIDC_CLIENT_ID": "x",
    }
    result = CliRunner().invoke(check_command, [], env=environ)

    assert result.stdout.startswith("environment: ok, 1 route, 1 upstream, 1 provider\n")


def test_json_says_the_same(run):
    found = json.loads(run(RIGHT, "--json").stdout)
    assert [it[:26] for it in found.pop("notes")] == ["0.0.0.0:8080 is plain http"]
    assert found == {
        "ok": True,
        "errors": [],
        "warnings": [],
        "findings": [],
        "tests": [],
        "routes": 1,
        "upstreams": 1,
        "providers": 1,
        "order": [{"route": "everything", "place": None}],
        "register": [
            {
                "provider": "idp",
                "client_id": "x",
                "redirect_uris": ["https://a.example.com/_gatepost/callback/idp"],
                "post_logout_redirect_uris": ["https://a.example.com/_gatepost/logout"],
                "backchannel_logout_uri": (
                    "https://a.example.com/_gatepost/backchannel-logout/idp"
                ),
                "apps": [],
            }
        ],
    }
    result = run("foo: 1\n", "--json")
    assert result.exit_code == 2
    assert len(json.loads(result.stdout)["errors"]) == 3


def test_a_file_that_is_not_there_is_an_error(run):
    result = run(RIGHT, "-c", "other.yaml")

    assert result.exit_code == 2
    assert result.stderr == "other.yaml: cannot be read: No such file or directory\n"


def test_every_host_and_provider_is_to_be_registered(run):
    text = RIGHT.replace("https://a.example.com", "[https://a.example.com, https://b.example.com]")
    text = text.replace("{idp:", "{other: {issuer: 'https://o', client_id: x, " + NO_LOGOUT)
    lines = run(text).stdout.splitlines()[2:]

    assert lines[:5] == [
        "register at other:",
        "  redirect URI: https://a.example.com/_gatepost/callback/other",
        "  redirect URI: https://b.example.com/_gatepost/callback/other",
        "  post-logout redirect URI: https://a.example.com/_gatepost/logout",
        "  post-logout redirect URI: https://b.example.com/_gatepost/logout",
    ]
    assert lines[5] == "register at idp:"
    assert lines[-1].endswith("https://a.example.com/_gatepost/backchannel-logout/idp")


def test_an_app_that_brings_codes_is_a_client_of_its_own(run):
    apps = """\
tokens:
  clients:
    ios: {provider: idp, client_id: notes-ios, redirect_uris: ["com.example.notes:/callback"]}
    exchanger: {provider: idp}
"""

    assert run(RIGHT + apps).stdout.splitlines()[-3:] == [
        "register at idp for the app ios, a public client:",
        "  client id: notes-ios",
        "  redirect URI: com.example.notes:/callback",
    ]


@pytest.mark.parametrize("page", ["getting-started.md", "../README.md"])
def test_the_pages_name_what_is_to_be_registered(run, page):
    text = (DOCS / page).read_text(encoding="utf-8")
    shown = "public_url" + text.split("public_url", 1)[1].split("```")[0]
    shown = textwrap.dedent("    " + shown if page != "../README.md" else shown)
    shown = shown.replace(
        "client_secret_file: /run/secrets/oidc_client_secret", "client_auth: none"
    )
    [found] = json.loads(run(shown, "--json").stdout)["register"]

    assert found["redirect_uris"][0] in text
    if page == "getting-started.md":
        assert found["post_logout_redirect_uris"][0] in text
        assert found["backchannel_logout_uri"] in text


def test_the_order_of_included_routes_is_shown(run, tmp_path):
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "wiki.yaml").write_text(
        "routes:\n"
        "  - {name: wiki, prefix: /wiki, access: signed_in, before: everything}\n"
        "  - {name: more, path: /more, host: b.example.com, access: signed_in}\n"
    )
    routes = "routes:\n  - {name: everything, prefix: /, host: a.example.com, access: signed_in}\n"
    text = f"{RIGHT}include: rules/\n{routes}"

    assert run(text).stdout.splitlines()[:5] == [
        "gatepost.yaml: ok, 3 routes, 1 upstream, 1 provider",
        "routes, in this order:",
        "  wiki        rules/wiki.yaml:2:5",
        "  everything  gatepost.yaml:6:5",
        "  more        rules/wiki.yaml:3:5",
    ]
    assert json.loads(run(text, "--json").stdout)["order"] == [
        {"route": "wiki", "place": "rules/wiki.yaml:2:5"},
        {"route": "everything", "place": "gatepost.yaml:6:5"},
        {"route": "more", "place": "rules/wiki.yaml:3:5"},
    ]


def test_a_wrong_included_file_is_an_error(run, tmp_path):
    (tmp_path / "wiki.yaml").write_text("routes: [{name: wiki}]\n")
    result = run(f"{RIGHT}include: wiki.yaml\n")

    assert result.exit_code == 2
    assert result.stderr.startswith("wiki.yaml:1:10: routes[0]: ")
