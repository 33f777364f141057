"""What the clients of a route on its way out are told."""

from datetime import UTC, date, datetime

import pytest

from gateway.routing.deprecation import Deprecation, client_name

SUNSET_AT = datetime(2027, 3, 1, tzinfo=UTC).timestamp()
FULL = Deprecation(date(2026, 12, 1), date(2027, 3, 1), "https://example.com/migrate")


def test_the_fields_are_those_of_the_standards():
    assert FULL.fields == (
        ("Deprecation", "@1796083200"),
        ("Sunset", "Mon, 01 Mar 2027 00:00:00 GMT"),
        ("Link", '<https://example.com/migrate>; rel="deprecation"; type="text/html"'),
    )
    assert FULL.lines.startswith(b"Deprecation: @1796083200\r\nSunset: ")
    assert FULL.lines.endswith(b'"\r\n')


def test_what_is_not_known_is_not_said():
    assert Deprecation(date(1970, 1, 2)).fields == (("Deprecation", "@86400"),)


@pytest.mark.parametrize(
    ("link", "target"),
    [
        ("https://example.com/a%20b?c=d&e#f", "https://example.com/a%20b?c=d&e#f"),
        ('https://example.com/>; rel="next', "https://example.com/%3E;%20rel=%22next"),
        ("https://example.com/\r\nSet-Cookie:a=b", "https://example.com/%0D%0ASet-Cookie:a=b"),
        ("https://example.com/ü", "https://example.com/%C3%BC"),
    ],
)
def test_a_link_is_one_target(link, target):
    (_, field) = Deprecation(date(2026, 1, 1), link=link).fields

    assert field[1] == f'<{target}>; rel="deprecation"; type="text/html"'


@pytest.mark.parametrize(
    ("now", "over"), [(SUNSET_AT - 1, False), (SUNSET_AT, True), (SUNSET_AT + 1, True)]
)
def test_it_is_over_from_the_first_second_of_the_sunset_day(now, over):
    assert FULL.is_over(now) is over


def test_without_a_sunset_it_is_never_over():
    assert not Deprecation(date(2020, 1, 1)).is_over(SUNSET_AT)


@pytest.mark.parametrize(
    ("sent", "name"),
    [
        ([], "none"),
        ([b"curl/8.5.0"], "curl"),
        ([b"okhttp/4.12.0", b"curl/8"], "okhttp"),
        ([b"Mozilla/5.0 (X11; Linux x86_64) Firefox/120"], "Mozilla"),
        ([b"notes-ios"], "notes-ios"),
        ([b"notes (iPhone)"], "notes"),
        ([b""], "other"),
        ([b"a" * 33], "other"),
        ([b"\xff\xfe/1"], "other"),
        ([b'x"}evil'], "other"),
    ],
)
def test_the_client_is_named_by_its_program(sent, name):
    assert client_name(sent) == name
