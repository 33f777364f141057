"""The setting `launch` of a route: its entry among the apps on the account page."""

from typing import Annotated

from pydantic import AfterValidator, Field

from gateway.errors import GatewayError
from gateway.message.public_url import OWN_PREFIX
from gateway.message.return_to import safe_return_to
from gateway.message.target import parse_target
from gateway.settings.scalars import FileName, Flag, Section, Text, quote, wrong


def _start(text: str) -> str:
    """A path on the route's host, with a query or not, as a browser is sent to it."""
    if not text.isascii() or safe_return_to(text, "") != text or "#" in text:
        raise wrong(f"{quote(text)} is not a path as in the address bar (write /wiki/)")
    try:
        target = parse_target(text.encode())
    except GatewayError:
        raise wrong(f"{quote(text)} is not a path that requests may have") from None
    if target.is_ambiguous:
        raise wrong(f"{quote(text)} is a path that servers read differently")
    if target.path == OWN_PREFIX or target.path.startswith(OWN_PREFIX + "/"):
        raise wrong(f"paths under {OWN_PREFIX} are the gateway's own")
    return text


StartPath = Annotated[Text, AfterValidator(_start)]


class LaunchSettings(Section):
    """An entry among the apps on the account page, for those who may open it."""

    name: Text = Field(description="What people see: Wiki.")
    description: Text | None = Field(None, description="A few words below the name.")
    path: StartPath | None = Field(
        None,
        description="Where it begins, such as /wiki/?home; default: the route's first path or"
        " prefix.",
    )
    icon_file: FileName | None = Field(
        None,
        description="SVG, PNG or JPEG of at most 16 KiB, square; default: the name's first letter.",
    )
    ask: Flag = Field(
        False,
        description="People who may not open it see it too, and can ask the administrators for"
        " access; needs admins.",
    )
