"""Which proxy counts for which address."""

import os

import pytest

from gateway.errors import ProviderUnavailableError
from gateway.oidc.proxies import proxy_for

PROXY = "http://proxy:3128"


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    for name in list(os.environ):
        if name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    return monkeypatch.setenv


@pytest.mark.parametrize(
    ("variables", "url", "expected"),
    [
        ({}, "https://id.example.com/x", None),
        ({"HTTPS_PROXY": PROXY}, "https://id.example.com/x", PROXY),
        ({"https_proxy": f"{PROXY}/"}, "https://id.example.com/x", PROXY),
        ({"HTTPS_PROXY": "proxy:3128"}, "https://id.example.com/x", PROXY),
        ({"HTTPS_PROXY": PROXY}, "http://id.example.com/x", None),
        ({"HTTP_PROXY": PROXY}, "http://id.example.com/x", PROXY),
        ({"HTTP_PROXY": PROXY}, "https://id.example.com/x", None),
        ({"HTTPS_PROXY": ""}, "https://id.example.com/x", None),
        ({"HTTPS_PROXY": PROXY, "NO_PROXY": "id.example.com"}, "https://id.example.com/x", None),
        ({"HTTPS_PROXY": PROXY, "NO_PROXY": "a, .example.com"}, "https://id.example.com/x", None),
        ({"HTTPS_PROXY": PROXY, "NO_PROXY": "example.com"}, "https://notexample.com/x", PROXY),
        ({"HTTPS_PROXY": PROXY, "NO_PROXY": "*"}, "https://id.example.com/x", None),
        ({"HTTPS_PROXY": PROXY, "no_proxy": "id:8443"}, "https://id:8443/x", None),
        ({"HTTPS_PROXY": PROXY, "no_proxy": "id:8443"}, "https://id/x", PROXY),
        ({"HTTPS_PROXY": PROXY, "NO_PROXY": "10.0.0.0/8"}, "https://10.1.2.3:8443/x", None),
        ({"HTTPS_PROXY": PROXY, "NO_PROXY": "10.0.0.0/8,x"}, "https://11.1.2.3/x", PROXY),
        ({"HTTPS_PROXY": PROXY, "NO_PROXY": "fd00::/8"}, "https://[fd00::1]/x", None),
        ({"HTTPS_PROXY": PROXY}, "https://127.0.0.1/x", PROXY),
        ({"HTTPS_PROXY": PROXY}, "http://[", None),
    ],
)
def test_the_environments_proxy_counts_unless_no_proxy_names_the_host(
    environment, variables, url, expected
):
    for name, value in variables.items():
        environment(name, value)

    assert proxy_for(url) == expected


def test_a_configured_proxy_comes_before_the_environments(environment):
    environment("HTTPS_PROXY", "http://other:3128")
    environment("NO_PROXY", "*")

    assert proxy_for("https://id.example.com/", PROXY) == PROXY


@pytest.mark.parametrize("value", ["socks5://u:secret@proxy:1080", "https://u:secret@proxy", "://"])
def test_a_proxy_of_another_kind_is_told_without_its_password(environment, value):
    environment("HTTPS_PROXY", value)

    with pytest.raises(ProviderUnavailableError, match=r"^HTTPS_PROXY must be http://") as raised:
        proxy_for("https://id.example.com/")

    assert "secret" not in str(raised.value)
