"""The manifests fit each other and the gateway; `make test-deploy` asks the schemas."""

import re
from ipaddress import ip_network

import pytest
import yaml
from click.testing import CliRunner

from gateway.cli.check import check_command
from gateway.settings.load import load
from tests.examples.compose import ROOT
from tests.examples.manifests import (
    DIRECTORIES,
    KUBERNETES,
    gateway_of,
    listening_on,
    manifests,
    of_kind,
    prepared,
)

GUIDE = (ROOT / "docs" / "guides" / "forward-auth.md").read_text()
EVERY = [*DIRECTORIES]
every_directory = pytest.mark.parametrize("directory", EVERY)
DIALECTS = {
    "traefik": "traefik",
    "envoy-gateway": "envoy",
    "nginx-gateway-fabric-snippets": "nginx",
}


def settings_of(directory, tmp_path):
    path = prepared((KUBERNETES / directory / "gatepost.yaml").read_text(), tmp_path)
    return load(path, {"GATEPOST_DATA_DIR": str(tmp_path)}).settings


@every_directory
def test_check_takes_the_configuration(directory, tmp_path):
    path = prepared((KUBERNETES / directory / "gatepost.yaml").read_text(), tmp_path)

    checked = CliRunner().invoke(
        check_command, ["-c", str(path)], env={"GATEPOST_DATA_DIR": str(tmp_path)}
    )

    assert checked.exit_code == 0, checked.output
    warned = re.findall(r"^warning: \S+ ([\w.]+):", checked.stderr, re.MULTILINE)
    # For probes and Prometheus; the network policy keeps others out.
    assert warned == ["server.admin_listen"]
    shown = (checked.stderr + checked.stdout).replace(str(path), "/etc/gatepost/gatepost.yaml")
    page = (ROOT / "docs" / "guides" / "kubernetes.md").read_text()
    assert shown in page or directory != "sidecar"


@every_directory
def test_the_gateway_has_no_rights_that_it_does_not_need(directory):
    for name, deployment in of_kind(manifests(directory), "Deployment").items():
        pod = deployment["spec"]["template"]["spec"]
        assert pod["securityContext"]["runAsNonRoot"] is True, name
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert pod["automountServiceAccountToken"] is False
        for container in pod["containers"]:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }
            assert "memory" in container["resources"]["limits"]


@every_directory
def test_probes_ask_the_admin_listener_and_the_pod_waits_for_the_drain(directory, tmp_path):
    pod, gateway = gateway_of(manifests(directory))
    settings = settings_of(directory, tmp_path)
    ports = {it["name"]: it["containerPort"] for it in gateway["ports"]}

    probes = {it: gateway[f"{it}Probe"]["httpGet"] for it in ("startup", "liveness", "readiness")}
    assert {it: probe["path"] for it, probe in probes.items()} == {
        "startup": "/healthz",
        "liveness": "/healthz",
        "readiness": "/readyz",
    }
    assert {probe["port"] for probe in probes.values()} == {"admin"}
    assert settings.server.admin_listen.port == ports["admin"]
    assert [it.port for it in settings.server.listen] == [ports["http"]]
    before = gateway["lifecycle"]["preStop"]["sleep"]["seconds"]
    needed = before + settings.server.drain_timeout
    assert pod["spec"]["terminationGracePeriodSeconds"] > needed


