"""What becomes of Ingress objects."""

import pytest
import yaml

from gateway.importing.annotations import PREFIX, TOLD, TRANSLATED
from tests.importing.conftest import run_check
from tests.importing.documented import ANNOTATIONS

SIGNED_IN = {"auth-url": "https://$host/oauth2/auth?allowed_groups=staff"}


def ingress(annotations=None, paths=None, host="notes.example.com", tls=True, name="notes", **spec):
    """One object."""
    paths = paths or [("/", "Prefix", "notes", {"number": 3000})]
    listed = [
        {"path": path, "pathType": kind, "backend": {"service": {"name": service, "port": port}}}
        for path, kind, service, port in paths
    ]
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": {
            "name": name,
            "namespace": "apps",
            "annotations": {PREFIX + k: v for k, v in (annotations or {}).items()},
        },
        "spec": {
            "tls": [{"hosts": [host], "secretName": "x"}] if tls else [],
            "rules": [{"host": host, "http": {"paths": listed}}],
            **spec,
        },
    }


@pytest.fixture
def imported(translate):
    """Import objects: ``imported(ingress(...), ...)``."""

    def run(*objects, arguments=()):
        text = yaml.safe_dump_all(objects, sort_keys=False)
        return translate("ingress", text, *arguments, name="all.yaml")

    return run


def test_services_whose_names_run_together_stay_apart(imported):
    one = ingress(SIGNED_IN, [("/", "Prefix", "a-web", {"number": 80})], "one.example.com")
    other = ingress(SIGNED_IN, [("/", "Prefix", "web", {"number": 80})], "other.example.com")
    one["metadata"]["namespace"], other["metadata"]["namespace"] = "team", "team-a"
    slow = ingress(
        {**SIGNED_IN, "upstream-vhost": "else.example.com"},
        [("/", "Prefix", "web", {"number": 80})],
        "slow.example.com",
        name="slow",
    )
    slow["metadata"]["namespace"] = "team-a"

    data = imported(one, other, slow).data

    routes = [it for it in data["routes"] if "upstream" in it]
    upstream_of = {it["host"][0]: data["upstreams"][it["upstream"]] for it in routes}
    assert "//a-web.team." in upstream_of["one.example.com"]["url"]
    assert "//web.team-a." in upstream_of["other.example.com"]["url"]
    assert "host" not in upstream_of["other.example.com"]
    assert upstream_of["slow.example.com"]["host"] == "else.example.com"


def first(imported):
    """The route that stands first."""
    return imported.data["routes"][0]


@pytest.mark.parametrize("name", ANNOTATIONS)
def test_every_documented_annotation_is_known(name):
    assert (name in TRANSLATED) != (name in TOLD)


@pytest.mark.parametrize("name", sorted(TOLD))
def test_every_annotation_that_is_given_is_reported(imported, name):
    found = imported(ingress({**SIGNED_IN, name: "true"}))
    assert found.says("all.yaml:", f"notes: {name}: ")
    assert not imported(ingress({**SIGNED_IN, name: "false"})).says(f"notes: {name}: ")


@pytest.mark.parametrize("forward_auth", [False, True])
def test_what_is_written_passes_check(imported, tmp_path, forward_auth):
    objects = (
        ingress(SIGNED_IN),
        ingress(SIGNED_IN, [("/api", "Exact", "api", {"number": 80})], "api.example.com"),
        ingress({}, [("/", "Prefix", "open", {"name": "http"})], "open.example.com", name="open"),
    )
    found = imported(*objects, arguments=("--forward-auth",) if forward_auth else ())
    status, output = run_check(tmp_path, found.text)
    assert status == 0, output
    assert "forward_auth" in found.data or not forward_auth
    assert not any("gatepost.yaml: to do" in it for it in found.report)
    put = "auth-url: http://gatepost" if forward_auth else "HTTPRoute"
    assert found.says("then: ", put)
    assert found.says("the redirect URI changes: register https://notes.example.com/_gatepost/")


def test_a_list_as_kubectl_prints_it_is_read(translate):
    text = yaml.safe_dump({"apiVersion": "v1", "kind": "List", "items": [ingress(SIGNED_IN)]})
    found = translate("ingress", text)
    assert found.data["public_url"] == ["https://notes.example.com"]
    assert first(found) == {
        "name": "apps-notes-3000-1",
        "host": ["notes.example.com"],
        "prefix": "/",
        "upstream": "apps-notes-3000",
        "access": {"allow": [{"group": ["staff"]}]},
    }
    assert found.data["upstreams"] == {
        "apps-notes-3000": {"url": "http://notes.apps.svc.cluster.local:3000"}
    }


