"""What is said of a proxy, from what arrives."""

import pytest

from gateway.cli.doctor_checks.arrival import SPOOFED, judge_arrival, judge_spoofed
from gateway.endpoints.doctor import Arrival
from gateway.settings.server import ServerSettings, ServerTlsSettings

URL = "https://notes.example.com"
GOOD = {
    "x-forwarded-for": ["203.0.113.5"],
    "x-forwarded-proto": ["https"],
    "x-forwarded-host": [],
    "forwarded": [],
    "host": ["notes.example.com"],
}


def arrival(*, trusted=True, host="notes.example.com", served=True, names=None, **told):
    spelled = {name.replace("_", "-"): values for name, values in told.items()}
    return Arrival(
        version="1",
        now=0.0,
        peer="172.18.0.2",
        trusted=trusted,
        client="203.0.113.5",
        host=host,
        served=served,
        told={**GOOD, **spelled},
        names=["cookie", "host", "sec-fetch-mode"] if names is None else names,
    )


def amiss(found, *, is_direct=False, server=None):
    judged = judge_arrival(found, URL, is_direct=is_direct, server=server or ServerSettings())
    return {it.id: it.level for it in judged if it.level != "ok"}


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (arrival(), {}),
        # RFC 7239, and several proxies in a row.
        (
            arrival(
                x_forwarded_for=[], x_forwarded_proto=[], forwarded=["for=203.0.113.5;proto=https"]
            ),
            {},
        ),
        (
            arrival(x_forwarded_proto=[], forwarded=['for=192.0.2.9;proto="http"']),
            {"proxy-scheme": "warning"},
        ),
        (arrival(x_forwarded_proto=["https, https"]), {}),
        (arrival(x_forwarded_proto=["https, http"]), {"proxy-scheme": "warning"}),
        (arrival(x_forwarded_proto=["http"]), {"proxy-scheme": "warning"}),
        (arrival(x_forwarded_proto=[]), {"proxy-scheme": "warning"}),
        (arrival(x_forwarded_for=[]), {"proxy-client-address": "warning"}),
        (arrival(trusted=False), {"proxy-trusted": "warning"}),
        (
            arrival(trusted=False, x_forwarded_for=[], x_forwarded_proto=[]),
            {"proxy-client-address": "warning", "proxy-scheme": "warning"},
        ),
        (arrival(host="notes.example.com:8443"), {"proxy-host": "error"}),
        (arrival(host="gatepost:8080", served=False), {"proxy-host": "error"}),
        (arrival(names=["host"]), {"proxy-fields": "warning"}),
    ],
)
def test_what_a_proxy_does_wrong(found, expected):
    assert amiss(found) == expected


def test_the_default_port_is_no_other_host():
    judged = judge_arrival(arrival(), f"{URL}:443", is_direct=False, server=ServerSettings())

    assert next(iter(judged)).level == "ok"


def test_without_a_proxy_nothing_is_expected_of_one():
    found = arrival(trusted=False, x_forwarded_for=[], x_forwarded_proto=[])
    tls = ServerTlsSettings(cert_file="/tmp/c", key_file="/tmp/k")

    assert amiss(found, is_direct=True, server=ServerSettings(tls=tls)) == {}


@pytest.mark.parametrize(
    ("hops", "trusted", "expected"),
    [
        # Passed on as it was sent.
        ([SPOOFED], True, ["error"]),
        # Passed on by the nearest of two proxies as the outer one made it.
        ([f"{SPOOFED}, 203.0.113.5"], True, ["ok"]),
        (["203.0.113.5"], True, ["ok"]),
        # Does not count, whatever it says.
        ([SPOOFED], False, []),
        ([], True, []),
    ],
)
def test_a_client_may_not_choose_its_address(hops, trusted, expected):
    found = judge_spoofed(arrival(x_forwarded_for=hops, trusted=trusted), URL)

    assert [it.level for it in found] == expected
