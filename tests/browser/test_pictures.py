"""The pictures in the documentation show these pages; `make screenshots` takes them anew."""

import os
from dataclasses import dataclass
from pathlib import Path

import pytest
from selenium.webdriver import Chrome

from tests.browser import judging
from tests.browser.every_page import Way, as_dora, at, at_desk, consent, device_question
from tests.browser.visitors import Surfer
from tests.browser.world import World
from tests.fixtures.chromium import heading

IMAGES = Path(__file__).parents[2] / "docs" / "images"
# Everyone who reads the page loads it.
MOST_BYTES = 80_000
# No caret, which blinks, and no port, which differs.
TIDY = """
document.activeElement.blur();
const walker = document.createTreeWalker(document.querySelector('main'), NodeFilter.SHOW_TEXT);
while (walker.nextNode())
  walker.currentNode.data = walker.currentNode.data.replace(location.host, 'notes.example.com');
"""


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture: of which page, and how it is seen."""

    name: str
    heading: str
    way: Way
    width: int = 520
    height: int = 720
    theme: str = "light"


PICTURES = (
    Picture("sign-in", "Sign in", at("/_gatepost/sign-in")),
    Picture("account", "Dora", as_dora("/_gatepost/account")),
    Picture("account-dark", "Dora", as_dora("/_gatepost/account"), theme="dark"),
    Picture("consent", "Allow", consent, height=640),
    Picture("device", "Allow", device_question),
    Picture("refused", "Not allowed", as_dora("/admin")),
    Picture("desk", "Routes", at_desk("routes"), width=960, height=640),
)


@pytest.mark.parametrize("picture", PICTURES, ids=lambda it: it.name)
def test_a_picture_is_of_the_page_as_it_is(
    world: World, chromium: Chrome, tmp_path: Path, picture: Picture
) -> None:
    chromium.execute_cdp_cmd("Emulation.setScrollbarsHidden", {"hidden": True})
    judging.look_with(chromium, judging.View(picture.width, picture.height), picture.theme)
    picture.way(world, Surfer(chromium, world.url))
    heading(chromium, picture.heading)
    chromium.execute_script(TIDY)

    image = chromium.get_screenshot_as_png()
    kept = Path(os.environ.get("PICTURES") or tmp_path) / f"{picture.name}.png"
    kept.write_bytes(image)
    shown = (IMAGES / kept.name).read_bytes()
    # Width and height, which PNG has here; the rest differs with the fonts and the port.
    assert image[16:24] == shown[16:24], "run `make screenshots`"
    assert max(len(image), len(shown)) < MOST_BYTES