@pytest.mark.parametrize(
    ("annotations", "access"),
    [
        (SIGNED_IN, {"allow": [{"group": ["staff"]}]}),
        ({"auth-url": "http://authelia/api"}, {"allow": [{"group": ["change-me"]}]}),
        ({"auth-url": "http://o/oauth2/auth"}, {"allow": [{"group": ["change-me"]}]}),
        ({"auth-url": "http://["}, {"allow": [{"group": ["change-me"]}]}),
        (
            {"auth-url": "http://o/a?allowed_emails=kim@example.com,nonsense"},
            {"allow": [{"email": ["kim@example.com"]}]},
        ),
        ({"auth-url": "http://o/a?allowed_emails=nonsense"}, {"allow": [{"group": ["change-me"]}]}),
        ({"auth-type": "basic", "auth-secret": "x"}, {"allow": [{"group": ["change-me"]}]}),
        ({"auth-tls-secret": "a/b"}, "denied"),
        ({**SIGNED_IN, "auth-tls-secret": "a/b"}, "denied"),
        (
            {**SIGNED_IN, "auth-tls-secret": "a/b", "auth-tls-verify-client": "optional"},
            {"allow": [{"group": ["staff"]}]},
        ),
        (
            {**SIGNED_IN, "whitelist-source-range": "10.0.0.0/8, 192.0.2.1"},
            {"allow": [{"group": ["staff"], "ip": ["10.0.0.0/8", "192.0.2.1/32"]}]},
        ),
        (
            {**SIGNED_IN, "whitelist-source-range": "10.0.0.0/8", "satisfy": "any"},
            {"allow": [{"group": ["staff"]}]},
        ),
        (
            {**SIGNED_IN, "allowlist-source-range": "nonsense"},
            {"allow": [{"group": ["staff"], "ip": ["192.0.2.0/32"]}]},
        ),
        ({"whitelist-source-range": "10.0.0.0/8"}, {"allow": [{"ip": ["10.0.0.0/8"]}]}),
        (
            {**SIGNED_IN, "denylist-source-range": "10.0.0.0/8"},
            {"allow": [{"group": ["staff"]}], "deny": [{"ip": ["10.0.0.0/8"]}]},
        ),
        ({"denylist-source-range": "nonsense"}, {"deny": [{"ip": ["0.0.0.0/0", "::/0"]}]}),
        ({}, "signed_in"),
        ({"enable-global-auth": "false"}, "signed_in"),
    ],
)
def test_nobody_enters_who_could_not_before(imported, annotations, access):
    found = imported(ingress(annotations))
    assert first(found)["access"] == access
    found.settings()


def test_the_last_route_denies(imported):
    found = imported(ingress(SIGNED_IN))
    assert found.data["routes"][-1] == {"name": "nothing-else", "prefix": "/", "access": "denied"}


def test_exact_paths_and_then_the_longest_come_first(imported):
    port = {"number": 80}
    paths = [
        ("/", "Prefix", "a", port),
        ("/api/v1", "Prefix", "b", port),
        ("/api", "Prefix", "c", port),
        ("/api/v1/x", "Exact", "d", port),
    ]
    routes = imported(ingress(SIGNED_IN, paths)).data["routes"]
    assert [it.get("path") or it["prefix"] for it in routes[:-1]] == [
        "/api/v1/x",
        "/api/v1",
        "/api",
        "/",
    ]


def test_what_cannot_be_forwarded_as_before_is_denied_or_left_out(imported):
    port = {"number": 80}
    found = imported(
        ingress(
            {**SIGNED_IN, "rewrite-target": "/$2"},
            [("/a(/|$)(.*)", "ImplementationSpecific", "a", port)],
        ),
        ingress({**SIGNED_IN, "ssl-passthrough": "true"}, host="raw.example.com", name="raw"),
        ingress({**SIGNED_IN, "backend-protocol": "GRPC"}, host="grpc.example.com", name="grpc"),
        ingress({**SIGNED_IN, "canary": "true"}, name="canary"),
        ingress(SIGNED_IN, host="*.example.com", name="star"),
        ingress(
            {**SIGNED_IN, "use-regex": "true"},
            [("/(a+)+", "ImplementationSpecific", "a", port)],
            "slow.example.com",
            name="slow",
        ),
    )
    assert [it["access"] for it in found.data["routes"]] == ["denied", "denied"]
    assert found.data["public_url"] == ["https://notes.example.com"]
    for name in (
        "raw: ssl-passthrough",
        "grpc: backend-protocol",
        "canary: canary",
        "rewrite-target",
    ):
        assert found.says(f"{name}: no equal: ")
    assert found.says("*.example.com")
    assert found.says("path: no equal: ")


def test_the_same_path_twice_is_told(imported):
    found = imported(ingress(SIGNED_IN), ingress({}, name="other"))
    assert len(found.data["routes"]) == 2
    assert found.says("another Ingress has its host and path")
    found.settings()


def test_limits_and_times_are_kept(imported):
    more = {"limit-rps": "10", "proxy-connect-timeout": "7", "upstream-vhost": "internal.example"}
    found = imported(ingress({**SIGNED_IN, **more}))
    assert first(found)["rate_limit"] == {"requests": 10, "per": "1s", "by": "ip"}
    (upstream,) = found.data["upstreams"].values()
    assert (upstream["host"], upstream["timeouts"]) == ("internal.example", {"connect": "7s"})


def test_nothing_that_nginx_would_run_is_copied(imported):
    found = imported(ingress({**SIGNED_IN, "configuration-snippet": "more_set_headers evil;"}))
    assert "evil" not in found.text
    assert found.says("configuration-snippet: no equal: ")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"kind: Deployment\n",
        b"[]\n",
        b"kind: [Ingress\n",
        b"kind: Ingress\nkind: Ingress\n",
        b"kind:\tIngress\n\tx: y\n",
        b"\x00\x01\x02",
        b"kind: Ingress\n" + b"x: &a [1]\n" + b"y: [" + b"*a," * 2 + b"*b]\n",
        b"x: " + b"{a: " * 100 + b"\n",
        b"x" * (5 * 1024 * 1024),
    ],
    ids=lambda data: repr(data[:30]),
)
def test_what_has_no_ingress_is_one_line_that_says_why(refused, data):
    assert len(refused("ingress", data)) < 200


@pytest.mark.parametrize(
    "spec",
    [
        "spec: 1",
        "spec: {rules: 1}",
        "spec: {rules: [1, {host: [a]}, {host: a, http: {paths: [1, {backend: 2}]}}]}",
        "spec: {tls: [{hosts: 1}], defaultBackend: {service: {name: a, port: {number: 80}}}}",
        "metadata: {annotations: [1], name: {a: b}}",
    ],
)
def test_objects_of_any_shape_give_a_file(translate, spec):
    translate("ingress", f"kind: Ingress\n{spec}\n").settings()
