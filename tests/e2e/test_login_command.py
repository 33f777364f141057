"""`gatepost login`, `token` and `logout` against a running gateway."""

import json
import re
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from tests.e2e.browsing import Browser
from tests.e2e.device_client import Device
from tests.fixtures.accounts import GATEPOST, ROOT, add
from tests.fixtures.gateway import clean_environment

MCP = {"name": "mcp", "prefix": "/mcp", "access": {"allow": [{"user": "ann"}]}, "mcp": True}
REST = {"name": "rest", "prefix": "/", "access": "signed_in"}


class Terminal:
    """A person at a command line."""

    def __init__(self, directory, **environment):
        self.keyring = directory / "keyring.json"
        self.environment = {
            "HOME": str(directory),
            "XDG_STATE_HOME": str(directory / "state"),
            "BROWSER": f"{sys.executable} -m tests.e2e.fake_browser %s",
            "PYTHON_KEYRING_BACKEND": "tests.e2e.file_keyring.Keyring",
            "TEST_KEYRING": str(self.keyring),
            "PYTHONPATH": str(ROOT),
            **environment,
        }

    def start(self, *arguments, **environment):
        return subprocess.Popen(
            [*GATEPOST, *map(str, arguments)],
            cwd=ROOT,
            env=clean_environment({**self.environment, **environment}),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments, status=0, **environment):
        """What it prints; checks the exit status."""
        process = self.start(*arguments, **environment)
        out, err = process.communicate(timeout=120)
        assert process.returncode == status, (out, err)
        return out.strip() if status == 0 else err


@pytest.fixture
def terminal(tmp_path):
    return Terminal(tmp_path)


@pytest.fixture
def gateway(start_standalone):
    started = start_standalone(tokens={"command_line": True}, routes=[MCP, REST])
    add(started, "ann")
    return started


@pytest.fixture
def person(gateway):
    person = Browser(gateway)
    assert person.sign_in().status_code == 303
    return person


def get(gateway, token, path="/notes"):
    headers = {"Authorization": f"Bearer {token}"}
    return requests.get(gateway.base_url + path, headers=headers, timeout=30)


def sessions(person):
    found = person.get(f"{person.url}/_gatepost/api/sessions").json()
    return [it for it in found if it["kind"] == "token"]


def test_from_login_to_logout(gateway, terminal, person):
    url = gateway.base_url
    assert terminal.run("login", url + "/") == f"Signed in to {url}"
    token = terminal.run("token", url)
    assert get(gateway, token).json()["Remote-User"] == "ann"
    [session] = sessions(person)
    assert session["device"] == f"gatepost on {socket.gethostname()}"[:60]
    told = json.loads(terminal.run("token", url, "--json"))
    assert (told["access_token"], told["url"], told["resource"]) == (token, url, None)
    assert get(gateway, token, "/mcp").status_code == 401

    assert terminal.run("logout", url) == f"Signed out of {url}"
    assert get(gateway, token).status_code == 401
    assert f"run gatepost login {url}" in terminal.run("token", url, status=3)
    assert terminal.run("logout", url, status=3)
    assert json.loads(terminal.keyring.read_text()) == {}


def test_signing_in_again_ends_the_earlier_sign_in(gateway, terminal, person):
    url = gateway.base_url
    terminal.run("login", url)
    first = terminal.run("token", url)
    terminal.run("login", url)
    assert get(gateway, first).status_code == 401
    assert get(gateway, terminal.run("token", url)).status_code == 200
    assert len(sessions(person)) == 1


def test_tokens_for_an_mcp_server(gateway, terminal):
    url = gateway.base_url
    asked = (url, "--resource", f"{url}/mcp", "--scope", "offline_access")
    told = json.loads(terminal.run("login", *asked, "--json"))
    assert (told["resource"], told["scope"]) == (f"{url}/mcp", "offline_access")
    token = terminal.run("token", *asked[:3])
    assert get(gateway, token, "/mcp").status_code == 200
    assert get(gateway, token).status_code == 401
    assert terminal.run("token", url, status=3)
    assert "must be on" in terminal.run(
        "token", url, "--resource", "https://elsewhere.test/mcp", status=2
    )


def test_who_says_no_is_not_signed_in(gateway, terminal):
    refused = terminal.run("login", gateway.base_url, status=1, WALK="deny")
    assert "you did not allow it" in refused
    assert not terminal.keyring.exists()


def test_answers_of_others_are_not_taken(gateway, terminal):
    refused = terminal.run("login", gateway.base_url, status=1, WALK="forge")
    assert "another server" in refused


def test_people_are_asked_each_time_whatever_the_file_says(start_standalone, terminal):
    settings = {"command_line": True, "consent": "skip"}
    gateway = start_standalone(tokens=settings, routes=[REST])
    add(gateway, "ann")
    # The browser fails unless it sees the question.
    for _ in range(2):
        terminal.run("login", gateway.base_url)


