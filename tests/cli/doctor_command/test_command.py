"""`gatepost doctor` as it is run."""

import json
import re

import yaml

from gateway.cli.doctor_checks.finding import GROUPS
from tests.cli.doctor_command.run import SLOW, doctor, doctor_text, registered
from tests.fixtures.gateway import SECRET
from tests.fixtures.network import take_free_port


async def test_all_is_well(serve, oidc_provider):
    listen = f"127.0.0.1:{take_free_port()}"
    gateway = serve(listen=listen, providers={"id": registered(oidc_provider, f"http://{listen}")})

    report = await doctor(gateway.config_path)
    status, text, stderr = await doctor_text(gateway.config_path)

    assert (report.status, report.amiss("error")) == (0, {})
    # All that is amiss is that this is a test.
    amiss = report.amiss("warning").keys() - SLOW
    assert amiss == {"provider-issuer", "configuration-warning"}
    for name in (
        "gateway-running",
        "public-url-gateway",
        "provider-redirect-uri",
        "provider-post-logout-redirect-uri",
        "provider-client-secret",
        "cookie-domain",
        "store-secret",
        "upstream-answer",
        "upstream-around",
        "clock-public-url",
        "clock-provider",
    ):
        assert report.level(name) == "ok", report.of(name)
    assert (status, stderr) == (0, "")
    assert re.fullmatch("ok, [23] warnings", text.splitlines()[-1])
    # From outside in, and without colours where nobody looks.
    groups = [line for line in text.splitlines() if line in GROUPS]
    rest = [it for it in list(GROUPS)[4:-1] if it != "directory"]
    assert groups == ["gateway", "public_url", "proxy", "clock", *rest]
    assert "\x1b" not in text


async def test_each_finding_says_where_it_is_explained(serve):
    report = await doctor(serve(auth_mode="standalone").config_path)

    assert {it["page"] for it in report.findings} == {
        f"docs/guides/doctor.md#{it['id']}" for it in report.findings
    }
    assert report.findings[0].keys() == {"level", "id", "about", "says", "do", "group", "page"}


async def test_a_group_alone(serve):
    gateway = serve(auth_mode="standalone")

    store = await doctor(gateway.config_path, "--only", "store")
    two = await doctor(gateway.config_path, "--only", "cookies", "--only", "clock")
    status, _, stderr = await doctor_text(gateway.config_path, "--only", "weather")

    assert {it["group"] for it in store.findings} == {"store"}
    assert {it["group"] for it in two.findings} == {"cookies", "clock"}
    assert (status, "public_url" in stderr) == (2, True)


async def test_a_wrong_configuration_is_2(configured):
    status, _, stderr = await doctor_text(configured(public_url="notes.example.com"))

    assert status == 2
    assert "public_url" in stderr


async def test_no_secret_is_printed(serve, oidc_provider, free_port):
    listen = f"127.0.0.1:{take_free_port()}"
    client = registered(oidc_provider, f"http://{listen}")
    gateway = serve(
        listen=listen,
        providers={"id": client},
        store="sqlite",
    )
    text = (await doctor_text(gateway.config_path))[1]
    down = gateway.config_path.with_name("down.yaml")
    settings = yaml.safe_load(gateway.config_path.read_text())
    settings["store"] = f"redis://user:very-secret@127.0.0.1:{free_port}"
    down.write_text(yaml.safe_dump(settings))
    text += (await doctor_text(down))[1]

    assert "connect" in text
    for secret in (client["client_secret"], SECRET, "very-secret"):
        assert secret not in text


async def test_json_is_an_array(configured):
    status, stdout, _ = await doctor_text(
        configured(auth_mode="standalone"), "--json", "--only", "cookies"
    )

    assert status == 0
    assert isinstance(json.loads(stdout), list)
