import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.sealing.sealer import Sealer
from gateway.sessions.record import (
    Record,
    describe,
    index_names,
    open_info,
    open_refresh_token,
    open_session,
    seal_session,
    sid_indexes,
    subject_indexes,
    touched,
    unpack,
    user_indexes,
)
from gateway.sessions.session import ProviderTokens, Session, with_tokens
from gateway.sessions.ticket import Ticket, new_ticket
from tests.sessions.conftest import SECRET, make_identity

SEALER = Sealer((SECRET,))
OTHER = Sealer((b"another-secret-0123456789abcdef0123456789",))
TICKET = Ticket(b"i" * 16, b"k" * 32)


def make_session(ticket=TICKET, tokens=None, **parts):
    bare = Session(
        session_id=ticket.session_id,
        identity=make_identity(),
        provider="zitadel",
        created_at=1.0,
        last_seen_at=2.0,
        device="curl",
        ip="192.0.2.1",
        **parts,
    )
    return with_tokens(
        bare, bare.identity, tokens or ProviderTokens("ACCESS", "REFRESH", "ID", 3.0)
    )


def test_a_record_comes_back_whole():
    session = make_session(provider_sid="sid-1")
    record = unpack(seal_session(SEALER, TICKET, session).pack())

    assert open_session(SEALER, TICKET, record) == session
    assert open_info(SEALER, TICKET.session_id, record) == describe(session)
    assert open_refresh_token(SEALER, TICKET.session_id, record) == "REFRESH"


@pytest.mark.parametrize(
    ("id_token", "algorithm"),
    [
        ("eyJhbGciOiJFUzI1NiJ9.e30.c2ln", "ES256"),
        (None, None),
        ("", None),
        ("no token", None),
        ("bnVsbA.e30.c2ln", None),
        ("eyJhbGciOjF9.e30.c2ln", None),
    ],
)
def test_what_the_id_token_is_signed_with_is_known_without_the_cookie(id_token, algorithm):
    session = make_session(tokens=ProviderTokens(id_token=id_token))
    record = seal_session(SEALER, TICKET, session)

    assert open_info(SEALER, TICKET.session_id, record).signed_with == algorithm


def test_a_dump_of_the_store_shows_nothing():
    session = make_session(provider_sid="sid-1")
    dump = seal_session(SEALER, TICKET, session).pack()
    dump += "".join(index_names(SEALER, describe(session))).encode()

    for secret in (b"ACCESS", b"REFRESH", b"alice", b"example", b"sid-1", b"192.0", b"curl"):
        assert secret not in dump


def test_the_server_alone_cannot_open_the_tokens_nor_the_cookie_alone_anything():
    record = seal_session(SEALER, TICKET, make_session())

    assert open_session(SEALER, Ticket(TICKET.id, bytes(32)), record) is None
    assert open_session(OTHER, TICKET, record) is None
    assert open_info(OTHER, TICKET.session_id, record) is None
    assert open_refresh_token(OTHER, TICKET.session_id, record) is None


def test_no_part_opens_in_the_place_of_another_nor_for_another_session():
    record = seal_session(SEALER, TICKET, make_session())
    mixed = Record(record.info, record.refresh_token, record.info)
    thief = new_ticket(lambda n: b"t" * n)

    assert open_session(SEALER, TICKET, mixed) is None
    assert open_info(SEALER, TICKET.session_id, mixed) is None
    assert open_refresh_token(SEALER, TICKET.session_id, mixed) is None
    assert open_session(SEALER, Ticket(thief.id, TICKET.key), record) is None
    assert open_info(SEALER, thief.session_id, record) is None


def test_without_a_refresh_token_there_is_none():
    record = unpack(seal_session(SEALER, TICKET, make_session(tokens=ProviderTokens("a"))).pack())

    assert open_refresh_token(SEALER, TICKET.session_id, record) is None
    assert open_session(SEALER, TICKET, record).tokens == ProviderTokens("a")


def test_a_touch_moves_the_last_use_and_nothing_else():
    session = make_session()
    record = seal_session(SEALER, TICKET, session)
    later = touched(SEALER, describe(session), record, 9.0)

    assert later.body == record.body
    assert open_session(SEALER, TICKET, later).last_seen_at == 9.0
    assert open_info(SEALER, TICKET.session_id, later).last_seen_at == 9.0


@given(st.binary(max_size=100))
def test_foreign_bytes_are_no_record(data):
    record = unpack(data)

    assert open_session(SEALER, TICKET, record) is None
    assert open_info(SEALER, TICKET.session_id, record) is None
    assert open_refresh_token(SEALER, TICKET.session_id, record) is None


def test_a_damaged_record_is_none():
    packed = seal_session(SEALER, TICKET, make_session()).pack()

    assert unpack(None) is None
    assert unpack(b"\x02" + packed[1:]) is None
    for length in range(len(packed)):
        assert unpack(packed[:length]) is None
    assert unpack(packed + b"x") is None


def test_a_sealed_info_of_another_shape_is_none():
    session_id = TICKET.session_id
    context = f"session:{session_id}".encode()
    for data in (b"", b"[]", b'{"surprise": 1}', b"\xff"):
        info = SEALER.seal("session-info", data, context=context)
        assert open_info(SEALER, session_id, Record(b"", info, b"")) is None


@pytest.mark.parametrize("sid", [None, "sid-1"])
def test_a_record_lies_under_all_it_is_ended_by(sid):
    names = index_names(SEALER, describe(make_session(provider_sid=sid)))

    assert names[:3] == (
        "sessions",
        user_indexes(SEALER, "alice")[0],
        subject_indexes(SEALER, "https://id.example.com", "alice-subject")[0],
    )
    assert names[3:] == (
        () if sid is None else sid_indexes(SEALER, "https://id.example.com", "sid-1")
    )


def test_indexes_are_looked_up_under_old_secrets_too():
    both = Sealer((b"n" * 32, SECRET))

    assert user_indexes(both, "alice")[1:] == user_indexes(SEALER, "alice")
