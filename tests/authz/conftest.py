from collections.abc import Callable

import pytest

from gateway.authz.facts import Facts
from tests.builders import make_identity, make_request

NOW = 1_800_000_000.0


@pytest.fixture
def make_facts() -> Callable[..., Facts]:
    """Facts about alice's GET; `method`, `client`, `fields` go to the request, the rest to her."""

    def make(*, method="GET", client="192.0.2.1", fields=(), identity=None, **known) -> Facts:
        request = make_request(method=method, fields=fields, client=client, at=NOW)
        # The tables write plain sets.
        if "unreadable" in known:
            known["unreadable"] = frozenset(known["unreadable"])
        return Facts(request, identity or make_identity(**{"subject": "1", **known}), NOW)

    return make
