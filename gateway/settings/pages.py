"""The setting `pages`: what people see on the gateway's own pages."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field, PlainValidator, WithJsonSchema, field_validator

from gateway.message.mailbox import read_mailbox
from gateway.message.return_to import safe_return_to
from gateway.settings.addresses import parse_web_url
from gateway.settings.scalars import (
    FileName,
    OneOrMany,
    Section,
    Text,
    as_text,
    listed,
    quote,
    wrong,
)

# In which the pages are written, by tag (RFC 5646), each in its own words.
LANGUAGES = {"en": "English", "de": "Deutsch", "fr": "Français", "es": "Español"}
# Inline in every page, so it has to be small.
MAX_LOGO_BYTES = 64 * 1024
MAX_ICON_BYTES = 16 * 1024
_MOST_LINKS = 6
# By what a file begins with; browsers show nothing else as a picture here.
_BEGINNINGS = {b"\x89PNG\r\n\x1a\n": "image/png", b"\xff\xd8\xff": "image/jpeg"}
_SVG = re.compile(
    rb"\s*(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*|<!DOCTYPE[^>]*>\s*)*<svg[\s>]", re.DOTALL
)


def _colour(text: str) -> str:
    if re.fullmatch(r"#[0-9A-Fa-f]{6}", text) is None:
        raise wrong(f'{quote(text)} is not a colour (write "#1d5a80", with the quotes)')
    return text.lower()


def _language(text: str) -> str:
    if text not in LANGUAGES:
        raise wrong(f"{quote(text)} is none of the pages' languages: {listed(LANGUAGES)}")
    return text


def _once_each(tags: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(tags)) < len(tags):
        raise wrong("names a language twice")
    return tags


def _link(value: object) -> str:
    text = as_text(value, "a URL")
    # The path alone leads to the host that the person is on.
    if text.startswith("/"):
        if not text.isascii() or safe_return_to(text, "") != text:
            raise wrong(f"{quote(text)} is not a path as in the address bar (write /imprint)")
        return text
    return parse_web_url(text)


def _contact(value: object) -> str:
    text = as_text(value, "a URL")
    if not text.startswith("mailto:"):
        return _link(text)
    if read_mailbox(text.removeprefix("mailto:")) is None or not text.isascii():
        raise wrong(f"{quote(text)} is not an e-mail address (write mailto:ops@example.com)")
    return text


def _few(links: Mapping[str, str]) -> Mapping[str, str]:
    if len(links) > _MOST_LINKS:
        raise wrong(f"has more than {_MOST_LINKS} links")
    return links


LinkUrl = Annotated[str, PlainValidator(_link), WithJsonSchema({"type": "string"})]
ContactUrl = Annotated[str, PlainValidator(_contact), WithJsonSchema({"type": "string"})]
Colour = Annotated[str, AfterValidator(_colour)]
Language = Annotated[Text, AfterValidator(_language)]


class PageSettings(Section):
    """What people see on the gateway's own pages."""

    name: Text | None = Field(
        None, description="Name of your app or organisation; default: the host."
    )
    logo_file: FileName | None = Field(
        None, description="SVG, PNG or JPEG of at most 64 KiB, shown beside the name."
    )
    colour: Colour | None = Field(
        None,
        description='Colour of buttons and links, such as "#1d5a80"; made darker or lighter where'
        " it could not be read.",
    )
    languages: Annotated[tuple[Language, ...], OneOrMany(), AfterValidator(_once_each)] = Field(
        tuple(LANGUAGES),
        description="Languages in which the pages are offered, the default first.",
    )

    contact: ContactUrl | None = Field(
        None,
        description="Where people reach who runs this: mailto:ops@example.com, or a URL; shown on"
        " every page.",
    )
    links: Annotated[Mapping[Text, LinkUrl], AfterValidator(_few)] = Field(
        {}, description="More links on every page, by their text: imprint, privacy; at most 6."
    )
    templates: FileName | None = Field(
        None,
        description="Folder with templates (NAME.html) that take the place of the gateway's own,"
        " and with a style.css that is added to its styles.",
    )

    @field_validator("colour", mode="before")
    @classmethod
    def _is_written(cls, value: object) -> object:
        if value is None:
            raise wrong('is empty: # begins a comment (write "#1d5a80", with the quotes)')
        return value


def media_type_of(logo: bytes) -> str | None:
    """The media type of a picture that pages can show; None for anything else."""
    if _SVG.match(logo) is not None:
        return "image/svg+xml"
    return next((it for start, it in _BEGINNINGS.items() if logo.startswith(start)), None)


def read_picture(file: Path, most: int = MAX_LOGO_BYTES) -> tuple[str, bytes]:
    """The media type and content of a picture of at most `most` bytes.

    Raises:
        ValueError: It is no picture that pages can show; the message says why.
        OSError: It cannot be read.
    """
    with file.open("rb") as opened:
        content = opened.read(most + 1)
    if len(content) > most:
        raise ValueError(f"has more than {most // 1024} KiB")
    media_type = media_type_of(content)
    if media_type is None:
        raise ValueError("is no SVG, PNG or JPEG")
    return media_type, content
