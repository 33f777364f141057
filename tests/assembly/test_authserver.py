"""Which clients a configuration has."""

import pytest
import yaml

from gateway.assembly.authserver import clients_of, registrations_of
from gateway.assembly.lasting import tokens_of
from gateway.errors import SettingsError
from gateway.sealing.sealer import Sealer
from gateway.settings.load import load
from gateway.storage.memory import MemoryStore

CLI = "gatepost-cli"
REST = {"name": "rest", "prefix": "/", "access": "signed_in"}
MCP = {"name": "mcp", "prefix": "/mcp", "access": "signed_in", "mcp": True}
TV = {"tv": {"device": True}}
PHONE = {"phone": {"provider": "idp"}}


def loaded(tmp_path, tokens=None, **settings):
    path = tmp_path / "gatepost.yaml"
    whole = {
        "public_url": "https://notes.example.com",
        "secret": "only-for-tests-0123456789abcdef0123456789",
        "data_dir": str(tmp_path),
        "upstreams": {"app": "http://app:1"},
        "providers": {"idp": {"issuer": "https://id.example.com", "client_id": "x"}},
        "routes": [REST],
        **({} if tokens is None else {"tokens": tokens}),
        **settings,
    }
    whole = {name: it for name, it in whole.items() if it is not None}
    path.write_text(yaml.safe_dump(whole))
    return load(path, {}).settings


def known_by(settings):
    store, clock = MemoryStore(lambda: 0.0), lambda: 0.0
    tokens = tokens_of(settings, store, Sealer((b"s" * 32,)), clock)
    return clients_of(settings, registrations_of(store, tokens, clock), clock)


@pytest.mark.parametrize(
    ("tokens", "routes", "known"),
    [
        (None, [REST], None),
        ({"clients": PHONE}, [REST], None),
        ({"command_line": False}, [REST], None),
        ({"command_line": True}, [REST], {CLI}),
        ({"command_line": True, "clients": PHONE}, [REST], {CLI}),
        ({"clients": TV}, [REST], {CLI, "tv"}),
        ({"clients": TV, "command_line": False}, [REST], {"tv"}),
        (None, [MCP, REST], {CLI}),
        ({"command_line": False}, [MCP, REST], set()),
    ],
)
def test_the_command_line_is_a_client_where_there_are_others_or_it_is_asked_for(
    tmp_path, tokens, routes, known
):
    clients = known_by(loaded(tmp_path, tokens, routes=routes))
    assert (None if clients is None else set(clients.configured)) == known


def test_people_are_always_asked_about_the_command_line(tmp_path):
    clients = known_by(loaded(tmp_path, {"clients": TV, "consent": "skip"}))
    assert not clients.configured["tv"].asks_for_consent
    built_in = clients.configured[CLI]
    assert (built_in.asks_for_consent, built_in.is_asked_every_time) == (True, True)
    assert (built_in.is_public, built_in.may_use_devices) == (True, True)


def test_a_command_line_needs_somewhere_to_sign_in(tmp_path):
    bearer = [{"issuer": "https://id.example.com", "audiences": ["https://notes.example.com"]}]
    with pytest.raises(SettingsError) as error:
        loaded(tmp_path, {"command_line": True}, providers=None, bearer=bearer)
    assert "tokens.command_line: needs a provider or local accounts" in "".join(
        error.value.problems
    )
