"""Routes that are not in effect: what they would decide is recorded, and changes nothing."""

import json

import pytest
import yaml

from gateway.assembly.serving import clock
from tests.builders import make_identity
from tests.dataplane.conftest import gateway
from tests.dataplane.harness import request
from tests.patience import until

__all__ = ["gateway"]

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
REST = {"name": "rest", "prefix": "/", "access": "signed_in"}
STRICT = {"name": "strict", "prefix": "/wiki", "access": {"allow": [{"group": "admins"}]}}
KEYS = {"static": [{"name": "ci", "user": "ci", "sha256": "a" * 64}]}


class Site:
    """A gateway, its app and its audit."""

    def __init__(self, running, app, log):
        self.running, self.app, self._log = running, app, log
        self._asked = 0

    @property
    def metrics(self):
        return self.running.gateway.lasting.metrics

    async def ask(self, *arguments, **named):
        """The status of the answer, and the line in the audit."""
        answer = await self.running.ask(request(*arguments, **named))
        self._asked += 1
        await until(lambda: len(self.lines()) == self._asked)
        return answer.status, self.lines()[-1]

    def lines(self):
        text = self._log.read_text() if self._log.exists() else ""
        return [json.loads(line) for line in text.splitlines()]


@pytest.fixture
def serve(gateway, raw_upstream, tmp_path):
    """Start a gateway: ``await serve(routes, shadow=routes of another file)``."""

    async def start(routes, shadow=None, other=None, **changes):
        app = await raw_upstream(OK)
        log = tmp_path / "audit.log"
        path = None
        if shadow is not None:
            path = tmp_path / "other.yaml"
            settings = {
                "public_url": "http://app.test",
                "upstreams": {"app": "http://127.0.0.1:9"},
                "providers": {
                    "idp": {"issuer": "https://id.test", "client_id": "c"}
                    | {"client_secret_file": "/nowhere"}
                },
                "routes": shadow,
                **(other or {}),
            }
            path.write_text(yaml.safe_dump(settings))
        running = await gateway(
            app.url, shadow=path, routes=routes, audit={"file": str(log)}, **changes
        )
        return Site(running, app, log)

    return start


def trial(route=STRICT, **changes):
    return {**route, "enforce": False, **changes}


async def test_the_next_route_decides_and_what_the_first_would_do_is_recorded(serve):
    site = await serve([trial(), REST])
    cookie = (await site.running.sign_in()).strip()

    status, line = await site.ask("/wiki/x", cookie)

    assert (status, line["route"], line["decision"], line["reason"]) == (
        200,
        "rest",
        "allow",
        "allowed",
    )
    assert line["shadow"] == {"route": "strict", "decision": "deny", "reason": "group-missing"}
    assert site.metrics.shadow_decisions == {("strict", "deny", "group-missing"): 1}
    assert site.metrics.shadow_differences == {("rest", "allow", "deny"): 1}
    assert set(site.metrics.decisions) == {("rest", "allow", "allowed")}


async def test_a_route_that_agrees_is_recorded_without_a_difference(serve):
    site = await serve([trial(), REST])
    cookie = (await site.running.sign_in(groups=("admins",))).strip()

    assert (await site.ask("/wiki", cookie))[1]["shadow"]["decision"] == "allow"
    assert (await site.ask("/wiki"))[1]["shadow"]["decision"] == "sign_in"
    assert sum(site.metrics.shadow_decisions.values()) == 2
    assert not site.metrics.shadow_differences


async def test_a_request_that_it_is_not_for_has_no_shadow(serve):
    site = await serve([trial(), REST])

    _, line = await site.ask("/other")

    assert "shadow" not in line
    assert not site.metrics.shadow_decisions


@pytest.mark.parametrize(
    ("route", "decision"),
    [
        (trial(access="denied", name="closed"), "deny"),
        (trial(access="public", name="open"), "allow"),
        (trial(access="signed_in", name="in"), "sign_in"),
        (trial(credentials=["session"], access="optional", name="maybe"), "allow"),
    ],
)
async def test_no_word_of_it_has_an_effect(serve, route, decision):
    site = await serve([route, {**REST, "access": "public"}])

    status, line = await site.ask("/wiki")

    assert (status, line["reason"]) == (200, "public")
    assert line["shadow"]["decision"] == decision


async def test_a_host_that_only_it_names_is_not_served(serve):
    site = await serve([trial(host="new.test"), REST])

    answer = await site.running.ask(request("/wiki").replace(b"app.test", b"new.test"))

    assert answer.status == 421


async def test_a_path_that_servers_could_read_as_its_own_is_served_as_before(serve):
    site = await serve([trial(), {**REST, "access": "public"}])

    status, line = await site.ask("/x/../wiki")

    assert status == 200
    assert line["shadow"] == {"route": None, "decision": "error", "reason": "ambiguous-path"}


async def test_its_rate_is_not_counted_and_a_sign_out_ends_no_session(serve):
    limit = {"requests": 1, "per": "1h", "by": "user"}
    site = await serve(
        [trial(access="signed_in", rate_limit=limit), REST],
        shadow=[{**REST, "rate_limit": limit}],
        other={"upstreams": {"app": {"url": "http://127.0.0.1:9", "logout_paths": ["/wiki"]}}},
    )
    cookie = (await site.running.sign_in()).strip()

    for _ in range(3):
        status, line = await site.ask("/wiki", cookie)
        assert (status, line["shadow"]["decision"]) == (200, "allow")
        assert "shadow_file" not in line


