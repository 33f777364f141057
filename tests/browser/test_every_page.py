"""Every page in a real browser, in both themes, on a phone and on a desk, and by keyboard."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium.webdriver import Chrome

from tests.browser import judging
from tests.browser.every_page import ROWS, Row
from tests.browser.visitors import OPEN_ALL, Surfer
from tests.browser.world import World
from tests.fixtures.chromium import browsers, wait_for_text

HTML = Path(__file__).parents[2] / "gateway" / "pages" / "html"
# Whole pages extend them.
FRAMES = {"desk"}
# The page of a starting app would come again under our hands.
STOP = """
window.stop();
for (let it = setTimeout(() => {}); it > 0; it--) clearTimeout(it);
"""


@pytest.fixture(scope="module")
def surfing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    """One browser for all pages; each visit begins without cookies."""
    with browsers(tmp_path_factory.mktemp("browser"), performance="ALL") as chromium:
        judging.watch(chromium)
        yield chromium


def test_every_template_has_a_row() -> None:
    whole = {
        it.stem
        for it in HTML.glob("*.html")
        if "{% extends" in it.read_text("utf-8") and not it.stem.startswith("demo-")
    } - FRAMES
    assert {row.template for row in ROWS} == whole


class Visit:
    """Somebody new on a page; what is wrong with it, and its pictures if they are to be kept."""

    def __init__(self, world: World, chromium: Chrome, row: Row) -> None:
        for log in ("browser", "performance"):
            chromium.get_log(log)
        chromium.execute_cdp_cmd("Network.clearBrowserCookies", {})
        judging.look_with(chromium, judging.DESK)
        self.chromium = chromium
        self.row = row
        self.surfer = Surfer(chromium, world.small_url if row.is_small else world.url)
        self.wrong: list[str] = []
        row.way(world, self.surfer)
        wait_for_text(chromium, "h1", row.heading)
        if row.template == "starting":
            chromium.execute_script(STOP)
        chromium.execute_script(OPEN_ALL)

    def look(self, view: judging.View, theme: str = "light", *, kind: str = "") -> None:
        """See whether all fits."""
        judging.look_with(self.chromium, view, theme)
        self.note(f"sticks out, {view.width} {kind}", judging.sticking_out(self.chromium))
        kept = os.environ.get("SCREENSHOTS")
        if kept:
            where = Path(kept) / f"{self.row.name}-{view.width}-{theme}{kind}.png"
            where.parent.mkdir(parents=True, exist_ok=True)
            where.write_bytes(judging.picture(self.chromium))

    def ask_axe(self, *, of_looks: bool = False) -> None:
        """See whether everybody can read and use it."""
        self.note("axe", judging.complaints_of_axe(self.chromium, of_looks=of_looks))

    def note(self, what: str, found: list[str]) -> None:
        """Remember what was found."""
        self.wrong += [f"{what}: {it}" for it in found]


@pytest.mark.parametrize("row", ROWS, ids=lambda it: it.name)
def test_a_page_fits_reads_well_and_asks_nobody_else(
    world: World, surfing: Chrome, row: Row
) -> None:
    visit = Visit(world, surfing, row)
    # Who loops, comes by way of the provider.
    if row.template != "sign-in-loop":
        visit.note("asked elsewhere", judging.asked_elsewhere(surfing, visit.surfer.url))
        visit.note("browser", judging.complaints_of_browser(surfing))
    visit.note("glued", judging.glued_sentences(surfing))
    visit.look(judging.DESK, "dark")
    visit.look(judging.DESK)
    visit.ask_axe()
    visit.look(judging.PHONE)
    visit.look(judging.PHONE, "dark")
    visit.ask_axe(of_looks=True)
    visit.note("keyboard", judging.astray_by_keyboard(surfing))
    visit.look(judging.ZOOMED)
    visit.look(judging.NARROW)
    for prepare, kind in ((judging.lengthen, "-long"), (judging.mirror, "-mirrored")):
        prepare(surfing)
        visit.look(judging.DESK, kind=kind)
        visit.look(judging.PHONE, kind=kind)

    if visit.wrong:
        pytest.fail("\n".join(visit.wrong), pytrace=False)
