"""Administrators see what a reload has changed or why it failed, and what does not work."""

import os
import signal
from pathlib import Path

import pytest
import yaml

from tests.e2e.at_desk import MARKUP, Person, add_people, settings
from tests.fixtures.gateway import dump
from tests.fixtures.network import take_free_port
from tests.fixtures.processes import wait_until

SECRET = "only-for-tests-and-new-0123456789abcdef0123"
ROUTES = [
    {"name": "board", "prefix": "/board", "access": {"allow": [{"group": "board"}]}},
    {"name": "wiki", "prefix": "/wiki", "access": "signed_in"},
    {"name": "rest", "prefix": "/", "access": "signed_in"},
]


def change(gateway, **changes):
    """Change the file, and have it read."""
    values = yaml.safe_load(gateway.config_path.read_text())
    gateway.config_path.write_text(dump({**values, **changes}))
    gateway.process.send_signal(signal.SIGHUP)


def configuration(person):
    return person.call("GET", "configuration").json()


def started(gateway_process, workers, **more):
    gateway = gateway_process(settings(server={"workers": workers}, routes=ROUTES, **more))
    add_people(gateway, "ann")
    return gateway, Person(gateway)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_reload_tells_what_it_changed_and_no_secret(gateway_process, workers):
    gateway, ann = started(gateway_process, workers)
    before = configuration(ann)
    assert (before["last_reload"], before["last_change"]) == (None, None)
    assert "Not reloaded since" in ann.desk("/configuration").text

    board = {**ROUTES[0], "access": {"allow": [{"group": ["board", MARKUP]}]}}
    values = yaml.safe_load(gateway.config_path.read_text())
    old, new = Path(values["secret_file"]), gateway.config_path.with_name("new-secret")
    new.write_text(SECRET)
    new.chmod(0o600)
    change(
        gateway,
        routes=[ROUTES[1], board, ROUTES[2]],
        sessions={**values.get("sessions", {}), "idle_timeout": "30m"},
        secret_file=[str(new), str(old)],
        server={**values["server"], "workers": 3},
    )
    wait_until(lambda: configuration(ann)["last_reload"], gateway.process, "the reload")

    found, page = configuration(ann), ann.desk("/configuration").text
    assert found["last_reload"] == {**found["last_reload"], "success": True, "problems": []}
    told = {it["setting"]: it for it in found["last_change"]["settings"]}
    group = told["routes[board].access.allow[0].group"]
    assert (group["old"], group["new"]) == ("board", f"board, {MARKUP}")
    assert told["sessions.idle_timeout"]["new"] == "30m"
    assert (told["secret"]["hidden"], told["secret"]["new"]) == (True, None)
    assert found["last_change"]["moved"] == {"wiki": None}
    assert found["last_change"]["needs_restart"] == ["server.workers"]
    for text in (page, str(found)):
        assert SECRET not in text
        assert old.read_text() not in text
    assert '<b title="x">' not in page
    assert "&lt;b title=" in page
    assert "Takes effect only with a restart" in page


def test_a_reload_that_failed_tells_why_and_where(gateway_process):
    gateway, ann = started(gateway_process, 2)
    change(gateway, log={"level": "debug"})
    wait_until(lambda: configuration(ann)["last_reload"], gateway.process, "the reload")

    bad = {**ROUTES[0], "acess": MARKUP}
    change(gateway, routes=[bad])
    wait_until(
        lambda: not configuration(ann)["last_reload"]["success"], gateway.process, "the reload"
    )
    found, page = configuration(ann), ann.desk("/configuration").text
    health = ann.call("GET", "health").json()

    (problem,) = found["last_reload"]["problems"]
    assert problem.startswith(f"{gateway.config_path}:")
    assert "acess" in problem
    assert problem.split(":")[1].isdigit()
    # What the last good one changed is still there.
    assert found["last_change"]["settings"][0]["setting"] == "log.level"
    assert "acess" in page
    assert '<b title="x">' not in page
    assert (health["reload_succeeded"], health["healthy"]) == (False, False)
    assert "The last reload of the configuration failed" in ann.desk("/overview").text


