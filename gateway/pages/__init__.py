"""Pages for people: templates, the little CSS they need, and every reason in words."""

from gateway.pages.template import page_fields, render

__all__ = ["page_fields", "render"]
