"""Translates a configuration of oauth2-proxy."""

import re
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from gateway.importing.alpha import Alpha, is_alpha, read_alpha
from gateway.importing.emit import Noted, Value, literal
from gateway.importing.entrance import entrance
from gateway.importing.findings import Report, UnreadableError
from gateway.importing.formats import (
    Format,
    put_from_yaml,
    read_options,
    read_yaml,
    shape_of,
)
from gateway.importing.given import Given
from gateway.importing.identity import Sent, sent_by_headers, sent_by_options
from gateway.importing.listening import proxies, server
from gateway.importing.providers import PLACEHOLDER_ISSUER, Translated, translate_provider
from gateway.importing.routes import routes
from gateway.importing.sessions import sessions, store
from gateway.importing.text import read_text
from gateway.importing.upstreams import Served, Upstream, from_urls, is_answer, served
from gateway.settings.addresses import parse_origin
from gateway.settings.scalars import printable, quote

PLACEHOLDER_URL = "https://change-me.invalid"
_CALLBACK = "/oauth2/callback"


@dataclass(slots=True)
class Imported:
    """A translated configuration."""

    settings: dict[str, Value]
    report: Report
    redirect_uris: tuple[tuple[str, str], ...] = field(default=())


def import_oauth2_proxy(
    path: Path, *, form: Format | None = None, alpha: Path | None = None, env: Path | None = None
) -> Imported:
    """Translate the file `path`, with the structured file and the variables beside it.

    Raises:
        UnreadableError: One of the files cannot be read as what it should be.
    """
    report = Report(str(path))
    given = Given(report)
    structured = _read(path, form, given)
    if alpha is not None:
        text = read_text(alpha)
        documents, about = read_yaml(text, alpha)
        if not is_alpha(documents):
            raise UnreadableError(printable(f"{alpha}: is no alpha configuration of oauth2-proxy"))
        structured = read_alpha(documents[0], about, given)
    if env is not None:
        variables = Given(report)
        read_options(read_text(env), env, variables, "env")
        _override(given, variables, over_flags=shape_of(read_text(path)) != "flags")
    return _translate(given, structured or Alpha(), path)


def _override(given: Given, variables: Given, *, over_flags: bool) -> None:
    """Variables go before a file and after flags."""
    if over_flags:
        given.override(variables)
    else:
        given.options = {**variables.options, **given.options}


def _read(path: Path, form: Format | None, given: Given) -> Alpha | None:
    text = read_text(path)
    form = form or shape_of(text)
    if form != "yaml":
        read_options(text, path, given, form)
        if not given.options and not given.report.findings:
            raise UnreadableError(printable(f"{path}: has no options of oauth2-proxy"))
        return None
    documents, about = read_yaml(text, path)
    if is_alpha(documents):
        return read_alpha(documents[0], about, given)
    found = [put_from_yaml(it, about, given, (i,)) for i, it in enumerate(documents)]
    if not any(found):
        raise UnreadableError(printable(f"{path}: has no options of oauth2-proxy"))
    return None


def _translate(given: Given, alpha: Alpha, path: Path) -> Imported:
    report = given.report
    written = alpha.upstreams if alpha.upstreams is not None else _upstreams(given)
    asked = all(map(is_answer, written))
    who_by = alpha.providers or [("", given)]
    providers = _providers(who_by, str(path))
    public_url = _public_url(given)
    settings: dict[str, Value] = {"public_url": public_url}
    settings.update(store(given))
    settings["server"] = server(given, asked=asked)
    upstreams = _served(written, report, asked=asked)
    sent = _sent(given, alpha, asked=asked)
    settings["upstreams"] = {
        it.name: {**it.settings, **sent.settings()} for it in upstreams if it.name
    }
    settings["providers"] = {it.name: it.settings for it in providers}
    settings.update(_bearer(given, providers))
    settings.update(sessions(given, _bare(public_url)))
    if asked:
        settings["forward_auth"] = {"dialect": Noted("nginx", "or traefik, caddy, envoy")}
        settings["compatibility"] = Noted(
            "oauth2-proxy", "answers /oauth2/auth, start and sign_out"
        )
    named = [(one.name, options) for one, (_, options) in zip(providers, who_by, strict=True)]
    settings["routes"] = routes(given, upstreams, entrance(given, named, path.parent))
    _tell_rest(given)
    for _, options in who_by:
        options.say_unread()
    given.say_unread()
    base = _bare(public_url)
    moved = tuple(
        (f"{base}{_CALLBACK}", f"{base}/_gatepost/callback/{it.name}") for it in providers
    )
    return Imported(settings, report, moved)


