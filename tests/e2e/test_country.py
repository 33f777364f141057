"""A gateway that asks for the client's country: whose address counts, and a file that changes."""

import pytest

from tests.e2e.browsing import Browser
from tests.e2e.raw import OK, ask, behind
from tests.fixtures.accounts import add
from tests.fixtures.countries import write_countries
from tests.fixtures.network import take_free_port
from tests.patience import until

CZ, DE = "X-Forwarded-For: 198.51.100.7", "X-Forwarded-For: 203.0.113.7"
ROUTES = [
    {"name": "in", "prefix": "/in", "access": {"allow": {"country": "CZ"}}},
    {"name": "out", "prefix": "/", "access": {"deny": {"country": "CZ"}}},
]


@pytest.fixture
async def start(gateway_process, raw_upstream, issuer, tmp_path):
    """Start a gateway that takes `issuer`'s tokens, and asks with one: ``ask = await start()``."""

    async def run(**server):
        app = await raw_upstream(OK)
        bearer = {"issuer": issuer.issuer, "audiences": ["https://api.example.com"]}
        countries = write_countries(tmp_path / "countries.mmdb")
        settings = {"bearer": [bearer], "country_file": str(countries)}
        settings["server"] = {"listen": f"127.0.0.1:{take_free_port()}", **server}
        gateway = gateway_process(behind(app, *ROUTES, **settings))

        async def asking(path, *lines):
            token = f"Authorization: Bearer {issuer.token()}"
            return (await ask(gateway, path, token, *lines)).status

        return asking, gateway, countries

    return run


async def test_the_address_is_that_of_the_client_behind_a_trusted_proxy(start):
    asking, gateway, _ = await start(trusted_proxies=["127.0.0.1"])

    assert await asking("/in", CZ) == 200
    assert await asking("/in", DE) == 403
    assert await asking("/out", CZ) == 403
    assert await asking("/out", DE) == 200
    for reason in ("allowed", "country-not-allowed", "denied-by-rule"):
        gateway.wait_for_audit(reason=reason)


async def test_nobody_chooses_a_country_and_an_unknown_one_is_refused_on_either_side(start):
    asking, gateway, _ = await start()

    # The peer is 127.0.0.1, which is in no country.
    for path in ("/in", "/out"):
        for line in (CZ, DE):
            assert await asking(path, line) == 403
    event = gateway.wait_for_audit(reason="fact-unreadable", route="in")
    assert event["status"] == 403
    gateway.wait_for_audit(reason="fact-unreadable", route="out")


async def test_a_new_file_counts_and_a_broken_one_does_not(start):
    asking, gateway, countries = await start(trusted_proxies=["127.0.0.1"])
    assert await asking("/in", DE) == 403

    write_countries(countries, {"203.0.113.0/24": "CZ"})
    await until(lambda: "was reloaded" in gateway.log())
    assert await asking("/in", DE) == 200

    countries.write_bytes(b"half of a file")
    await until(lambda: "was not reloaded" in gateway.log())
    assert await asking("/in", DE) == 200
    assert "is not an mmdb file" in gateway.log()


def test_people_see_the_country_that_they_signed_in_from(start_standalone, tmp_path):
    gateway = start_standalone(
        country_file=str(write_countries(tmp_path / "countries.mmdb")),
        server={"listen": f"127.0.0.1:{take_free_port()}", "trusted_proxies": ["127.0.0.1"]},
    )
    add(gateway, "ann")
    browser = Browser(gateway)
    name, _, value = CZ.partition(": ")
    browser.headers[name] = value
    browser.sign_in()

    page = browser.page("/_gatepost/account").text

    assert '198.51.100.7 · <data value="CZ">CZ</data>' in page
