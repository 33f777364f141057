"""Finds Ingress objects in files of Kubernetes objects."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from gateway.importing.annotations import PREFIX
from gateway.importing.findings import UnreadableError
from gateway.importing.formats import place_of, read_yaml
from gateway.importing.text import read_text
from gateway.settings.document import Data, Document
from gateway.settings.document import Path as DataPath
from gateway.settings.scalars import printable


@dataclass(frozen=True, slots=True)
class Backend:
    """One path of an Ingress, and the service behind it; a port by name has no number."""

    host: str
    path: str
    kind: str
    service: str
    port: str
    place: str


@dataclass(frozen=True, slots=True)
class Ingress:
    """One Ingress.

    Attributes:
        annotations: Those of ingress-nginx, by their names without prefix.
        places: ``file:line`` of each.
        encrypted: Hosts that it has a certificate for.
    """

    name: str
    namespace: str
    place: str
    annotations: Mapping[str, str]
    places: Mapping[str, str]
    backends: tuple[Backend, ...]
    encrypted: frozenset[str]


def read_ingresses(paths: Sequence[Path]) -> list[Ingress]:
    """All Ingress objects in the files.

    Raises:
        UnreadableError: A file cannot be read, or none has an Ingress.
    """
    found: list[Ingress] = []
    for path in paths:
        documents, about = read_yaml(read_text(path), path)
        for index, document in enumerate(documents):
            for data, at in _objects(document, (index,)):
                found.append(_ingress(data, about, at))
    if not found:
        names = ", ".join(map(str, paths))
        raise UnreadableError(printable(f"{names}: has no Ingress (networking.k8s.io/v1)"))
    return found


def _objects(data: Data, at: DataPath) -> Iterator[tuple[dict[str, Data], DataPath]]:
    if not isinstance(data, dict):
        return
    if data.get("kind") == "Ingress":
        yield data, at
    items = data.get("items")
    for index, item in enumerate(items if isinstance(items, list) else ()):
        yield from _objects(item, (*at, "items", index))


def _ingress(data: dict[str, Data], about: Document, at: DataPath) -> Ingress:
    metadata, spec = _mapping(data.get("metadata")), _mapping(data.get("spec"))
    annotations: dict[str, str] = {}
    places: dict[str, str] = {}
    for name, value in _mapping(metadata.get("annotations")).items():
        if name.startswith(PREFIX) and isinstance(value, str):
            short = name.removeprefix(PREFIX)
            annotations[short] = value
            places[short] = place_of(about, (*at, "metadata", "annotations", name))
    hosts = [
        host
        for tls in _list(spec.get("tls"))
        for host in _list(_mapping(tls).get("hosts"))
        if isinstance(host, str)
    ]
    return Ingress(
        _text(metadata.get("name")) or "unnamed",
        _text(metadata.get("namespace")) or "default",
        place_of(about, at),
        annotations,
        places,
        tuple(_backends(spec, about, (*at, "spec"))),
        frozenset(hosts),
    )


def _backends(spec: dict[str, Data], about: Document, at: DataPath) -> Iterator[Backend]:
    for number, rule in enumerate(_list(spec.get("rules"))):
        host = _text(_mapping(rule).get("host")).lower()
        paths = _list(_mapping(_mapping(rule).get("http")).get("paths"))
        for index, item in enumerate(paths):
            where = place_of(about, (*at, "rules", number, "http", "paths", index))
            path = _text(_mapping(item).get("path")) or "/"
            kind = _text(_mapping(item).get("pathType")) or "ImplementationSpecific"
            yield Backend(host, path, kind, *_service(_mapping(item).get("backend")), where)
    if spec.get("defaultBackend") is not None:
        where = place_of(about, (*at, "defaultBackend"))
        yield Backend("", "/", "Prefix", *_service(spec["defaultBackend"]), where)


def _service(backend: Data) -> tuple[str, str]:
    service = _mapping(_mapping(backend).get("service"))
    port = _mapping(service.get("port"))
    return _text(service.get("name")), _text(port.get("number")) or _text(port.get("name"))


def _mapping(data: Data) -> dict[str, Data]:
    return data if isinstance(data, dict) else {}


def _list(data: Data) -> list[Data]:
    return data if isinstance(data, list) else []


def _text(data: Data) -> str:
    return data if isinstance(data, str) else ""
