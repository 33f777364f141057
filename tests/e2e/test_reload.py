"""The configuration is read again while the gateway runs."""

import asyncio
import contextlib
import re
import signal

import pytest
import requests
import yaml

from gateway.errors import StoreUnavailableError
from gateway.model import Identity
from gateway.settings.load import load
from tests.dataplane.harness import request, settings_of
from tests.dataplane.harness import start_gateway as start_in_loop
from tests.e2e.raw import OK, PUBLIC, admin, ask, behind, connect, get
from tests.fixtures.certificates import Authority
from tests.fixtures.gateway import dump
from tests.fixtures.network import take_free_port
from tests.patience import soon, until

OLD_SECRET = "only-for-tests-0123456789abcdef0123456789"
NEW_SECRET = "another-one-for-tests-0123456789abcdef012"
DENIED = {**PUBLIC, "access": "denied"}


def change(gateway, **settings):
    """Write `settings` over those in the file."""
    values = yaml.safe_load(gateway.config_path.read_text())
    gateway.config_path.write_text(dump({**values, **settings}))


async def taken(gateway, times=1):
    await until(lambda: gateway.log().count("was reloaded") >= times)


async def hang_up(gateway, **settings):
    """Change the file and say so."""
    change(gateway, **settings)
    before = gateway.log().count("was reloaded")
    gateway.process.send_signal(signal.SIGHUP)
    await taken(gateway, before + 1)


async def gauge(gateway) -> str:
    text = (await admin(gateway, "/metrics")).body.decode()
    return re.search(r"^gatepost_config_last_reload_success (.*)$", text, re.MULTILINE)[1]


async def test_a_changed_file_is_taken_and_connections_stay(raw_upstream, gateway_process):
    gateway = gateway_process(behind(await raw_upstream(OK)))
    client = await connect(gateway)
    assert (await client.ask(get(gateway))).status == 200

    change(gateway, routes=[DENIED])
    await taken(gateway)

    assert (await client.ask(get(gateway))).status == 403
    assert await gauge(gateway) == "1.0"
    client.writer.close()


async def test_a_bad_file_is_reported_whole_and_the_last_good_one_stays(
    raw_upstream, gateway_process
):
    gateway = gateway_process(behind(await raw_upstream(OK)))

    change(gateway, routes=[{**PUBLIC, "acess": "x"}, {"name": "b", "path": 7}], extra=1)
    await until(lambda: "was not reloaded" in gateway.log())

    log = gateway.log()
    assert re.search(r"gatepost\.yaml:[0-9]+:[0-9]+: .*acess", log)
    assert re.search(r"gatepost\.yaml:[0-9]+:[0-9]+: .*extra", log)
    assert (await ask(gateway)).status == 200
    assert await gauge(gateway) == "0.0"

    values = yaml.safe_load(gateway.config_path.read_text())
    del values["extra"]
    gateway.config_path.write_text(dump({**values, "routes": [DENIED]}))
    await taken(gateway)
    assert (await ask(gateway)).status == 403
    assert await gauge(gateway) == "1.0"


async def test_a_request_under_way_ends_where_it_began(raw_upstream, gateway_process):
    asked, go = asyncio.Event(), asyncio.Event()

    async def slow(connection):
        while await connection.read_head():
            asked.set()
            await go.wait()
            await connection.send(OK)

    old, new = await raw_upstream(slow), await raw_upstream(OK.replace(b"ok", b"no"))
    gateway = gateway_process(behind(old))
    client = await connect(gateway)
    await client.send(get(gateway))
    await asked.wait()

    await hang_up(gateway, upstreams={"app": {"url": new.url}}, routes=[PUBLIC])
    assert (await ask(gateway)).body == b"no"
    go.set()

    assert (await client.response()).body == b"ok"
    assert (await client.ask(get(gateway))).body == b"no"
    client.writer.close()


async def test_connections_to_an_app_that_is_replaced_are_closed(raw_upstream, gateway_process):
    closed = asyncio.Event()

    async def kept(connection):
        await connection.read_head()
        await connection.send(OK)
        assert await connection.read_to_end() == b""
        closed.set()

    gateway = gateway_process(behind(await raw_upstream(kept)))
    assert (await ask(gateway)).status == 200

    await hang_up(gateway, upstreams={"app": {"url": "http://127.0.0.1:9"}})

    await soon(closed.wait())


