"""What a refused request holds never reaches the log: it may be a live credential."""

import logging

import pytest

from tests.dataplane.harness import HOST, request

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
SECRET = b"gp_live-credential"
POST = b"POST / HTTP/1.1\r\nHost: " + HOST + b"\r\n"
CODED = POST + b"Transfer-Encoding: chunked\r\n\r\n"


def head(line: bytes) -> bytes:
    return b"GET / HTTP/1.1\r\nHost: " + HOST + b"\r\n" + line + b"\r\n\r\n"


# What is sent, and what the log has to name.
REFUSED = {
    "a control in a cookie": (head(b"Cookie: a=%s; app=a\x01b" % SECRET), "field 2 (cookie)"),
    "DEL in Authorization": (
        head(b"Authorization: Bearer %s\x7f" % SECRET),
        "field 2 (authorization): the control character 0x7f",
    ),
    "NUL in a key": (head(b"X-API-Key: %s\0" % SECRET), "(x-api-key)"),
    "a bare carriage return": (head(b"Cookie: %s\rX: y" % SECRET), "(cookie)"),
    "a bare line feed": (head(b"Cookie: %s\nX: y" % SECRET), "line feed"),
    "a space before the colon": (head(b"Cookie : %s" % SECRET), "a space before the colon"),
    "a folded line": (head(b"Cookie: a=b;\r\n %s" % SECRET), "a folded line"),
    "no colon": (head(b"Authorization %s" % SECRET), "no colon"),
    "a name that is a secret": (head(SECRET + b"\x01: x"), "field 2: "),
    "a name with a value in it": (head(b"Cookie=%s\xff: x" % SECRET), "field 2: "),
    "a framing field": (head(b"Content_Length: %s" % SECRET), "content-length"),
    "a length": (head(b"Content-Length: %s" % SECRET), "Content-Length"),
    "two lengths": (head(b"Content-Length: 1\r\nContent-Length: %s" % SECRET), "content-length"),
    "a coding": (head(b"Transfer-Encoding: %s" % SECRET), "Transfer-Encoding"),
    "an expectation": (head(b"Expect: %s" % SECRET), "Expect"),
    "two Authorizations": (
        head(b"Authorization: %s\r\nAuthorization: b" % SECRET),
        "authorization",
    ),
    "a host": (b"GET / HTTP/1.1\r\nHost: %s@x\r\n\r\n" % SECRET, "Host"),
    "no host": (b"GET /?code=%s HTTP/1.1\r\n\r\n" % SECRET, "Host"),
    "a control in a query": (
        b"GET /_gatepost/callback/idp?code=%s\x01 HTTP/1.1\r\n\r\n" % SECRET,
        "a control character in the target",
    ),
    "a fragment": (request(f"/?access_token={SECRET.decode()}#f"), "a fragment"),
    "a space in a query": (request(f"/?code={SECRET.decode()} x"), "4 parts"),
    "a query alone": (b"GET ?code=%s HTTP/1.1\r\n\r\n" % SECRET, ""),
    "a user in the target": (
        request(f"http://u:{SECRET.decode()}@app.test/"),
        "authority",
    ),
    "another host in the target": (request(f"http://{SECRET.decode()}.test/"), ""),
    "a method": (b"get-%s / HTTP/1.1\r\n\r\n" % SECRET, "no valid method"),
    "a version": (b"GET / %s\r\n\r\n" % SECRET, "HTTP/1.1"),
    "no request at all": (SECRET + b"\r\n\r\n", "not a request line"),
    "a query past all readings": (
        request("/" + "/%2e" * 400 + f"?code={SECRET.decode()}"),
        "unclean path",
    ),
    "a chunk's size": (CODED + SECRET + b"\r\n", "not a valid chunk size line"),
    "a chunk's extension": (CODED + b"2;a=\x01%s\r\n" % SECRET, "not a valid chunk size line"),
    "a chunk's end": (CODED + b"2\r\nok" + SECRET, "longer than its size"),
    "a trailer": (CODED + b"0\r\nCookie: %s\x01\r\n\r\n" % SECRET, "(cookie)"),
    "an unknown credential": (head(b"Authorization: Basic %s" % SECRET), "authorization"),
}


@pytest.mark.parametrize("name", REFUSED)
async def test_the_log_names_the_fault_and_never_the_value(
    raw_upstream, gateway, capfd, caplog, name
):
    caplog.set_level(logging.DEBUG)
    sent, named = REFUSED[name]

    async def read_all(connection):
        await connection.read_to_end()

    upstream = await raw_upstream(read_all)
    routes = [{"name": "all", "prefix": "/", "access": "optional" if "cred" in name else "public"}]
    running = await gateway(upstream.url, routes=routes)
    answer = await running.ask(sent)
    await running.gateway.stop()

    out, err = capfd.readouterr()
    said = caplog.text + out + err
    assert 400 <= answer.status < 500, answer
    assert SECRET.decode() not in said
    assert SECRET not in answer.body
    assert named in caplog.text


ANSWER = b"HTTP/1.1 200 OK\r\n"
ANSWERS = {
    "a control in a cookie": (
        ANSWER + b"Set-Cookie: a=%s\x01\r\n\r\n" % SECRET,
        "field 1 (set-cookie): the control character 0x01",
    ),
    "no status line": (SECRET + b"\r\n\r\n", "not a status line: neither HTTP/1.0 nor HTTP/1.1"),
    "no status": (b"HTTP/1.1 %s\r\n\r\n" % SECRET, "no three-digit status"),
    "a reason": (b"HTTP/1.1 200 %s\0\r\n\r\n" % SECRET, "a control character in the reason"),
    "a length": (ANSWER + b"Content-Length: %s\r\n\r\n" % SECRET, "Content-Length is not a number"),
    "two lengths": (
        ANSWER + b"Content-Length: 2\r\nContent-Length: %s\r\n\r\n" % SECRET,
        "different values of Content-Length",
    ),
    "a chunk's size": (
        ANSWER + b"Transfer-Encoding: chunked\r\n\r\n%s\r\n" % SECRET,
        "not a valid chunk size line",
    ),
    "a line feed in a cookie": (
        ANSWER + b"Server: x\r\nSet-Cookie: %s\nX: y\r\n\r\n" % SECRET,
        "field 2 (set-cookie): a line feed without a carriage return",
    ),
    "an end in a value": (
        ANSWER + b"Server: x\r\nLocation: /%s\n\n" % SECRET,
        "field 2 (location): a line feed without a carriage return",
    ),
    "a line feed after the status": (
        b"HTTP/1.1 200 OK\nServer: x\nLocation: /%s\r\n\r\n" % SECRET,
        "field 2 (location): a carriage return, but lines end in LF alone",
    ),
    "a folded line": (ANSWER + b"X: y\r\n %s\r\n\r\n" % SECRET, "field 2: a folded line"),
}


@pytest.mark.parametrize("name", ANSWERS)
async def test_nor_does_what_an_app_answers(raw_upstream, gateway, capfd, caplog, name):
    caplog.set_level(logging.DEBUG)
    sent, named = ANSWERS[name]
    running = await gateway((await raw_upstream(sent)).url)

    answer = await running.ask(request("/"))
    await running.gateway.stop()

    out, err = capfd.readouterr()
    assert answer.status == 502
    assert SECRET.decode() not in caplog.text + out + err
    assert "upstream-failed" in caplog.text
    assert named in caplog.text
