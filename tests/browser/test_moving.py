"""From local accounts to a provider, account by account, in a real browser at a real provider."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import bcrypt
import pytest
from selenium.webdriver import Chrome

from tests.browser.test_local_accounts import fill
from tests.e2e.browsing import Browser
from tests.fixtures.accounts import PASSWORD, command
from tests.fixtures.chromium import heading, press, wait_for_text
from tests.fixtures.network import take_free_port
from tests.fixtures.oidc import OidcProvider

LOGIN = "ann-at-work"
ANN = {"X-User": "ann", "X-Id": "17"}


@pytest.fixture
def start(
    gateway_process: Callable[..., Any], echo_app: str, oidc_provider: OidcProvider, tmp_path: Path
) -> Callable[..., Any]:
    """Start the gateway with a mode, always at the same address and with the same data."""
    listen = f"127.0.0.1:{take_free_port()}"
    client = oidc_provider.register(f"http://{listen}/_gatepost/callback/id")
    provider = {
        "issuer": oidc_provider.issuer,
        "client_id": client.client_id,
        "client_secret": client.client_secret,
        "label": "Sign in at work",
        "claims": {"user": "preferred_username"},
    }

    def begin(mode: str) -> Any:
        providers = {} if mode == "standalone" else {"providers": {"id": provider}}
        return gateway_process(
            {
                "auth_mode": mode,
                "server": {"listen": listen},
                "data_dir": str(tmp_path / "kept"),
                "upstreams": {
                    "app": {
                        "url": echo_app,
                        "identity": {"headers": {"X-User": "{user}", "X-Id": "{external_id}"}},
                    }
                },
                **providers,
            }
        )

    return begin


def sign_in_there(chromium: Chrome) -> None:
    fill(chromium, login=LOGIN, password="any")
    press(chromium, "button[type=submit]")
    press(chromium, "button[type=submit]")  # Consent.


def told(chromium: Chrome) -> dict[str, str]:
    """What the app got."""
    text = wait_for_text(chromium, "body", "X-User")
    return {name: value for name, value in json.loads(text).items() if name in ("X-User", "X-Id")}


def account_of(gateway: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(command(gateway, "show", "ann", "--json").stdout)
    return found


def in_standalone(gateway: Any, chromium: Chrome, users: Path) -> str:
    assert command(gateway, "import", str(users), "--apply").returncode == 0
    chromium.get(f"{gateway.base_url}/")
    fill(chromium, username="ann", password=PASSWORD)
    press(chromium, "button")
    assert told(chromium) == ANN
    return str(account_of(gateway)["id"])


def in_hybrid(gateway: Any, chromium: Chrome) -> None:
    chromium.get(f"{gateway.base_url}/_gatepost/account")
    # The session goes on: the people of before need not notice.
    press(chromium, "button[name=link]", "Link id")
    sign_in_there(chromium)
    heading(chromium, "ann")
    wait_for_text(chromium, "main", "ann@work.test")
    press(chromium, "button[name=retire_password]", "Remove my password")
    heading(chromium, "ann")
    assert "Remove my password" not in wait_for_text(chromium, "main", "ann@work.test")

    chromium.delete_all_cookies()
    chromium.get(f"{gateway.base_url}/")
    fill(chromium, username="ann", password=PASSWORD)
    press(chromium, "button")
    wait_for_text(chromium, "[role=alert]", "is wrong")
    press(chromium, "a", "Sign in at work")
    sign_in_there(chromium)
    assert told(chromium) == ANN


def test_a_person_keeps_their_account_from_password_to_provider(
    start: Callable[..., Any], chromium: Chrome, tmp_path: Path, oidc_provider: OidcProvider
) -> None:
    oidc_provider.set_claims(LOGIN, preferred_username="a.archer", email="ann@work.test")
    users = tmp_path / "users.csv"
    old = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()
    users.write_text(f"user,password_hash,external_id,admin\nann,{old},17,true\n")

    gateway = start("standalone")
    account_id = in_standalone(gateway, chromium, users)
    gateway.stop()
    gateway = start("hybrid")
    in_hybrid(gateway, chromium)
    gateway.stop()
    gateway = start("oidc-only")

    chromium.delete_all_cookies()
    chromium.get(f"{gateway.base_url}/")
    sign_in_there(chromium)
    assert told(chromium) == ANN
    account = account_of(gateway)
    assert (account["id"], account["external_id"], account["password"]) == (account_id, "17", False)
    assert Browser(gateway).sign_in("ann", PASSWORD).status_code == 405
    assert len(json.loads(command(gateway, "list", "--json").stdout)) == 1
