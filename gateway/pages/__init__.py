"""Pages for people: templates, their CSS, and the text of every reason."""

from gateway.pages.template import (
    come_again_script,
    fragment_script,
    page_fields,
    passkey_script,
    render,
)

__all__ = ["come_again_script", "fragment_script", "page_fields", "passkey_script", "render"]
