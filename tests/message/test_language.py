"""The best of the offered languages for an Accept-Language (RFC 9110, RFC 4647)."""

import pytest

from gateway.message.language import look_up

OFFERED = ("en", "de", "fr", "pt-BR")


@pytest.mark.parametrize(
    ("field", "found"),
    [
        ("de", "de"),
        ("DE", "de"),
        ("de-AT", "de"),
        ("de-Latn-CH-1996", "de"),
        ("de-a-foo", "de"),
        ("pt-br", "pt-BR"),
        # Lookup never makes a range longer.
        ("pt", None),
        ("ja, de;q=0.5", "de"),
        ("fr;q=0.2, de;q=0.8", "de"),
        ("fr;q=0.8, de;q=0.8", "fr"),
        ("fr;q=0.801, de;q=0.81", "de"),
        ("fr , de", "fr"),
        ("fr ; q=0.1,\tde ; Q=1.000", "de"),
        ("de;q=0, fr;q=0.1", "fr"),
        ("de;q=0", None),
        ("de;q=0.000", None),
        ("*", None),
        ("ja, *;q=0.5", None),
        ("", None),
        (",,de,,", "de"),
        ("de;q=2", None),
        ("de;q=0.1234", None),
        ("de;q=1.001", None),
        ("de;q=-1", None),
        ("de;q=nan", None),
        ("de;level=1", None),
        ("german-language", None),
        ("de_AT", None),
        ("d\u00e9", None),
        ("../../de", None),
    ],
)
def test_the_range_that_is_wanted_most_decides(field, found):
    assert look_up([field.encode("latin-1")], OFFERED) == found


def test_several_fields_are_one_list():
    assert look_up([b"ja;q=0.9", b"fr"], OFFERED) == "fr"
    assert look_up([], OFFERED) is None


@pytest.mark.parametrize(
    "field",
    [
        b"a" * 65536,
        b"a-" * 32768,
        b"," * 65536,
        b"de;" * 21845,
        b"\xff" * 65536,
        b" " * 65536,
        b"x;q=0." + b"0" * 65536,
        b"ja, " * 16384,
    ],
)
def test_a_huge_field_is_no_language(field):
    assert look_up([field], OFFERED) is None


def test_only_the_first_twenty_ranges_count():
    assert look_up([b"ja," * 19 + b"de"], OFFERED) == "de"
    assert look_up([b"ja," * 20 + b"de"], OFFERED) is None
    # The last of them is read without what follows.
    assert look_up([b"ja," * 19 + b"de,fr"], OFFERED) == "de"