def test_a_worker_that_does_not_answer_is_told_of(gateway_process):
    _, ann = started(gateway_process, 2)
    workers = ann.call("GET", "health").json()["workers"]
    # The connection of ann's browser stays with the worker that answered.
    (stopped,) = {it["pid"] for it in workers["processes"]} - {workers["this"]}
    os.kill(stopped, signal.SIGSTOP)
    try:
        health = ann.call("GET", "health").json()
        page, refusals = ann.desk("/overview").text, ann.desk("/refusals").text
    finally:
        os.kill(stopped, signal.SIGCONT)

    assert (health["whole"], health["healthy"]) == (False, False)
    assert (health["workers"]["wanted"], health["workers"]["answering"]) == (2, 1)
    (silent,) = [it for it in health["workers"]["processes"] if it["silent"]]
    assert silent["pid"] == stopped
    assert "1 of 2 answer" in page
    assert "Not every worker has answered" in refusals


@pytest.mark.parametrize("workers", [1, 2])
def test_a_provider_that_is_down_is_told_of(gateway_process, workers):
    issuer = f"http://127.0.0.1:{take_free_port()}"
    gateway, ann = started(
        gateway_process,
        workers,
        providers={"down": {"issuer": issuer, "client_id": "notes", "client_auth": "none"}},
        auth_mode="hybrid",
    )

    def provider():
        parts = ann.call("GET", "health").json()["parts"]
        return next(it for it in parts if it["kind"] == "provider")

    assert provider()["state"] == "unknown"
    assert Person(gateway, None).page("/_gatepost/login/down").status_code == 503
    found = provider()

    assert (found["state"], found["failing_workers"]) == ("fails", 1)
    assert found["keys_at"] is None
    assert "down" in found["detail"]
    assert "Provider: down" in ann.desk("/overview").text


def test_a_mail_server_that_is_down_is_told_of(gateway_process):
    gateway = gateway_process(
        settings(
            routes=ROUTES,
            smtp={
                "url": f"smtp://127.0.0.1:{take_free_port()}",
                "from": "Notes <notes@example.com>",
            },
        )
    )
    add_people(gateway, "ann", email="ann@example.com")
    ann = Person(gateway)

    def mail():
        parts = ann.call("GET", "health").json()["parts"]
        return next(it for it in parts if it["kind"] == "mail")

    assert (mail()["state"], mail()["sent_at"], mail()["waiting"]) == ("unknown", None, 0)
    assert Person(gateway, None).form("/_gatepost/forgot", name="ann").status_code == 200
    wait_until(lambda: mail()["state"] == "fails", gateway.process, "the mail")

    assert "ann@example.com" not in str(mail())
    assert "Mail server: smtp" in ann.desk("/overview").text


def test_another_file_in_shadow_is_compared_too(gateway_process, tmp_path):
    other, listen = tmp_path / "next.yaml", f"127.0.0.1:{take_free_port()}"
    denied = [{"name": "nobody", "prefix": "/", "access": "denied"}]
    shadow = settings(routes=denied, public_url=f"http://{listen}", secret_file="/nowhere/secret")
    other.write_text(dump(shadow))
    gateway = gateway_process(
        settings(server={"workers": 2, "listen": listen}, routes=ROUTES),
        arguments=["--shadow", str(other)],
    )
    add_people(gateway, "ann")
    ann = Person(gateway)

    # That no app listens is known only after the decision.
    assert ann.page("/wiki/plans").status_code == 502
    assert Person(gateway, None).page("/wiki/plans").status_code == 302

    def differences():
        return ann.call("GET", "shadows").json()["differences"]

    wait_until(differences, gateway.process, "the differences")
    found = differences()[0]
    assert (found["member"], found["shadow_route"]) == ("shadow_file", "nobody")
    assert (found["shadow_decision"], found["shadow_reason"]) == ("deny", "denied")
    assert "A second configuration is being tried out" in ann.desk("/shadows").text
