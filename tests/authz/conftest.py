from collections.abc import Callable

import pytest

from gateway.authz.access import compile_items
from gateway.authz.facts import Facts
from gateway.message.mcp_request import McpRequest
from gateway.settings.access import ConditionSettings
from tests.builders import make_identity, make_request

NOW = 1_800_000_000.0
UNREAD = object()
_OF_REQUEST = {"target", "method", "client", "fields", "host"}


COUNTRIES = {"198.51.100.7": "CZ", "2001:db8:cc::7": "SK"}


def condition_of(name, setting):
    """The one condition that the item ``name: setting`` has; it knows `COUNTRIES`."""
    settings = ConditionSettings.model_validate({name: setting})
    ((condition,),) = (it.conditions for it in compile_items([settings], COUNTRIES.get))
    return condition


@pytest.fixture
def make_facts() -> Callable[..., Facts]:
    """Facts about alice's GET; those in `_OF_REQUEST` go to the request, the rest to her."""

    def make(*, identity=None, at=NOW, **known) -> Facts:
        of_request = {name: known.pop(name) for name in _OF_REQUEST & known.keys()}
        message = known.pop("message", UNREAD)
        request = make_request(**of_request, at=at)
        if message is not UNREAD:
            messages = () if message is None else (message,)
            request = McpRequest(request, messages, message=message, is_whole=False)
        # The tables write plain sets.
        if "unreadable" in known:
            known["unreadable"] = frozenset(known["unreadable"])
        return Facts(request, identity or make_identity(**{"subject": "1", **known}), at)

    return make
