"""Pages for people: templates, the little CSS they need, and every reason in words."""

from gateway.pages.template import fragment_script, page_fields, render

__all__ = ["fragment_script", "page_fields", "render"]
