"""Files that the configuration names and that hold no, or not the right, certificate or key."""

import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa, x25519
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from joserfc.jwk import ECKey

from gateway.errors import SettingsError
from gateway.settings.load import load
from tests.fixtures.certificates import Authority

FILE = """\
public_url: https://a.example.com
secret: {secret}
upstreams: {{app: {{url: "https://app", tls: {upstream}}}}}
providers: {{idp: {{issuer: "https://id.example.com", client_id: x{provider}}}}}
server: {{{server}}}
store: "{store}"
"""


def pem(key, encryption=None):
    encryption = encryption or NoEncryption()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption).decode()


EC = ec.generate_private_key(ec.SECP256R1())
CUT = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
# By name, since what is made up is no part of a test's name.
CONTENTS = {
    "nothing": "",
    "a line": "\n",
    "blanks": "  \n\t\n",
    "text": "hello",
    "bytes": "\0\xff",
    "no base64": CUT,
    "EC": pem(EC),
    "RSA": pem(rsa.generate_private_key(65537, 2048)),
    "Ed25519": pem(ed25519.Ed25519PrivateKey.generate()),
    "X25519": pem(x25519.X25519PrivateKey.generate()),
    "secp256k1": pem(ec.generate_private_key(ec.SECP256K1())),
    "cut": pem(EC)[:-40],
    "encrypted": pem(EC, BestAvailableEncryption(b"secret")),
    "public": EC.public_key()
    .public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    .decode(),
    "JWK": json.dumps(ECKey.generate_key("P-256").as_dict(private=True)),
    "public JWK": json.dumps(ECKey.generate_key("P-256").as_dict(private=False)),
    "secret JWK": '{"kty": "oct", "k": "AAAA"}',
    "Zitadel": json.dumps({"keyId": "1", "key": pem(EC)}),
    "JSON": "{}",
    "no Zitadel": '{"key": "hello"}',
}
NO_CERTIFICATE = "contains no readable certificate (PEM)"
NO_KEY = "contains no readable private key (PEM)"


@pytest.fixture(autouse=True)
def files(tmp_path, monkeypatch):
    """Right files in the directory of the configuration: ca.pem, my.crt, my.key, other.key."""
    monkeypatch.chdir(tmp_path)
    authority = Authority(tmp_path)
    authority.issue("my", "app")
    authority.issue("other", "app")


def problems(server="", upstream="{}", provider="", store="sqlite"):
    """What is wrong: (line, setting, message) of each mistake."""
    text = FILE.format(
        secret="x" * 32, server=server, upstream=upstream, provider=provider, store=store
    )
    Path("gatepost.yaml").write_text(text, encoding="utf-8")
    try:
        load(Path("gatepost.yaml"), {})
    except SettingsError as error:
        found = [line.split(": ", 2) for line in error.problems]
        return [(int(place.split(":")[1]), setting, told) for place, setting, told in found]
    return []


SERVER = "tls: {cert_file: my.crt, key_file: my.key}"
UPSTREAM = "{ca_file: ca.pem, cert_file: my.crt, key_file: my.key}"
POSTGRES = "postgresql://db/x?sslrootcert=ca.pem&sslcert=my.crt&sslkey=my.key&password_file=pw"


def test_right_files_are_taken():
    Path("pw").write_text("hunter2")
    Path("pw").chmod(0o600)

    assert problems(SERVER, UPSTREAM, ", client_key_file: my.key", POSTGRES) == []
    assert problems(store="rediss://r?ca_file=ca.pem&password_file=pw") == []


@pytest.mark.parametrize(
    "content", ["nothing", "a line", "blanks", "text", "bytes", "no base64", "EC"]
)
@pytest.mark.parametrize(
    ("file", "expected"),
    [
        ("ca.pem", [(3, "upstreams.app.tls.ca_file", NO_CERTIFICATE)]),
        (
            "my.crt",
            [
                (3, "upstreams.app.tls.cert_file", NO_CERTIFICATE),
                (5, "server.tls.cert_file", NO_CERTIFICATE),
            ],
        ),
    ],
)
def test_a_file_without_a_certificate_is_an_error_with_its_place(file, expected, content):
    Path(file).write_bytes(CONTENTS[content].encode("latin-1"))

    found = problems(SERVER, UPSTREAM)
    assert found == [(line, setting, f"{file!r} {told}") for line, setting, told in expected]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("nothing", NO_KEY),
        ("blanks", NO_KEY),
        ("text", NO_KEY),
        ("no base64", NO_KEY),
        ("public", NO_KEY),
        ("cut", NO_KEY),
        ("encrypted", "is encrypted: use a key without a passphrase"),
        ("EC", "is not the key of the first certificate in 'my.crt'"),
        ("RSA", "is not the key of the first certificate in 'my.crt'"),
    ],
)
def test_a_file_without_the_key_of_the_certificate_is_an_error_with_its_place(content, expected):
    Path("my.key").write_text(CONTENTS[content])

    assert problems(SERVER, UPSTREAM) == [
        (3, "upstreams.app.tls.key_file", f"'my.key' {expected}"),
        (5, "server.tls.key_file", f"'my.key' {expected}"),
    ]


