from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import MalformedRequestError
from gateway.message.fields import Fields
from gateway.message.forwarded import (
    append_hop,
    client_address,
    forwarded_element,
    forwarded_for_value,
    forwarded_host,
    forwarded_proto,
    is_trusted,
    parse_address,
    request_id_of,
    traceparent_of,
)

TRUSTED = tuple(map(ip_network, ("10.0.0.0/8", "127.0.0.0/8", "2001:db8:1::/48")))
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
SPAN = "00f067aa0ba902b7"


def xff(*values: str) -> Fields:
    return Fields((b"X-Forwarded-For", value.encode("latin-1")) for value in values)


def rfc7239(*values: str) -> Fields:
    return Fields((b"Forwarded", value.encode("latin-1")) for value in values)


@pytest.mark.parametrize(
    ("peer", "fields", "client"),
    [
        ("203.0.113.9", xff("198.51.100.1"), "203.0.113.9"),  # the peer is not trusted
        ("10.0.0.1", Fields([]), "10.0.0.1"),
        ("10.0.0.1", xff("198.51.100.1"), "198.51.100.1"),
        ("10.0.0.1", xff("1.1.1.1, 198.51.100.1"), "198.51.100.1"),  # the left one is a claim
        ("10.0.0.1", xff("198.51.100.1, 10.0.0.2"), "198.51.100.1"),
        ("10.0.0.1", xff("1.1.1.1", "198.51.100.1", "10.0.0.2"), "198.51.100.1"),
        ("10.0.0.1", xff("10.0.0.3, 10.0.0.2"), "10.0.0.3"),  # all trusted: the farthest
        ("10.0.0.1", xff("198.51.100.1, unknown, 10.0.0.2"), "10.0.0.2"),
        ("10.0.0.1", xff("nonsense"), "10.0.0.1"),
        ("10.0.0.1", xff(""), "10.0.0.1"),
        ("10.0.0.1", xff("198.51.100.1,, "), "198.51.100.1"),
        ("10.0.0.1", xff("198.51.100.1:4711"), "198.51.100.1"),
        ("10.0.0.1", xff("[2001:db8::9]:4711"), "2001:db8::9"),
        ("10.0.0.1", xff("2001:DB8::9"), "2001:db8::9"),
        ("10.0.0.1", xff("fe80::1%eth0"), "fe80::1"),
        ("10.0.0.1", xff("::ffff:198.51.100.1"), "198.51.100.1"),
        ("10.0.0.1", xff("198.51.100.1, ::ffff:10.0.0.2"), "198.51.100.1"),
        ("::ffff:10.0.0.1", xff("198.51.100.1"), "198.51.100.1"),
        ("::ffff:203.0.113.9", xff("198.51.100.1"), "203.0.113.9"),
        ("2001:db8:1::5", xff("198.51.100.1"), "198.51.100.1"),
        ("unix", xff("198.51.100.1"), "198.51.100.1"),
        ("unix", Fields([]), "127.0.0.1"),
        ("fe80::1%eth0", Fields([]), "fe80::1"),
        ("nonsense", xff("198.51.100.1"), "nonsense"),
        ("10.0.0.1", rfc7239("for=198.51.100.1"), "198.51.100.1"),
        ("10.0.0.1", rfc7239("For=198.51.100.1;proto=https;by=10.0.0.1"), "198.51.100.1"),
        ("10.0.0.1", rfc7239('for="[2001:db8::9]:4711"'), "2001:db8::9"),
        ("10.0.0.1", rfc7239("for=1.1.1.1, for=198.51.100.1", "for=10.0.0.2"), "198.51.100.1"),
        ("10.0.0.1", rfc7239('for="1.1.1.1, for=198.51.100.1'), "198.51.100.1"),  # open quote
        ("10.0.0.1", rfc7239('for="x, for="198.51.100.1"'), "198.51.100.1"),
        ("10.0.0.1", rfc7239("for=_hidden"), "10.0.0.1"),
        ("10.0.0.1", rfc7239("for=unknown"), "10.0.0.1"),
        ("10.0.0.1", rfc7239("proto=https"), "10.0.0.1"),
        ("10.0.0.1", rfc7239("for=1.1.1.1;for=198.51.100.1"), "10.0.0.1"),
        ("10.0.0.1", rfc7239("for=198.51.100.1;;"), "10.0.0.1"),
        ("10.0.0.1", rfc7239('for="198.51.100\\.1"'), "198.51.100.1"),
        ("10.0.0.1", Fields([*xff("198.51.100.1").items, *rfc7239("for=198.51.100.1").items]),
         "198.51.100.1"),
    ],
)  # fmt: skip
def test_the_client_is_the_rightmost_hop_that_is_not_trusted(peer, fields, client):
    assert client_address(peer, fields, TRUSTED) == client


def test_nobody_is_trusted_by_default():
    assert client_address("127.0.0.1", xff("198.51.100.1"), ()) == "127.0.0.1"
    assert client_address("unix", xff("198.51.100.1"), ()) == "127.0.0.1"


def test_dialects_that_disagree_are_refused():
    fields = Fields([*xff("198.51.100.1").items, *rfc7239("for=198.51.100.2").items])

    with pytest.raises(MalformedRequestError):
        client_address("10.0.0.1", fields, TRUSTED)
    assert client_address("203.0.113.9", fields, TRUSTED) == "203.0.113.9"


