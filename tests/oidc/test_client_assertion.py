"""A client proven by a token in a file that others replace (RFC 7523)."""

import re

import pytest

from gateway.errors import ProviderUnavailableError
from gateway.oidc.client_auth import choose_method, prove_client
from tests.oidc.hostile import sign
from tests.oidc.test_client_auth import NOW, metadata, registration


@pytest.fixture
def file(tmp_path):
    return tmp_path / "token"


@pytest.fixture
def proven(file):
    def prove():
        found = prove_client(registration(client_assertion_file=file), metadata(), NOW)
        assert found.fields == ()
        return dict(found.parameters)

    return prove


def test_it_is_read_at_each_use(file, proven):
    for name in ("first", "second"):
        token = sign({"sub": name, "exp": NOW + 1})
        file.write_text(f"{token}\n")
        assert proven() == {
            "client_id": "c",
            "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            "client_assertion": token,
        }


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, "cannot be read: No such file or directory"),
        ("", "is not a signed JWT"),
        ("hunter2", "is not a signed JWT"),
        ("é", "is not a signed JWT"),
        ("a.b.c", "is not a signed JWT"),
        (sign([]), "is not a signed JWT"),
        (sign({"sub": "c"}), "has a token without exp"),
        (sign({"exp": "soon"}), "has a token without exp"),
        (sign({"exp": NOW}), "has a token that expired 0 s ago"),
        (sign({"exp": NOW - 60}), "has a token that expired 60 s ago"),
        (sign({"exp": NOW + 60, "more": "x" * 64 * 1024}), "is not a signed JWT"),
    ],
)
def test_one_that_cannot_be_used_is_not_sent(file, proven, content, told):
    if content is not None:
        file.write_text(content)

    with pytest.raises(ProviderUnavailableError, match=re.escape(told)) as raised:
        proven()

    assert str(raised.value).startswith(f"client_assertion_file: {str(file)!r} ")
    assert "hunter2" not in str(raised.value)


def test_the_method_is_that_of_a_key(file):
    assert choose_method(registration(client_assertion_file=file), metadata()) == "private_key_jwt"
