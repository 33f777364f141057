"""TLS towards clients is Mozilla's intermediate profile and no more, and 1.3 alone if so wished.

wiki.mozilla.org/Security/Server_Side_TLS, 5.7; what is looked at are handshakes.
"""

import asyncio
import socket
import ssl

import pytest
import yaml

from tests.e2e.raw import OK, behind, connect, get
from tests.fixtures.certificates import Authority
from tests.fixtures.gateway import dump
from tests.patience import PATIENCE_S, until

NAME = "app.test"
INTERMEDIATE = {
    "ec": {
        "ECDHE-ECDSA-AES128-GCM-SHA256",
        "ECDHE-ECDSA-AES256-GCM-SHA384",
        "ECDHE-ECDSA-CHACHA20-POLY1305",
    },
    "rsa": {
        "ECDHE-RSA-AES128-GCM-SHA256",
        "ECDHE-RSA-AES256-GCM-SHA384",
        "ECDHE-RSA-CHACHA20-POLY1305",
    },
    "1.3": {"TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"},
}
GROUPS = {"X25519", "prime256v1", "secp384r1"}
# What no client has to be asked for by another name.
FOREIGN_GROUPS = {"X448", "secp521r1", "secp224r1", "secp256k1", "brainpoolP256r1"}
VERSIONS = {
    "1.0": ssl.TLSVersion.TLSv1,
    "1.1": ssl.TLSVersion.TLSv1_1,
    "1.2": ssl.TLSVersion.TLSv1_2,
    "1.3": ssl.TLSVersion.TLSv1_3,
}
EVERY_CIPHER = "ALL:COMPLEMENTOFALL:@SECLEVEL=0"

pytestmark = pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1")


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("ca"))


@pytest.fixture
async def terminating(raw_upstream, gateway_process, authority):
    """Start a gateway with TLS: ``await terminating("rsa", min_version="1.3")``."""

    async def start(key_type="ec", **tls):
        pair = authority.issue(key_type, NAME, key_type=key_type)
        settings = behind(await raw_upstream(OK))
        settings["server"] = {
            "tls": {"cert_file": str(pair.cert), "key_file": str(pair.key), **tls}
        }
        return gateway_process(settings)

    return start


def offering(authority, version="1.2", ciphers=EVERY_CIPHER, group=None):
    """A client that speaks `version` and offers these ciphers and this group only."""
    context = authority.client_context()
    context.minimum_version = context.maximum_version = VERSIONS[version]
    context.set_ciphers(ciphers)
    if group is not None:
        context.set_ecdh_curve(group)
    return context


def agreed(gateway, context):
    """The cipher and version that a handshake ends in; None where it fails."""
    with socket.create_connection(("127.0.0.1", gateway.port), PATIENCE_S) as plain:
        try:
            with context.wrap_socket(plain, server_hostname=NAME) as secure:
                name, version, _ = secure.cipher()
                return name, version
        except (ssl.SSLError, ConnectionError):
            return None


def every_cipher():
    """All that OpenSSL knows for TLS 1.2 and before."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.set_ciphers(EVERY_CIPHER)
    return [it["name"] for it in context.get_ciphers() if it["protocol"] != "TLSv1.3"]


@pytest.mark.parametrize("key_type", ["ec", "rsa"])
async def test_ciphers_are_those_of_the_profile(terminating, authority, key_type):
    gateway = await terminating(key_type)

    def probe():
        found = set()
        for cipher in every_cipher():
            context = offering(authority, ciphers=f"{cipher}:@SECLEVEL=0")
            if (outcome := agreed(gateway, context)) is not None:
                found.add(outcome[0])
        return found

    # A few dozen, CBC, RC4, RSA key exchange and those without encryption among them.
    assert len(every_cipher()) > 30
    assert await asyncio.to_thread(probe) == INTERMEDIATE[key_type]
    name, version = await asyncio.to_thread(agreed, gateway, offering(authority, "1.3"))
    assert (version, name in INTERMEDIATE["1.3"]) == ("TLSv1.3", True)


@pytest.mark.parametrize("key_type", ["ec", "rsa"])
async def test_keys_are_agreed_on_in_no_group_beyond_the_profile(terminating, authority, key_type):
    gateway = await terminating(key_type)

    def probe(version, group):
        return agreed(gateway, offering(authority, version, group=group)) is not None

    found = {
        (version, group)
        for version in ("1.2", "1.3")
        for group in GROUPS | FOREIGN_GROUPS
        if await asyncio.to_thread(probe, version, group)
    }

    assert {(version, "prime256v1") for version in ("1.2", "1.3")} <= found
    assert {group for _, group in found} <= GROUPS


@pytest.mark.parametrize(
    ("tls", "spoken"),
    [
        ({}, {"1.2", "1.3"}),
        ({"min_version": "1.2"}, {"1.2", "1.3"}),
        ({"min_version": 1.3}, {"1.3"}),
    ],
)
async def test_the_oldest_version_is_a_setting(terminating, authority, tls, spoken):
    gateway = await terminating(**tls)

    found = {
        version
        for version in VERSIONS
        if await asyncio.to_thread(agreed, gateway, offering(authority, version)) is not None
    }

    assert found == spoken


async def test_the_oldest_version_can_be_changed_while_it_runs(terminating, authority):
    gateway = await terminating()
    old = await connect(gateway, tls=offering(authority, "1.2"), name=NAME)
    assert (await old.ask(get(gateway))).status == 200

    settings = yaml.safe_load(gateway.config_path.read_text())
    settings["server"]["tls"]["min_version"] = "1.3"
    gateway.config_path.write_text(dump(settings))
    await until(lambda: "was reloaded" in gateway.log())

    assert await asyncio.to_thread(agreed, gateway, offering(authority, "1.2")) is None
    assert await asyncio.to_thread(agreed, gateway, offering(authority, "1.3")) is not None
    assert (await old.ask(get(gateway))).status == 200
    old.writer.close()


async def test_the_client_chooses_among_the_ciphers(terminating, authority):
    gateway = await terminating()
    for first in sorted(INTERMEDIATE["ec"]):
        rest = ":".join(sorted(INTERMEDIATE["ec"] - {first}))

        found = await asyncio.to_thread(
            agreed, gateway, offering(authority, "1.2", f"{first}:{rest}")
        )

        assert found == (first, "TLSv1.2")
