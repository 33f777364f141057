"""Judges how a request through the real proxy arrived at the gateway; pure."""

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from gateway.cli.doctor_checks.finding import Finding
from gateway.endpoints.doctor import Arrival
from gateway.message.request_head import canonical_host
from gateway.oidc.finding import quoted, shown
from gateway.settings.schema import ServerSettings

# RFC 5737: an address that no client has.
SPOOFED = "198.51.100.7"
_SENT = {"cookie": "Cookie", "sec-fetch-mode": "Sec-Fetch-Mode"}


def judge_arrival(
    arrival: Arrival, url: str, *, is_direct: bool, server: ServerSettings
) -> Iterator[Finding]:
    """Findings on the proxy in front of `url`.

    `is_direct` is whether the gateway itself seems to listen there.
    """
    yield _host(arrival, url)
    if is_direct and not _forwarding(arrival):
        says = f"clients connect without a proxy, this one from {arrival.client}"
        yield Finding("ok", "proxy-client-address", url, says)
        return
    yield _scheme(arrival, url, is_tls_ours=server.tls is not None)
    yield from _client(arrival, url)
    missing = [name for field, name in _SENT.items() if field not in arrival.names]
    if missing:
        says = f"the proxy removes {shown(missing)}"
        do = "let the proxy pass all fields on: sign-ins need Cookie, and rules Sec-Fetch-*"
        yield Finding("warning", "proxy-fields", url, says, do)
    else:
        yield Finding("ok", "proxy-fields", url, "the proxy passes the fields of requests on")


def judge_spoofed(arrival: Arrival, url: str) -> Iterator[Finding]:
    """Findings on a request that brought X-Forwarded-For: `SPOOFED` along."""
    hops = _elements(arrival, "x-forwarded-for")
    if not arrival.trusted or not hops:
        return
    if hops[-1] == SPOOFED:
        says = (
            "the proxy passes on X-Forwarded-For as clients send it: anyone can choose an address"
        )
        do = (
            "let the proxy set it: nginx `proxy_set_header X-Forwarded-For "
            "$proxy_add_x_forwarded_for;`, Caddy and Traefik do by default"
        )
        yield Finding("error", "proxy-forged-address", url, says, do)
    else:
        says = "the proxy appends to X-Forwarded-For or sets it, so clients choose no address"
        yield Finding("ok", "proxy-forged-address", url, says)


def _host(arrival: Arrival, url: str) -> Finding:
    expected = canonical_host(urlsplit(url).netloc.encode())
    if arrival.host == expected:
        return Finding("ok", "proxy-host", url, f"arrives as {arrival.host}")
    says = f"arrives as {quoted(arrival.host)}, not {expected}"
    says += "" if arrival.served else ": requests get 421 unknown-host"
    do = (
        "let the proxy pass Host on (nginx `proxy_set_header Host $http_host;`), or send "
        "X-Forwarded-Host from an address in server.trusted_proxies"
    )
    return Finding("error", "proxy-host", url, says, do)


def _scheme(arrival: Arrival, url: str, *, is_tls_ours: bool) -> Finding:
    scheme = urlsplit(url).scheme
    told = [it.lower() for it in _elements(arrival, "x-forwarded-proto")]
    do = (
        "let the proxy send the scheme that browsers used: nginx `proxy_set_header "
        "X-Forwarded-Proto $scheme;`, Caddy and Traefik do by default"
    )
    if told and set(told) <= {scheme}:
        return Finding("ok", "proxy-scheme", url, f"the proxy passes the scheme, {scheme}")
    if not told and (is_tls_ours or scheme in _forwarded(arrival, "proto")):
        return Finding("ok", "proxy-scheme", url, f"the scheme is known, {scheme}")
    if not told:
        says = (
            "the proxy does not pass the scheme (X-Forwarded-Proto): that of public_url is used, "
            "and a request over the other one is not noticed"
        )
        return Finding("warning", "proxy-scheme", url, says, do)
    says = f"the proxy passes the scheme {quoted(', '.join(told))}, and public_url has {scheme}"
    return Finding("warning", "proxy-scheme", url, says, do)


def _client(arrival: Arrival, url: str) -> Iterator[Finding]:
    if not (_elements(arrival, "x-forwarded-for") or _forwarded(arrival, "for")):
        says = f"the proxy does not pass the client's address: every client has {arrival.peer}"
        do = (
            "let the proxy send it: nginx `proxy_set_header X-Forwarded-For "
            "$proxy_add_x_forwarded_for;`, Caddy and Traefik do by default"
        )
        yield Finding("warning", "proxy-client-address", url, says, do)
    elif arrival.trusted:
        says = f"the client's address arrives, for this command {quoted(arrival.client)}"
        yield Finding("ok", "proxy-client-address", url, says)
    if arrival.trusted:
        says = f"the proxy at {arrival.peer} is in server.trusted_proxies"
        yield Finding("ok", "proxy-trusted", url, says)
    elif _forwarding(arrival):
        fields = shown(_forwarding(arrival))
        says = (
            f"the proxy at {arrival.peer} sends {fields}, which do not count: it is not in "
            "server.trusted_proxies, so every client has its address"
        )
        do = f"add {arrival.peer}, or the network of your proxies, to server.trusted_proxies"
        yield Finding("warning", "proxy-trusted", url, says, do)


def _forwarding(arrival: Arrival) -> list[str]:
    return [name for name, values in arrival.told.items() if name != "host" and values]


def _elements(arrival: Arrival, name: str) -> list[str]:
    parts = ",".join(arrival.told[name]).split(",")
    return [part.strip() for part in parts if part.strip()]


def _forwarded(arrival: Arrival, parameter: str) -> set[str]:
    """The values of `parameter` in Forwarded (RFC 7239), as far as this report needs them."""
    pairs = re.split("[;,]", ",".join(arrival.told["forwarded"]).lower())
    split = (pair.strip().partition("=") for pair in pairs)
    return {value.strip('"') for name, _, value in split if name == parameter and value}
