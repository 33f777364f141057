import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.sessions.ticket import Ticket, new_ticket, parse_ticket, storage_key

GOOD = new_ticket(lambda n: b"\xfb" * n).cookie


def test_a_ticket_is_64_characters_and_comes_back():
    ticket = Ticket(bytes(range(16)), bytes(range(32)))

    assert len(ticket.cookie) == 64
    assert parse_ticket(ticket.cookie) == ticket
    assert ticket.session_id == hashlib.sha256(bytes(range(16))).hexdigest()
    assert storage_key(ticket.session_id) == "session:" + ticket.session_id


def test_id_and_key_are_drawn_apart():
    drawn = []

    def random(size):
        drawn.append(size)
        return bytes([len(drawn)]) * size

    assert new_ticket(random) == Ticket(b"\x01" * 16, b"\x02" * 32)
    assert drawn == [16, 32]


def test_a_ticket_prints_no_secret():
    assert repr(parse_ticket(GOOD)) == "Ticket()"


@pytest.mark.parametrize(
    "hostile",
    [
        "",
        GOOD[:-1],
        GOOD + "A",
        GOOD + "=",
        GOOD[:-1] + "\n",
        GOOD[:-1] + "=",
        GOOD[:-1] + "+",
        GOOD[:-1] + "é",
        GOOD[:-1] + "\udcff",
        GOOD[:-1] + "\x00",
        "٣" * 64,
        " " + GOOD[1:],
        GOOD + ", " + GOOD,
        "A" * 1_000_000,
    ],
)
def test_no_hostile_cookie_is_a_ticket(hostile):
    assert parse_ticket(hostile) is None


@given(st.text(st.sampled_from("AZaz09-_+/=\n"), min_size=60, max_size=68))
def test_a_ticket_has_one_spelling(text):
    ticket = parse_ticket(text)

    assert ticket is None or ticket.cookie == text
