"""Pages for people: templates, their CSS, and the text of every reason."""

from gateway.pages.brand import Brand, data_url
from gateway.pages.template import languages, page_fields, render, script, set_brand

__all__ = ["Brand", "data_url", "languages", "page_fields", "render", "script", "set_brand"]
