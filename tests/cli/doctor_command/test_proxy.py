"""What `gatepost doctor` says of a real nginx in front of the gateway."""

import re
from pathlib import Path

import pytest
import yaml

from gateway.cli.doctor_checks.finding import GROUPS
from tests.cli.doctor_command.run import doctor, nginx
from tests.fixtures.network import take_free_port

HOST = "proxy_set_header Host $http_host;"
FOR = "proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;"
GUIDE = Path(__file__).parents[3] / "docs" / "getting-started.md"
PROTO = "proxy_set_header X-Forwarded-Proto $scheme;"


@pytest.fixture
def behind_nginx(serve, tmp_path):
    """The report on a gateway behind an nginx that forwards with `lines`."""

    async def examine(*lines, trusted=("127.0.0.1",), **settings):
        port, inner = take_free_port(), take_free_port()
        gateway = serve(
            public_url=f"http://127.0.0.1:{port}",
            listen=f"127.0.0.1:{inner}",
            server={"trusted_proxies": list(trusted)},
            auth_mode="standalone",
            **settings,
        )
        with nginx(tmp_path / "nginx", port, inner, *lines):
            only = ("--only", "proxy", "--only", "public_url")
            return await doctor(gateway.config_path, *only)

    return examine


async def test_a_proxy_that_passes_everything(behind_nginx):
    report = await behind_nginx(HOST, FOR, PROTO)

    assert report.status == 0
    assert report.amiss("warning") == {}
    assert {it["id"] for it in report.findings if it["group"] == "proxy"} == set(GROUPS["proxy"])


async def test_the_proxy_of_the_guide_passes_everything(behind_nginx):
    (block,) = re.findall(r"^```nginx\n(.*?)^```", GUIDE.read_text(), re.MULTILINE | re.DOTALL)
    lines = re.findall(r"^        (?!proxy_pass )(.*)$", block, re.MULTILINE)
    # The map of the guide is outside of this place: doctor sends no upgrade.
    report = await behind_nginx(*(it.replace("$connection_upgrade", '""') for it in lines))

    assert (report.status, report.amiss("warning")) == (0, {})


async def test_a_proxy_that_does_not_pass_the_scheme(behind_nginx):
    report = await behind_nginx(HOST, FOR)

    assert report.amiss("warning").keys() == {"proxy-scheme"}
    assert "X-Forwarded-Proto" in report.amiss("warning")["proxy-scheme"]
    assert "X-Forwarded-Proto $scheme" in report.one("proxy-scheme")["do"]


async def test_a_proxy_that_passes_another_scheme(behind_nginx):
    report = await behind_nginx(HOST, FOR, "proxy_set_header X-Forwarded-Proto https;")

    assert "scheme https, and public_url has http" in report.amiss("warning")["proxy-scheme"]


async def test_a_proxy_that_changes_the_host(behind_nginx):
    report = await behind_nginx(FOR, PROTO)

    assert report.status == 1
    assert "421 unknown-host" in report.amiss("error")["proxy-host"]
    # What a client would get is not what the command gets.
    assert report.level("public-url-gateway") == "ok"


async def test_a_proxy_that_nobody_trusts(behind_nginx):
    report = await behind_nginx(HOST, FOR, PROTO, trusted=())

    assert report.amiss("warning").keys() == {"proxy-trusted"}
    assert report.one("proxy-trusted")["do"].startswith("add 127.0.0.1")


async def test_a_proxy_that_hides_the_client(behind_nginx):
    report = await behind_nginx(HOST, PROTO, 'proxy_set_header X-Forwarded-For "";')

    assert report.amiss("warning").keys() == {"proxy-client-address"}


async def test_a_proxy_that_lets_clients_choose_their_address(behind_nginx):
    # nginx passes on what it is not told to set.
    report = await behind_nginx(HOST, PROTO)

    assert report.status == 1
    assert report.amiss("error").keys() == {"proxy-forged-address"}


async def test_a_proxy_that_removes_cookies(behind_nginx):
    report = await behind_nginx(HOST, FOR, PROTO, 'proxy_set_header Cookie "";')

    assert report.amiss("warning") == {"proxy-fields": "the proxy removes Cookie"}


async def test_a_proxy_that_does_not_reach_the_gateway(configured, serve, tmp_path):
    port = take_free_port()
    gateway = serve(
        public_url=f"http://127.0.0.1:{port}",
        auth_mode="standalone",
    )
    with nginx(tmp_path / "nginx", port, gateway.port, HOST):
        # Now nobody listens where it forwards to.
        settings = yaml.safe_load(gateway.config_path.read_text())
        gateway.stop()
        report = await doctor(
            configured(**{k: settings[k] for k in ("public_url", "data_dir", "auth_mode")}),
            "--only",
            "public_url",
        )

    assert "a proxy answers 502" in report.one("public-url-gateway")["says"]
