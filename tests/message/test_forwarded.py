from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import MalformedRequestError
from gateway.message.fields import Fields
from gateway.message.forwarded import (
    append_hop,
    canonical_address,
    client_address,
    forwarded_element,
    forwarded_for_value,
    forwarded_host,
    forwarded_so_far,
    parse_address,
    request_id_of,
    traceparent_of,
    trusted_address,
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
        ("10.0.0.1", Fields([]), "10.0.0.1"),
        ("10.0.0.1", xff("198.51.100.1"), "198.51.100.1"),
        ("10.0.0.1", xff("1.1.1.1, 198.51.100.1"), "198.51.100.1"),  # the left one is a claim
        ("10.0.0.1", xff("198.51.100.1, 10.0.0.2"), "198.51.100.1"),
        ("10.0.0.1", xff("1.1.1.1", "198.51.100.1", "10.0.0.2"), "198.51.100.1"),
        ("10.0.0.1", xff("10.0.0.3, 10.0.0.2"), "10.0.0.3"),  # all trusted: the farthest
        ("10.0.0.1", xff("198.51.100.1, unknown, 10.0.0.2"), "unknown"),
        ("10.0.0.1", xff("198.51.100.1, unknown"), "unknown"),
        ("10.0.0.1", xff("unknown, 198.51.100.1"), "198.51.100.1"),
        ("10.0.0.1", xff("nonsense"), "unknown"),
        ("10.0.0.1", xff("_x"), "unknown"),
        ("10.0.0.1", xff(""), "unknown"),
        ("10.0.0.1", xff("198.51.100.1,, "), "unknown"),  # an empty hop is one we know nothing of
        ("10.0.0.1", xff("198.51.100.1", ""), "unknown"),
        ("10.0.0.1", xff("", "198.51.100.1"), "198.51.100.1"),
        ("10.0.0.1", xff("198.51.100.1:4711"), "198.51.100.1"),
        ("10.0.0.1", xff("[2001:db8::9]:4711"), "2001:db8::9"),
        ("10.0.0.1", xff("2001:DB8::9"), "2001:db8::9"),
        ("10.0.0.1", xff("fe80::1%eth0"), "fe80::1"),
        ("10.0.0.1", xff("::ffff:198.51.100.1"), "198.51.100.1"),
        ("10.0.0.1", xff("198.51.100.1, ::ffff:10.0.0.2"), "198.51.100.1"),
        ("::ffff:10.0.0.1", xff("198.51.100.1"), "198.51.100.1"),
        ("2001:db8:1::5", xff("198.51.100.1"), "198.51.100.1"),
        ("unix", xff("198.51.100.1"), "198.51.100.1"),
        ("unix", Fields([]), "127.0.0.1"),
        ("10.0.0.1", rfc7239("for=198.51.100.1"), "198.51.100.1"),
        ("10.0.0.1", rfc7239("For=198.51.100.1;proto=https;by=10.0.0.1"), "198.51.100.1"),
        ("10.0.0.1", rfc7239('for="[2001:db8::9]:4711"'), "2001:db8::9"),
        ("10.0.0.1", rfc7239("for=1.1.1.1, for=198.51.100.1", "for=10.0.0.2"), "198.51.100.1"),
        ("10.0.0.1", rfc7239('for="1.1.1.1, for=198.51.100.1'), "198.51.100.1"),  # open quote
        ("10.0.0.1", rfc7239('for="x, for="198.51.100.1"'), "198.51.100.1"),
        ("10.0.0.1", rfc7239("for=_hidden"), "unknown"),
        ("10.0.0.1", rfc7239("for=unknown"), "unknown"),
        ("10.0.0.1", rfc7239('for="203.0.113.9, for=127.0.0.1"'), "unknown"),
        ("10.0.0.1", rfc7239("for=203.0.113.9, for=10.0.0.2;for=127.0.0.1"), "unknown"),
        ("10.0.0.1", rfc7239("proto=https"), "unknown"),
        ("10.0.0.1", rfc7239("for=1.1.1.1;for=198.51.100.1"), "unknown"),
        ("10.0.0.1", rfc7239("for=198.51.100.1;;"), "unknown"),
        ("10.0.0.1", rfc7239('for="198.51.100\\.1"'), "198.51.100.1"),
        ("10.0.0.1", Fields([*xff("198.51.100.1").items, *rfc7239("for=198.51.100.1").items]),
         "198.51.100.1"),
    ],
)  # fmt: skip
def test_the_client_is_the_rightmost_hop_that_is_not_trusted(peer, fields, client):
    proxy = trusted_address(peer, TRUSTED)

    assert client_address(proxy, fields, TRUSTED) == client


@pytest.mark.parametrize(
    ("peer", "shown"),
    [
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("fe80::1%eth0", "fe80::1"),
        ("nonsense", "nonsense"),
    ],
)
def test_a_peer_that_is_not_trusted_is_the_client_itself(peer, shown):
    assert trusted_address(peer, TRUSTED) is None
    assert canonical_address(peer) == shown


def test_nobody_is_trusted_by_default():
    assert trusted_address("127.0.0.1", ()) is None
    assert trusted_address("unix", ()) is None


@pytest.mark.parametrize(
    ("x", "other"),
    [
        (xff("198.51.100.1"), "for=198.51.100.2"),
        (xff("198.51.100.1"), "for=unknown"),
        (xff("198.51.100.1"), 'for="198.51.100.1'),
        (xff("198.51.100.1"), ""),
        # The proxy says nothing of the client: nobody else may.
        (Fields([(b"X-Forwarded-Host", b"a.test")]), "for=198.51.100.2"),
        (Fields([(b"X-Forwarded-Proto", b"https")]), "for=198.51.100.2"),
    ],
)
def test_dialects_that_disagree_are_refused(x, other):
    fields = Fields([*x.items, *rfc7239(other).items])

    with pytest.raises(MalformedRequestError):
        client_address(ip_address("10.0.0.1"), fields, TRUSTED)