async def test_a_session_that_the_route_in_effect_does_not_read_is_known_from_memory(serve):
    site = await serve(
        [trial(prefix="/"), {**REST, "name": "assets", "prefix": "/a", "access": "public"}, REST],
        # Where users' cookies are kept apart, a public route asks whose they are.
        upstream={"cookies": "shared"},
    )
    cookie = (await site.running.sign_in(groups=("admins",))).strip()

    unknown = (await site.ask("/a", cookie))[1]["shadow"]
    await site.ask("/wiki", cookie)
    known = (await site.ask("/a", cookie))[1]["shadow"]

    assert (unknown["decision"], unknown["reason"]) == ("unknown", "credential-not-judged")
    assert (known["decision"], known["reason"]) == ("allow", "allowed")


async def test_a_bad_credential_is_bad_in_shadow_too(serve):
    site = await serve([trial(), REST], api_keys=KEYS)
    key = "X-API-Key: gp_0123456789abcdefghijklmnop"

    status, line = await site.ask("/wiki", key)

    assert status == 401
    assert line["shadow"]["reason"] == line["reason"]
    status, line = await site.ask("/wiki", f"Cookie: gatepost={'A' * 64}")
    assert line["shadow"]["reason"] == line["reason"] == "session-expired"


async def test_where_another_file_differs_that_is_recorded(serve):
    site = await serve([REST], shadow=[STRICT, REST])
    cookie = (await site.running.sign_in()).strip()

    status, line = await site.ask("/wiki", cookie)
    assert (status, line["reason"]) == (200, "allowed")
    assert line["shadow_file"] == {
        "route": "strict",
        "decision": "deny",
        "reason": "group-missing",
    }
    _, line = await site.ask("/other", cookie)
    assert "shadow_file" not in line
    # The decision is the same, and another route makes it.
    _, line = await site.ask("/wiki")
    assert line["shadow_file"]["decision"] == line["decision"] == "sign_in"
    assert site.metrics.shadow_differences == {
        ("rest", "allow", "deny"): 1,
        ("rest", "sign_in", "sign_in"): 1,
    }
    assert not site.metrics.shadow_decisions


async def test_the_own_endpoints_and_what_is_over_its_rate_are_not_compared(serve):
    limit = {"requests": 1, "per": "1h", "by": "ip"}
    route = {**REST, "access": "public", "rate_limit": limit}
    site = await serve([route], shadow=[{**REST, "access": "denied", "name": "none"}])

    assert "shadow_file" in (await site.ask("/"))[1]
    status, line = await site.ask("/")
    assert status == 429
    assert "shadow_file" not in line
    assert "shadow_file" not in (await site.ask("/_gatepost/whoami"))[1]


async def test_a_shadow_that_fails_breaks_nothing_and_says_so_once(serve, caplog):
    site = await serve([REST], shadow=[STRICT, REST])
    (shadow,) = site.running.gateway.front.pipeline._shadows
    # As a bug in a condition would: nothing that is configured can make it fail.
    object.__setattr__(shadow, "pipeline", None)

    for _ in range(2):
        status, line = await site.ask("/wiki", "Sec-Fetch-Mode: cors")
        assert (status, line["decision"]) == (401, "sign_in")
    assert [it.levelname for it in caplog.records if "cannot decide" in it.message] == ["ERROR"]


async def test_without_a_shadow_requests_pass_the_plain_pipeline(serve):
    site = await serve([REST])

    assert type(site.running.gateway.front.pipeline).__name__ == "Pipeline"


async def test_a_reload_takes_the_routes_that_are_not_enforced(serve):
    site = await serve([REST])
    settings = site.running.gateway._settings
    strict = settings.routes[0].model_copy(
        update={"name": "strict", "access": "denied", "enforce": False}
    )

    await site.running.gateway.reload(
        settings.model_copy(update={"routes": (strict, *settings.routes)})
    )
    assert (await site.ask("/wiki"))[1]["shadow"]["reason"] == "denied"
    await site.running.gateway.reload(settings)
    assert "shadow" not in (await site.ask("/wiki"))[1]


@pytest.mark.parametrize("target", ["/wiki/x", "/_gatepost/whoami"])
async def test_a_question_of_a_proxy_is_decided_in_shadow_as_the_page_it_is_about(serve, target):
    site = await serve(
        [trial(), REST],
        shadow=[{**STRICT, "access": "denied"}, REST],
        forward_auth={"dialect": "traefik"},
        server={"trusted_proxies": ["127.0.0.0/8"]},
    )
    asked = [
        *("X-Forwarded-Method: GET", "X-Forwarded-Proto: http", "X-Forwarded-Host: app.test"),
        "X-Forwarded-For: 192.0.2.1",
    ]
    cookie = (await site.running.sign_in()).strip()

    status, line = await site.ask("/_gatepost/auth", *asked, f"X-Forwarded-Uri: {target}", cookie)

    if target == "/wiki/x":
        assert (status, line["path"], line["decision"]) == (200, target, "allow")
        assert line["shadow"]["reason"] == "group-missing"
        assert line["shadow_file"]["reason"] == "denied"
    else:
        assert (status, line["reason"]) == (404, "no-route")
        assert not line.keys() & {"shadow", "shadow_file"}


async def test_keys_are_known_by_what_the_route_in_effect_found(serve):
    site = await serve([trial(access={"allow": {"scope": "read"}}), REST], api_keys={})
    lasting = site.running.gateway.lasting
    who = await lasting.accounts.sign_in(make_identity())
    keys = [
        (
            await lasting.keys.create(
                who, name="ci", scopes=scopes, routes=[], lifetime_s=3600.0, now=int(clock())
            )
        )[0]
        for scopes in (["read"], [])
    ]

    found = [(await site.ask("/wiki", f"X-API-Key: {key}"))[1] for key in keys]

    assert [it["credential"] for it in found] == ["api_key", "api_key"]
    assert [it["shadow"]["reason"] for it in found] == ["allowed", "scope-missing"]