async def test_tunnels_are_decided_again(raw_upstream, gateway_process):
    async def echo(connection):
        await connection.read_head()
        await connection.send(
            b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n"
        )
        while piece := await connection.reader.read(100):
            await connection.send(piece)

    routes = [{"name": name, "path": f"/{name}", "access": "public"} for name in ("a", "b")]
    gateway = gateway_process(behind(await raw_upstream(echo), *routes))
    tunnels = {}
    for name in ("a", "b"):
        tunnels[name] = client = await connect(gateway)
        opened = await client.ask(get(gateway, f"/{name}", "Upgrade: x", "Connection: Upgrade"))
        assert opened.status == 101

    await hang_up(gateway, routes=[{**routes[0], "access": "denied"}, routes[1]])

    assert await tunnels["a"].rest() == b""
    await tunnels["b"].send(b"still there")
    assert await tunnels["b"].reader.readexactly(11) == b"still there"
    for client in tunnels.values():
        client.writer.close()


async def test_what_needs_a_restart_is_said_and_left(raw_upstream, gateway_process):
    gateway = gateway_process(behind(await raw_upstream(OK)))
    listen = {"listen": f"127.0.0.1:{take_free_port()}", "drain_timeout": "2s"}
    before = yaml.safe_load(gateway.config_path.read_text())["server"]

    await hang_up(gateway, server={**before, **listen}, store="memory", routes=[DENIED])

    assert "server.listen has changed: this needs a restart" in gateway.log()
    assert "store has changed: this needs a restart" in gateway.log()
    assert "server.admin_listen has changed" not in gateway.log()
    assert (await ask(gateway)).status == 403


async def test_a_changed_secret_file_is_noticed(raw_upstream, gateway_process, tmp_path):
    app = await raw_upstream(OK)
    told = tmp_path / "told"
    told.write_text("one\n")
    fields = {"set": {"X-Told": {"file": str(told)}}}
    settings = behind(app)
    settings["upstreams"]["app"]["request_headers"] = fields
    gateway = gateway_process(settings)
    await ask(gateway)

    told.write_text("two\n")
    await taken(gateway)
    await ask(gateway)

    assert b"X-Told: one\r\n" in app.heads[0]
    assert b"X-Told: two\r\n" in app.heads[1]


@pytest.mark.parametrize("content", [None, "", " \n"])
@pytest.mark.parametrize(
    ("file", "setting"),
    [
        ("secret", "secret_file"),
        ("client_secret", "providers.idp.client_secret_file"),
        ("field", "upstreams.app.request_headers.set.X-Told.file"),
        ("ca", "upstreams.guarded.tls.ca_file"),
    ],
)
async def test_without_a_secret_or_authorities_the_last_good_configuration_stays(
    raw_upstream, gateway_process, tmp_path, file, setting, content
):
    app = await raw_upstream(OK)
    files = {name: tmp_path / name for name in ("secret", "client_secret", "field")}
    for name, path in files.items():
        path.write_text(f"{name}-for-tests-0123456789abcdef0123456789")
        path.chmod(0o600)
    files["ca"] = Authority(tmp_path).cert
    fields = {"set": {"X-Told": {"file": str(files["field"])}}}
    idp = {"issuer": "https://id.test", "client_id": "c"}
    gateway = gateway_process(
        {
            "secret_file": str(files["secret"]),
            "upstreams": {
                "app": {"url": app.url, "request_headers": fields},
                "guarded": {"url": "https://127.0.0.1:1", "tls": {"ca_file": str(files["ca"])}},
            },
            "providers": {"idp": {**idp, "client_secret_file": str(files["client_secret"])}},
            "routes": [
                {"name": "open", "path": "/open", "upstream": "app", "access": "public"},
                {"name": "all", "prefix": "/", "upstream": "app", "access": "signed_in"},
            ],
        }
    )

    if content is None:
        files[file].unlink()
    else:
        files[file].write_text(content)
    await until(lambda: "was not reloaded" in gateway.log())

    place = rf"gatepost\.yaml:[0-9]+:[0-9]+: {re.escape(setting)}: .*'{files[file]}'"
    assert re.search(place, gateway.log())
    assert "[SSL" not in gateway.log()
    assert (await ask(gateway, "/other")).status == 401
    assert (await ask(gateway, "/open")).status == 200
    assert b"X-Told: field-for-tests-" in app.heads[-1]
    assert await gauge(gateway) == "0.0"


async def test_the_audit_file_is_opened_anew(raw_upstream, gateway_process, tmp_path):
    audit = tmp_path / "audit.log"
    gateway = gateway_process(behind(await raw_upstream(OK), audit={"file": str(audit)}))
    await ask(gateway, "/before")
    await until(lambda: b"/before" in audit.read_bytes())
    audit.rename(tmp_path / "audit.log.1")

    await hang_up(gateway)
    await ask(gateway, "/after")

    await until(lambda: audit.exists() and b"/after" in audit.read_bytes())
    assert b"/after" not in (tmp_path / "audit.log.1").read_bytes()


