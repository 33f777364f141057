"""Texts that pages translate are strings for everything else."""

import json

import orjson
import pytest

from gateway.errors import GatewayError
from gateway.pages.translations import translated
from gateway.wording import Phrase, phrase


def test_it_is_its_english_text():
    told = phrase("A password has at least %(number)s characters.", number=10)

    assert told == "A password has at least 10 characters."
    assert (
        orjson.dumps({"detail": told})
        == json.dumps({"detail": told}, separators=(",", ":")).encode()
    )
    assert translated(told, "en") == told
    assert translated(told, "de") == "Ein Passwort hat mindestens 10 Zeichen."


def test_an_error_keeps_it():
    error = GatewayError(phrase("The password is wrong."))

    assert isinstance(str(error), Phrase)
    assert translated(str(error), "es") == "La contraseña no es correcta."


def test_percent_signs_stay_where_nothing_is_to_be_put_in():
    assert phrase("100 %") == translated(phrase("100 %"), "de") == "100 %"


def test_what_stands_in_it_is_translated_if_it_is_marked():
    advice = (phrase("Avoid sequences."), phrase("Avoid recent years."))
    told = phrase("This password is easy to guess. %(advice)s", advice=advice)

    assert told == "This password is easy to guess. Avoid sequences. Avoid recent years."
    assert translated(told, "de").endswith(
        "Vermeiden Sie Zeichenfolgen. Vermeiden Sie Jahreszahlen der letzten Zeit."
    )


@pytest.mark.parametrize("text", ["", "Password", "%(name)s", "The password is wrong."])
def test_what_people_wrote_is_never_translated(text):
    assert translated(text, "de") == text


def test_an_unknown_text_stays_english():
    assert translated(phrase("No catalogue has this."), "fr") == "No catalogue has this."
