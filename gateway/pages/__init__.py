"""Pages for people: templates, their CSS, and the text of every reason."""

from gateway.pages.template import page_fields, render, script

__all__ = ["page_fields", "render", "script"]
