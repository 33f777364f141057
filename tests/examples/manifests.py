"""Reads the manifests of `examples/kubernetes` and what the chart makes of its values."""

from pathlib import Path
from typing import Any

import yaml

from tests.examples.compose import ROOT

KUBERNETES = ROOT / "examples" / "kubernetes"
DIRECTORIES = sorted(it.name for it in KUBERNETES.iterdir() if it.name != "base")

Manifest = dict[str, Any]


def manifests(directory: str) -> list[Manifest]:
    """Every object that the kustomization there names, those of `../base` too."""
    at = KUBERNETES / directory
    kustomization = yaml.safe_load((at / "kustomization.yaml").read_text())
    found: list[Manifest] = []
    for resource in kustomization["resources"]:
        path = at / resource
        if path.is_dir():
            found += manifests(path.name)
        else:
            found += [it for it in yaml.safe_load_all(path.read_text()) if it]
    return found


def of_kind(found: list[Manifest], kind: str) -> dict[str, Manifest]:
    """The objects of a kind, by name."""
    return {it["metadata"]["name"]: it for it in found if it["kind"] == kind}


def gateway_of(found: list[Manifest]) -> tuple[Manifest, Manifest]:
    """The pod that has the gateway, and the gateway's container in it."""
    ((pod, container),) = [
        (deployment["spec"]["template"], container)
        for deployment in of_kind(found, "Deployment").values()
        for container in deployment["spec"]["template"]["spec"]["containers"]
        if container["name"] == "gatepost"
    ]
    return pod, container


def prepared(text: str, directory: Path) -> Path:
    """A gateway's file for a pod, with its secrets in `directory`."""
    for name in ("secret", "client_secret"):
        (directory / name).write_text("0123456789abcdef0123456789abcdef")
        (directory / name).chmod(0o600)
    path = directory / "gatepost.yaml"
    path.write_text(text.replace("/run/secrets/gatepost/", f"{directory}/"))
    return path


def listening_on(containers: list[Manifest]) -> set[int | str]:
    """The ports of containers, by number and by name; the app's is in its arguments."""
    found: set[int | str] = set()
    for container in containers:
        for port in container.get("ports", []):
            found |= {port["containerPort"], port["name"]}
        found |= {int(it) for it in container.get("args", []) if it.isdecimal()}
    return found
