"""The apps behind the gateway, unmodified, by the names of their presets.

To add one, write how it is set up and asked who is there, as its page under docs/apps/ shows it,
and a line here.
"""

import os

from tests.apps import in_every_run, on_demand
from tests.apps.app import App

# `make test-apps` installs more apps than `make test`, and sets this.
ALL = "ALL_APPS" in os.environ

APPS = {
    "radicale": App(
        in_every_run.radicale,
        in_every_run.who_at_radicale,
        "/.web/",
        in_every_run.upload_to_radicale,
    ),
    "django": App(
        in_every_run.django,
        in_every_run.who_at_django,
        "/",
        in_every_run.upload_to_django,
        "/logout",
        in_every_run.leave_django,
    ),
    "roundup": App(
        on_demand.roundup, on_demand.who_at_roundup, "/tracker/", on_demand.upload_to_roundup
    ),
    "buildbot": App(
        on_demand.buildbot,
        on_demand.who_at_buildbot,
        logout_path="/auth/logout",
        leave=on_demand.leave_buildbot,
    ),
    "miniflux": App(
        on_demand.miniflux,
        on_demand.who_at_miniflux,
        "/unread",
        on_demand.upload_to_miniflux,
        gateway=on_demand.GATEWAY_OF_MINIFLUX,
    ),
    "copyparty": App(
        on_demand.copyparty, on_demand.who_at_copyparty, "/", on_demand.upload_to_copyparty
    ),
    "jupyter": App(
        on_demand.jupyter,
        on_demand.who_at_jupyter,
        "/lab",
        on_demand.upload_to_jupyter,
        "/logout",
        on_demand.leave_jupyter,
    ),
}
TESTED = [name for name in APPS if ALL or name in ("radicale", "django")]


def having(what: str) -> list[str]:
    """The apps that have an `upload` or a way to `leave`."""
    return [name for name in TESTED if getattr(APPS[name], what) is not None]
