"""`gatepost explain`: what the policy says of a request, and why."""

import os
import sys
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn
from urllib.parse import urlsplit

import click

from gateway.cli.options import config_option
from gateway.errors import GatewayError, SettingsError

if TYPE_CHECKING:
    from gateway.authz.explain import Explanation
    from gateway.message.request import Request
    from gateway.model import Decision, Identity
    from gateway.routing.route import Route
    from gateway.settings.schema import Settings


_FOREIGN = "foreign"


@click.command("explain")
@config_option
@click.argument("method")
@click.argument("target")
@click.option("--host", help="The host asked for; that of public_url if not given.")
@click.option("--user", help="Who asks; nobody if not given.")
@click.option("--email", help="The verified e-mail address of the user.")
@click.option("--group", "groups", multiple=True, help="A group of the user's; may be repeated.")
@click.option("--role", "roles", multiple=True, help="A role of the user's; may be repeated.")
@click.option(
    "--scope", "scopes", multiple=True, help="A scope of the credential; may be repeated."
)
@click.option(
    "--credential",
    type=click.Choice(["session", "bearer", "api_key", "token", _FOREIGN]),
    default="session",
    help="How the user is proven; foreign: by a credential that only the app knows."
    "  [default: session]",
)
@click.option("--ip", default="127.0.0.1", help="The client's address.  [default: 127.0.0.1]")
def explain_command(
    config: Path | None,
    method: str,
    target: str,
    host: str | None,
    user: str | None,
    email: str | None,
    groups: tuple[str, ...],
    roles: tuple[str, ...],
    scopes: tuple[str, ...],
    credential: str,
    ip: str,
) -> None:
    """Say what happens to a request: each route tried, each condition met or not.

    Nothing is asked of a provider or a store; the session is taken to be fresh.

    Example: gatepost explain GET /reports/1 --user alice --group admins
    """
    from gateway.model import ANONYMOUS, Identity
    from gateway.settings.load import load

    if credential == _FOREIGN and user is not None:
        _give_up("--credential foreign: whose it is, only the app knows; leave out --user")
    try:
        settings = load(config, os.environ).settings
        ip_address(ip)
    except SettingsError as error:
        _give_up("\n".join(error.problems))
    except ValueError as error:
        _give_up(f"--ip: {error}")
    now = datetime.now(UTC).timestamp()
    identity = ANONYMOUS
    if user is not None:
        identity = Identity(
            user=user,
            subject=user,
            issuer="",
            credential=credential,
            provider=next(iter(settings.providers), ""),
            email=email,
            groups=groups,
            roles=roles,
            scopes=frozenset(scopes),
            authenticated_at=int(now),
        )
    try:
        request = _request(settings, method.upper(), target, host, ip, now)
        _explain(settings, request, None if credential == _FOREIGN else identity)
    except GatewayError as error:
        click.echo(f"{error}")
        click.echo(f"decision: deny reason: {error.reason} route: -")


def _request(
    settings: "Settings", method: str, target: str, host: str | None, ip: str, now: float
) -> "Request":
    from gateway.message.fields import Fields
    from gateway.message.request import Request
    from gateway.message.target import parse_target

    public_url = settings.public_url[0]
    return Request(
        method=method,
        target=parse_target(target.encode()),
        fields=Fields(()),
        host=(host or urlsplit(public_url).netloc).lower(),
        public_url=public_url,
        client=ip,
        request_id="explain",
        received_at=now,
    )


def _explain(settings: "Settings", request: "Request", identity: "Identity | None") -> None:
    """Print it all; `identity` is None for a credential that is not the gateway's."""
    from gateway.routing.table import build_table

    table = build_table(settings.routes, next(iter(settings.upstreams)))
    found = table.match_readings(request)
    for reading in request.target.readings[1:]:
        click.echo(f"some servers read the path as {reading!r}")
    for route in table.routes:
        click.echo(f"route {route.name}: {_why_not(route, request) or 'covers the request'}")
        if route is found:
            break
    if found is None or found not in table.routes:
        reserved = found is not None
        reason = "endpoint" if reserved else "no-route"
        click.echo(f"decision: {'allow' if reserved else 'deny'} reason: {reason} route: -")
        return
    explanation = _explanation(found, request, identity)
    for line in explanation.lines():
        click.echo(f"  {line}")
    decision = explanation.decision
    click.echo(f"decision: {_word(decision)} reason: {decision.reason} route: {found.name}")


def _explanation(route: "Route", request: "Request", identity: "Identity | None") -> "Explanation":
    from gateway.authz.access import compile_access
    from gateway.authz.explain import Explanation, explain
    from gateway.authz.facts import Facts
    from gateway.authz.foreign import explain_foreign
    from gateway.model import ANONYMOUS, Deny
    from gateway.settings.schema import AccessRules

    assert isinstance(route.access, str | AccessRules)  # noqa: S101 - the schema has seen to it
    access = compile_access(route.access)
    facts = Facts(request, identity or ANONYMOUS, request.received_at)
    settings = route.settings
    if identity is not None or (settings is not None and not settings.asks_for_credentials):
        return explain(access, facts)
    if settings is None or not settings.passes_foreign:
        return Explanation(access.word, Deny("unknown-credential"), ())
    return explain_foreign(access, facts)


def _why_not(route: "Route", request: "Request") -> str | None:
    """Why `route` does not cover the request; None where it does."""
    from gateway.routing.route import covers

    path, host = request.target.path, request.host
    if route.hosts and not route.hosts & {host, host.rpartition(":")[0]}:
        return f"is for {', '.join(sorted(route.hosts))}, not {host}"
    by_regex = route.regex is not None and route.regex.fullmatch(path) is not None
    if path not in route.paths and not by_regex and not any(covers(s, path) for s in route.stems):
        return f"does not cover {path}"
    if not route.takes(request.method):
        return f"is for {', '.join(sorted(route.methods))}"
    return None


def _word(decision: "Decision") -> str:
    return {"Allow": "allow", "Deny": "deny", "SignIn": "sign_in", "StepUp": "step_up"}[
        type(decision).__name__
    ]


def _give_up(text: str) -> NoReturn:
    click.echo(text, err=True)
    sys.exit(2)
