"""Helm renders the chart into manifests that fit the schemas, and refuses what cannot work."""

import re
import shutil

import pytest
import yaml
from click.testing import CliRunner

from gateway.cli.check import check_command
from tests.deploy.conftest import KUBERNETES
from tests.examples.compose import ROOT
from tests.examples.manifests import gateway_of, of_kind, prepared

CHART = ROOT / "charts" / "gatepost"
VALUES = sorted((CHART / "ci").glob("*.yaml"))
GUIDE = (ROOT / "docs" / "guides" / "kubernetes.md").read_text()
SMALLEST = CHART / "ci" / "smallest-values.yaml"


@pytest.fixture
def render(run):
    def render(values, *settings):
        options = [it for setting in settings for it in ("--set", setting)]
        version = ("--kube-version", KUBERNETES)
        return run(
            "helm", "template", "notes", CHART, "-n", "notes", *version, "-f", values, *options
        )

    return render


def objects(rendered):
    assert rendered.returncode == 0, rendered.stderr
    return [it for it in yaml.safe_load_all(rendered.stdout) if it]


@pytest.mark.parametrize("values", VALUES, ids=lambda it: it.stem)
def test_helm_finds_nothing_wrong_and_the_manifests_fit_the_schemas(run, render, conforms, values):
    linted = run("helm", "lint", "--strict", CHART, "-f", values)
    assert linted.returncode == 0, linted.stdout
    rendered = render(values)

    assert rendered.returncode == 0, rendered.stderr
    assert conforms(rendered.stdout) == ""


@pytest.mark.parametrize("values", VALUES, ids=lambda it: it.stem)
def test_the_gateway_takes_the_configuration_of_the_chart(render, values, tmp_path):
    found = objects(render(values))
    (config,) = of_kind(found, "ConfigMap").values()
    (tmp_path / "database_password").write_text("s3cret")
    path = prepared(config["data"]["gatepost.yaml"], tmp_path)

    checked = CliRunner().invoke(
        check_command, ["-c", str(path)], env={"GATEPOST_DATA_DIR": str(tmp_path)}
    )

    assert checked.exit_code == 0, checked.output
    pod, gateway = gateway_of(found)
    volumes = {it["name"]: it for it in pod["spec"]["volumes"]}
    assert volumes["config"]["configMap"]["name"] == config["metadata"]["name"]
    assert volumes["secrets"]["secret"]["secretName"] == "gatepost"
    assert gateway["securityContext"]["readOnlyRootFilesystem"] is True


def test_by_default_there_is_one_pod_with_a_volume_and_nothing_else(render):
    found = objects(render(SMALLEST))

    kinds = sorted(it["kind"] for it in found)
    assert kinds == ["ConfigMap", "Deployment", "PersistentVolumeClaim", "Service"]
    (deployment,) = of_kind(found, "Deployment").values()
    assert deployment["spec"]["strategy"] == {"type": "Recreate"}


def test_with_everything_on_there_is_everything(render):
    found = objects(render(CHART / "ci" / "everything-values.yaml"))

    kinds = {it["kind"] for it in found}
    assert kinds >= {"HorizontalPodAutoscaler", "PodDisruptionBudget", "Ingress", "NetworkPolicy"}
    assert "PersistentVolumeClaim" not in kinds
    (monitor,) = of_kind(found, "ServiceMonitor").values()
    wanted = monitor["spec"]["selector"]["matchLabels"].items()
    services = of_kind(found, "Service").values()
    assert [wanted <= it["metadata"]["labels"].items() for it in services].count(True) == 1
    (deployment,) = of_kind(found, "Deployment").values()
    assert "replicas" not in deployment["spec"]
    labels = deployment["spec"]["template"]["metadata"]["labels"].items()
    for it in (*services, *of_kind(found, "NetworkPolicy").values()):
        selector = it["spec"].get("selector") or it["spec"]["podSelector"]["matchLabels"]
        assert selector.items() <= labels


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        (["replicas=2"], "several pods need a shared store"),
        (["autoscaling.enabled=true"], "several pods need a shared store"),
        (["existingSecret="], "existingSecret"),
        (["config.secret=0123456789abcdef0123456789abcdef"], "no place for secrets"),
        (["config.providers.oidc.client_secret=x"], "no place for secrets"),
        (["config.server.listen=0.0.0.0:80"], "are fixed"),
        (["config.public_url=null"], "public_url"),
        (["replica=1"], "replica"),
        (["ingress.enabled=true"], "ingress.host is required"),
    ],
)
def test_values_that_cannot_work_are_refused(render, settings, says):
    rendered = render(SMALLEST, *settings)

    assert rendered.returncode != 0
    assert says in rendered.stderr


def test_the_notes_warn_of_what_is_open_or_lost(run, tmp_path):
    chart = shutil.copytree(CHART, tmp_path / "gatepost")
    # Helm shows notes only after it has asked a cluster.
    (chart / "templates" / "NOTES.txt").rename(chart / "shown.txt")
    (chart / "templates" / "shown.yaml").write_text(
        "kind: ConfigMap\nmetadata: {name: shown}\n"
        'data: {notes: {{ tpl (.Files.Get "shown.txt") . | toJson }}}\n'
    )

    def notes(values, *settings):
        version = ("--kube-version", KUBERNETES)
        rendered = run("helm", "template", "notes", chart, *version, "-f", values, *settings)
        return of_kind(objects(rendered), "ConfigMap")["shown"]["data"]["notes"]

    warned = notes(SMALLEST, "--set", "persistence.enabled=false")
    for text in ("https://notes.example.com", "trusted_proxies", "signs everybody out", "9090"):
        assert text in warned
    quiet = notes(CHART / "ci" / "everything-values.yaml")
    assert "https://notes.example.com, https://api.example.com" in quiet
    for text in ("trusted_proxies", "signs everybody out", "9090"):
        assert text not in quiet


def test_the_values_of_the_guide_do_what_it_says(run, render, conforms, tmp_path):
    blocks = re.findall(r"^```yaml\n(.*?)^```", GUIDE, re.MULTILINE | re.DOTALL)
    (tmp_path / "values.yaml").write_text(next(it for it in blocks if "existingSecret" in it))

    linted = run("helm", "lint", "charts/gatepost", "-f", tmp_path / "values.yaml", cwd=ROOT)
    assert linted.stdout.strip() in GUIDE
    rendered = render(tmp_path / "values.yaml")
    assert rendered.returncode == 0, rendered.stderr
    assert conforms(rendered.stdout) == ""
