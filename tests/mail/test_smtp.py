"""How a mail gets to a real mail server: with TLS, with a password, or not at all."""

import asyncio
import ssl

import pytest

from gateway.mail.letter import write
from gateway.mail.letters import Letters
from gateway.mail.smtp import UnsentMailError, deliver
from gateway.settings.smtp import SmtpSettings
from tests.fixtures.certificates import Authority
from tests.fixtures.mail import PASSWORD, USER
from tests.patience import until

LINK = "https://notes.example.com/_gatepost/reset?token=secret"
LETTER = Letters("notes.example.com").new_password("ann@example.com", "ann", LINK)


@pytest.fixture(autouse=True)
async def closed():
    """Wait for the end of connections, which with TLS takes both sides a moment."""
    yield
    # Nothing public tells what a loop still waits for; its own pipe is one of them.
    waited_for = asyncio.get_running_loop()._selector.get_map()
    await until(lambda: len(waited_for) <= 1)


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path / "ca")


@pytest.fixture
def tls(authority):
    return authority.server_context(authority.issue("mail", "127.0.0.1"))


def smtp(url, **more):
    return SmtpSettings.model_validate({"url": url, "from": "Notes <notes@example.com>", **more})


async def send(settings, waits=None):
    message = write(LETTER, settings.sender, "notes.example.com", 1_800_000_000.0)

    async def pause(seconds):
        if waits is not None:
            waits.append(seconds)

    await deliver(settings, message, "notes.example.com", pause)


async def test_a_server_in_the_private_network_needs_no_tls(mail_server):
    mailbox = mail_server()
    await send(smtp(f"smtp://{mailbox.address}"))
    [mail] = mailbox.received
    assert (mail.sender, mail.to) == ("notes@example.com", ["ann@example.com"])
    assert (mail.link, mail.is_encrypted) == (LINK, False)
    assert mailbox.greetings == ["notes.example.com"]


async def test_starttls_is_used_where_it_is_offered(mail_server, tls):
    mailbox = mail_server(tls)
    await send(smtp(f"smtp://{mailbox.address}"))
    assert [mail.is_encrypted for mail in mailbox.received] == [True]


@pytest.mark.parametrize("url", ["smtp", "smtp+starttls"])
async def test_a_password_is_sent_only_within_verified_tls(mail_server, tls, authority, url):
    mailbox = mail_server(tls, auth=True)
    secret = {"username": USER, "password": PASSWORD}
    where = f"{url}://{mailbox.address}"

    with pytest.raises(UnsentMailError, match="certificate"):
        await send(smtp(where, **secret))
    bad = smtp(where, username=USER, password="wrong", tls={"ca_file": authority.cert})
    with pytest.raises(UnsentMailError, match="SMTPAuthenticationError 535") as wrong:
        await send(bad)
    assert "wrong" not in str(wrong.value)
    assert mailbox.received == []

    await send(smtp(where, **secret, tls={"ca_file": authority.cert}))
    [mail] = mailbox.received
    assert (mail.is_encrypted, mail.is_authenticated) == (True, True)


async def test_an_offer_of_starttls_that_is_stripped_sends_nothing(mail_server):
    mailbox = mail_server()
    for settings in (
        smtp(f"smtp+starttls://{mailbox.address}"),
        smtp(f"smtp://{mailbox.address}", username=USER, password=PASSWORD),
    ):
        with pytest.raises(UnsentMailError, match="offers no STARTTLS"):
            await send(settings)
    assert mailbox.received == []


async def test_smtps_begins_with_tls(mail_server, tls, authority):
    mailbox = mail_server(tls, implicit=True)
    with pytest.raises(UnsentMailError):
        await send(smtp(f"smtps://{mailbox.address}"))
    await send(smtp(f"smtps://{mailbox.address}", tls={"ca_file": authority.cert}))
    assert [mail.is_encrypted for mail in mailbox.received] == [True]


async def test_a_certificate_for_another_host_is_refused(mail_server, authority):
    context = authority.server_context(authority.issue("other", "mail.example.com"))
    mailbox = mail_server(context)
    with pytest.raises(UnsentMailError, match="IP address mismatch"):
        await send(smtp(f"smtp+starttls://{mailbox.address}", tls={"ca_file": authority.cert}))
    assert mailbox.received == []


async def test_a_failure_that_may_pass_is_tried_once_more(mail_server):
    mailbox, waits = mail_server(), []
    mailbox.refusals.append("451 4.7.1 <ann@example.com> greylisted")
    await send(smtp(f"smtp://{mailbox.address}"), waits)
    assert (len(mailbox.received), len(waits)) == (1, 1)

    mailbox.refusals += ["451 4.7.1 no", "451 4.7.1 <ann@example.com> greylisted"]
    with pytest.raises(UnsentMailError) as refused:
        await send(smtp(f"smtp://{mailbox.address}"), waits)
    assert str(refused.value).endswith("SMTPRecipientsRefused: SMTPRecipientRefused 451 4.7.1")
    assert len(waits) == 2


async def test_a_refusal_for_good_is_not_tried_again_and_quotes_no_address(mail_server):
    mailbox, waits = mail_server(), []
    mailbox.refusals.append("550 5.1.1 <ann@example.com>: no such user")
    with pytest.raises(UnsentMailError) as refused:
        await send(smtp(f"smtp://{mailbox.address}"), waits)
    assert "550 5.1.1" in str(refused.value)
    assert "ann" not in str(refused.value)
    assert waits == []


async def test_a_server_that_is_down_or_silent_is_given_up(mail_server):
    mailbox = mail_server()
    mailbox.stop()
    with pytest.raises(UnsentMailError, match="Connect"):
        await send(smtp(f"smtp://{mailbox.address}"))

    writers = []
    silent = await asyncio.start_server(
        lambda _reader, writer: writers.append(writer), "127.0.0.1", 0
    )
    port = silent.sockets[0].getsockname()[1]
    with pytest.raises(UnsentMailError, match="Timeout"):
        await send(smtp(f"smtp://127.0.0.1:{port}", timeout="100ms"))
    silent.close()
    for writer in writers:
        writer.close()
        await writer.wait_closed()


def test_the_context_of_a_required_tls_verifies(mail_server):
    from gateway.mail.smtp import _tls_context  # What else the library is given.

    for url in ("smtps://a", "smtp+starttls://a", "smtp://mail.example.com"):
        context = _tls_context(smtp(url))
        assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
