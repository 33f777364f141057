"""Whether browsers accept the session cookie."""

from collections.abc import Iterator
from urllib.parse import urlsplit

from gateway.cli.doctor_checks.finding import Finding
from gateway.cli.doctor_checks.surroundings import Surroundings
from gateway.settings.addresses import is_loopback


async def check_cookies(around: Surroundings) -> list[Finding]:
    """Findings on the session cookie.  The schema has refused what it can tell by itself."""
    cookie = around.settings.sessions.cookie
    return [_domain(cookie.domain), *_secure(around.settings.public_url)]


def _domain(domain: str | None) -> Finding:
    # Not in `gatepost check`: the list is large, and it changes without us.
    from publicsuffixlist import PublicSuffixList

    if domain is None:
        says = "the cookie is for each host alone"
        return Finding("ok", "cookie-domain", "", says)
    if PublicSuffixList(accept_unknown=False).is_public(domain):
        says = (
            f"{domain} is a public suffix, under which anybody can have a site: browsers refuse "
            "the cookie, so nobody stays signed in"
        )
        do = "set sessions.cookie.domain to a domain of your own below it, or remove it"
        return Finding("error", "cookie-domain", "", says, do)
    says = f"the cookie is for {domain} and every host under it"
    return Finding("ok", "cookie-domain", "", says)


def _secure(urls: tuple[str, ...]) -> Iterator[Finding]:
    for url in urls:
        if url.startswith("https:"):
            says = "sent with Secure"
            yield Finding("ok", "cookie-secure", url, says)
        elif is_loopback(urlsplit(url).hostname or ""):
            says = "sent without Secure, on this machine only"
            yield Finding("ok", "cookie-secure", url, says)
        else:
            says = "sent without Secure and __Host-: others in the network can read and replace it"
            do = "serve https, and write https:// in public_url"
            yield Finding("warning", "cookie-secure", url, says, do)
