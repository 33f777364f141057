"""Checks a configuration that was just written, before its secrets exist."""

import re

from gateway.settings.decode import decode
from gateway.settings.files import leave_unread
from gateway.settings.yaml_reader import read_document

_ANY = "x" * 32


class _Anything(dict[str, str]):
    """An environment in which every variable is set, and not empty, so that it is asked."""

    def get(self, name: str, default: object = None) -> str:
        return "redis://store.invalid:6379" if name == "GATEPOST_STORE" else _ANY


def problems_of(text: str) -> list[str]:
    """A line for each error in `text`; empty if only its secrets are missing."""
    document = read_document(text, "gatepost.yaml", _Anything(ANY=_ANY))
    leave_unread(document)
    decode(document)
    lines = document.lines(document.problems)
    return [re.sub(r"^gatepost\.yaml:", "line ", line) for line in lines]
