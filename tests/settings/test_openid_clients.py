"""Settings of clients that sign people in here with OpenID Connect."""

import json

import pytest
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey

from gateway.authz.access import compile_access
from gateway.errors import SettingsError
from gateway.settings.load import load
from gateway.settings.public_keys import read_public_keys

KINDS = [
    ECKey.generate_key("P-256"),
    RSAKey.generate_key(2048),
    OKPKey.generate_key("Ed25519"),
]


@pytest.mark.parametrize("key", KINDS, ids=lambda key: key.key_type)
def test_public_keys_are_read_in_every_form(key):
    public = key.as_dict(private=False)
    for text in (
        key.as_pem(private=False).decode(),
        json.dumps(public),
        json.dumps({"keys": [public]}),
    ):
        [member] = read_public_keys(text)["keys"]
        assert member.items() >= public.items()


@pytest.mark.parametrize("key", KINDS, ids=lambda key: key.key_type)
def test_a_private_key_is_refused_in_every_form(key):
    private = key.as_dict(private=True)
    for text in (
        key.as_pem(private=True).decode(),
        json.dumps(private),
        json.dumps({"keys": [key.as_dict(private=False), private]}),
    ):
        with pytest.raises(ValueError, match="private key"):
            read_public_keys(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        "[]",
        '{"keys": {}}',
        '{"keys": []}',
        '{"keys": [7]}',
        json.dumps(OctKey.generate_key(256).as_dict()),
        json.dumps(ECKey.generate_key("secp256k1").as_dict(private=False)),
        "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----",
    ],
    # Some are random, and every process must collect the same names.
    ids=lambda _: "text",
)
def test_what_is_no_public_key_is_refused(text):
    with pytest.raises(ValueError, match=r"no readable public key|no key that fits"):
        read_public_keys(text)


BASE = """\
public_url: https://a.example.com
upstreams: {app: "http://app:1"}
providers: {idp: {issuer: "https://id.example.com", client_id: x, client_auth: none}}
"""
WIKI = "redirect_uris: [https://wiki.example.com/cb]"


@pytest.fixture
def load_client(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def load_client(client, more=""):
        text = f"{BASE}{more}tokens: {{clients: {{wiki: {{{client}}}}}}}\n"
        (tmp_path / "gatepost.yaml").write_text(text, encoding="utf-8")
        return load(None, {})

    return load_client


def test_a_named_condition_stands_for_its_items_at_a_client_too(load_client):
    staff = "conditions: {staff: [{group: staff}, {group: board}]}\n"
    loaded = load_client(f"{WIKI}, access: {{allow: staff}}", staff)
    access = compile_access(loaded.settings.tokens.clients["wiki"].access)
    assert [it.labels for it in access.allow] == [("group: staff",), ("group: board",)]
    # It is used, so nobody is warned that it is not.
    assert not [it for it in loaded.warnings if "staff" in str(it)]


@pytest.mark.parametrize(
    ("client", "problem"),
    [
        (
            f"{WIKI}, access: {{allow: stuff}}",
            "tokens.clients.wiki.access.allow: unknown condition",
        ),
        (f"{WIKI}, access: {{allow: [{{country: CZ}}]}}", "country_file"),
        (f"{WIKI}, access: {{allow: [{{provider: other}}]}}", "unknown provider"),
        (f"{WIKI}, access: public", "access"),
        (f"{WIKI}, access: {{}}", "is empty"),
        (f"{WIKI}, id_token: HS256", "id_token"),
        (f"{WIKI}, client_key_file: missing.pem", "cannot read 'missing.pem'"),
        (f"{WIKI}, client_key: nonsense", "no readable public key"),
        (f"{WIKI}, backchannel_logout_uri: /told", "must be a URL with http or https"),
        (f"{WIKI}, backchannel_logout_uri: 'https://a.test/#x'", "without a fragment"),
        (f"{WIKI}, backchannel_logout_uri: 'ftp://a.test/'", "must be a URL with http or https"),
        (f"{WIKI}, post_logout_redirect_uris: [https://a.test/*]", "has a wildcard"),
        ("provider: idp, id_token: RS256", "id_token is for clients with no provider"),
        ("provider: idp, access: {allow: [{group: a}]}", "access is for clients with no provider"),
    ],
)
def test_mistakes_at_a_client_are_named(load_client, client, problem):
    with pytest.raises(SettingsError) as error:
        load_client(client)
    assert problem in "\n".join(error.value.problems)


def test_a_client_has_a_secret_or_a_key(load_client, tmp_path):
    (tmp_path / "key.pem").write_bytes(KINDS[0].as_pem(private=False))
    (tmp_path / "key.pem").chmod(0o644)
    loaded = load_client(f"{WIKI}, client_key_file: key.pem")
    # Everybody may read a public key.
    assert not [it for it in loaded.warnings if "key.pem" in str(it)]
    with pytest.raises(SettingsError) as error:
        load_client(f"{WIKI}, client_key_file: key.pem, client_secret: a long enough secret")
    assert "give one of them" in "\n".join(error.value.problems)
