"""What begins with ``gp_`` is the gateway's, however it is written."""

from base64 import b64encode, urlsafe_b64encode

import pytest

from gateway.credentials.shape import carries_own, decode_basic


def basic(text):
    return b"Basic " + b64encode(text)


@pytest.mark.parametrize(
    "value",
    [
        b"Bearer gp_abc",
        b"bearer  gp_abc",
        b"gp_abc",
        b"Token gp_abc",
        basic(b"alice:gp_abc"),
        basic(b"gp_abc:"),
        basic(b":gp_abc"),
        b"basic " + b64encode(b"x:gp_abc"),
        b"Basic gp_not base64",
        b"Bearer\tgp_abc",
        b"  Bearer \t gp_abc",
        basic(b"alice:gp_a").rstrip(b"="),
        b"Basic " + urlsafe_b64encode(b"\xff\xfe:gp_abc"),
        basic(b"alice:gp_abc") + b"!",
        basic(b"alice:gp_abc").replace(b"Z", b" Z", 1),
        basic(b"alice:gp_abc") + b"=A",
        b"Basic alice:gp_abc",
        b"Bearer gp_at_abc",
        b"gp_",
    ],
)
def test_what_is_the_gateways_is_recognised_in_every_spelling(value):
    assert carries_own(value)


@pytest.mark.parametrize(
    "value",
    [
        b"Bearer abc",
        b"",
        b"Basic",
        basic(b"alice:secret"),
        basic(b"alice"),
        b"Bearer xgp_abc",
        b"Bearer gp-abc",
        b"Bearer GP_abc",
        b" ",
        b"Basic =",
        b"Basic A",
    ],
)
def test_other_credentials_are_not_ours(value):
    assert not carries_own(value)


@pytest.mark.parametrize(
    ("credential", "decoded"),
    [
        (b"", b""),
        (b"=", b""),
        (b"A", b""),
        (b"YQ", b"a"),
        (b"YQ==", b"a"),
        (b"Y Q==", b"a"),
        (b"YWI=", b"ab"),
        (b"YWJj", b"abc"),
        (b"YWJjZ", b"abc"),
        (b"__8", b"\xff\xff"),
        (b"//8=", b"\xff\xff"),
        (b"\xff\x00", b""),
    ],
)
def test_basic_is_read_as_the_laxest_app_reads_it(credential, decoded):
    assert decode_basic(credential) == decoded
