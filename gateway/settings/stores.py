"""The setting `store`: a store on this machine, or the URL of a shared one."""

import re

from gateway.settings.scalars import as_text, unknown_message, wrong
from gateway.storage.stores import STORES, check_location, is_networked

# A store on this machine is given by name, a networked one by URL.
_WORDS = tuple(name for name in STORES if not is_networked(f"{name}://"))
KNOWN = tuple(name if name in _WORDS else f"{name}://" for name in STORES)


def parse_store(value: object) -> str:
    """A store that can probably be opened, judged by its name; messages never show a password."""
    text = as_text(value, f"{', '.join(_WORDS)} or a URL")
    if text in _WORDS:
        return text
    if is_networked(text):
        try:
            check_location(text)
        except ValueError as error:
            raise wrong(str(error)) from None
        return text
    scheme = re.fullmatch(r"([a-z][a-z0-9+.-]{0,19})(://.*)?", text)
    if scheme is None:
        raise wrong(f"is not a store (one of: {', '.join(KNOWN)})")
    raise wrong(unknown_message("store", scheme[1] + ("://" if scheme[2] else ""), KNOWN))
