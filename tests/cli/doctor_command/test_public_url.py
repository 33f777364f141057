"""What `gatepost doctor` says of `public_url`: DNS, TLS, and who answers."""

import ssl
from datetime import UTC, datetime, timedelta

import pytest
from aiohttp import web

from tests.cli.doctor_command.run import doctor
from tests.fixtures.certificates import Authority
from tests.fixtures.network import take_free_port


async def test_a_gateway_that_does_not_run(configured, app_url):
    port = take_free_port()
    path = configured(
        public_url=f"http://127.0.0.1:{port}",
        server={
            "listen": f"127.0.0.1:{port}",
            "admin_listen": f"127.0.0.1:{take_free_port()}",
        },
        auth_mode="standalone",
        upstreams={"app": app_url},
    )

    report = await doctor(path)

    assert report.status == 0
    assert report.amiss("warning").keys() >= {
        "gateway-running",
        "public-url-connect",
        "store-round-trip",
    }
    assert not (path.parent / "data").exists()


async def test_a_name_without_an_address(configured):
    report = await doctor(
        configured(public_url="https://notes.invalid", auth_mode="standalone"),
        "--only",
        "public_url",
    )

    assert report.status == 1
    assert "notes.invalid has no address" in report.amiss("error")["public-url-dns"]


async def test_something_else_answers_at_public_url(configured, app_url):
    report = await doctor(
        configured(public_url=app_url, auth_mode="standalone"), "--only", "public_url"
    )

    assert report.status == 1
    assert report.amiss("error") == {
        "public-url-gateway": "something else answers, with status 200"
    }


async def test_public_url_is_http_and_its_port_speaks_tls(configured, raw_upstream):
    port = await raw_upstream(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")

    report = await doctor(
        configured(public_url=port.url, auth_mode="standalone"), "--only", "public_url"
    )

    found = report.one("public-url-gateway")
    assert (found["level"], found["do"]) == (
        "error",
        "if browsers use https, let public_url begin with https://",
    )


async def test_a_gateway_with_another_secret(serve, configured):
    gateway = serve(auth_mode="standalone")

    report = await doctor(
        configured(public_url=gateway.base_url, auth_mode="standalone", secret="x" * 40),
        "--only",
        "public_url",
    )

    assert report.status == 1
    assert "another secret" in report.amiss("error")["public-url-gateway"]


def certificate(authority, name, *, ends_in):
    """A certificate for `name` that ends `ends_in` from now."""
    builder = authority._builder

    def ending(subject, key):
        now = datetime.now(UTC)
        made = builder(subject, key)
        made._not_valid_before = (now - timedelta(days=400)).replace(tzinfo=None)
        made._not_valid_after = (now + ends_in).replace(tzinfo=None)
        return made

    authority._builder = ending
    return authority.issue("server", name)


async def tls_report(configured, aiohttp_server, authority, pair, environ=None):
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(pair.cert, pair.key)
    server = await aiohttp_server(web.Application(), ssl=context, shutdown_timeout=0.1)
    path = configured(public_url=f"https://127.0.0.1:{server.port}", auth_mode="standalone")
    trusting = {"SSL_CERT_FILE": str(authority.cert)}
    return await doctor(path, "--only", "public_url", **(trusting if environ is None else environ))


@pytest.mark.parametrize(
    ("name", "ends_in", "says"),
    [
        ("127.0.0.1", -timedelta(days=2), "the certificate expired at "),
        ("notes.example.com", timedelta(days=90), "is for notes.example.com, not for 127.0.0.1"),
    ],
)
async def test_a_certificate_that_browsers_refuse(
    configured, aiohttp_server, tmp_path, name, ends_in, says
):
    authority = Authority(tmp_path)
    pair = certificate(authority, name, ends_in=ends_in)

    report = await tls_report(configured, aiohttp_server, authority, pair)

    assert report.status == 1
    assert report.amiss("error").keys() == {"public-url-certificate"}
    assert says in report.amiss("error")["public-url-certificate"]


@pytest.mark.parametrize(("days", "level"), [(5, "warning"), (60, "ok")])
async def test_a_certificate_that_ends_soon(configured, aiohttp_server, tmp_path, days, level):
    authority = Authority(tmp_path)
    pair = certificate(authority, "127.0.0.1", ends_in=timedelta(days=days))

    report = await tls_report(configured, aiohttp_server, authority, pair)

    assert report.level("public-url-certificate") == "ok"
    assert report.level("public-url-expiry") == level


async def test_a_certificate_that_nobody_vouches_for(configured, aiohttp_server, tmp_path):
    authority = Authority(tmp_path)

    report = await tls_report(
        configured, aiohttp_server, authority, authority.issue("server", "127.0.0.1"), {}
    )

    found = report.one("public-url-certificate")
    assert (found["level"], "nobody known here vouches" in found["says"]) == ("error", True)
    assert "SSL_CERT_FILE" in found["do"]


async def test_a_port_without_tls(configured, aiohttp_server):
    server = await aiohttp_server(web.Application(), shutdown_timeout=0.1)
    url = f"https://127.0.0.1:{server.port}"

    report = await doctor(
        configured(public_url=url, auth_mode="standalone"), "--only", "public_url"
    )

    assert "no TLS handshake" in report.amiss("error")["public-url-certificate"]
