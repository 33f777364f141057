from collections.abc import Callable

import pytest

from gateway.settings.routes import RouteSettings


@pytest.fixture
def make_route() -> Callable[..., RouteSettings]:
    def make(name: str, **given: object) -> RouteSettings:
        return RouteSettings.model_validate({"name": name, "access": "signed_in", **given})

    return make
