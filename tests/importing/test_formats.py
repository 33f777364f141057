"""The same options in every format, and files that are none of them."""

import pytest

from tests.importing.test_oauth2_proxy import BASE

FLAGS = """\
#!/bin/sh
exec oauth2-proxy \\
  --provider=oidc --oidc-issuer-url https://id.example.com \\
  --client-id=notes
  --client-secret='s3cr3t-v4lue'
  --redirect-url="https://notes.example.com/oauth2/callback"   # where it returns
  --upstream http://127.0.0.1:3000/
  --email-domain=*
"""
ENV = """\
# variables
export OAUTH2_PROXY_PROVIDER=oidc
OAUTH2_PROXY_OIDC_ISSUER_URL="https://id.example.com"
OAUTH2_PROXY_CLIENT_ID=notes
OAUTH2_PROXY_CLIENT_SECRET='s3cr3t-v4lue'
OAUTH2_PROXY_REDIRECT_URL=https://notes.example.com/oauth2/callback
OAUTH2_PROXY_UPSTREAMS=http://127.0.0.1:3000/
OAUTH2_PROXY_EMAIL_DOMAINS=*
OTHER=ignored
"""
DEPLOYMENT = """\
apiVersion: v1
kind: Service
metadata: {name: x}
---
apiVersion: apps/v1
kind: Deployment
spec:
  template:
    spec:
      containers:
        - name: proxy
          args:
            - --provider=oidc
            - --oidc-issuer-url=https://id.example.com
            - --redirect-url=https://notes.example.com/oauth2/callback
            - --upstream=http://127.0.0.1:3000/
            - --email-domain=*
          env:
            - {name: OAUTH2_PROXY_CLIENT_ID, value: notes}
            - name: OAUTH2_PROXY_CLIENT_SECRET
              valueFrom: {secretKeyRef: {name: a, key: b}}
"""
COMPOSE = """\
services:
  proxy:
    image: oauth2-proxy
    command: --provider=oidc --oidc-issuer-url=https://id.example.com --email-domain=*
    environment:
      OAUTH2_PROXY_CLIENT_ID: notes
      OAUTH2_PROXY_REDIRECT_URL: https://notes.example.com/oauth2/callback
      OAUTH2_PROXY_UPSTREAMS: http://127.0.0.1:3000/
"""
COMPOSE_LIST = """\
services:
  proxy:
    command: ["--provider=oidc", "--oidc-issuer-url=https://id.example.com", "--email-domain=*"]
    environment:
      - OAUTH2_PROXY_CLIENT_ID=notes
      - OAUTH2_PROXY_REDIRECT_URL=https://notes.example.com/oauth2/callback
      - OAUTH2_PROXY_UPSTREAMS=http://127.0.0.1:3000/
"""
ALPHA = """\
providers:
  - id: main
    provider: oidc
    clientID: notes
    clientSecret: s3cr3t-v4lue
    allowedGroups: [staff]
    oidcConfig:
      issuerURL: https://id.example.com
      insecureSkipNonce: false
      emailClaim: mail
upstreamConfig:
  upstreams:
    - {id: api, path: /api/, uri: "http://127.0.0.1:4000", timeout: 10s}
    - {id: app, path: /, uri: "http://127.0.0.1:3000", passHostHeader: false}
injectRequestHeaders:
  - name: X-User
    values: [{claim: user}]
  - name: X-Team
    values: [{claim: department}]
  - name: X-Key
    values: [{fromEnv: APP_KEY}]
  - name: X-Inline
    values: [{value: c2VjcmV0LXY0bHVl}]
  - name: Authorization
    values: [{claim: id_token, prefix: "Bearer "}]
  - name: X-Basic
    values: [{claim: email, basicAuthPassword: {fromFile: /run/secrets/pw}}]
server: {BindAddress: "0.0.0.0:4180"}
metricsServer: {BindAddress: "127.0.0.1:9100"}
unheardOf: 1
"""


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (BASE, 2),
        (BASE.replace("\n", "\r\n"), 2),
        ("\ufeff" + BASE, 2),
        (FLAGS, 2),
        (ENV, 3),
        (DEPLOYMENT, 14),
        (COMPOSE, 4),
        (COMPOSE_LIST, 3),
    ],
)
def test_the_format_is_known_by_its_shape(translate, text, line):
    imported = translate("oauth2-proxy", text)
    settings = imported.settings()
    assert settings.public_url == ("https://notes.example.com",)
    assert settings.upstreams["app"].url == "http://127.0.0.1:3000"
    provider = settings.providers["oidc"]
    assert (provider.issuer, provider.client_id) == ("https://id.example.com", "notes")
    assert imported.data["routes"][-1]["access"] == "signed_in"
    assert "v4lue" not in imported.text + "".join(imported.report)
    bad = translate("oauth2-proxy", text.replace("https://id.example.com", "nonsense"))
    assert bad.says(f"proxy.cfg:{line}: ", "is not a URL")