@pytest.mark.parametrize(
    ("lines", "host"),
    [
        ({"X-Forwarded-Host": "a.test"}, "a.test"),
        ({"X-Forwarded-Host": "a.test", "Forwarded": "for=1.2.3.4"}, "a.test"),
        ({"X-Forwarded-Host": "a.test", "Forwarded": 'host="A.test:443";proto=https'}, "a.test"),
        ({"X-Forwarded-Host": "a.test", "Forwarded": "host=b.test"}, None),
        ({"X-Forwarded-Host": "a.test", "Forwarded": "host=a.test, host=b.test"}, None),
        ({"X-Forwarded-Host": "a.test", "Forwarded": "host=b.test, host=a.test"}, "a.test"),
        # The Host field is what the proxy that names none lets count.
        ({"X-Forwarded-For": "1.2.3.4", "Forwarded": "host=asked.test"}, "asked.test"),
        ({"X-Forwarded-For": "1.2.3.4", "Forwarded": "host=b.test"}, None),
        ({"X-Forwarded-Proto": "https", "Forwarded": "proto=HTTPS"}, "asked.test"),
        ({"X-Forwarded-Proto": "https", "Forwarded": "proto=http"}, None),
        ({"X-Forwarded-For": "1.2.3.4", "Forwarded": "for=1.2.3.4;proto=http"}, "asked.test"),
    ],
)
def test_dialects_that_disagree_on_host_or_scheme_are_refused(lines, host):
    fields = Fields((name.encode(), value.encode()) for name, value in lines.items())

    if host is None:
        with pytest.raises(MalformedRequestError):
            forwarded_host(fields, "asked.test")
    else:
        assert forwarded_host(fields, "asked.test") == host


@pytest.mark.parametrize(
    ("values", "kept"),
    [
        (["for=1.2.3.4"], True),
        (["for=1.2.3.4;proto=https, for=10.0.0.2", "for=10.0.0.3"], True),
        (['for="[2001:db8::9]:4711";host="a.test"'], True),
        (['for="1.2.3.4'], False),
        (['for=1.2.3.4, for="', "for=10.0.0.2"], False),
        (['for="1.2.3.4\\"', "for=10.0.0.2"], False),
        (["for=1.2.3.4;for=1.2.3.5"], False),
        (["nonsense"], False),
        ([""], False),
        ([], False),
    ],
)
def test_a_malformed_field_is_never_passed_on(values, kept):
    fields = rfc7239(*values)
    sent = [value.encode() for value in values]

    expected = sent if kept else [b"for=198.51.100.1"]
    assert forwarded_so_far(fields, "198.51.100.1", "10.0.0.1") == expected
    assert forwarded_so_far(fields, "10.0.0.1", "10.0.0.1") == (sent if kept else [])


@given(
    st.lists(st.text(st.characters(max_codepoint=255), max_size=20), max_size=3), st.ip_addresses()
)
def test_nothing_a_client_writes_changes_what_a_proxy_appends(claims, real):
    for make, appended in ((xff, f"{real}"), (rfc7239, f"for={forwarded_for_value(str(real))}")):
        fields = make(",".join([*claims, appended]))
        told = client_address(ip_address("10.0.0.1"), fields, (ip_network("10.0.0.1/32"),))

        assert told == str(parse_address(str(real))) or str(real) == "10.0.0.1"


@pytest.mark.parametrize(
    ("peer", "answer"),
    [("10.1.1.1", True), ("11.1.1.1", False), ("unix", True), ("::ffff:10.1.1.1", True),
     ("nonsense", False), ("", False)],
)  # fmt: skip
def test_only_configured_peers_are_trusted(peer, answer):
    assert (trusted_address(peer, TRUSTED) is not None) is answer
    assert trusted_address(peer, ()) is None


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
    ("fields", "host"),
    [
        ([(b"X-Forwarded-Host", b"a.example:8443")], "a.example:8443"),
        ([(b"X-Forwarded-Host", b"a, a")], "a"),
        ([(b"X-Forwarded-Host", b"a"), (b"X-Forwarded-Host", b"b")], "asked"),
        ([(b"X-Forwarded-Host", b"")], "asked"),
        ([(b"X-Forwarded-Host", b"[2001:db8::1]:8080")], "[2001:db8::1]:8080"),
        ([(b"Forwarded", b'for=1.2.3.4;proto=https;host="A.example:8443"')], "a.example:8443"),
        ([(b"Forwarded", b"proto=http;host=old, proto=https;host=new")], "new"),
        ([(b"Forwarded", b"for=1.2.3.4")], "asked"),
        ([], "asked"),
    ],
)  # fmt: skip
def test_what_the_proxy_says_of_the_host(fields, host):
    assert forwarded_host(Fields(fields), "asked") == host


@pytest.mark.parametrize("said", [b"a/b", b"app.test;for=1.2.3.4", b"u@a", b"a b", b"a:x"])
@pytest.mark.parametrize("make", [lambda it: (b"X-Forwarded-Host", it),
                                  lambda it: (b"Forwarded", b'host="%b"' % it)])  # fmt: skip
def test_what_is_no_host_is_refused(said, make):
    with pytest.raises(MalformedRequestError):
        forwarded_host(Fields([make(said)]), "asked")


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
