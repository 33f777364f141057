"""People at the administrator's desk, by its pages and by its calls."""

import json
import subprocess

import requests

from gateway.cli.opened import load_settings, with_kept
from gateway.credentials.local_accounts import NewPerson
from tests.e2e.browsing import CROSS, SAME, Browser
from tests.fixtures.accounts import GATEPOST, PASSWORD, ROOT
from tests.fixtures.gateway import clean_environment

SETTINGS = {
    "admins": [{"user": "ann"}],
    "api_keys": {"grantable_scopes": ["gatepost:admin", "read"]},
}
# In every field that people choose themselves.
MARKUP = '<b title="x">&\'</b>'
__all__ = ["CROSS", "SAME"]


def settings(**more):
    """Of a gateway without a provider, which ann administers."""
    whole = {
        "auth_mode": "standalone",
        "upstreams": {"app": "http://127.0.0.1:9"},
        **SETTINGS,
        **more,
    }
    return {name: it for name, it in whole.items() if it is not None}


def add_people(gateway, *users, **about):
    """Add accounts with the password that all tests have."""

    async def run(kept):
        _, hashed = await kept.local.accounts.ready(NewPerson("somebody"), PASSWORD)
        for user in users:
            await kept.local.accounts.add(NewPerson(user, **about), hashed)

    with_kept(load_settings(gateway.config_path), run)


class Person(Browser):
    """Somebody who has signed in."""

    def __init__(self, gateway, user="ann"):
        super().__init__(gateway)
        if user is not None:
            assert self.sign_in(user).status_code == 303

    def desk(self, path, **query):
        """A page of the desk."""
        return self.get(
            f"{self.url}/_gatepost/admin{path}", params=query, headers=SAME, allow_redirects=False
        )

    def act(self, path, headers=SAME, **form):
        """A form of the desk's page."""
        return self.form(f"/_gatepost/admin{path}", headers, **form)

    def call(self, method, path, body=None, headers=None, **query):
        """A call as the page's own script would send it."""
        return call(self, self.url, method, path, body, headers, **query)

    def make_key(self, name="ci", *scopes):
        """The text and the id of a new key of one's own."""
        about = {"Sec-Fetch-Site": "same-origin"}
        wanted = {"name": name, "scopes": list(scopes), "expires_in": "1h"}
        made = self.post(f"{self.url}/_gatepost/api/keys", json=wanted, headers=about)
        assert made.status_code == 201, made.text
        return made.json()["key"], made.json()["id"]


def call(session, url, method, path, body=None, headers=None, /, **query):
    about = {"Sec-Fetch-Site": "same-origin"} if headers is None else headers
    url = f"{url}/_gatepost/api/admin/{path}"
    return session.request(
        method, url, json=body, params=query, headers=about, allow_redirects=False
    )


def by_key(gateway, key, method, path, body=None, **query):
    """A call with nothing but a key."""
    with requests.Session() as session:
        session.trust_env = False
        return call(session, gateway.base_url, method, path, body, {"X-API-Key": key}, **query)


def gatepost(gateway, *arguments):
    """What a command prints as JSON, with the configuration of `gateway`."""
    group, name, *rest = arguments
    done = subprocess.run(
        [*GATEPOST, group, name, "-c", str(gateway.config_path), *rest, "--json"],
        cwd=ROOT,
        env=clean_environment({}),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def acts(person, about=""):
    """What the journal says, newest first: action, who, target, outcome."""
    answer = person.call("GET", "journal", about=about)
    assert answer.status_code == 200, answer.text
    return [
        (
            it["action"],
            it["actor"]["user"],
            it["target"]["name"] or it["target"]["id"],
            it["outcome"],
        )
        for it in answer.json()["items"]
    ]