def _bare(value: Value) -> str:
    return str(value.value) if isinstance(value, Noted) else str(value)


def _public_url(given: Given) -> Value:
    told = given.text("redirect_url")
    try:
        parts = urlsplit(told)
        origin = parse_origin(f"{parts.scheme}://{parts.netloc}")
    except ValueError:
        where = given.get("redirect_url")
        place = given.report.source if where is None else where.place
        message = "names no host: write the URL that browsers use in public_url"
        given.report.add("to do", place, "redirect_url", message)
        return Noted(PLACEHOLDER_URL, "CHANGE: the URL that browsers use")
    if parts.path not in ("", "/", _CALLBACK):
        message = f"{quote(parts.path)} is not kept: the path of the redirect URI is Gatepost's own"
        given.say("differs", "redirect_url", message)
    return Noted(literal(origin), "from redirect_url")


def _providers(who_by: list[tuple[str, Given]], where: str) -> list[Translated]:
    found: list[Translated] = []
    names: set[str] = set()
    is_alone = len(who_by) == 1
    for name, options in who_by:
        one = translate_provider(options, name, where, is_alone=is_alone)
        if one.name in names:
            other = f"{one.name}-{len(names) + 1}"
            one = translate_provider(options, other, where, is_alone=is_alone)
        names.add(one.name)
        found.append(one)
    return found


def _upstreams(given: Given) -> list[Upstream]:
    found = given.get("upstreams")
    if found is None:
        return []
    insecure = given.is_on("ssl_upstream_insecure_skip_verify")
    if insecure and not any(it.startswith("https:") for it in given.items("upstreams")):
        given.say("not needed", "ssl_upstream_insecure_skip_verify", "no upstream is https")
    return from_urls(
        given.items("upstreams"),
        found.place,
        found.written,
        given.text("upstream_timeout"),
        given.is_on("pass_host_header", default=True),
        insecure,
    )


def _served(written: list[Upstream], report: Report, *, asked: bool) -> list[Served]:
    if asked:
        url = Noted("http://127.0.0.1:3000", "not used: the proxy in front forwards")
        return [Served("app", {"url": url}, {"prefix": "/"})]
    found = served(written, report)
    if not any(it.name for it in found):
        url = Noted("http://127.0.0.1:3000", "CHANGE: no upstream could be translated")
        found.append(Served("app", {"url": url}, {"path": "/change-me"}))
    return found


def _sent(given: Given, alpha: Alpha, *, asked: bool) -> Sent:
    headers = alpha.response_headers if asked else alpha.request_headers
    if headers is not None:
        return sent_by_headers(headers, given.report)
    # The structured file sends only what it lists.
    return Sent() if alpha.providers else sent_by_options(given, asked=asked)


def _bearer(given: Given, providers: list[Translated]) -> dict[str, Value]:
    if not given.is_on("skip_jwt_bearer_tokens"):
        return {}
    own = {it.issuer: [it.client_id] for it in providers if it.issuer != PLACEHOLDER_ISSUER}
    for audiences in own.values():
        audiences.extend(given.items("oidc_extra_audiences"))
    for pair in given.items("extra_jwt_issuers"):
        issuer, mark, audience = pair.rpartition("=")
        if not mark or not re.fullmatch(r"https?://[^?#\s]+", issuer):
            given.say("no equal", "extra_jwt_issuers", f"{quote(pair)} is not issuer=audience")
            continue
        own.setdefault(issuer, []).append(audience)
    message = "ID tokens are refused: clients must send access tokens that name this audience"
    given.say("differs", "skip_jwt_bearer_tokens", message)
    entries: list[Value] = [
        {"issuer": literal(issuer), "audiences": [literal(it) for it in dict.fromkeys(audiences)]}
        for issuer, audiences in own.items()
    ]
    return {"bearer": entries} if entries else {}


def _tell_rest(given: Given) -> None:
    """Report on options that shape nothing in the new file."""
    proxies(given)
    prefix = given.text("proxy_prefix")
    if prefix:
        given.say("differs", "proxy_prefix", "Gatepost's own pages are under /_gatepost")
    if given.get("whitelist_domains") is not None:
        message = (
            "a sign-in returns to the same host; with compatibility: oauth2-proxy also to"
            " hosts of public_url under sessions.cookie.domain"
        )
        given.say("differs", "whitelist_domains", message)