@pytest.mark.parametrize(("form", "text"), [("toml", BASE), ("flags", FLAGS), ("env", ENV)])
def test_a_format_can_be_named(translate, form, text):
    imported = translate("oauth2-proxy", text, "--format", form)
    assert imported.settings().providers["oidc"].client_id == "notes"


def test_lists_may_be_repeated_and_have_commas(translate):
    text = FLAGS.replace(
        "--email-domain=*", "--email-domain=a.example,b.example --email-domain=c.example"
    )
    (item,) = translate("oauth2-proxy", text).data["routes"][-1]["access"]["allow"]
    assert item["email_domain"] == ["a.example", "b.example", "c.example"]


def test_a_switch_takes_no_value(translate):
    imported = translate(
        "oauth2-proxy", FLAGS + "--reverse-proxy --force-https=false --prompt login\n"
    )
    assert imported.says("--reverse-proxy: to do: ")
    assert not imported.says("--force-https")
    assert imported.data["providers"]["oidc"]["authorize_params"] == {"prompt": "login"}


def test_variables_go_before_a_file_and_after_flags(translate, tmp_path):
    (tmp_path / "env").write_text("OAUTH2_PROXY_CLIENT_ID=other\nOAUTH2_PROXY_PROMPT=login\n")
    more = ("--env-file", str(tmp_path / "env"))
    for text, client in ((BASE, "other"), (FLAGS, "notes")):
        provider = translate("oauth2-proxy", text, *more).data["providers"]["oidc"]
        assert provider["client_id"] == client
        assert provider["authorize_params"] == {"prompt": "login"}


def test_other_files_that_it_names_are_asked_for(translate):
    imported = translate("oauth2-proxy", FLAGS + "--config=/etc/o.cfg --alpha-config=/etc/a.yaml\n")
    assert imported.says("--config: to do: ")
    assert imported.says("--alpha-config: to do: ", "--alpha-config")


@pytest.mark.parametrize("beside", [False, True])
def test_the_structured_file_is_read_alone_or_beside_another(translate, tmp_path, beside):
    if beside:
        (tmp_path / "alpha.yaml").write_text(ALPHA)
        rest = 'email_domains = ["example.com"]\nredirect_url = "https://notes.example.com/"\n'
        imported = translate("oauth2-proxy", rest, "--alpha-config", str(tmp_path / "alpha.yaml"))
        who = [{"email_domain": ["example.com"], "group": ["staff"]}]
        assert imported.data["routes"][-1]["access"] == {"allow": who}
    else:
        imported = translate("oauth2-proxy", ALPHA)
        assert imported.data["routes"][-1]["access"] == "denied"
        assert imported.says("email_domains: to do: ")
    settings = imported.settings(APP_KEY="k", X_INLINE="v")
    provider = settings.providers["main"]
    assert provider.issuer == "https://id.example.com"
    assert provider.claims.email == ("mail",)
    assert settings.upstreams["app"].host == "upstream"
    assert settings.upstreams["api"].timeouts.response == 10
    assert [it.upstream for it in settings.routes] == ["api", "app"]
    headers = settings.upstreams["app"].identity.headers
    assert headers == {
        "X-User": "{user}",
        "X-Team": "{claim:department}",
        "Authorization": "Bearer {id_token}",
    }
    sent = imported.data["upstreams"]["app"]["request_headers"]["set"]
    assert sent["X-Key"] == "${APP_KEY}"
    assert sent["X-Inline"] == "${X_INLINE}"
    assert sent["X-Basic"] == {"basic": {"user": "{email}", "password_file": "/run/secrets/pw"}}
    assert str(settings.server.admin_listen) == "127.0.0.1:9100"
    assert imported.says("unheardOf: unknown: ")
    assert "v4lue" not in imported.text + "".join(imported.report)


