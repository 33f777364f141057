"""The programs that will read the examples take them: Compose, kustomize, kubeconform, promtool."""

import pytest
import yaml

from tests.examples.compose import COMPOSE, FILES, ROOT, filled_in
from tests.examples.manifests import DIRECTORIES, KUBERNETES


def compose_takes(run, name, text, tmp_path):
    for path in COMPOSE.iterdir():
        (tmp_path / path.name).symlink_to(path)
    (tmp_path / name).unlink()
    (tmp_path / name).write_text(yaml.safe_dump(filled_in(yaml.safe_load(text))))
    return run("compose-spec", name, cwd=tmp_path)


@pytest.mark.parametrize("name", FILES)
def test_compose_takes_the_file(run, name, tmp_path):
    done = compose_takes(run, name, (COMPOSE / name).read_text(), tmp_path)

    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("right", "wrong"), [("read_only", "readonly"), ("service_started", "service_begun")]
)
def test_compose_finds_a_mistake(run, right, wrong, tmp_path):
    text = (COMPOSE / "compose.keycloak.yaml").read_text()

    done = compose_takes(run, "compose.keycloak.yaml", text.replace(right, wrong, 1), tmp_path)

    assert done.returncode != 0
    assert "validating" in done.stderr


@pytest.mark.parametrize("directory", DIRECTORIES)
def test_what_kustomize_builds_fits_the_schemas(run, conforms, directory):
    built = run("kustomize", "build", KUBERNETES / directory)

    assert built.returncode == 0, built.stderr
    assert conforms(built.stdout) == ""
    assert "image: registry.example.com/gatepost:0.1.0" in built.stdout


@pytest.mark.parametrize(
    ("directory", "right", "wrong"),
    [
        ("sidecar", "readOnlyRootFilesystem", "readOnlyRootFileSystem"),
        ("traefik", "authResponseHeaders", "authResponseHeader"),
        ("envoy-gateway", "headersToExtAuth", "headersToExtAuthz"),
        ("nginx-gateway-fabric", "gatewayClassName", "gatewayClass"),
        ("nginx-gateway-fabric-snippets", "snippets", "snippet"),
    ],
)
def test_the_schemas_find_a_mistake(run, conforms, directory, right, wrong):
    built = run("kustomize", "build", KUBERNETES / directory).stdout

    assert right in built
    assert wrong in conforms(built.replace(right, wrong))


def test_prometheus_takes_the_rules_and_they_fire_as_their_tests_say(run):
    at = ROOT / "examples" / "prometheus"
    for arguments in (
        ("check", "config", "prometheus.yml"),
        ("check", "rules", "gatepost.rules.yml"),
        ("test", "rules", "gatepost.test.yml"),
    ):
        done = run("promtool", *arguments, cwd=at)
        assert done.returncode == 0, done.stdout + done.stderr
