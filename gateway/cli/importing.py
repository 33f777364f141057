"""`gatepost import`: translates another proxy's configuration into gatepost.yaml."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from gateway.importing.emit import Value
    from gateway.importing.findings import Report

_FORMATS = ("toml", "flags", "env", "yaml")
# What must stand in the cluster; the guide has it whole.
_INSTEAD = (
    "then: send each host to Gatepost's Service, with an HTTPRoute or an Ingress without auth-*",
    "then: keep clients and other pods away from the apps' Services (NetworkPolicy)",
)
_IN_FRONT_OF_APPS = (
    "then: auth-url: http://gatepost.NAMESPACE.svc.cluster.local:8080/_gatepost/auth",
    "then: auth-signin: https://$host/_gatepost/sign-in?return_to=$escaped_request_uri",
    "then: auth-response-headers: Remote-User,Remote-Email,Remote-Name,Remote-Groups,"
    "Gatepost-Assertion",
    "then: send /_gatepost/ of each host to Gatepost's Service, without auth-url",
)
_file = click.Path(path_type=Path)
_output = click.option("-o", "--output", type=_file, help="Write here.  [default: standard output]")


@click.group("import")
def import_command() -> None:
    """Translate another proxy's configuration.

    Writes gatepost.yaml to standard output.  Standard error has a line for everything that has no
    equal, differs, or is left to do.  Secrets are never copied.

    Example: gatepost import oauth2-proxy oauth2-proxy.cfg -o gatepost.yaml
    """


@import_command.command("oauth2-proxy")
@click.argument("file", type=_file)
@click.option("--alpha-config", type=_file, help="The structured file beside it.")
@click.option("--env-file", type=_file, help="A file of OAUTH2_PROXY_* variables beside it.")
@click.option(
    "--format",
    "form",
    type=click.Choice(_FORMATS),
    help="toml, flags, env, or yaml (alpha, Kubernetes, Compose).  [default: by its shape]",
)
@_output
def oauth2_proxy_command(
    file: Path,
    alpha_config: Path | None,
    env_file: Path | None,
    form: str | None,
    output: Path | None,
) -> None:
    """Translate oauth2-proxy's configuration.

    FILE is TOML, a list of flags, a file of variables, alpha YAML, or a Deployment or Compose file
    with flags or variables in it.

    \b
    Examples:
      gatepost import oauth2-proxy oauth2-proxy.cfg --env-file oauth2-proxy.env -o gatepost.yaml
      gatepost import oauth2-proxy deployment.yaml > gatepost.yaml
    """
    from gateway.importing.findings import UnreadableError
    from gateway.importing.oauth2_proxy import import_oauth2_proxy

    try:
        found = import_oauth2_proxy(file, form=form, alpha=alpha_config, env=env_file)  # type: ignore[arg-type]
    except UnreadableError as error:
        _stop(str(error))
    _finish(found.settings, f"gatepost import oauth2-proxy {file}", output, found.report)
    for before, after in found.redirect_uris:
        # Of several providers, none is called back at oauth2-proxy's path.
        if "compatibility" in found.settings and len(found.redirect_uris) == 1:
            click.echo(
                f"the redirect URI may stay {before}; without compatibility, register {after}",
                err=True,
            )
            continue
        click.echo(f"the redirect URI changes: register {after} (was {before})", err=True)


@import_command.command("ingress")
@click.argument("files", type=_file, nargs=-1, required=True)
@click.option(
    "--forward-auth",
    is_flag=True,
    help="Keep a proxy in front that asks Gatepost.  [default: Gatepost forwards itself]",
)
@_output
def ingress_command(files: tuple[Path, ...], forward_auth: bool, output: Path | None) -> None:
    """Translate Ingress objects of ingress-nginx.

    FILES are YAML with one or more objects, such as kubectl prints.

    \b
    Examples:
      kubectl get ingress -A -o yaml > all.yaml
      gatepost import ingress all.yaml -o gatepost.yaml
    """
    from gateway.importing.findings import UnreadableError
    from gateway.importing.ingress import import_ingress

    try:
        found = import_ingress(files, forward_auth=forward_auth)
    except UnreadableError as error:
        _stop(str(error))
    title = f"gatepost import ingress {' '.join(map(str, files))}"
    _finish(found.settings, title, output, found.report)
    for line in _IN_FRONT_OF_APPS if forward_auth else _INSTEAD:
        click.echo(line, err=True)
    for host in found.hosts:
        uri = f"https://{host}/_gatepost/callback/idp"
        click.echo(f"the redirect URI changes: register {uri}", err=True)


def _finish(
    settings: "dict[str, Value]", title: str, output: Path | None, report: "Report"
) -> None:
    """Write the file, then the report, and what `gatepost check` says of the file."""
    from gateway.importing.emit import emit
    from gateway.settings.scalars import printable

    text = f"# Written by {printable(title)}.  CHANGE marks what you must fill in.\n"
    text += "\n".join(_spaced(list(emit(settings)))) + "\n"
    _check(text, report)
    if output is None:
        click.echo(text, nl=False)
    else:
        try:
            with output.open("x", encoding="utf-8") as file:
                file.write(text)
        except FileExistsError:
            _stop(printable(f"{output}: cannot be written: it exists: choose another name with -o"))
        except OSError as error:
            _stop(printable(f"{output}: cannot be written: {error.strerror}"))
    for line in report.lines():
        click.echo(line, err=True)


def _spaced(lines: "Sequence[str]") -> "Iterator[str]":
    """`lines` with an empty one before each section, and after it."""
    inside = [line.startswith((" ", "#")) for line in [*lines, ""]]
    for number, line in enumerate(lines):
        if number and not inside[number] and (inside[number - 1] or inside[number + 1]):
            yield ""
        yield line


def _check(text: str, report: "Report") -> None:
    """Report what is wrong with `text`, whose secrets are not there yet."""
    from gateway.importing.checking import problems_of

    for problem in problems_of(text):
        report.add("to do", "gatepost.yaml", "", problem)


def _stop(message: str) -> NoReturn:
    click.echo(message, err=True)
    sys.exit(2)
