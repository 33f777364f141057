#!/usr/bin/env python3
"""Write the catalogues of the pages' texts, `gateway/pages/languages/*/LC_MESSAGES/gatepost.po`
and, compiled, `gatepost.mo`:

    scripts/languages.py             add new texts, drop those that are gone, compile
    scripts/languages.py --check     say what is missing or wrong, and fail

Texts are found in templates (Jinja's `trans` and `_()`), in calls of `phrase()`
(`gateway/wording.py`), and in the reasons.  A new text is empty until somebody translates it.
"""

import argparse
import re
import sys
from collections.abc import Iterator
from io import BytesIO
from itertools import chain
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_dir, extract_from_file
from babel.messages.mofile import write_mo
from babel.messages.plurals import get_plural
from babel.messages.pofile import read_po, write_po
from zxcvbn import feedback as advice

from gateway.pages.reasons import REASONS, reason_for
from gateway.pages.translations import FOLDER, SOURCE
from gateway.settings.pages import LANGUAGES

_GATEWAY = Path(__file__).parents[1] / "gateway"
# The demo speaks English.
_METHODS = [
    ("demo/**", "ignore"),
    ("pages/html/demo-*.html", "ignore"),
    ("pages/html/*.html", "jinja2.ext.babel_extract"),
]
_CODE_METHODS = [("demo/**", "ignore"), ("**.py", "python")]
_OPTIONS = {
    "pages/html/*.html": {"trimmed": "true", "silent": "false", "newstyle_gettext": "true"}
    | dict.fromkeys(("trim_blocks", "lstrip_blocks"), "true"),
}
_KEYWORDS = {"_": None, "gettext": None, "ngettext": (1, 2)}
_ADVICE_FILE = "gateway/credentials/passwords.py"
_REASONS_FILE = "gateway/pages/reasons.py"
# What a translation must have as often as its source: placeholders, tags and code.
FIXED = re.compile(r"%\(\w+\)[sd]|</?[a-z][^>]*>|`[^`]*`")


class PlainCatalog(Catalog):
    """A catalogue whose header says nothing of when and with what it was written."""

    @property
    def mime_headers(self) -> list[tuple[str, str]]:
        """What `gettext` needs, in a form that a rebuild gives again."""
        plural = get_plural(self.locale)
        return [
            ("MIME-Version", "1.0"),
            ("Content-Type", "text/plain; charset=utf-8"),
            ("Content-Transfer-Encoding", "8bit"),
            ("Language", str(self.locale_identifier)),
            ("Plural-Forms", plural.plural_forms),
        ]


def texts() -> Catalog:
    """All texts of the source, without translations."""
    found = Catalog()
    for name, _line, message, _comments, _context in chain(
        extract_from_dir(_GATEWAY, _METHODS, _OPTIONS, _KEYWORDS),
        extract_from_dir(_GATEWAY, _CODE_METHODS, keywords={"phrase": None}),
    ):
        found.add(message, locations=[(f"gateway/{name}", 0)])
    # What it says of a password; the library marks it in the same way.
    for _line, message, _comments, _context in extract_from_file("python", advice.__file__):
        found.add(message, locations=[(_ADVICE_FILE, 0)])
    # With that of a reason which is not listed, whose status has no phrase either.
    for reason in (*REASONS.values(), reason_for("", 0)):
        for message in (reason.title, reason.explanation, reason.advice):
            found.add(message, locations=[(_REASONS_FILE, 0)])
    return found


def source_of(language: str) -> Path:
    """The catalogue that people write."""
    return FOLDER / language / "LC_MESSAGES" / "gatepost.po"


def read(language: str) -> Catalog:
    """The catalogue of `language` as it is, empty if there is none."""
    path = source_of(language)
    if not path.exists():
        return Catalog(locale=language)
    with path.open("rb") as opened:
        return read_po(opened, locale=language)


def updated(language: str, wanted: Catalog) -> PlainCatalog:
    """The catalogue of `language` with all `wanted` texts and no others, in their order."""
    known, new = read(language), PlainCatalog(locale=language, header_comment="", fuzzy=False)
    for message in _messages(wanted):
        old = known.get(message.id)
        new.add(
            message.id,
            "" if old is None else old.string,
            locations=message.locations,
            flags=() if old is None else old.flags & {"fuzzy"},
        )
    return new


def as_source(catalogue: Catalog) -> bytes:
    """`catalogue` as a .po file."""
    buffer = BytesIO()
    write_po(buffer, catalogue, width=100, include_lineno=False, sort_by_file=True)
    return buffer.getvalue().strip() + b"\n"


def compiled(catalogue: Catalog) -> bytes:
    """`catalogue` as a .mo file."""
    buffer = BytesIO()
    write_mo(buffer, catalogue)
    return buffer.getvalue()


def faults(language: str, wanted: Catalog) -> Iterator[str]:
    """What is wrong with the catalogue of `language`."""
    known = read(language)
    gone = {_key(it) for it in _messages(known)} - {_key(it) for it in _messages(wanted)}
    yield from (f"{language}: not in the sources: {it!r}" for it in sorted(gone))
    for message in _messages(wanted):
        old = known.get(message.id)
        if old is None or not all(forms(old.string)) or old.fuzzy:
            yield f"{language}: not translated: {_key(message)!r}"
        elif any(_fixed(it) not in map(_fixed, forms(old.id)) for it in forms(old.string)):
            yield f"{language}: other placeholders, tags or code: {_key(message)!r}"
    path = source_of(language).with_suffix(".mo")
    if not path.exists() or path.read_bytes() != compiled(updated(language, wanted)):
        yield f"{language}: {path.name} is older than its source: run `make languages`"


def _messages(catalogue: Catalog) -> Iterator[Message]:
    return (message for message in catalogue if message.id)


def _key(message: Message) -> str:
    return str(forms(message.id)[0])


def forms(text: str | tuple[str, ...] | list[str]) -> tuple[str, ...]:
    """The text, or those of a plural."""
    return (text,) if isinstance(text, str) else tuple(text)


def _fixed(text: str) -> list[str]:
    return sorted(FIXED.findall(text))


def main() -> int:
    """Write or check the catalogues."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--check", action="store_true", help="write nothing")
    wanted, others = texts(), [it for it in LANGUAGES if it != SOURCE]
    if not parser.parse_args().check:
        for language in others:
            catalogue = updated(language, wanted)
            path = source_of(language)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(as_source(catalogue))
            path.with_suffix(".mo").write_bytes(compiled(catalogue))
    found = [fault for language in others for fault in faults(language, wanted)]
    sys.stdout.write("\n".join(found or ["all texts are translated"]) + "\n")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