async def test_metrics_can_be_turned_off(raw_upstream, gateway_process):
    gateway = gateway_process(behind(await raw_upstream(OK), metrics={"enabled": False}))
    assert (await admin(gateway, "/metrics")).status == 404
    assert (await admin(gateway, "/readyz")).status == 200

    await hang_up(gateway, metrics={"enabled": True})
    assert (await admin(gateway, "/metrics")).status == 200


@pytest.mark.parametrize(
    ("secrets", "taken"), [([NEW_SECRET, OLD_SECRET], True), ([NEW_SECRET], False)]
)
async def test_sessions_live_on_under_a_rotated_secret(raw_upstream, tmp_path, secrets, taken):
    app = await raw_upstream(OK)
    changes = {
        "upstreams": {"app": {"url": app.url}},
        "routes": [{**PUBLIC, "access": "signed_in"}],
        "secret": OLD_SECRET,
    }
    running = await start_in_loop(tmp_path, changes)
    alice, bob = [(await running.sign_in(it)).strip() for it in ("alice", "bob")]
    assert (await running.ask(request("/", alice))).status == 200

    path = settings_of(tmp_path, {**changes, "secret": secrets})
    # A secret that opens nothing of what is kept is no rotation: the one in use stays.
    with contextlib.nullcontext() if taken else pytest.raises(StoreUnavailableError):
        await running.gateway.reload(load(path, {}).settings)

    assert (await running.ask(request("/", alice))).status == 200
    assert (await running.ask(request("/", bob))).status == 200
    for client in running.clients:
        client.writer.close()
    await running.gateway.stop()


TUNNEL = b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n"
IDP = {"issuer": "https://id.test", "client_id": "c", "client_secret": "only-for-tests"}
OTHER_IDP = {**IDP, "issuer": "https://other.test"}
DIRECTORY = {
    "url": "ldap://127.0.0.1:1",
    "bind_dn": "cn=a",
    "bind_password": "b",
    "base": "dc=test",
}


async def sign_in(running, name):
    """The cookie of somebody with an account, who came in by the provider `name`."""
    who = {"user": name, "subject": name, "issuer": f"https://{name}.test", "provider": name}
    known = await running.gateway.lasting.accounts.sign_in(Identity(**who, credential="session"))
    return (await running.sign_in(**who, account_id=known.account_id)).strip()


@pytest.mark.parametrize(
    ("name", "goes"),
    [
        ("idp", {"providers": {"other": OTHER_IDP}}),
        ("local", {"auth_mode": "oidc-only", "ldap": None}),
        ("ldap", {"ldap": None}),
    ],
)
async def test_sessions_of_a_way_in_that_is_removed_are_refused_at_once(
    raw_upstream, tmp_path, name, goes
):
    async def app(connection):
        while head := await connection.read_head():
            if b"Upgrade" in head:
                await connection.send(TUNNEL)
                await connection.reader.read()
                return
            await connection.send(OK)

    changes = {
        "upstreams": {"app": {"url": (await raw_upstream(app)).url}},
        "routes": [{**PUBLIC, "access": "signed_in"}],
        "providers": {"idp": IDP, "other": OTHER_IDP},
        "ldap": DIRECTORY,
        "auth_mode": "hybrid",
    }
    running = await start_in_loop(tmp_path, changes)
    gone, stays = [await sign_in(running, it) for it in (name, "other")]
    tunnels = {}
    for cookie in (gone, stays):
        assert (await running.ask(request("/", cookie))).status == 200
        tunnels[cookie] = client = await running.client()
        asked = request("/", cookie, "Upgrade: x", "Connection: Upgrade")
        assert (await client.ask(asked)).status == 101

    async def reload(**settings):
        whole = {key: it for key, it in {**changes, **settings}.items() if it is not None}
        path = settings_of(tmp_path, whole)
        await running.gateway.reload(load(path, {}).settings)

    await reload(**goes)

    assert (await running.ask(request("/", gone))).status == 401
    assert (await running.ask(request("/", stays))).status == 200
    assert await tunnels[gone].rest() == b""
    await tunnels[stays].send(b"still there")
    # It is refused and not removed: a provider may have been left out by mistake.
    await reload()
    assert (await running.ask(request("/", gone))).status == 200
    for client in running.clients:
        client.writer.close()
    await running.gateway.stop()


@pytest.mark.parametrize("limit", [2])
async def test_more_connections_than_allowed_are_told_so(raw_upstream, gateway_process, limit):
    settings = behind(await raw_upstream(OK))
    settings["server"] = {"limits": {"connections": limit}}
    gateway = gateway_process(settings)
    clients = [await connect(gateway) for _ in range(limit)]
    for client in clients:
        assert (await client.ask(get(gateway))).status == 200

    over = await connect(gateway)
    answer = await over.ask(get(gateway))
    assert (answer.status, answer.closes) == (503, True)
    assert b'"reason":"too-many-connections"' in answer.body
    assert await over.rest() == b""
    over.writer.close()

    assert (await clients[0].ask(get(gateway))).status == 200
    clients[0].writer.close()
    await until(lambda: is_served(gateway))
    clients[1].writer.close()


