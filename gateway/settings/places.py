"""Checks of where things are: the public URLs, and the paths of routes and apps."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from urllib.parse import urlsplit

from gateway.message.public_url import OWN_PREFIX, base_of
from gateway.message.star import star_of
from gateway.settings.addresses import parse_served_host
from gateway.settings.coverage import is_below, meets
from gateway.settings.document import Path, Problem
from gateway.settings.routes import RouteSettings
from gateway.settings.scalars import quote


def host_of(public_url: str) -> str:
    """The host of a public URL, as requests name it: a default port is dropped."""
    return parse_served_host(urlsplit(public_url).netloc)


def check_public_urls(
    public_url: Sequence[str], sections: Collection[str], *, has_links: bool = False
) -> Iterator[Problem]:
    """Problems with the public URLs as a whole.

    `sections` are the top-level settings given; `has_links` tells whether mails and commands give
    links to the first public URL.
    """
    below = next(filter(base_of, public_url), None)
    if "compatibility" in sections and below is not None:
        message = f"oauth2-proxy's paths are at the root of a host, and {below} has a path"
        yield Problem(("compatibility",), f"{message}: remove one of the two")
    if has_links and public_url and "://*." in public_url[0]:
        message = (
            f"links for local accounts lead to {public_url[0]}: first write one without a star"
        )
        yield Problem(("public_url", 0), message)
    seen: dict[str, str] = {}
    for index, url in enumerate(public_url):
        other = seen.setdefault(host_of(url), url)
        if other != url:
            message = f"{url} has the host of {other}: a host can have one public URL"
            yield Problem(("public_url", index), message)


def check_place(
    route: RouteSettings, path: Path, public_url: Sequence[str] = ()
) -> Iterator[Problem]:
    """Problems with the paths of `route`, which is at `path` in the configuration."""
    strip = route.strip_prefix
    if strip and not is_below(route, strip):
        message = f"{quote(strip)} is not the beginning of every path of this route"
        yield Problem((*path, "strip_prefix"), message)
    yield from _reach(route, path, public_url)


def _base(host: str, bases: Mapping[str, str]) -> str:
    # A host that only a route names has no path.
    return bases.get(host, bases.get(star_of(host), ""))


def _reach(route: RouteSettings, path: Path, public_url: Sequence[str]) -> Iterator[Problem]:
    """Whether some public URL has the paths of `route`, and they are not the gateway's own."""
    bases = {host_of(url): base_of(url) for url in public_url}
    served = [_base(host, bases) for host in route.host] or list(bases.values())
    if served and not any(meets(route, base) for base in served):
        url = next(url for url in public_url if base_of(url) in served)
        message = f"can never match: nothing but paths below {url} is served there"
        yield Problem(path, f"{message} (write {base_of(url)} before its paths)")
    for base in filter(None, served):
        if is_below(route, base + OWN_PREFIX):
            message = f"paths under {base}{OWN_PREFIX} cannot be routed"
            yield Problem(path, f"{message}: the gateway answers them itself")
