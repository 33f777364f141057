"""Reads databases of countries as they are published, and refuses what is none."""

import importlib.util
from pathlib import Path

import pytest

from gateway.errors import SettingsError
from gateway.settings import countries
from gateway.settings.countries import countries_of, file_problem
from gateway.settings.country_file import open_countries
from gateway.settings.load import load
from tests.fixtures.countries import write_countries

RECORDS = {
    "MaxMind, DB-IP": lambda code: {"country": {"iso_code": code, "names": {"en": "x"}}},
    "IPinfo": lambda code: {"country": "Czechia", "country_code": code},
    "IPinfo, formerly": lambda code: {"country": code, "country_name": "Czechia"},
    "in lower case": lambda code: {"country": code.lower()},
}


@pytest.mark.parametrize("record", RECORDS.values(), ids=RECORDS)
def test_the_country_of_an_address(tmp_path, record):
    country_of = open_countries(write_countries(tmp_path / "c.mmdb", record=record))

    for _ in range(2):
        assert country_of("198.51.100.7") == "CZ"
        assert country_of("203.0.113.255") == "DE"
        assert country_of("2001:db8:cc:1::7") == "SK"
        assert country_of("10.0.0.1") is None
        assert country_of("::1") is None


def test_a_file_of_one_family_knows_nothing_of_the_other(tmp_path):
    path = write_countries(tmp_path / "c.mmdb", {"198.51.100.0/24": "CZ"}, ip_version=4)
    country_of = open_countries(path)

    assert country_of("198.51.100.7") == "CZ"
    assert country_of("2001:db8::1") is None


@pytest.mark.parametrize(
    "record",
    [
        *({}, {"country": {}}, {"country": {"iso_code": 1}}, {"country": {"iso_code": "ZZ"}}),
        *({"registered_country": {"iso_code": "CZ"}}, {"autonomous_system_number": 1}),
        {"country": 5},
    ],
)
def test_a_file_without_countries_is_refused(tmp_path, record):
    path = write_countries(tmp_path / "c.mmdb", record=lambda code: record)

    with pytest.raises(ValueError, match="has no countries: use one such as GeoLite2-Country"):
        open_countries(path)


def test_a_record_without_a_country_is_of_no_country(tmp_path):
    records = {"CZ": {"country": {"iso_code": "CZ"}}, "DE": {"continent": {"code": "EU"}}}
    country_of = open_countries(
        write_countries(tmp_path / "c.mmdb", record=lambda c: records.get(c, {}))
    )

    assert country_of("198.51.100.7") == "CZ"
    assert country_of("203.0.113.1") is None


def cut(content):
    return content[: len(content) // 2]


@pytest.mark.parametrize("spoil", [cut, lambda content: b"", lambda content: b"GeoIP" * 1000])
def test_what_is_no_such_file_is_refused(tmp_path, spoil):
    path = write_countries(tmp_path / "c.mmdb")
    path.write_bytes(spoil(path.read_bytes()))

    with pytest.raises(ValueError, match="is not an mmdb file"):
        open_countries(path)
    with pytest.raises(SettingsError, match=r"country_file: .* is not an mmdb file"):
        countries_of(path)


def test_a_file_is_read_once_and_may_be_written_over(tmp_path):
    path = write_countries(tmp_path / "c.mmdb")
    country_of = open_countries(path)
    path.write_bytes(b"")

    assert country_of("198.51.100.7") == "CZ"


@pytest.mark.parametrize("reads_secrets", [True, False])
def test_a_file_that_is_not_there_is_an_error_with_its_place(tmp_path, reads_secrets):
    path = tmp_path / "gatepost.yaml"
    path.write_text(
        "public_url: https://a.example\nupstreams: {a: 'http://a:1'}\ncountry_file: c.mmdb\n"
    )
    with pytest.raises(SettingsError) as caught:
        load(path, {}, reads_secrets=reads_secrets)

    (line,) = caught.value.problems
    assert line == (
        f"{path}:3:15: country_file: cannot read '{tmp_path}/c.mmdb': No such file or directory"
    )


def test_without_the_package_it_is_said_what_to_install(tmp_path, monkeypatch):
    there = importlib.util.find_spec
    monkeypatch.setattr(
        countries, "find_spec", lambda name: None if name == "maxminddb" else there(name)
    )

    assert file_problem(str(tmp_path / "c.mmdb")) == (
        "needs a package that is not installed: pip install 'gatepost[country]'"
    )


def test_without_a_file_nothing_is_known():
    assert countries_of(None) is None
    with pytest.raises(SettingsError, match="cannot read"):
        countries_of(Path("/nowhere/c.mmdb"))
