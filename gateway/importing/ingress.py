"""Translates Ingress objects of ingress-nginx."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from gateway.importing.annotations import TOLD, TRANSLATED
from gateway.importing.emit import Noted, Value, literal
from gateway.importing.findings import Report
from gateway.importing.ingress_access import IngressAccess
from gateway.importing.ingress_files import Backend, Ingress, read_ingresses
from gateway.importing.patterns import translate
from gateway.importing.providers import PLACEHOLDER_ISSUER
from gateway.importing.routes import visible
from gateway.settings.addresses import parse_host_name, parse_upstream_url
from gateway.settings.scalars import quote, unknown_message

PLACEHOLDER_HOST = "change-me.invalid"
_PROXIES = "CHANGE: the address of the proxy in front"
_NUMBER = re.compile(r"[1-9][0-9]{0,5}")
_PREFIX = re.compile(r"(?:/[A-Za-z0-9._~@:+,=!-]+)*")


@dataclass(slots=True)
class ImportedIngress:
    """A translated set of Ingress objects."""

    settings: dict[str, Value]
    report: Report
    hosts: tuple[str, ...] = field(default=())


def import_ingress(paths: Sequence[Path], *, forward_auth: bool) -> ImportedIngress:
    """Translate all Ingress objects in `paths`.

    Raises:
        UnreadableError: A file cannot be read, or none has an Ingress.
    """
    report = Report(str(paths[0]))
    importer = _Importer(report)
    for ingress in read_ingresses(paths):
        importer.add(ingress)
    return ImportedIngress(importer.settings(forward_auth), report, tuple(importer.hosts))


@dataclass(slots=True)
class _Importer:
    report: Report
    hosts: dict[str, None] = field(default_factory=dict)
    upstreams: dict[str, dict[str, Value]] = field(default_factory=dict)
    # With what they are sorted by: exact ones first, then the longest, as nginx chooses.
    routes: list[tuple[tuple[bool, int], dict[str, Value]]] = field(default_factory=list)

    def add(self, ingress: Ingress) -> None:
        self._tell(ingress)
        if _is_on(ingress, "canary") or _is_on(ingress, "ssl-passthrough"):
            name = "canary" if _is_on(ingress, "canary") else "ssl-passthrough"
            self._say(ingress, name, "no equal", "this Ingress was left out")
            return
        access = IngressAccess(self.report, ingress).value()
        for backend in ingress.backends:
            self._add_backend(ingress, backend, access)

    def _add_backend(self, ingress: Ingress, backend: Backend, access: Value) -> None:
        hosts = [it for name in self._names(ingress, backend) if (it := self._host(name, backend))]
        upstream = self._upstream(ingress, backend)
        if upstream is None or not hosts:
            return
        if ingress.encrypted.isdisjoint(hosts):
            message = "has no certificate here: public_url is https, so something must end TLS"
            self.report.add("to do", backend.place, ", ".join(hosts), message)
        match = self._match(ingress, backend)
        if match is None:
            return
        self.hosts.update(dict.fromkeys(hosts))
        name = f"{upstream}-{len(self.routes) + 1}"
        route: dict[str, Value] = {"name": name, "host": hosts, **match, "upstream": upstream}
        denied = ingress.annotations.get("rewrite-target")
        if denied:
            message = "is not translated: denied until you write strip_prefix or add_prefix"
            self._say(ingress, "rewrite-target", "no equal", message)
            route["access"] = Noted("denied", f"rewrite-target: {literal(denied)}")
        else:
            route["access"] = access
        limit = self._limit(ingress)
        if limit:
            route["rate_limit"] = limit
        self.routes.append(((backend.kind != "Exact", -len(backend.path)), route))

    def _names(self, ingress: Ingress, backend: Backend) -> list[str]:
        aliases = ingress.annotations.get("server-alias", "")
        return [backend.host, *(it.strip().lower() for it in aliases.split(",") if it.strip())]

    def _host(self, name: str, backend: Backend) -> str:
        if not name:
            message = f"is for every host: {PLACEHOLDER_HOST} stands for it, write yours"
            self.report.add("to do", backend.place, "host", message)
            return PLACEHOLDER_HOST
        try:
            return str(parse_host_name(name))
        except ValueError:
            message = f"{quote(name)} was left out: list each host name"
            self.report.add("no equal", backend.place, "host", message)
            return ""

    def _upstream(self, ingress: Ingress, backend: Backend) -> str | None:
        if not backend.service:
            self.report.add("no equal", backend.place, "backend", "is no service: was left out")
            return None
        protocol = ingress.annotations.get("backend-protocol", "HTTP").upper()
        if protocol not in ("HTTP", "HTTPS", "AUTO_HTTP"):
            message = f"{quote(protocol)} was left out: apps are spoken to by HTTP/1.1"
            self._say(ingress, "backend-protocol", "no equal", message)
            return None
        port = backend.port
        if not port.isdecimal():
            message = f"port {quote(port)} has no number here: 80 was taken"
            self.report.add("to do", backend.place, "backend", message)
            port = "80"
        scheme = "https" if protocol == "HTTPS" else "http"
        url = f"{scheme}://{backend.service}.{ingress.namespace}.svc.cluster.local:{port}"
        try:
            url = parse_upstream_url(url)
        except ValueError:
            self.report.add("no equal", backend.place, "backend", f"{quote(url)} is no address")
            return None
        if scheme == "https":
            message = "the app's certificate is verified now: set upstreams.NAME.tls.ca_file"
            self._say(ingress, "backend-protocol", "differs", message)
        stem = re.sub(r"[^a-z0-9]+", "-", f"{ingress.namespace}-{backend.service}-{port}".lower())
        settings: dict[str, Value] = {"url": url, **self._how(ingress)}
        # Another app, or the same in another way, may have the same name.
        name, number = stem, 1
        while self.upstreams.setdefault(name, settings) != settings:
            number += 1
            name = f"{stem}-{number}"
        return name

    def _how(self, ingress: Ingress) -> dict[str, Value]:
        found: dict[str, Value] = {}
        host = ingress.annotations.get("upstream-vhost", "")
        if host:
            try:
                found["host"] = str(parse_host_name(host))
            except ValueError:
                self._say(ingress, "upstream-vhost", "no equal", f"{quote(host)} is no host name")
        times: dict[str, Value] = {}
        for name, setting in (("connect", "proxy-connect-timeout"), ("idle", "proxy-read-timeout")):
            text = ingress.annotations.get(setting, "").removesuffix("s")
            if _NUMBER.fullmatch(text):
                times[name] = f"{int(text)}s"
        if times:
            found["timeouts"] = times
        return found

    def _match(self, ingress: Ingress, backend: Backend) -> dict[str, Value] | None:
        path = backend.path
        is_regex = _is_on(ingress, "use-regex") or "rewrite-target" in ingress.annotations
        if is_regex and backend.kind == "ImplementationSpecific":
            # nginx ignores the case, begins at the start, and leaves the end open.
            pattern = translate(f"(?i)^{path}")
            if isinstance(pattern, str):
                message = f"{quote(path)} {pattern}: was left out"
                self.report.add("no equal", backend.place, "path", message)
                return None
            return {pattern.kind: literal(pattern.text)}
        if _PREFIX.fullmatch(path.rstrip("/")) is None or {".", ".."} & set(path.split("/")):
            self.report.add("no equal", backend.place, "path", f"{quote(path)} was left out")
            return None
        if backend.kind == "Exact":
            return {"path": path}
        if backend.kind == "ImplementationSpecific" and path != "/":
            message = f"{path} covers whole segments now: {path}x is not covered"
            self.report.add("differs", backend.place, "path", message)
        return {"prefix": path.rstrip("/") or "/"}

    def _limit(self, ingress: Ingress) -> dict[str, Value]:
        for name, per in (("limit-rps", "1s"), ("limit-rpm", "1m")):
            text = ingress.annotations.get(name, "")
            if _NUMBER.fullmatch(text):
                self._say(ingress, name, "differs", "without bursts, and over it is 429")
                return {"requests": int(text), "per": per, "by": "ip"}
        return {}

    def _tell(self, ingress: Ingress) -> None:
        for name, value in ingress.annotations.items():
            if name in TOLD:
                if value.strip().lower() not in ("", "false"):
                    self._say(ingress, name, *TOLD[name])
            elif name not in TRANSLATED:
                said = unknown_message("annotation", name, [*TRANSLATED, *TOLD], free=())
                message = f"{said}: left out, check what it did"
                self._say(ingress, name, "unknown", message)

    def _say(self, ingress: Ingress, name: str, kind: str, message: str) -> None:
        place = ingress.places.get(name, ingress.place)
        self.report.add(kind, place, f"{ingress.name}: {name}", message)  # type: ignore[arg-type]

    def settings(self, forward_auth: bool) -> dict[str, Value]:
        hosts = list(self.hosts) or [PLACEHOLDER_HOST]
        settings: dict[str, Value] = {"public_url": [f"https://{it}" for it in hosts]}
        trusted = Noted(["127.0.0.1"] if forward_auth else [], _PROXIES)
        settings["server"] = {"trusted_proxies": trusted}
        settings["upstreams"] = dict(self.upstreams) or {"app": "http://127.0.0.1:3000"}
        settings["providers"] = {
            "idp": {
                "issuer": Noted(PLACEHOLDER_ISSUER, "CHANGE: your provider's issuer"),
                "client_id": Noted("change-me", "CHANGE"),
                "client_secret": Noted("${OIDC_CLIENT_SECRET}", "secrets are not copied"),
            }
        }
        if forward_auth:
            settings["forward_auth"] = {"dialect": Noted("nginx", "or traefik, caddy, envoy")}
        ordered = [route for _, route in sorted(self.routes, key=lambda it: it[0])]
        routes, hidden = visible(ordered)
        for name in hidden:
            message = f"{name} was left out: another Ingress has its host and path"
            self.report.add("to do", self.report.source, "", message)
        settings["routes"] = [*routes, {"name": "nothing-else", "prefix": "/", "access": "denied"}]
        for message in (
            "providers: an Ingress does not name the provider: write issuer and client_id",
            "server.trusted_proxies: write the address of the proxy in front, or clients have its",
        ):
            self.report.add("to do", self.report.source, "", message)
        return settings


def _is_on(ingress: Ingress, name: str) -> bool:
    return ingress.annotations.get(name, "").strip().lower() == "true"