@given(
    st.lists(st.text(st.characters(max_codepoint=255), max_size=20), max_size=3), st.ip_addresses()
)
def test_nothing_a_client_writes_changes_what_a_proxy_appends(claims, real):
    for make, appended in ((xff, f"{real}"), (rfc7239, f"for={forwarded_for_value(str(real))}")):
        fields = make(",".join([*claims, appended]))
        told = client_address("10.0.0.1", fields, (ip_network("10.0.0.1/32"),))

        assert told in (str(parse_address(str(real))), "10.0.0.1")
        assert told != "10.0.0.1" or str(real) == "10.0.0.1"


@pytest.mark.parametrize(
    ("peer", "answer"),
    [("10.1.1.1", True), ("11.1.1.1", False), ("unix", True), ("::ffff:10.1.1.1", True),
     ("nonsense", False), ("", False)],
)  # fmt: skip
def test_only_configured_peers_are_trusted(peer, answer):
    assert is_trusted(peer, TRUSTED) is answer
    assert not is_trusted(peer, ())


@pytest.mark.parametrize(
    "node",
    ["", "1.2.3", "1.2.3.4.5", "256.1.1.1", "01.2.3.4", "1.2.3.4:", "1.2.3.4:123456", "[::1",
     "::1]", "[::1]x", ":::", "localhost", "1.2.3.4 ", "\u0661.2.3.4", "[1.2.3.4]x", "1234"],
)  # fmt: skip
def test_what_is_no_address_is_none(node):
    assert parse_address(node) is None


@given(st.ip_addresses())
def test_an_address_survives_being_written(address):
    written = forwarded_for_value(str(address)).strip('"')

    assert parse_address(written) == (getattr(address, "ipv4_mapped", None) or address)


@pytest.mark.parametrize(
    ("fields", "proto", "host"),
    [
        ([(b"X-Forwarded-Proto", b"https"), (b"X-Forwarded-Host", b"a.example:8443")],
         "https", "a.example:8443"),
        ([(b"X-Forwarded-Proto", b"HTTP, http")], None, None),
        ([(b"X-Forwarded-Proto", b"http, http"), (b"X-Forwarded-Host", b"a, a")], "http", "a"),
        ([(b"X-Forwarded-Proto", b"https, http")], None, None),
        ([(b"X-Forwarded-Proto", b"ws")], None, None),
        ([(b"X-Forwarded-Proto", b"")], None, None),
        ([(b"X-Forwarded-Host", b"a"), (b"X-Forwarded-Host", b"b")], None, None),
        ([(b"X-Forwarded-Host", b"a/b")], None, None),
        ([(b"X-Forwarded-Host", b"[2001:db8::1]:80")], None, "[2001:db8::1]:80"),
        ([(b"Forwarded", b'for=1.2.3.4;proto=https;host="a.example:8443"')],
         "https", "a.example:8443"),
        ([(b"Forwarded", b"proto=http;host=old, proto=https;host=new")], "https", "new"),
        ([(b"Forwarded", b"for=1.2.3.4")], None, None),
        ([], None, None),
    ],
)  # fmt: skip
def test_what_the_proxy_says_of_scheme_and_host(fields, proto, host):
    assert forwarded_proto(Fields(fields)) == proto
    assert forwarded_host(Fields(fields)) == host


@pytest.mark.parametrize(
    ("values", "kept"),
    [
        (["7f3a-b"], "7f3a-b"), (["Root=1-67891233-abc"], "Root=1-67891233-abc"),
        (["a" * 128], "a" * 128), (["a" * 129], None), ([""], None), (["a b"], None),
        (["a\n"], None), (["Root=1;Self=2"], None), (["a", "a"], None),
        ([], None), (['"a"'], None), (["\u00e9"], None),
    ],
)  # fmt: skip
def test_a_request_id_is_taken_only_where_it_is_token_like(values, kept):
    assert request_id_of(Fields((b"X-Request-Id", v.encode()) for v in values)) == kept


@pytest.mark.parametrize(
    ("value", "valid"),
    [
        (f"00-{TRACE}-{SPAN}-01", True), (f"00-{TRACE}-{SPAN}-00", True),
        (f"00-{'0' * 32}-{SPAN}-01", False), (f"00-{TRACE}-{'0' * 16}-01", False),
        (f"00-{'0' * 31}1-{'0' * 15}1-01", True),
        (f"01-{TRACE}-{SPAN}-01", False), (f"ff-{TRACE}-{SPAN}-01", False),
        (f"00-{TRACE.upper()}-{SPAN}-01", False), (f"00-{TRACE}-{SPAN}-1", False),
        (f"00-{TRACE}-{SPAN}-01-x", False), (f"00-{TRACE}-{SPAN}-01\n", False), ("", False),
    ],
)  # fmt: skip
def test_a_traceparent_is_taken_only_where_it_is_valid(value, valid):
    fields = Fields([(b"traceparent", value.encode())])

    assert traceparent_of(fields) == (value if valid else None)


@pytest.mark.parametrize(
    ("address", "written"),
    [("198.51.100.1", "198.51.100.1"), ("2001:db8::1", '"[2001:db8::1]"'), ("unknown", "unknown"),
     ("::ffff:198.51.100.1", "198.51.100.1"), ("nonsense", "unknown")],
)  # fmt: skip
def test_an_address_is_written_as_rfc_7239_says(address, written):
    assert forwarded_for_value(address) == written


def test_a_hop_is_written_and_appended():
    element = forwarded_element("2001:db8::1", host='a"b\\', proto="https")

    assert element == 'for="[2001:db8::1]";host="a\\"b\\\\";proto=https'
    assert append_hop([b"for=1.2.3.4", b""], element) == b"for=1.2.3.4, " + element.encode()
    assert append_hop([], "1.2.3.4") == b"1.2.3.4"
    assert ip_address("2001:db8::1") == parse_address("[2001:db8::1]")
