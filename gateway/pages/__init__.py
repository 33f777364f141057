"""Pages for people: templates, their CSS, and the text of every reason."""

from gateway.pages.template import fragment_script, page_fields, passkey_script, render

__all__ = ["fragment_script", "page_fields", "passkey_script", "render"]
