"""Settings of API keys: what is taken, and what a mistake is called."""

import re

import pytest

from tests.settings.test_load import problems

FILE = (
    "public_url: https://a.example.com\n"
    'upstreams: {app: "http://app:1"}\n'
    'providers: {idp: {issuer: "https://id.example.com", client_id: x}}\n'
)
GOOD = "a" * 64


@pytest.mark.parametrize(
    ("line", "wrong"),
    [
        ("api_keys: {header: Authorization}", "api_keys.header: .* has another meaning"),
        ("api_keys: {header: 'X Key'}", "api_keys.header: .* is not a field name"),
        ("api_keys: {header: Cookie}", "api_keys.header: .* has another meaning"),
        ("api_keys: {max_lifetime: 0}", "max_lifetime must be at least 1s"),
        ("api_keys: {grantable_scopes: ['a b']}", r"grantable_scopes\[0\]: .* is not a scope"),
        ("api_keys: {static: [{name: a, sha256: 4c1d, user: u}]}", "64 digits"),
        (f"api_keys: {{static: [{{name: a, sha256: {GOOD.upper()}, user: u}}]}}", "64 digits"),
        (f"api_keys: {{static: [{{name: a, sha256: {GOOD}}}]}}", "user"),
        (
            f"api_keys: {{static: [{{name: a, sha256: {GOOD}, user: u}},"
            f" {{name: b, sha256: {GOOD}, user: u}}]}}",
            "the same sha256",
        ),
        (
            f"api_keys: {{static: [{{name: a, sha256: {GOOD}, user: u}},"
            f" {{name: a, sha256: {'b' * 64}, user: u}}]}}",
            "the same name",
        ),
        (f"api_keys: {{static: [{{name: a, sha256: {GOOD}, user: u, expires: soon}}]}}", "a date"),
        (
            "routes: [{name: r, prefix: /, access: signed_in, credentials: [api_key]}]",
            r"routes\[0\].credentials\[0\]: api_key is not accepted: there is no api_keys section",
        ),
        ("api_keys: {heder: X}", "did you mean"),
    ],
)
def test_a_mistake_is_one_line_with_its_place(line, wrong):
    (found,) = problems(f"{FILE}{line}\n")
    assert re.search(wrong, found), found
