"""Two accounts never share a user name, and an account stays the same."""

import json
from base64 import urlsafe_b64decode

import pytest

from tests.e2e.people import Browser
from tests.e2e.signed_in import ask, browser, sign_in, start_cluster
from tests.fixtures.network import take_free_port
from tests.fixtures.oidc import sign_in_at_oidc_provider


def claims_of(head):
    assertion = head.partition(b"\r\nGatepost-Assertion: ")[2].partition(b"\r\n")[0]
    payload = assertion.split(b".")[1]
    return json.loads(urlsafe_b64decode(payload + b"=" * (-len(payload) % 4)))


@pytest.fixture
async def app(raw_upstream):
    return await raw_upstream(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")


@pytest.fixture
def start_with(gateway_process, app, tmp_path):
    """Start a gateway at `address` with providers: ``start_with(address, {name: issuer})``."""

    def start(address, issuers):
        return gateway_process(
            {
                "server": {"listen": address},
                "data_dir": str(tmp_path / "kept"),
                "upstreams": {"app": app.url},
                "providers": {
                    name: {
                        "issuer": issuer,
                        "client_id": "notes",
                        "client_secret": "secret-of-notes",
                        "claims": {"user": "preferred_username"},
                    }
                    for name, issuer in issuers.items()
                },
            }
        )

    return start


@pytest.fixture
def two_providers(demo_provider):
    def begin(address):
        issuers = {}
        for name in ("one", "two"):
            callback = f"http://{address}/_gatepost/callback/{name}"
            client = {"client_id": "notes", "client_secret": "secret-of-notes"}
            issuers[name] = demo_provider({**client, "redirect_uris": [callback]}).issuer
        return issuers

    return begin


async def test_a_user_name_belongs_to_the_first_account(start_with, two_providers):
    address = f"127.0.0.1:{take_free_port()}"
    gateway = start_with(address, two_providers(address))

    async with Browser(gateway.base_url) as first, Browser(gateway.base_url) as second:
        of_first = await first.sign_in("alice", "one")
        refused, page = await second.sign_in("alice", "two")
        nobody = await second.whoami()
        of_bob = await second.sign_in("bob", "two")
        alice = await first.whoami()
        bob = await second.whoami()

    assert (of_first[0], refused, of_bob[0]) == (302, 403, 302)
    assert "user-taken" in page
    assert nobody["reason"] == "sign-in-required"
    assert (alice["user"], bob["user"]) == ("alice", "bob")
    assert alice["account_id"] != bob["account_id"]
    assert 'gatepost_sign_ins_total{outcome="user-taken",provider="two"} 1' in gateway.metrics()


async def test_an_account_is_the_same_after_a_sign_out_and_a_restart(
    start_with, two_providers, app
):
    address = f"127.0.0.1:{take_free_port()}"
    issuers = two_providers(address)
    gateway = start_with(address, issuers)
    seen = []

    async with Browser(gateway.base_url, "one") as browser:
        for _ in range(2):
            await browser.sign_in("alice")
            seen.append((await browser.whoami())["account_id"])
            await browser.get("/")
            seen.append(claims_of(app.heads[-1])["account_id"])
            await browser.sign_out()
    gateway.stop()
    gateway = start_with(address, issuers)
    async with Browser(gateway.base_url) as browser:
        await browser.sign_in("alice", "one")
        seen.append((await browser.whoami())["account_id"])
        refused, _ = await browser.sign_in("alice", "two")

    assert len(set(seen)) == 1
    assert seen[0]
    assert refused == 403


async def test_who_is_renamed_keeps_the_account_and_the_old_name(start_with, oidc_provider):
    address = f"127.0.0.1:{take_free_port()}"
    callback = f"http://{address}/_gatepost/callback/oidc"
    oidc_provider.register(callback, client_id="notes", client_secret="secret-of-notes")
    gateway = start_with(address, {"oidc": oidc_provider.issuer})
    oidc_provider.set_claims("dora", preferred_username="dora")

    async with Browser(gateway.base_url, walk=sign_in_at_oidc_provider) as browser:
        await browser.sign_in("dora")
        before = await browser.whoami()
        oidc_provider.set_claims("dora", preferred_username="dora.new")
        await browser.sign_in("dora")
        after = await browser.whoami()
        oidc_provider.set_claims("emil", preferred_username="Dora")
        refused, _ = await browser.sign_in("emil")
        still = await browser.whoami()

    assert (before["user"], after["user"]) == ("dora", "dora.new")
    assert before["account_id"] == after["account_id"]
    assert refused == 403
    assert still["user"] == "dora.new"


@pytest.mark.parametrize(
    ("email", "told", "entered"),
    [
        ("lee@korp.com", b"\r\nRemote-Email: lee@korp.com\r\n", True),
        ("kim@korp.com", b"\r\nRemote-Email: kim@korp.com\r\n", False),
        ("KIM@Korp.com", b"\r\nRemote-Email: KIM@Korp.com\r\n", False),
        ("kim@korp.com.", None, False),
        (" kim@korp.com", None, False),
        ("kim@evil@korp.com", None, False),
    ],
)
async def test_what_is_no_address_meets_every_deny_and_is_told_to_no_app(
    gateway_process, oidc_provider, app, tmp_path, email, told, entered
):
    allow, deny = {"email_domain": "korp.com"}, {"email": "kim@korp.com"}
    cluster = start_cluster(
        gateway_process,
        oidc_provider,
        app.url,
        tmp_path,
        routes=[
            {"name": "asks", "prefix": "/asks", "access": {"allow": [allow], "deny": [deny]}},
            {"name": "all", "prefix": "/", "access": "signed_in"},
        ],
    )
    oidc_provider.set_claims("kim-of-emails", email=email)
    async with browser() as session:
        cookie = await sign_in(session, cluster, "kim-of-emails")
    status, _ = await ask(cookie, "GET", f"{cluster.origin}/asks", cluster.origin)
    assert (await ask(cookie, "GET", f"{cluster.origin}/all", cluster.origin))[0] == 200

    assert status == (200 if entered else 403)
    head = app.heads[-1]
    assert b"\r\nRemote-User: kim-of-emails\r\n" in head
    assert (told in head) if told else (b"Remote-Email" not in head)
