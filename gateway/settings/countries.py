"""The setting `country`: codes of ISO 3166-1, and what may be wrong with `country_file`."""

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

from pydantic import PlainValidator, WithJsonSchema

from gateway.errors import SettingsError
from gateway.settings.scalars import as_text, printable, quote, wrong

# ISO 3166-1 alpha-2, and XK, by which databases know Kosovo.
_CODES = """
    AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS
    BT BV BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE
    EG EH ER ES ET FI FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM
    HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC
    LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA
    NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW
    SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO
    TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS XK YE YT ZA ZM ZW
    """
CODES = frozenset(_CODES.split())
_MEANT = {"UK": "GB", "EL": "GR", "SF": "FI", "EN": "GB"}


def parse_country(value: object) -> str:
    """A country's code; YAML's ``no`` is Norway's, because scalars stay text."""
    text = as_text(value, "a country's code such as CZ")
    code = text.upper()
    if code in CODES:
        return code
    hint = f"did you mean {quote(_MEANT[code])}?" if code in _MEANT else "ISO 3166-1: CZ, DE, US"
    raise wrong(f"unknown country {quote(text)} ({hint})")


def countries_of(path: Path | None) -> Callable[[str], str | None] | None:
    """What tells the country of an address by the file at `path`; None without a file.

    Raises:
        SettingsError: The file cannot be used any more.
    """
    if path is None:
        return None
    from gateway.settings.country_file import open_countries  # Only who has one pays for it.

    try:
        return open_countries(path)
    except ValueError as error:
        raise SettingsError([printable(f"country_file: {error}")]) from error


def file_problem(named: str) -> str | None:
    """Why the database of countries at `named` cannot be used; None if it can."""
    if find_spec("maxminddb") is None:
        return "needs a package that is not installed: pip install 'gatepost[country]'"
    from gateway.settings.country_file import open_countries

    try:
        open_countries(Path(named))
    except ValueError as error:
        return str(error)
    return None


CountryCode = Annotated[
    str,
    PlainValidator(parse_country),
    WithJsonSchema({"type": "string", "pattern": "^[A-Za-z]{2}$"}),
]
