import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import MalformedRequestError
from gateway.message.proxy_protocol import (
    FIXED_BYTES,
    MOST_BYTES,
    SIGNATURE,
    client_of,
    crc32c,
    payload_bytes,
)
from tests.fixtures.proxy_headers import (
    LOCAL,
    PROXY,
    TCP4,
    TCP6,
    UNIX,
    UNSPEC,
    addresses,
    extension,
    header,
    raw_header,
)


def read(sent: bytes) -> str | None:
    fixed, payload = sent[:FIXED_BYTES], sent[FIXED_BYTES:]
    assert payload_bytes(fixed) == len(payload)
    return client_of(fixed, payload)


@pytest.mark.parametrize(
    ("given", "client"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("2001:db8:0::7", "2001:db8::7"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
    ],
)
@pytest.mark.parametrize("checksum", [False, True])
def test_the_client_is_the_source_address(given, client, checksum):
    assert read(header(given, checksum=checksum)) == client
    assert (
        read(
            header(
                given,
                extension(1, b"h2")
                + extension(
                    4,
                    b"",
                ),
                checksum=checksum,
            )
        )
        == client
    )


@pytest.mark.parametrize("family", [UNSPEC, TCP4, 0x77])
@pytest.mark.parametrize("payload", [b"", b"whatever"])
def test_a_local_connection_has_no_client(family, payload):
    assert read(raw_header(payload, command=LOCAL, family=family)) is None


@pytest.mark.parametrize(
    "sent", [raw_header(b"", family=UNSPEC), raw_header(bytes(216), family=UNIX)]
)
def test_a_client_without_an_ip_address_is_unknown_and_not_the_load_balancer(sent):
    assert read(sent) == "unknown"


@pytest.mark.parametrize(
    "fixed",
    [
        b"GET / HTTP/1.1\r\n",
        b"PROXY TCP4 1.2.3",
        SIGNATURE[:-1] + b"\r" + bytes((PROXY, TCP4, 0, 12)),
        SIGNATURE + bytes((0x11, TCP4, 0, 12)),  # Version 1.
        SIGNATURE + bytes((0x31, TCP4, 0, 12)),  # Version 3.
        SIGNATURE + bytes((0x22, TCP4, 0, 12)),  # A command that does not exist.
        SIGNATURE + bytes((PROXY, TCP4)) + (MOST_BYTES - FIXED_BYTES + 1).to_bytes(2, "big"),
        SIGNATURE + bytes((LOCAL, UNSPEC, 0xFF, 0xFF)),
    ],
)
def test_what_begins_no_header_is_refused(fixed):
    with pytest.raises(MalformedRequestError):
        payload_bytes(fixed)


def test_the_longest_header_is_read():
    fill = MOST_BYTES - len(header("203.0.113.7")) - 3

    assert read(header("203.0.113.7", extension(4, bytes(fill)))) == "203.0.113.7"


@pytest.mark.parametrize(
    "sent",
    [
        raw_header(addresses("203.0.113.7")[:-1]),
        raw_header(addresses("203.0.113.7"), family=TCP6),
        raw_header(bytes(215), family=UNIX),
        *(
            raw_header(addresses("203.0.113.7"), family=family)
            for family in (0x01, 0x10, 0x12, 0x13, 0x41, 0xF1)  # Not TCP, or nothing known.
        ),
        header("203.0.113.7", b"\x04"),
        header("203.0.113.7", b"\x04\x00"),
        header("203.0.113.7", b"\x04\x00\x05four"),
        header("203.0.113.7", extension(3, b"")),
        header("203.0.113.7", extension(3, bytes(4))),
        header("203.0.113.7", extension(3, bytes(5))),
        header("203.0.113.7", extension(3, bytes(4)), checksum=True),
        header("203.0.113.7", checksum=True)[:-1] + b"\0",
    ],
)
def test_a_header_that_is_malformed_is_refused(sent):
    with pytest.raises(MalformedRequestError):
        read(sent)


@given(st.binary(max_size=64), st.sampled_from([TCP4, TCP6, UNIX, UNSPEC, 0x12]))
def test_no_bytes_do_more_than_be_refused(payload, family):
    sent = raw_header(payload, family=family)
    try:
        client = read(sent)
    except MalformedRequestError:
        return
    assert isinstance(client, str)


@pytest.mark.parametrize(
    ("data", "sum_"),
    [
        # RFC 3720, appendix B.4, in which the bytes of the sum are in the order of iSCSI.
        (bytes(32), 0x8A9136AA),
        (b"\xff" * 32, 0x62A8AB43),
        (bytes(range(32)), 0x46DD794E),
        (bytes(range(31, -1, -1)), 0x113FDB5C),
    ],
)
def test_the_checksum_is_that_of_iscsi(data, sum_):
    assert crc32c(data) == sum_
