from collections.abc import Callable

import pytest

from gateway.authz.facts import Facts
from gateway.message.fields import Fields
from gateway.message.request import Request
from gateway.message.target import parse_target
from gateway.model import Identity

NOW = 1_800_000_000.0


@pytest.fixture
def make_facts() -> Callable[..., Facts]:
    """Facts about alice's GET; `method`, `client`, `fields` go to the request, the rest to her."""

    def make(*, method="GET", client="192.0.2.1", fields=(), identity=None, **known) -> Facts:
        request = Request(
            method=method,
            target=parse_target(b"/"),
            fields=Fields(fields),
            host="notes.example.com",
            public_url="https://notes.example.com",
            client=client,
            request_id="r",
            received_at=NOW,
        )
        # The tables write plain sets.
        if "unreadable" in known:
            known["unreadable"] = frozenset(known["unreadable"])
        alice = {"user": "alice", "subject": "1", "issuer": "https://id.example.com"}
        who = identity or Identity(**{"credential": "session", **alice, **known})
        return Facts(request, who, NOW)

    return make