def begin_on_device(gateway, terminal, person, *arguments, **environment):
    """A login that waits, and the page that asks the person."""
    process = terminal.start("login", gateway.base_url, *arguments, **environment)
    line = process.stderr.readline()
    page, code = re.search(r"Open (\S+) on any device, and enter the code (\S+)", line).groups()
    assert page == f"{gateway.base_url}/_gatepost/device"
    device = Device(gateway, person, "gatepost-cli")
    return process, device, device.type(code)


def test_a_person_signs_in_on_another_device(gateway, terminal, person, tmp_path):
    process, device, page = begin_on_device(gateway, terminal, person, "--device")
    assert f"gatepost on {socket.gethostname()}"[:60] in page.text
    device.answer(page)
    out, err = process.communicate(timeout=120)
    assert (process.returncode, out) == (0, f"Signed in to {gateway.base_url}\n"), err
    assert get(gateway, terminal.run("token", gateway.base_url)).status_code == 200


def test_without_a_browser_the_code_is_shown_and_may_be_denied(gateway, terminal, person):
    nowhere = {"BROWSER": "", "DISPLAY": "", "WAYLAND_DISPLAY": ""}
    process, device, page = begin_on_device(gateway, terminal, person, **nowhere)
    device.answer(page, "deny")
    _, err = process.communicate(timeout=120)
    assert (process.returncode, "you did not allow it" in err) == (1, True)


def test_a_browser_that_fails_is_no_end(gateway, terminal, person):
    failing = {"BROWSER": f"{sys.executable} -c raise(SystemExit(1)) %s"}
    process = terminal.start("login", gateway.base_url, **failing)
    first, second = process.stderr.readline(), process.stderr.readline()
    process.terminate()
    process.communicate(timeout=120)
    assert "Open this page to sign in" in first
    assert "enter the code" in second


def expire(path, name):
    kept = json.loads(path.read_text())
    tokens = json.loads(kept[name])
    tokens["expires_at"] = 0
    path.write_text(json.dumps({**kept, name: json.dumps(tokens)}))
    return tokens


def test_many_calls_at_once_renew_the_tokens_once(gateway, terminal, person, tmp_path):
    url, file = gateway.base_url, tmp_path / "tokens"
    terminal.run("login", url, "--file", file)
    before = expire(file, url)
    with ThreadPoolExecutor(4) as pool:
        printed = list(pool.map(lambda _: terminal.run("token", url, "--file", file), range(4)))
    assert len(set(printed)) == 1
    assert printed[0] != before["access_token"]
    assert get(gateway, printed[0]).status_code == 200
    assert len(sessions(person)) == 1


def test_a_file_is_for_its_owner_alone(gateway, terminal, tmp_path):
    url, file = gateway.base_url, tmp_path / "tokens"
    terminal.run("login", url, "--file", file)
    assert file.stat().st_mode & 0o777 == 0o600
    assert not terminal.keyring.exists()
    assert sorted(it.name for it in tmp_path.iterdir() if "tokens" in it.name) == [
        "tokens",
        "tokens.lock",
    ]
    file.chmod(0o640)
    assert "chmod 600" in terminal.run("token", url, "--file", file, status=1)
    file.chmod(0o600)
    terminal.run("logout", url, "--file", file)
    assert json.loads(file.read_text()) == {}


def test_a_sign_in_that_was_ended_elsewhere_is_over(gateway, terminal, person, tmp_path):
    url, file = gateway.base_url, tmp_path / "tokens"
    terminal.run("login", url, "--file", file)
    [session] = sessions(person)
    same = {"Sec-Fetch-Site": "same-origin"}
    where = f"{url}/_gatepost/api/sessions/{session['id']}"
    assert person.delete(where, headers=same).status_code == 204
    expire(file, url)
    assert "run gatepost login" in terminal.run("token", url, "--file", file, status=3)
    assert json.loads(file.read_text()) == {}


def test_without_a_keyring_nobody_signs_in_for_nothing(gateway, terminal):
    none = {"PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring"}
    refused = terminal.run("login", gateway.base_url, status=1, **none)
    assert "--file PATH" in refused
    assert "Open this page" not in refused


def test_a_gateway_that_does_not_know_the_command_says_so(start_standalone, terminal):
    device = {"tv": {"device": True}}
    off = start_standalone(tokens={"clients": device, "command_line": False}, routes=[REST])
    no_server = start_standalone(routes=[REST])
    for arguments in ((off.base_url,), (off.base_url, "--device")):
        assert "tokens.command_line: true" in terminal.run("login", *arguments, status=1)
    assert "is the URL right?" in terminal.run("login", no_server.base_url, status=1)


def test_no_token_is_in_the_log(gateway, terminal):
    terminal.run("login", gateway.base_url)
    tokens = json.loads(json.loads(terminal.keyring.read_text())[f"gatepost:{gateway.base_url}"])
    terminal.run("logout", gateway.base_url)
    log = gateway.log()
    assert tokens["access_token"] not in log
    assert tokens["refresh_token"] not in log
