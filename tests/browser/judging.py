"""What is asked of a page that a browser shows: that it fits, reads well, and asks nobody else."""

import base64
import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from selenium.webdriver import Chrome

AXE = Path(__file__).parent / "node_modules" / "axe-core" / "axe.min.js"
THEMES = ("light", "dark")


@dataclass(frozen=True, slots=True)
class View:
    """What a page is seen in: in CSS pixels, and how many of the screen are one of them."""

    width: int
    height: int
    scale: int = 1


PHONE = View(360, 740)
DESK = View(1280, 800)
# A window of 1280 pixels in which everything is shown at twice its size.
ZOOMED = View(640, 400, 2)
# WCAG 2.2, success criterion 1.4.10: as at 400 %, and nobody has to scroll in two directions.
NARROW = View(320, 256)

# Runs in each document before its own scripts, which the pages' policy says nothing of.
WATCH = """
window.violations = [];
document.addEventListener('securitypolicyviolation',
  (it) => window.violations.push(`${it.violatedDirective} ${it.blockedURI}`));
"""

# What sticks out of the window or of its card, unless it can be scrolled to.
_OVERFLOW = """
const wide = document.scrollingElement.scrollWidth - window.innerWidth;
const found = wide > 0 ? [`the document, by ${wide}`] : [];
const scrolls = (it) => it && (['auto', 'scroll'].includes(getComputedStyle(it).overflowX)
  || scrolls(it.parentElement));
const hidden = (it) => !it.getClientRects().length || it.parentElement.closest('svg');
for (const it of document.body.querySelectorAll('*')) {
  if (hidden(it) || scrolls(it.parentElement)) continue;
  const box = it.getBoundingClientRect();
  const card = (it.closest('main, footer, nav, header') || document.body).getBoundingClientRect();
  if (box.right > card.right + 1 || box.left < card.left - 1)
    found.push(`${it.tagName} ${it.className} ${it.textContent.trim().slice(0, 40)}`);
}
return found;
"""

# Every word is half as long again, as in a language of long words; attributes are not shown.
_LENGTHEN = """
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
const texts = [];
while (walker.nextNode())
  if (!walker.currentNode.parentElement.closest('script, style, noscript'))
    texts.push(walker.currentNode);
for (const it of texts)
  it.data = it.data.replace(/\\S+/g, (word) => word + word.slice(0, Math.ceil(word.length / 2)));
return texts.length;
"""

# In the order of the document, which is that of the keyboard where nobody changes it.
_REACHABLE = """
const all = document.querySelectorAll(
  'a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex="0"]');
window.reachable = [...all].filter(
  (it) => it.getClientRects().length && it.checkVisibility() && !it.disabled);
return window.reachable.map((it) => `${it.tagName} ${it.name || it.textContent.trim()}`);
"""
_TAB = {"type": "rawKeyDown", "key": "Tab", "code": "Tab", "windowsVirtualKeyCode": 9}
_FOCUSED = """
const it = document.activeElement;
const at = window.reachable.indexOf(it);
const style = getComputedStyle(it);
const shown = style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2;
const box = it.getBoundingClientRect();
const inView = box.bottom > 0 && box.top < window.innerHeight;
return [it === document.body ? 'body' : at, shown && inView];
"""
_ALL = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
_LOOKS = ["color-contrast", "link-in-text-block", "scrollable-region-focusable", "target-size"]
# A sentence that begins without a space before it: Jinja drops the newline after a block.
_GLUED = """
const texts = [...document.querySelectorAll('main p, main li, main label, main summary')];
return texts.map((it) => it.innerText).filter((it) => /\\p{Ll}[.:,;?!]\\p{Lu}/u.test(it));
"""
_AXE = """
const [only, done] = arguments;
axe.run(document, {resultTypes: ['violations'], runOnly: only})
  .then((it) => done(it.violations.map((v) =>
    `${v.impact} ${v.id}: ${v.nodes.map((n) => n.html.slice(0, 120)).join(' | ')}`)),
    (error) => done([String(error)]));
"""