def test_every_file_is_tried_whatever_is_wrong_with_the_others():
    Path("my.crt").write_text("")

    assert problems("tls: {cert_file: my.crt, key_file: nowhere}", "{ca_file: my.crt}") == [
        (3, "upstreams.app.tls.ca_file", f"'my.crt' {NO_CERTIFICATE}"),
        (5, "server.tls.cert_file", f"'my.crt' {NO_CERTIFICATE}"),
        (5, "server.tls.key_file", "cannot read 'nowhere'"),
    ]
    assert problems("tls: {cert_file: ca.pem}") == [(5, "server.tls", '"key_file" is missing')]


@pytest.mark.parametrize("content", ["EC", "Ed25519", "RSA", "JWK", "Zitadel"])
def test_a_key_that_signs_is_taken(content):
    Path("k").write_text(CONTENTS[content])
    Path("k").chmod(0o600)

    assert problems(provider=", client_key_file: k") == []


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("blanks", "is empty"),
        ("text", "contains no readable private key (PEM, JWK, or Zitadel's key file)"),
        ("public", "contains no readable private key"),
        ("public JWK", "contains no readable private key"),
        ("secret JWK", "contains no readable private key"),
        ("JSON", "contains no readable private key"),
        ("no Zitadel", "contains no readable private key"),
        ("encrypted", "is encrypted: use a key without a passphrase"),
        ("X25519", "contains no readable private key"),
        ("secp256k1", "is not a kind of key that providers accept"),
    ],
)
def test_a_key_that_signs_nothing_is_an_error_with_its_place(content, expected):
    Path("k").write_text(CONTENTS[content])
    Path("k").chmod(0o600)

    ((line, setting, told),) = problems(provider=", client_key_file: k")
    assert (line, setting) == (4, "providers.idp.client_key_file")
    assert told.startswith(f"'k' {expected}")


def test_apples_key_is_on_its_curve():
    Path("k").write_text(CONTENTS["RSA"])
    Path("k").chmod(0o600)

    more = ", profile: apple, client_key_id: a, team_id: t, client_key_file: k"
    ((_, setting, told),) = problems(provider=more)
    assert setting == "providers.idp.client_key_file"
    assert told == "'k' is not a key from Apple, which is on the curve P-256"


def test_a_client_assertion_is_there_but_not_watched():
    """It is replaced every hour, which is no reason to load the configuration anew."""
    missing = problems(provider=", client_assertion_file: token")
    Path("token").write_text("any")

    assert missing == [(4, "providers.idp.client_assertion_file", "cannot read 'token'")]
    assert problems(provider=", client_assertion_file: token") == []


def test_a_key_in_the_file_itself_is_tried_and_never_repeated():
    ((line, setting, told),) = problems(provider=", client_key: hunter2")

    assert (line, setting) == (4, "providers.idp.client_key")
    assert "hunter2" not in told


@pytest.mark.parametrize(
    ("store", "spoilt", "expected"),
    [
        ("rediss://r?ca_file=ca.pem", "ca.pem", f"ca_file: 'ca.pem' {NO_CERTIFICATE}"),
        ("redis://r?password_file=pw", "pw", "password_file: 'pw' is empty"),
        (
            "redis://r?sentinel=m&sentinel_password_file=pw",
            "pw",
            "sentinel_password_file: 'pw' is empty",
        ),
        ("redis://r?password_file=no", "pw", "password_file: cannot read 'no': No such file or di"),
        ("postgresql://d/x?password_file=pw", "pw", "password_file: 'pw' is empty"),
        (
            "postgresql://d/x?sslrootcert=ca.pem",
            "ca.pem",
            f"sslrootcert: 'ca.pem' {NO_CERTIFICATE}",
        ),
        (
            "postgresql://d/x?sslcert=my.crt&sslkey=my.key",
            "my.crt",
            f"sslcert: 'my.crt' {NO_CERTIFICATE}",
        ),
        ("postgresql://d/x?sslcert=my.crt&sslkey=my.key", "my.key", f"sslkey: 'my.key' {NO_KEY}"),
    ],
)
def test_the_files_of_a_store_are_tried_too(store, spoilt, expected):
    Path(spoilt).write_text(" \n")

    ((line, setting, told),) = problems(store=store)
    assert (line, setting) == (6, "store")
    assert told.startswith(expected)


@pytest.mark.parametrize("blank", ["", " ", "\\t", "\\u00a0 "])
@pytest.mark.parametrize("setting", ["client_id", "client_secret", "client_key", "label"])
def test_blanks_are_no_value(setting, blank):
    provider = f', {setting}: "{blank}"'

    assert [told for _, _, told in problems(provider=provider)] != []
