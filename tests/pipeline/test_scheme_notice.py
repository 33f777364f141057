"""The warning about a public URL that browsers do not use."""

import pytest

from gateway.message.fields import Fields
from gateway.pipeline.scheme_notice import SchemeNotice

URL = "http://notes.example.com"
PROTO, FORWARDED = b"X-Forwarded-Proto", b"Forwarded"
HTTPS = Fields([(PROTO, b"https")])


@pytest.mark.parametrize(
    ("fields", "is_told"),
    [
        ([(PROTO, b"https")], True),
        ([(PROTO, b"HTTPS, HTTPS")], True),
        ([(FORWARDED, b"for=192.0.2.1;proto=https")], True),
        ([(PROTO, b"http")], False),
        ([(PROTO, b"https, http")], False),
        ([(FORWARDED, b"proto=http")], False),
        ([(PROTO, b"http"), (FORWARDED, b"proto=https")], False),
        ([(b"X-Forwarded-For", b"192.0.2.1")], False),
        ([], False),
    ],
)
def test_it_is_about_https_in_front_of_a_public_url_with_http(fields, is_told, caplog):
    SchemeNotice().look(Fields(fields), URL, 0.0)
    assert ("write https://notes.example.com in public_url" in caplog.text) is is_told


def test_it_is_not_about_a_public_url_with_https(caplog):
    SchemeNotice().look(HTTPS, "https://notes.example.com", 0.0)
    assert caplog.records == []


def test_it_comes_once_an_hour_whatever_the_host(caplog):
    notice = SchemeNotice()
    for at in (10.0, 20.0, 3609.0):
        notice.look(HTTPS, URL, at)
        notice.look(HTTPS, "http://wiki.example.com", at)
    assert len(caplog.records) == 1
    notice.look(HTTPS, URL, 3610.0)
    assert len(caplog.records) == 2