def watch(chromium: Chrome) -> None:
    """Note what pages do from now on."""
    chromium.execute_cdp_cmd("Page.enable", {})
    chromium.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": WATCH})
    chromium.execute_cdp_cmd("Emulation.setScrollbarsHidden", {"hidden": True})


def look_with(chromium: Chrome, view: View, theme: str = "light") -> None:
    """Show the page in another way."""
    metrics = {"width": view.width, "height": view.height, "deviceScaleFactor": view.scale}
    chromium.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {**metrics, "mobile": False})
    features = [{"name": "prefers-color-scheme", "value": theme}]
    chromium.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})


def picture(chromium: Chrome) -> bytes:
    """The whole page as PNG, with what is not in the window."""
    about = {"captureBeyondViewport": True, "optimizeForSpeed": True}
    size = chromium.execute_cdp_cmd("Page.getLayoutMetrics", {})["cssContentSize"]
    done = chromium.execute_cdp_cmd(
        "Page.captureScreenshot", {**about, "clip": {**size, "scale": 1}}
    )
    return base64.b64decode(done["data"])


def sticking_out(chromium: Chrome) -> list[str]:
    """What does not fit."""
    return list(chromium.execute_script(_OVERFLOW))


def lengthen(chromium: Chrome) -> None:
    """Make each word half as long again."""
    assert chromium.execute_script(_LENGTHEN)


def mirror(chromium: Chrome) -> None:
    """Show the page as in a language that is written from the right."""
    chromium.execute_script("document.documentElement.dir = 'rtl'")


def glued_sentences(chromium: Chrome) -> list[str]:
    """Texts in which a sentence follows another without a space."""
    return list(chromium.execute_script(_GLUED))


@cache
def _axe() -> str:
    return AXE.read_text("utf-8")


def complaints_of_axe(chromium: Chrome, *, of_looks: bool = False) -> list[str]:
    """What axe-core finds, by WCAG 2.2 AA and its own best practices.

    With `of_looks`, only by the rules that the theme and the width matter to.
    """
    if not chromium.execute_script("return Boolean(window.axe)"):
        chromium.execute_script(_axe())
    return list(chromium.execute_async_script(_AXE, _LOOKS if of_looks else _ALL))


def astray_by_keyboard(chromium: Chrome) -> list[str]:
    """What Tab does not lead to in its turn, or without showing that it did."""
    names = chromium.execute_script(_REACHABLE)
    came: list[tuple[Any, bool]] = []
    # Where the page has set the focus, the first round begins there, so a second one is recorded.
    for _ in range(2 * len(names) + 4):
        chromium.execute_cdp_cmd("Input.dispatchKeyEvent", _TAB)
        where, is_shown = chromium.execute_script(_FOCUSED)
        if came and where in ("body", 0):
            break
        if came or where == 0:
            came.append((where, is_shown))
    order = [where for where, _ in came]
    unseen = [f"no focus is seen: {names[where]}" for where, is_shown in came if not is_shown]
    lost = [f"not reached: {it}" for number, it in enumerate(names) if number not in order]
    turned = [] if order == sorted(order) else [f"not in order: {order}"]
    return [*lost, *unseen, *turned]


def asked_elsewhere(chromium: Chrome, origin: str) -> list[str]:
    """The requests since the last look that did not go to `origin`."""
    found = []
    for entry in chromium.get_log("performance"):
        event = json.loads(entry["message"])["message"]
        if event["method"] == "Network.requestWillBeSent":
            url = event["params"]["request"]["url"]
            parts = urlsplit(url)
            if f"{parts.scheme}://{parts.netloc}" != origin and parts.scheme != "data":
                found.append(url)
    return found


def complaints_of_browser(chromium: Chrome) -> list[str]:
    """Errors of scripts, and what the pages' policy kept from happening."""
    # Chromium reports each page with the status of an error as well.
    logged = [
        it["message"]
        for it in chromium.get_log("browser")
        if it["source"] != "network" or "responded with a status" not in it["message"]
    ]
    return [*logged, *chromium.execute_script("return window.violations")]
