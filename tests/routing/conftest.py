from collections.abc import Callable

import pytest

from gateway.message.fields import Fields
from gateway.message.request import Request
from gateway.message.target import parse_target
from gateway.settings.routes import RouteSettings


@pytest.fixture
def make_request() -> Callable[..., Request]:
    def make(target: bytes = b"/", *, method="GET", host="notes.example.com", fields=()) -> Request:
        return Request(
            method=method,
            target=parse_target(target),
            fields=Fields(fields),
            host=host,
            public_url="https://notes.example.com",
            client="192.0.2.1",
            request_id="r",
            received_at=0.0,
        )

    return make


@pytest.fixture
def make_route() -> Callable[..., RouteSettings]:
    def make(name: str, **given: object) -> RouteSettings:
        return RouteSettings.model_validate({"name": name, "access": "signed_in", **given})

    return make