async def is_served(gateway) -> bool:
    return (await ask(gateway)).status == 200


def rules(gateway, name, text):
    """Put a file of routes into the folder `rules` beside the gateway's file."""
    folder = gateway.config_path.parent / "rules"
    folder.mkdir(exist_ok=True)
    # At once, as tools that deploy files do.
    other = folder / ".other"
    other.write_text(text)
    other.replace(folder / name)


@pytest.mark.parametrize("workers", [1, 2])
async def test_included_files_are_read_again_by_all_workers(raw_upstream, gateway_process, workers):
    server = {"workers": workers, "drain_timeout": "2s"}
    gateway = gateway_process(behind(await raw_upstream(OK), server=server))

    async def is_ready():
        return (await admin(gateway, "/readyz")).status == 200

    async def statuses(path, *wanted):
        """The answers at `path` on new connections, which reach every worker in time."""
        found = [(await ask(gateway, path)).status for _ in range(20)]
        return set(found) == set(wanted)

    await until(is_ready)
    rules(gateway, "a.yaml", "routes: [{name: a, path: /a, access: denied, before: all}]\n")
    change(gateway, include=["rules/"])
    await taken(gateway)
    assert await statuses("/a", 403)
    assert "routes changed: added a\n" in gateway.log()

    rules(gateway, "b.yaml", "routes: [{name: b, path: /b, access: gone, before: all}]\n")
    await taken(gateway, 2)
    assert await statuses("/b", 410)
    assert "routes changed: added b\n" in gateway.log()

    rules(gateway, "a.yaml", "routes: [{name: a, path: /a, access: gone, before: al}]\n")
    await until(lambda: "was not reloaded" in gateway.log())
    assert 'routes[0].before: unknown route "al"' in gateway.log()
    assert await statuses("/a", 403)
    assert await gauge(gateway) == "0.0"

    rules(gateway, "a.yaml", "routes: [{name: a, path: /a, access: gone, after: b}]\n")
    await taken(gateway, 3)
    assert await statuses("/a", 410)
    assert "routes changed: changed a (access); moved b (first)\n" in gateway.log()
    assert await gauge(gateway) == "1.0"


async def test_a_reload_says_what_changed_to_programs_too(raw_upstream, gateway_process):
    gateway = gateway_process(behind(await raw_upstream(OK), log={"format": "json"}))

    await hang_up(gateway, routes=[{"name": "more", "path": "/more", "access": "public"}, PUBLIC])

    [changes] = [it["changes"] for it in gateway.audit() if "changes" in it]
    assert changes == {"added": ["more"], "removed": [], "changed": {}, "moved": {}}


async def test_name_logo_and_colour_follow_a_reload(raw_upstream, gateway_process, tmp_path):
    gateway = gateway_process(behind(await raw_upstream(OK)))
    url = f"{gateway.base_url}/_gatepost/logout"

    def page():
        return requests.get(url, headers={"Accept": "text/html"}, timeout=30)

    assert "Notes of Ann" not in page().text
    logo = tmp_path / "logo.svg"
    logo.write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    pages = {"name": "Notes of Ann", "logo_file": str(logo), "colour": "#ff0000"}
    await hang_up(gateway, pages=pages)
    answer = await asyncio.to_thread(page)
    assert "Notes of Ann</p>" in answer.text
    assert 'src="data:image/svg+xml;base64,' in answer.text
    assert " img-src data:;" in answer.headers["Content-Security-Policy"]


async def test_own_templates_follow_a_reload_and_a_broken_one_is_refused(
    raw_upstream, gateway_process, tmp_path
):
    gateway = gateway_process(behind(await raw_upstream(OK)))
    url = f"{gateway.base_url}/_gatepost/logout"
    folder = tmp_path / "pages"
    folder.mkdir()
    own = folder / "page.html"

    def page():
        return requests.get(url, headers={"Accept": "text/html"}, timeout=30)

    own.write_text('{% extends "gatepost/page.html" %}{% block footer %}<i>Mine</i>{% endblock %}')
    await hang_up(gateway, pages={"templates": str(folder)})
    answer = await asyncio.to_thread(page)
    assert "<i>Mine</i>" in answer.text
    assert "script-src" not in answer.headers["Content-Security-Policy"]

    own.write_text("{% block %}")
    await until(lambda: "was not reloaded" in gateway.log())
    assert "<i>Mine</i>" in (await asyncio.to_thread(page)).text
    assert "page.html line 1" in gateway.log()
