"""Signs a person in who types a code on another device (RFC 8628)."""

import time
from collections.abc import Callable, Mapping

from gateway.cli.login.address import origin_of
from gateway.cli.login.asking import Answer, ask
from gateway.cli.login.failure import CommandError
from gateway.cli.login.server import Server, turned_off
from gateway.cli.login.tokens import CLIENT, device_name
from gateway.cli.table import printable

_GRANT = "urn:ietf:params:oauth:grant-type:device_code"
_OK = 200
_USUAL_INTERVAL_S = _SLOWER_S = 5.0


def sign_in(
    server: Server,
    url: str,
    asked: Mapping[str, str],
    tell: Callable[[str], None],
    sleep: Callable[[float], None] = time.sleep,
) -> Answer:
    """The gateway's answer with tokens; `asked` has the scope and resource.

    Raises:
        CommandError: The person is not signed in.
    """
    if not server.device_endpoint:
        raise CommandError(f"{url} signs nobody in on another device, so you need a browser here")
    form = {"client_id": CLIENT, "device_name": device_name(), **asked}
    begun = ask(server.device_endpoint, form)
    if begun.error == "invalid_client":
        raise turned_off(url)
    page = begun.text("verification_uri")
    if begun.status != _OK or not page.startswith(origin_of(url) + "/"):
        raise CommandError(f"{url} starts no sign-in: {begun.why}")
    code = printable(begun.text("user_code"))
    tell(f"Open {printable(page)} on any device, and enter the code {code}")
    return _poll(server, url, begun, sleep)


def _poll(server: Server, url: str, begun: Answer, sleep: Callable[[float], None]) -> Answer:
    form = {
        "grant_type": _GRANT,
        "client_id": CLIENT,
        "device_code": begun.text("device_code"),
        "device_name": device_name(),
    }
    interval_s = begun.number("interval", _USUAL_INTERVAL_S)
    end = time.monotonic() + begun.number("expires_in", 0.0)
    while time.monotonic() < end:
        sleep(interval_s)
        try:
            answer = ask(server.token_endpoint, form)
        except CommandError:
            # Section 3.5: less often while it cannot be reached.
            interval_s += _SLOWER_S
            continue
        match answer.error:
            case "authorization_pending":
                continue
            case "slow_down" | "temporarily_unavailable":
                interval_s += _SLOWER_S
            case "access_denied":
                raise CommandError("you did not allow it")
            case "expired_token":
                break
            case _:
                return answer
    raise CommandError(f"nobody signed in to {url} in time")
