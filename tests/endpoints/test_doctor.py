"""The endpoint of `gatepost doctor`: who gets an answer, and who can read it."""

import http.client
import json
from base64 import urlsafe_b64encode
from dataclasses import replace
from datetime import UTC, datetime
from urllib.parse import parse_qs, urlencode

import pytest

from gateway.endpoints.doctor import PATH, VALID_S, Doctor, ask, read_answer
from gateway.sealing.sealer import Sealer
from tests.builders import NOW, SECRET, make_request
from tests.fixtures.gateway import SECRET as GATEWAY_SECRET
from tests.patience import PATIENCE_S

HOSTS = frozenset({"notes.example.com"})
SEALER = Sealer((SECRET,))
OTHER = Sealer((b"another secret of thirty-two bytes",))


async def told(form, *, method="POST", at=NOW, sealer=SEALER, **changes):
    doctor = Doctor(sealer, lambda: at, HOSTS.__contains__)
    request = make_request(PATH.encode(), method=method, **changes)
    return await doctor.tell("127.0.0.1", True, request, form)


async def test_the_command_reads_how_its_request_arrived():
    question = ask(SEALER, NOW)
    fields = [(b"Host", b"gatepost:8080"), (b"X-Forwarded-For", b"192.0.2.9"), (b"X-A", b"1")]

    answer = await told(question.form, fields=fields, host="gatepost:8080", client="192.0.2.9")

    arrival = read_answer(SEALER, question, answer.body)
    assert (arrival.peer, arrival.trusted, arrival.client) == ("127.0.0.1", True, "192.0.2.9")
    assert (arrival.host, arrival.served, arrival.now) == ("gatepost:8080", False, NOW)
    assert arrival.told["x-forwarded-for"] == ["192.0.2.9"]
    assert arrival.names == ["host", "x-a", "x-forwarded-for"]
    assert ("Cache-Control", "no-store") in answer.fields


def sealed_for(purpose):
    sealed = SEALER.seal(purpose, json.dumps({"nonce": "00", "at": NOW}).encode())
    return urlencode({"question": urlsafe_b64encode(sealed).decode()}).encode()


@pytest.mark.parametrize(
    "form",
    [
        b"",
        b"question=",
        b"question=AQID",
        b"question=%ff",
        b"\xff\xfe",
        b"&" * 1000,
        ask(OTHER, NOW).form,
        ask(SEALER, NOW - VALID_S - 1).form,
        ask(SEALER, NOW + VALID_S + 1).form,
        sealed_for("session"),
    ],
)
async def test_who_has_not_the_secret_learns_nothing(form):
    answer = await told(form)

    assert (answer.status, json.loads(answer.body)["reason"]) == (404, "no-route")


async def test_only_what_was_sealed_for_a_question_is_one():
    assert (await told(sealed_for("doctor question"))).status == 200
    assert (await told(sealed_for("doctor answer"))).status == 404


@pytest.mark.parametrize("age_s", [1 - VALID_S, 0, VALID_S - 1])
async def test_a_question_is_good_for_some_minutes(age_s):
    assert (await told(ask(SEALER, NOW - age_s).form)).status == 200


async def test_only_a_post_is_answered():
    assert (await told(ask(SEALER, NOW).form, method="GET")).status == 404


async def test_a_copy_of_a_question_yields_nothing_that_can_be_read():
    question = ask(SEALER, NOW)
    (copied,) = parse_qs(question.form.decode())["question"]

    answer = await told(urlencode({"question": copied}).encode(), client="198.51.100.66")

    assert b"198.51.100.66" not in answer.body
    # Only who has the secret and asked it: neither another secret nor another question opens it.
    assert read_answer(OTHER, question, answer.body) is None
    assert read_answer(SEALER, ask(SEALER, NOW), answer.body) is None
    assert read_answer(SEALER, replace(question, nonce=b""), answer.body) is None
    assert read_answer(SEALER, question, answer.body) is not None


@pytest.mark.parametrize("body", [b"", b"<html>", b"AQID", ask(SEALER, NOW).form])
def test_nothing_else_passes_for_the_gateway(body):
    assert read_answer(SEALER, ask(SEALER, NOW), body) is None


def asked(port, method, path, body, host):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
    form = {"Content-Type": "application/x-www-form-urlencoded", "Host": host}
    connection.request(method, path, body, form)
    response = connection.getresponse()
    document = json.loads(response.read() or b"{}")
    document.pop("request_id", None)
    connection.close()
    return response.status, document


def test_without_the_secret_the_path_is_as_unknown_as_any_other(gateway_process, free_port):
    gateway = gateway_process(
        {"auth_mode": "standalone", "upstreams": {"app": f"http://127.0.0.1:{free_port}"}}
    )
    host = f"127.0.0.1:{gateway.port}"

    for method in ("GET", "POST", "PUT", "DELETE", "HEAD"):
        ours = asked(gateway.port, method, PATH, ask(OTHER, NOW).form, host)
        unknown = asked(gateway.port, method, "/_gatepost/nothing", ask(OTHER, NOW).form, host)
        assert ours == unknown
        assert ours[0] == 404

    # The right question is answered under any host: which one arrives is what the command asks.
    sealer = Sealer((GATEWAY_SECRET.encode(),))
    question = ask(sealer, datetime.now(UTC).timestamp())
    connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=PATIENCE_S)
    connection.request("POST", PATH, question.form, {"Host": "gatepost:8080"})
    arrival = read_answer(sealer, question, connection.getresponse().read())
    connection.close()
    assert (arrival.host, arrival.served) == ("gatepost:8080", False)
    assert gateway.wait_for_audit(path=PATH, status=200)["decision"] == "allow"
