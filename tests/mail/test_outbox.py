"""The queue of mails: bounded, one after the other, drained at the end."""

import asyncio
import logging

import pytest

from gateway.mail.letters import Letters
from gateway.mail.outbox import MOST_WAITING, Outbox, only
from gateway.mail.smtp import UnsentMailError
from gateway.settings.smtp import SmtpSettings
from tests.patience import soon, until

SMTP = SmtpSettings.model_validate({"url": "smtp://mail", "from": "notes@example.com"})
URL = "https://notes.example.com"


def letter(number=0):
    return Letters("notes.example.com").invitation(f"ann{number}@example.com", f"{URL}/secret")


def outbox(deliver):
    return Outbox(SMTP, URL, lambda: 1_800_000_000.0, deliver)


async def test_more_mails_than_may_wait_are_dropped_and_the_log_says_so_once(caplog):
    sent, may_send = [], asyncio.Event()

    async def deliver(_smtp, message, _host):
        await may_send.wait()
        sent.append(message["To"])

    box = outbox(deliver)
    box.post(only(letter()))
    await asyncio.sleep(0)  # It is on its way, and no longer waits.
    with caplog.at_level(logging.WARNING):
        for number in range(1, 1000):
            box.post(only(letter(number)))
        may_send.set()
        await until(lambda: len(sent) == MOST_WAITING + 1)
        await soon(box.aclose())
    assert len(caplog.records) == 2
    assert "899 jobs" in caplog.text


async def test_a_mail_that_fails_holds_up_no_other_and_the_log_names_nobody(caplog):
    sent = []

    async def deliver(_smtp, message, _host):
        if not sent:
            sent.append(None)
            raise UnsentMailError("mail:25: SMTPConnectError")
        sent.append(message["To"])

    async def broken():
        raise RuntimeError("ann0@example.com")
        yield

    box = outbox(deliver)
    with caplog.at_level(logging.INFO):
        for job in (only(letter(0)), broken, only(letter(1))):
            box.post(job)
        await until(lambda: len(sent) == 2)
        await soon(box.aclose())
    assert sent == [None, "ann1@example.com"]
    assert "mail invitation: mail-not-sent: mail:25: SMTPConnectError" in caplog.text
    assert "RuntimeError" in caplog.text
    assert "example.com" not in caplog.text
    assert "secret" not in caplog.text


async def test_without_a_mail_server_a_mail_counts_as_not_sent(caplog):
    async def deliver(_smtp, _message, _host):
        raise AssertionError("there is nobody to hand it to")

    box = outbox(deliver)
    # A new configuration may have none while mails still wait.
    box.smtp = None
    with pytest.raises(UnsentMailError, match="no mail server"):
        await box.send(letter())
    with caplog.at_level(logging.INFO):
        box.post(only(letter()))
        await soon(box.aclose())
    assert "mail invitation: mail-not-sent" in caplog.text
    assert "invitation: sent" not in caplog.text


async def test_what_waits_is_sent_before_the_end():
    sent = []

    async def deliver(_smtp, message, _host):
        await asyncio.sleep(0)
        sent.append(message["To"])

    box = outbox(deliver)
    for number in range(5):
        box.post(only(letter(number)))
    await soon(box.aclose())
    assert len(sent) == 5


async def test_a_server_that_takes_nothing_does_not_hold_up_the_end(caplog, monkeypatch):
    monkeypatch.setattr("gateway.mail.outbox._CLOSE_S", 0.01)

    async def deliver(_smtp, _message, _host):
        await asyncio.Event().wait()

    box = outbox(deliver)
    for number in range(3):
        box.post(only(letter(number)))
    await asyncio.sleep(0)
    await soon(box.aclose())
    assert "3 jobs" in caplog.text


async def test_the_next_mail_starts_the_work_again():
    sent = []

    async def deliver(_smtp, message, _host):
        sent.append(message["To"])

    box = outbox(deliver)
    for number in range(3):
        box.post(only(letter(number)))
        await until(lambda number=number: len(sent) == number + 1)
    await box.aclose()


@pytest.mark.parametrize("url", ["https://notes.example.com:8443", "http://[::1]:8080"])
def test_links_are_on_the_configured_host(url):
    box = Outbox(SMTP, url, lambda: 0.0)
    assert box.link("/_gatepost/reset", "t") == f"{url}/_gatepost/reset?token=t"


async def test_it_knows_whether_the_last_mail_went_out():
    answers = [UnsentMailError("mail:25: SMTPConnectError"), None]

    async def deliver(_smtp, _message, _host):
        failure = answers.pop(0)
        if failure is not None:
            raise failure

    box = outbox(deliver)
    told = [(box.sent_at, box.failure, box.waiting)]
    with pytest.raises(UnsentMailError):
        await box.send(letter())
    told.append((box.sent_at, box.failure, box.waiting))
    await box.send(letter())
    told.append((box.sent_at, box.failure, box.waiting))

    assert told == [
        (None, "", 0),
        (None, "mail:25: SMTPConnectError", 0),
        (1_800_000_000.0, "", 0),
    ]
