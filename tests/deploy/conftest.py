"""What `make test-deploy` installs, and the schemas that it fetches, ready for kubeconform."""

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.examples.compose import ROOT

# Only `make test-deploy` installs the programs.
collect_ignore_glob = [] if "TEST_DEPLOY" in os.environ else ["test_*.py"]

DEPLOY = ROOT / "build" / "deploy"
KUBERNETES = "1.37.0"
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def run() -> Run:
    """Run one of the programs."""

    def run(program: str, *arguments: str | Path, **options: Any) -> Any:
        command = [DEPLOY / "bin" / program, *arguments]
        return subprocess.run(command, capture_output=True, text=True, **options)

    return run


def strict(node: Any) -> Any:
    """A CRD's schema as a JSON Schema that refuses fields which are not in it."""
    if isinstance(node, list):
        return [strict(it) for it in node]
    if not isinstance(node, dict):
        return node
    found = {name: strict(it) for name, it in node.items()}
    if found.get("x-kubernetes-int-or-string"):
        found.pop("type", None)
        found.setdefault("anyOf", [{"type": "integer"}, {"type": "string"}])
    if "properties" in found and not found.get("x-kubernetes-preserve-unknown-fields"):
        found.setdefault("additionalProperties", False)
    return found


@pytest.fixture(scope="session")
def schemas(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Where kubeconform finds the schema of each kind."""
    directory = tmp_path_factory.mktemp("schemas")
    own = DEPLOY / "python" / "kubernetes_validate" / "kubernetes-json-schema"
    for path in (own / f"v{KUBERNETES}-local-strict").glob("*.json"):
        # Beside it, and not on a server.
        text = path.read_text().replace('"/api/_definitions.json#', '"_definitions.json#')
        schema = json.loads(text)
        schema.pop("$id", None)
        (directory / path.name).write_text(json.dumps(schema))
    for path in (DEPLOY / "crds").glob("*.yaml"):
        for crd in yaml.safe_load_all(path.read_text()):
            if not crd or crd["kind"] != "CustomResourceDefinition":
                continue
            kind = crd["spec"]["names"]["kind"].lower()
            group = crd["spec"]["group"].partition(".")[0]
            for version in crd["spec"]["versions"]:
                schema = strict(version["schema"]["openAPIV3Schema"])
                schema["properties"]["metadata"] = {"type": "object"}
                name = f"{kind}-{group}-{version['name']}.json"
                (directory / name).write_text(json.dumps(schema))
    return f"{directory}/{{{{.ResourceKind}}}}{{{{.KindSuffix}}}}.json"


@pytest.fixture(scope="session")
def conforms(run: Run, schemas: str) -> Callable[[str], str]:
    """What kubeconform says is wrong with manifests; nothing where they fit the schemas."""

    def conforms(manifests: str) -> str:
        done = run("kubeconform", "-strict", "-schema-location", schemas, "-", input=manifests)
        return "" if done.returncode == 0 else done.stdout + done.stderr or "failed"

    return conforms