def test_several_providers_each_have_their_own_rules(translate):
    text = ALPHA.replace(
        "upstreamConfig:",
        "  - {id: other, provider: google, clientID: g, clientSecret: x}\nupstreamConfig:",
    )
    imported = translate("oauth2-proxy", text)
    secrets = {"MAIN_CLIENT_SECRET": "of-main", "OTHER_CLIENT_SECRET": "of-other"}
    providers = imported.settings(APP_KEY="k", X_INLINE="v", **secrets).providers
    assert {name: it.client_secret for name, it in providers.items()} == {
        "main": "of-main",
        "other": "of-other",
    }
    assert imported.says("OTHER_CLIENT_SECRET")


def test_the_path_of_an_upstreams_url_is_not_sent(translate):
    text = ALPHA.replace("http://127.0.0.1:4000", "http://127.0.0.1:4000/base")
    imported = translate("oauth2-proxy", text)
    settings = imported.settings(APP_KEY="k", X_INLINE="v")
    assert settings.upstreams["api"].url == "http://127.0.0.1:4000"


def test_a_rewritten_path_is_denied(translate):
    text = ALPHA.replace("path: /api/,", "path: ^/api/(.*), rewriteTarget: /$1,")
    imported = translate("oauth2-proxy", text)
    assert imported.says("rewriteTarget")
    denied = imported.data["routes"][0]
    assert (denied["prefix"], denied["access"]) == ("/api", "denied")
    imported.settings(APP_KEY="k", X_INLINE="v")


BOMB = b"a: &a [x]\n" + b"".join(
    b"%c: &%c [%s]\n" % (c, c, b",".join([b"*%c" % (c - 1)] * 10)) for c in range(98, 118)
)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"# nothing\n",
        b"hello world\n",
        b"a = 1\nb = = 2\n",
        b"a = 1\na = 2\n",
        b"a = [" + b"[" * 5000 + b"\n",
        b"a = " + b"9" * 5000 + b"\n",
        (b"a." * 5000) + b"b = 1\n",
        b"client_id = 'x\n",
        b"\x7fELF\x02\x01\x01\x00\x00",
        b"client_id = 'a\x00b'\n",
        b"\xff\xfe" + "client_id = 'x'".encode("utf-16-le"),
        b"client_id = '\xff'\n",
        b"x" * (5 * 1024 * 1024),
        b"client_id = 'x'\n" * 400_000,
        b"# " + b"x" * (2 * 1024 * 1024) + b"\nclient_id = 'x'\n",
        b"--client-id='unclosed\n",
        b"OAUTH2_PROXY_A=1\nOAUTH2_PROXY_B\n",
        b"providers:\n\t- id: x\n",
        b"providers: [x\n",
        b"providers:\n- {id: a, id: b}\n",
        b"upstreams: !!python/object:os.system [x]\n",
        b"upstreams: " + b"[" * 3000 + b"\n",
        BOMB + b"providers: *u\n",
        b"kind: Service\n---\nkind: Deployment\n",
    ],
    ids=lambda data: repr(data[:30]),
)
def test_what_is_no_configuration_is_one_line_that_says_why(refused, data):
    line = refused("oauth2-proxy", data)
    assert len(line) < 200


def test_a_file_that_is_not_there_is_one_line(tmp_path, refused):
    for more in ("--env-file", "--alpha-config"):
        with pytest.raises(AssertionError, match="cannot be read"):
            refused("oauth2-proxy", BASE.encode(), more, str(tmp_path / "missing"))
