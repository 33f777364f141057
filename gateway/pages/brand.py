"""Whose pages these are: the operator's name, logo, colour and languages."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field

from gateway.pages.colours import dark_shades, light_shades
from gateway.settings.pages import LANGUAGES


@dataclass(frozen=True, slots=True)
class Brand:
    """What the operator has configured.

    Attributes:
        name: Shown in place of the host; ``""`` for the host.
        logo: A ``data:`` URL, so that the pages load nothing; ``""`` for the gateway's own mark.
        colour: ``#rrggbb``; ``""`` for the gateway's own.
        languages: In which the pages are offered, the default first.
        app_icons: ``data:`` URLs by the route's name.
        provider_icons: ``data:`` URLs by the provider's name.
        contact: Where people reach who runs this; ``""`` if that is not told.
        links: More links, by their text.
        templates: The operator's own templates, by name.
        more_style: Follows the style sheet.
    """

    name: str = ""
    logo: str = ""
    colour: str = ""
    languages: tuple[str, ...] = tuple(LANGUAGES)
    app_icons: Mapping[str, str] = field(default_factory=dict)
    provider_icons: Mapping[str, str] = field(default_factory=dict)
    contact: str = ""
    links: Mapping[str, str] = field(default_factory=dict)
    templates: Mapping[str, str] = field(default_factory=dict)
    more_style: str = ""

    @property
    def has_pictures(self) -> bool:
        """Whether pages show any picture but our own mark."""
        return bool(self.logo or self.app_icons or self.provider_icons)

    @property
    def style(self) -> str:
        """What follows the style sheet."""
        if not self.colour:
            return ""
        light, dark = light_shades(self.colour), dark_shades(self.colour)

        def root(act: str, over: str, ink: str) -> str:
            return (
                f":root {{ --link: {act}; --focus: {act}; --act: {act}; --act-over: {over}; "
                f"--act-ink: {ink}; }}"
            )

        return (
            f"{root(light.act, light.over, light.ink)}\n@media (prefers-color-scheme: dark) "
            f"{{ {root(dark.act, dark.over, dark.ink)} }}\n"
        )


def data_url(media_type: str, content: bytes) -> str:
    """A picture as a URL.  Scripts in an SVG do not run in a picture (SVG 2, section 2.2.2)."""
    return f"data:{media_type};base64,{base64.b64encode(content).decode()}"
