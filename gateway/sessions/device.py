"""A short name for the device behind a User-Agent, so that its owner recognises it in a list."""

from gateway.wording import phrase

# The first match wins: most browsers also name the ones they descend from.
_BROWSERS = (
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser", "Samsung Internet"),
    ("Firefox", "Firefox"),
    ("FxiOS", "Firefox"),
    ("Chrom", "Chrome"),
    ("CriOS", "Chrome"),
    ("Safari", "Safari"),
    ("curl/", "curl"),
)
_SYSTEMS = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("Mac OS X", "macOS"),
    ("CrOS", "ChromeOS"),
    ("Linux", "Linux"),
)
_MAX_CHARS = 40
UNKNOWN = "unknown"
_SYSTEM_NAMES = frozenset(name for _, name in _SYSTEMS)


def device_name(user_agent: str) -> str:
    """For example ``Firefox on Linux``; at most 40 characters, printable ASCII only."""
    browser = next((name for mark, name in _BROWSERS if mark in user_agent), None)
    system = next((name for mark, name in _SYSTEMS if mark in user_agent), None)
    if browser is not None and system is not None:
        return f"{browser} on {system}"
    if browser is not None or system is not None:
        return browser or system or ""
    product = user_agent.partition(" ")[0][:_MAX_CHARS]
    return product if product.isascii() and product.isprintable() and product else UNKNOWN


def shown_device(name: str) -> str:
    """`name`, one of `device_name`, for a page."""
    if name in ("", UNKNOWN):
        return phrase("unknown")
    browser, on, system = name.partition(" on ")
    if on and system in _SYSTEM_NAMES:
        return phrase("%(browser)s on %(system)s", browser=browser, system=system)
    return name