@every_directory
def test_what_is_mounted_is_what_the_gateway_reads(directory, tmp_path):
    found = manifests(directory)
    pod, gateway = gateway_of(found)
    volumes = {it["name"]: it for it in pod["spec"]["volumes"]}
    mounts = {it["mountPath"]: it["name"] for it in gateway["volumeMounts"]}
    text = (KUBERNETES / directory / "gatepost.yaml").read_text()
    kustomization = yaml.safe_load((KUBERNETES / directory / "kustomization.yaml").read_text())

    assert set(mounts.values()) == set(volumes)
    (generated,) = kustomization["configMapGenerator"]
    assert volumes[mounts["/etc/gatepost"]]["configMap"] == {"name": generated["name"]}
    assert generated["files"] == ["gatepost.yaml"]
    assert gateway["env"] == [{"name": "GATEPOST_CONFIG", "value": "/etc/gatepost/gatepost.yaml"}]
    secrets = volumes[mounts["/run/secrets/gatepost"]]["secret"]
    guide = (ROOT / "docs" / "guides" / "kubernetes.md").read_text()
    assert f"create secret generic {secrets['secretName']}" in guide
    for name in re.findall(r"/run/secrets/gatepost/(\w+)", text):
        assert re.search(rf"--from-(file|literal)={name}=", guide)
    claim = volumes[mounts["/var/lib/gatepost"]]["persistentVolumeClaim"]["claimName"]
    assert claim in of_kind(found, "PersistentVolumeClaim")
    # One volume, so one pod; several need a shared store.
    (deployment,) = [
        it for it in of_kind(found, "Deployment").values() if it["spec"]["template"] is pod
    ]
    assert deployment["spec"]["strategy"] == {"type": "Recreate"}


@every_directory
def test_services_and_policies_select_pods_that_listen_there(directory):
    found = manifests(directory)
    pods = [it["spec"]["template"] for it in of_kind(found, "Deployment").values()]

    def selected(labels):
        (pod,) = [it for it in pods if labels.items() <= it["metadata"]["labels"].items()]
        return listening_on(pod["spec"]["containers"])

    for service in of_kind(found, "Service").values():
        ports = selected(service["spec"]["selector"])
        assert {it["targetPort"] for it in service["spec"]["ports"]} <= ports
    policies = of_kind(found, "NetworkPolicy").values()
    protected = [it["spec"]["podSelector"]["matchLabels"] for it in policies]
    for pod in pods:
        assert pod["metadata"]["labels"] in protected
    for policy in policies:
        ports = selected(policy["spec"]["podSelector"]["matchLabels"])
        for rule in policy["spec"]["ingress"]:
            assert {
                int(it) if str(it).isdecimal() else it for it in [rule["ports"][0]["port"]]
            } <= ports
            assert rule["from"]


@every_directory
def test_routes_lead_to_services(directory, tmp_path):
    found = manifests(directory)
    ports = {
        (name, port["port"])
        for name, service in of_kind(found, "Service").items()
        for port in service["spec"]["ports"]
    }
    settings = settings_of(directory, tmp_path)

    named = [
        (it["name"], it["port"])
        for route in of_kind(found, "HTTPRoute").values()
        for rule in route["spec"]["rules"]
        for it in rule.get("backendRefs", [])
    ]
    for route in of_kind(found, "IngressRoute").values():
        for rule in route["spec"]["routes"]:
            named += [(it["name"], it["port"]) for it in rule["services"]]
            assert {it["name"] for it in rule["middlewares"]} <= set(of_kind(found, "Middleware"))
    assert set(named) <= ports
    assert named or directory == "sidecar"
    host, port = re.fullmatch(r"http://([\w.]+):(\d+)", settings.upstreams["app"].url).groups()
    assert (host, int(port)) in ports or (directory == "sidecar" and host == "127.0.0.1")
    dialect = settings.forward_auth and settings.forward_auth.dialect
    assert dialect == DIALECTS.get(directory)
    assert all(not it.is_global for it in settings.server.trusted_proxies)
    assert settings.server.trusted_proxies == (ip_network("10.42.0.0/16"),)


def blocks(language, beginning):
    found = re.findall(rf"^```{language}\n(.*?)^```", GUIDE, re.MULTILINE | re.DOTALL)
    (text,) = [it for it in found if it.startswith(beginning)]
    return yaml.safe_load(text)


