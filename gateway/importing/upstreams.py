"""The upstreams of oauth2-proxy as Gatepost's, and the paths that lead to each."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from gateway.importing.emit import Noted, Value, literal
from gateway.importing.findings import Report
from gateway.importing.times import duration
from gateway.settings.addresses import parse_upstream_url
from gateway.settings.scalars import quote


@dataclass(frozen=True, slots=True)
class Upstream:
    """One upstream as written.

    Attributes:
        uri: Its URL; ``static://202`` and ``file:///…`` are not forwarded anywhere.
        path: Which requests it is for; one that ends in a slash stands for all below it.
        name: Its id in the file; ``""`` if it has none.
        place: ``file:line``.
        option: The option's name as written.
        timeout: A duration of Go; ``""`` for the default.
    """

    uri: str
    path: str
    place: str
    option: str
    name: str = ""
    timeout: str = ""
    keeps_host: bool = True
    insecure: bool = False
    rewrites: bool = False


@dataclass(frozen=True, slots=True)
class Served:
    """One upstream of the new file.

    Attributes:
        name: ``""`` if nothing may reach it, because it has no equal.
        match: ``{"prefix": …}``, ``{"path": …}`` or ``{"regex": …}`` of its route.
    """

    name: str
    settings: dict[str, Value]
    match: dict[str, Value]
    note: str = ""


def served(upstreams: Sequence[Upstream], report: Report) -> list[Served]:
    """What becomes of `upstreams`, the most specific path first, as oauth2-proxy chooses."""
    found: list[Served] = []
    names: set[str] = set()
    for upstream in sorted(upstreams, key=lambda it: (-len(it.path), it.path)):
        name = _name(upstream, names)
        found.append(_served(upstream, name, report))
        names.add(name)
    return found


def is_answer(upstream: Upstream) -> bool:
    """Whether it only answers, so that oauth2-proxy is asked by another proxy."""
    return upstream.uri.startswith("static:")


def _name(upstream: Upstream, taken: set[str]) -> str:
    stem = re.sub(r"[^a-z0-9]+", "-", (upstream.name or upstream.path).lower()).strip("-")
    name = stem = stem or "app"
    number = 1
    while name in taken:
        number += 1
        name = f"{stem}-{number}"
    return name


def _served(upstream: Upstream, name: str, report: Report) -> Served:
    match = _match(upstream, report)
    url = _url(upstream)
    if url is None:
        what = "static answers" if is_answer(upstream) else "files"
        if not upstream.uri.startswith(("static:", "file:")):
            what = f"upstreams like {quote(_shown(upstream.uri))}"
        message = f"Gatepost serves no {what}: requests for {upstream.path} are denied"
        report.add("no equal", upstream.place, upstream.option, message)
        return Served("", {}, match, message)
    if upstream.rewrites:
        message = "is not translated: requests for this upstream are denied"
        does = f"rewriteTarget: {message} until you write strip_prefix or add_prefix"
        report.add("no equal", upstream.place, upstream.option, does)
        return Served("", {}, match, f"rewriteTarget {message}")
    return Served(name, _settings(upstream, url, report), match)


def _shown(uri: str) -> str:
    """`uri` without a user name and password."""
    return re.sub(r"//[^/?#]*@", "//", uri)


def _url(upstream: Upstream) -> str | None:
    uri = upstream.uri
    if uri.startswith("unix:"):
        uri = "unix:" + re.sub(r"^/*", "/", uri.removeprefix("unix:"))
    else:
        # oauth2-proxy sends the request's own path, whatever the URL's is.
        uri = "/".join(uri.split("/", 3)[:3])
    try:
        return str(parse_upstream_url(uri))
    except ValueError:
        return None


def _settings(upstream: Upstream, url: str, report: Report) -> dict[str, Value]:
    settings: dict[str, Value] = {"url": literal(url)}
    if not upstream.keeps_host:
        settings["host"] = Noted("upstream", "pass_host_header = false")
    if upstream.timeout:
        spelled = duration(upstream.timeout)
        if spelled is None or spelled == "0s":
            report.add("differs", upstream.place, upstream.option, "the time limit was not read")
        else:
            settings["timeouts"] = {"response": spelled}
    if upstream.insecure and url.startswith("https:"):
        settings["tls"] = {"insecure_skip_verify": Noted(True, "accepts any certificate")}
        report.add(
            "to do",
            upstream.place,
            upstream.option,
            "the app's certificate is not verified: set tls.ca_file instead",
        )
    return settings


def _match(upstream: Upstream, report: Report) -> dict[str, Value]:
    path = upstream.path or "/"
    if upstream.rewrites or not re.fullmatch(r"(/[A-Za-z0-9._~@:+,=!-]+)*/?", path):
        # Nothing is forwarded there, so too wide is safe.
        start = re.match(r"\^?((?:/[A-Za-z0-9_-]+)*)", path)  # noqa: TID251 - a beginning
        return {"prefix": (start[1] if start else "") or "/"}
    if path == "/":
        return {"prefix": "/"}
    if path.endswith("/"):
        return {"prefix": path.rstrip("/")}
    message = f"only the path {path} itself, as before; write prefix: {path} for all below it"
    report.add("differs", upstream.place, upstream.option, message)
    return {"path": path}


def from_urls(
    urls: Sequence[str], place: str, option: str, timeout: str, keeps_host: bool, insecure: bool
) -> list[Upstream]:
    """Upstreams as in the option `upstreams`: the URL's path says which requests are its own."""
    found = []
    for url in urls:
        path = _path_of(url)
        if url.startswith("file:") and "#" in url:
            path = url.partition("#")[2] or "/"
        one = Upstream(
            url,
            path,
            place,
            option,
            timeout=timeout,
            keeps_host=keeps_host,
            insecure=insecure,
        )
        found.append(one)
    return found


def _path_of(url: str) -> str:
    if url.startswith(("unix:", "static:")):
        return "/"
    try:
        return urlsplit(url).path or "/"
    except ValueError:
        return "/"
