"""Whether the directory of `ldap` answers, and finds people."""

from gateway.assembly.providers import directories_of
from gateway.cli.doctor_checks.finding import Finding
from gateway.cli.doctor_checks.surroundings import Surroundings
from gateway.errors import GatewayError

_ANSWERS, _SEARCH = "directory-answers", "directory-search"


async def check_directory(around: Surroundings) -> list[Finding]:
    """Findings on the directory; binds as the account that searches, and as no person."""
    settings, found = around.settings.ldap, list(directories_of(around.settings).values())
    if settings is None or not found:
        return []
    directory, about = found[0], settings.url
    try:
        try:
            await directory.try_connection()
        except GatewayError as error:
            do = "check ldap.url, the firewall and ldap.ca_file; the certificate must name the host"
            return [Finding("error", _ANSWERS, about, _told(error), do)]
        how = "with TLS" if settings.is_tls or settings.start_tls else "without TLS"
        answers = Finding("ok", _ANSWERS, about, f"accepts the connection, {how}")
        if not settings.can_search:
            says = "people are bound directly: only a sign-in shows whether that works"
            do = "set bind_dn and bind_password_file, so that who leaves is signed out"
            return [answers, Finding("warning", _SEARCH, about, says, do)]
        try:
            return [answers, _searched(await directory.try_searcher(), around)]
        except GatewayError as error:
            do = "check ldap.bind_dn, bind_password_file, base, filter and groups.base"
            return [answers, Finding("error", _SEARCH, about, _told(error), do)]
    finally:
        directory.close()


def _searched(people: int, around: Surroundings) -> Finding:
    settings = around.settings.ldap
    assert settings is not None  # noqa: S101 - checked by the caller
    who = settings.bind_dn or "nobody (anonymous)"
    if people:
        return Finding("ok", _SEARCH, settings.url, f"{who} finds people below {settings.base}")
    says = f"{who} finds nobody below {settings.base}"
    do = "correct ldap.base and ldap.filter, or let the account read people"
    return Finding("error", _SEARCH, settings.url, says, do)


def _told(error: GatewayError) -> str:
    return str(error).removeprefix("ldap: ")
