"""Redirect URIs: what an app may register."""

import pytest
from pydantic import ValidationError

from gateway.errors import SettingsError
from gateway.settings.load import load
from gateway.settings.tokens import USUAL_DOCUMENT_HOSTS, ClientSettings


def registered(uri):
    return ClientSettings.model_validate({"provider": "id", "redirect_uris": uri}).redirect_uris


@pytest.mark.parametrize(
    "uri",
    [
        "com.example.notes:/callback",
        "com.example.notes://callback",
        "myapp:/callback",
        "https://notes.example.com/app/callback?from=phone",
        "http://127.0.0.1/callback",
        "http://127.0.0.1:9000/callback",
        "http://[::1]/callback",
    ],
)
def test_an_app_may_be_sent_its_code_there(uri):
    assert registered(uri) == (uri,)


@pytest.mark.parametrize(
    ("uri", "why"),
    [
        ("https://*.example.com/callback", "has a wildcard"),
        ("com.example.notes:/*", "has a wildcard"),
        ("http://127.0.0.1:*/callback", "has a wildcard"),
        ("http://notes.example.com/callback", "is not https"),
        ("http://127.0.0.1.evil.test/callback", "is not https"),
        ("http://2130706433/callback", "is not https"),
        ("https:///callback", "needs a host"),
        ("https://user@notes.example.com/callback", "without a user name"),
        ("https://notes.example.com/callback#", "must not have a fragment"),
        ("https://notes.example.com/call back", "must be ASCII without spaces"),
        ("https://notes.example.com\\callback", "and backslashes"),
        ("https://nötes.example.com/", "must be ASCII"),
        ("https://notes.example.com:x/", "is not a URI"),
        ("HTTPS://notes.example.com/", "a scheme in lower case"),
        ("javascript:alert(1)", "no app can claim the scheme javascript"),
        ("data:text/html,x", "no app can claim the scheme data"),
        ("/callback", "a scheme in lower case"),
        ("callback", "a scheme in lower case"),
        ("", "is empty"),
    ],
)
def test_nobody_is_sent_a_code_there(uri, why):
    with pytest.raises(ValidationError) as error:
        registered(uri)

    assert why in str(error.value)


FILE = (
    "public_url: https://a.test\nupstreams: {{app: http://127.0.0.1:1}}\nauth_mode: standalone\n{0}"
)
MCP = "routes: [{name: mcp, prefix: /, access: signed_in, mcp: true}]\n"


@pytest.fixture
def loaded(tmp_path):
    def run(text):
        file = tmp_path / "gatepost.yaml"
        file.write_text(FILE.format(text))
        return load(file, {"GATEPOST_SECRET": "x" * 40})

    return run


@pytest.mark.parametrize(
    ("text", "hosts"),
    [
        ("", ()),
        ("tokens: {}", ()),
        (MCP, USUAL_DOCUMENT_HOSTS),
        (MCP + "tokens: {registration: open}", USUAL_DOCUMENT_HOSTS),
        (MCP + "tokens: {metadata_documents: []}", ()),
        (MCP + "tokens: {metadata_documents: '*'}", ("*",)),
        ("tokens: {metadata_documents: ['*.a.test', b.test]}", ("*.a.test", "b.test")),
    ],
)
def test_hosts_of_documents_are_the_usual_ones_with_mcp_alone(loaded, text, hosts):
    settings = loaded(text).settings
    assert (settings.tokens.document_hosts if settings.tokens else ()) == hosts
    assert settings.is_authorization_server == bool(hosts or "mcp" in text)


@pytest.mark.parametrize(
    "host", ["https://a.test", "a.test/", "a.test:443", "A.test", "*a.test", "a.*", "", "**"]
)
def test_what_is_no_host_of_documents_is_refused(loaded, host):
    with pytest.raises(SettingsError, match="metadata_documents"):
        loaded(f"tokens: {{metadata_documents: [{host!r}]}}")


def test_private_addresses_are_warned_about(loaded):
    [warning] = loaded(MCP + "tokens: {insecure_metadata_addresses: true}").findings
    assert warning.rule == "private-addresses"


@pytest.mark.parametrize("setting", ["registration: open", "metadata_documents: [a.test]"])
def test_clients_need_people_who_can_sign_in(tmp_path, setting):
    file = tmp_path / "gatepost.yaml"
    file.write_text(
        "public_url: https://a.test\nupstreams: {app: http://127.0.0.1:1}\n"
        f"auth_mode: oidc-only\napi_keys: {{}}\ntokens: {{{setting}}}\n"
    )
    with pytest.raises(SettingsError, match="needs a provider or local accounts"):
        load(file, {"GATEPOST_SECRET": "x" * 40})
