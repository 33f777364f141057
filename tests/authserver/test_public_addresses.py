"""Which addresses a stranger may have the gateway call."""

import socket

import aiohttp
import pytest
from aiohttp.abc import AbstractResolver

from gateway.authserver.document_fetch import PublicResolver, fetch_document, public_socket
from gateway.authserver.public_addresses import is_public
from gateway.errors import ProviderUnavailableError

PUBLIC = [
    "1.1.1.1",
    "93.184.216.34",
    "172.15.255.255",
    "172.32.0.0",
    "100.63.255.255",
    "100.128.0.0",
    "2606:4700::1111",
    "2a00:1450:4001::1",
    "::ffff:1.1.1.1",
    "64:ff9b::1.1.1.1",
    "2002:101:101::1",
]
CLOSED = [
    # IPv4.
    *("0.0.0.0", "0.1.2.3", "127.0.0.1", "127.255.255.255"),
    *("10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1"),
    *("169.254.169.254", "100.64.0.1", "100.100.100.200", "168.63.129.16"),
    *("192.0.0.1", "192.0.0.171", "192.0.2.1", "198.51.100.1", "203.0.113.1", "198.18.0.1"),
    *("192.88.99.1", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255"),
    # IPv6.
    *("::", "::1", "fe80::1", "fe80::1%eth0", "fec0::1", "fc00::1", "fd00:ec2::254", "ff02::1"),
    *("2001:db8::1", "2001::1", "2001:10::1", "3fff::1", "5f00::1", "100::1", "4000::1"),
    "2606:4700::1111%1",
    # IPv4 in IPv6.
    *("::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::ffff:0:127.0.0.1"),
    *("::127.0.0.1", "64:ff9b::127.0.0.1", "64:ff9b::10.0.0.1", "64:ff9b::169.254.169.254"),
    *("64:ff9b:1::1.1.1.1", "2002:7f00:1::1", "2002:a00:1::1", "2002:a9fe:a9fe::1"),
    # What is no address at all.
    *("", "localhost", "127.1", "0x7f.0.0.1", "2130706433", "1.1.1.1 ", "[::1]", "1.1.1.1/32"),
]


@pytest.mark.parametrize("address", PUBLIC)
def test_the_public_internet_is_called(address):
    assert is_public(address)


@pytest.mark.parametrize("address", CLOSED)
def test_nothing_else_is(address):
    assert not is_public(address)


class Lying(AbstractResolver):
    """Resolves every name to the next of `answers`, the last one for ever."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.asked = 0

    async def resolve(self, host, port=0, family=socket.AF_INET):
        self.asked += 1
        found = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return [
            {
                "hostname": host,
                "host": address,
                "port": port,
                "family": socket.AF_INET6 if ":" in address else socket.AF_INET,
                "proto": 0,
                "flags": 0,
            }
            for address in found
        ]

    async def close(self):
        pass


async def test_one_closed_address_among_public_ones_is_enough_to_refuse():
    resolver = PublicResolver(Lying(["1.1.1.1", "10.0.0.1"], ["1.1.1.1"]))
    with pytest.raises(OSError, match="not on the public internet"):
        await resolver.resolve("evil.test", 443)
    assert [it["host"] for it in await resolver.resolve("evil.test", 443)] == ["1.1.1.1"]


async def test_a_name_that_lies_the_second_time_leads_nowhere():
    resolver = Lying(["1.1.1.1"], ["127.0.0.1"])
    guard = PublicResolver(resolver)
    await guard.resolve("evil.test", 443)
    with pytest.raises(ProviderUnavailableError, match="not on the public internet"):
        await fetch_document("https://evil.test/client.json", is_named=False, resolver=resolver)
    # Each connection resolves once: what was judged is what is called.
    assert resolver.asked == 2


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "169.254.169.254", "[::ffff:127.0.0.1]"])
async def test_a_literal_address_is_judged_too(host):
    resolver = Lying(["1.1.1.1"])
    with pytest.raises(ProviderUnavailableError, match="not on the public internet"):
        await fetch_document(f"https://{host}/client.json", is_named=True, resolver=resolver)
    assert resolver.asked == 0


async def test_a_connection_is_judged_whatever_the_resolver_said(unused_tcp_port):
    """As if what was judged and what is called were not the same."""

    class Blind(PublicResolver):
        async def resolve(self, host, port=0, family=socket.AF_INET):
            return await Lying(["127.0.0.1"]).resolve(host, port, family)

    connector = aiohttp.TCPConnector(
        resolver=Blind(Lying(["1.1.1.1"])), use_dns_cache=False, socket_factory=public_socket
    )
    async with aiohttp.ClientSession(connector=connector) as session:
        with pytest.raises(aiohttp.ClientConnectorError, match="not on the public internet"):
            await session.get(f"http://evil.test:{unused_tcp_port}/")


async def test_a_proxy_is_asked_only_for_hosts_that_the_operator_names(forward_proxy, monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", forward_proxy.url)
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    forward_proxy.status = 403
    url = "https://documents.test/client.json"
    with pytest.raises(ProviderUnavailableError, match="the proxy refuses"):
        await fetch_document(url, is_named=True)
    assert forward_proxy.targets(b"CONNECT") == ["documents.test:443"]
    with pytest.raises(ProviderUnavailableError, match="not on the public internet"):
        await fetch_document(url, is_named=False, resolver=Lying(["127.0.0.1"]))
    assert len(forward_proxy.heads) == 1