def test_traefik_is_told_what_the_tested_guide_tells_it():
    found = manifests("traefik")
    guided = blocks("yaml", "http:")["http"]
    middlewares = of_kind(found, "Middleware")

    assert middlewares["clean"]["spec"] == guided["middlewares"]["clean"]
    asked = dict(middlewares["gatepost"]["spec"]["forwardAuth"])
    expected = dict(guided["middlewares"]["gatepost"]["forwardAuth"])
    # By its full name, because Traefik is in another namespace.
    assert asked.pop("address") == expected.pop("address").replace(
        "gatepost:", "gatepost.notes.svc.cluster.local:"
    )
    assert asked == expected
    (routes,) = of_kind(found, "IngressRoute").values()
    for name, rule in zip(("gatepost", "app"), routes["spec"]["routes"], strict=True):
        router = guided["routers"][name]
        assert rule["match"] == router["rule"].replace("app.example.com", "notes.example.com")
        assert [it["name"] for it in rule["middlewares"]] == router["middlewares"]


def test_envoy_is_told_what_the_tested_guide_tells_it():
    found = manifests("envoy-gateway")
    guided = blocks("yaml", "http_filters:")["http_filters"][0]["typed_config"]
    (policy,) = of_kind(found, "SecurityPolicy").values()
    asked = policy["spec"]["extAuth"]
    patterns = guided["allowed_headers"]["patterns"]

    assert asked["failOpen"] is guided["failure_mode_allow"] is False
    assert asked["http"]["path"] == guided["http_service"]["path_prefix"]
    upstream = guided["http_service"]["authorization_response"]["allowed_upstream_headers"]
    assert asked["http"]["headersToBackend"] == [it["exact"] for it in upstream["patterns"]]
    # Envoy Gateway has no prefixes: each is written out.
    for pattern in patterns:
        assert any(
            name == pattern.get("exact") or name.startswith(pattern.get("prefix", "\0"))
            for name in asked["headersToExtAuth"]
        ), pattern
    for name in asked["headersToExtAuth"]:
        assert any(
            name == it.get("exact") or name.startswith(it.get("prefix", "\0")) for it in patterns
        ), name
    assert len(asked["headersToExtAuth"]) <= 64
    (target,) = policy["spec"]["targetRefs"]
    routes = of_kind(found, "HTTPRoute")
    assert target["kind"] == "HTTPRoute"
    # All that reaches the app is asked about.
    leading_to_app = {
        name
        for name, route in routes.items()
        for rule in route["spec"]["rules"]
        for it in rule.get("backendRefs", [])
        if it["name"] == "app"
    }
    assert leading_to_app == {target["name"]}
    # Clients do not reach the endpoint that Envoy asks.
    closed, open_one = routes["gatepost"]["spec"]["rules"]
    assert closed["matches"] == [{"path": {"type": "PathPrefix", "value": asked["http"]["path"]}}]
    assert "backendRefs" not in closed
    filters = [it["extensionRef"]["name"] for it in closed["filters"]]
    (answer,) = [of_kind(found, "HTTPRouteFilter")[it] for it in filters]
    assert answer["spec"] == {"directResponse": {"statusCode": 404}}
    assert open_one["matches"] == [{"path": {"type": "PathPrefix", "value": "/_gatepost"}}]
    traffic = next(iter(of_kind(found, "ClientTrafficPolicy").values()))["spec"]
    assert traffic["headers"] == {"withUnderscoresAction": "RejectRequest"}


def test_every_kustomization_uses_all_of_its_files():
    for directory in [*DIRECTORIES, "base"]:
        at = KUBERNETES / directory
        kustomization = yaml.safe_load((at / "kustomization.yaml").read_text())
        named = {it for it in kustomization["resources"] if not it.startswith("..")}
        generated = kustomization.get("configMapGenerator", [])
        named |= {file for it in generated for file in it["files"]} | {"kustomization.yaml"}
        assert {it.name for it in at.iterdir()} == named
        assert kustomization["namespace"] == "notes"
