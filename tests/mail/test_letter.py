"""How mails are written, whatever is in names and addresses."""

import email
from email.policy import default

import pytest

from gateway.mail.letter import Letter, UnmailableError, mailable, write
from gateway.mail.letters import Letters

NOW = 1_800_000_000.0
SENDER = "Notes <notes@example.com>"
LINK = "https://notes.example.com/_gatepost/reset?token=" + "x" * 43
HOSTILE = (
    "ann\r\nBcc: eve@evil.test",
    "ann\nBcc: eve@evil.test",
    "ann\rBcc: eve@evil.test",
    "ann\u2028Bcc: eve@evil.test",
    "ann\x85Bcc: eve@evil.test",
    "ann\x0bBcc: eve@evil.test",
    "ann\x00\r\n.\r\nMAIL FROM:<eve@evil.test>",
    "ann\ud800",
    "\u202eann",
    "=?utf-8?q?ann=0d=0aBcc:_eve@evil.test?=",
    "x" * 5000,
)


def read(letter, sender=SENDER, host="notes.example.com"):
    """The fields and text of `letter` as its reader gets them."""
    raw = write(letter, sender, host, NOW).as_bytes()
    assert all(line.endswith(b"\r\n") for line in raw.splitlines(keepends=True))
    assert max(map(len, raw.splitlines())) <= 998
    assert raw.isascii()
    return email.message_from_bytes(raw, policy=default)


def test_a_mail_says_who_sends_it_and_that_a_machine_does():
    message = read(Letters("notes.example.com").new_password("Ann@Example.com", "ann", LINK))
    assert message["From"] == SENDER
    assert message["To"] == "Ann@example.com"
    assert message["Subject"] == "New password for notes.example.com"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Message-ID"].endswith("@notes.example.com>")
    assert message["Date"] == "Fri, 15 Jan 2027 08:00:00 +0000"
    assert LINK in message.get_content().splitlines()
    assert message.get_content_type() == "text/plain"


def test_no_two_mails_have_one_id():
    letter = Letters("notes.example.com").invitation("ann@example.com", LINK)
    assert read(letter)["Message-ID"] != read(letter)["Message-ID"]


@pytest.mark.parametrize("name", HOSTILE)
def test_a_name_begins_no_field_and_no_line(name):
    letters = Letters("notes.example.com")
    written = (
        letters.new_password("ann@example.com", name, LINK),
        letters.confirm_address("ann@example.com", name, LINK),
        letters.address_changed("ann@example.com", name),
        Letter("test", "ann@example.com", name, ("Hello,",)),
    )
    for letter in written:
        message = read(letter)
        assert set(message.keys()) == {
            *("From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted"),
            *("MIME-Version", "Content-Type", "Content-Transfer-Encoding"),
        }
        assert message["To"] == "ann@example.com"
        assert not any(line.startswith("Bcc") for line in message.get_content().splitlines())
        assert "\u202e" not in str(message)


@pytest.mark.parametrize(
    "address",
    [
        "",
        "ann",
        "ann@",
        "@example.com",
        "ann@example.com\r\nBcc: eve@evil.test",
        "ann@example.com\n",
        "ann@example.com, eve@evil.test",
        "ann@example.com> SIZE=1\r\nRCPT TO:<eve@evil.test",
        '"ann eve"@example.com',
        "<ann@example.com>",
        "ann@evil.test@example.com",
        "ann@[192.0.2.1]",
        "än@example.com",
        "ann@exämple\u3002com",
        "ann@example.com\u200b",
        "ann @example.com",
        "-oQ/tmp@example..com",
        "x" * 65 + "@example.com",
    ],
)
def test_what_is_not_one_address_in_ascii_is_refused(address):
    letter = Letters("notes.example.com").invitation(address, LINK)
    with pytest.raises(UnmailableError):
        write(letter, SENDER, "notes.example.com", NOW)


def test_an_international_domain_is_sent_to_in_ascii():
    assert mailable("Ann@exämple.com") == "Ann@xn--exmple-cua.com"


@pytest.mark.parametrize(
    ("sender", "shown"),
    [
        ("notes@example.com", "notes.example.com"),
        ("Notizen für alle <notes@example.com>", "Notizen für alle"),
        ('"Notes, Inc." <notes@example.com>', "Notes, Inc."),
    ],
)
def test_the_sender_has_a_name(sender, shown):
    message = read(Letters("a").invitation("ann@example.com", LINK), sender)
    [address] = message["From"].addresses
    assert (address.display_name, address.addr_spec) == (shown, "notes@example.com")


def test_an_ipv6_host_makes_a_valid_id():
    letter = Letters("::1").invitation("ann@example.com", LINK)
    assert read(letter, host="::1")["Message-ID"].endswith("@localhost>")
